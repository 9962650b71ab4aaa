//! A connection from its first octet until both sides are ready: the greeting, then a mechanism or, with an older
//! peer, the exchange of routing ids.

use std::fmt;

use zeroize::{Zeroize, Zeroizing};

use super::{
    Codec, Failure, Flags, Header, Limit, Local, Peer, Properties, Version, frame,
    greeting::{self, Greeting},
    mechanism::{Context, Mechanism, Next, Verdict},
    v1,
    zap::{Reply, Request},
};
use crate::{consts, error::Error, options::SocketType};

/// The most octets of a handshake command. Its length is the peer's metadata's, for which 1 MiB is beyond any use.
const MAX_COMMAND: usize = 1 << 20;

/// A handshake under way.
pub struct Handshake {
    context: Box<Context>,
    /// The frame that is coming in, as far as it has come.
    frame: Vec<u8>,
    state: State,
}

enum State {
    Greeting(Greeting),
    /// A ZMTP 1 or 2 peer's routing id is awaited.
    RoutingId,
    Mechanism(Mechanism),
}

/// What to do next. What is in `out` by then is to be sent in any case.
#[derive(Debug)]
pub enum Step {
    /// Wait for the peer. All input was taken.
    More(Handshake),
    /// Ask the ZAP handler, then call [`Handshake::zap_reply`] or [`Handshake::zap_no_handler`].
    /// Meanwhile the peer may be listened to.
    AskZap(Handshake, Request),
    /// Report the failure, then wait for the peer to hang up or for the handshake's time to run out, of which no event
    /// is to be reported. What the peer still says may be given to [`Handshake::on`].
    ///
    /// So a peer that is refused without a word does not come again at once, and one that is sent an ERROR gets it.
    Refused(Handshake, Failure),
    /// The handshake is over.
    Done(Peer),
}

impl Handshake {
    /// Begins a handshake. Appends to `out`, here and later, what is to be sent.
    pub fn new(local: Local, out: &mut Vec<u8>) -> Handshake {
        let greeting = Greeting::start(local.routing_id.len(), out);
        Handshake {
            context: Box::new(Context::new(local)),
            frame: Vec::new(),
            state: State::Greeting(greeting),
        }
    }

    /// Takes in what the peer sent, in pieces of any size; tells how many octets of it were taken.
    ///
    /// Octets that are left (never with [`Step::More`]) belong to the next call, or after [`Step::Done`] to the steady
    /// state.
    ///
    /// # Errors
    /// What the peer sent breaks the protocol, or it refuses us: send what is in `out`, report, hang up.
    pub fn on(self, input: &[u8], out: &mut Vec<u8>) -> Result<(Step, usize), Failure> {
        let Handshake {
            mut context,
            mut frame,
            mut state,
        } = self;
        let mut rest = input;
        loop {
            let next = match state {
                State::Greeting(greeting) => {
                    let local = &context.local;
                    let ours = greeting::Ours {
                        socket_type: local.socket_type.number() as u8,
                        mechanism: local.security.mechanism(),
                    };
                    match greeting.on(ours, &mut rest, out) {
                        greeting::Outcome::More(greeting) => {
                            let state = State::Greeting(greeting);
                            let step = step(context, frame, Next::Wait(state));
                            return Ok((step, input.len()));
                        }
                        greeting::Outcome::Unversioned { received, len } => {
                            frame.extend_from_slice(&received[..len]);
                            old_peer(Version::V1, true, &mut context, out)?
                        }
                        greeting::Outcome::Old(version) => {
                            old_peer(version, false, &mut context, out)?
                        }
                        greeting::Outcome::New { version, mechanism } => {
                            new_peer(version, &mechanism, &mut context, out)?
                        }
                    }
                }
                State::RoutingId | State::Mechanism(_) => {
                    let Some(body) = next_frame(&context, &mut frame, &mut rest)? else {
                        let step = step(context, frame, Next::Wait(state));
                        return Ok((step, input.len()));
                    };
                    match state {
                        State::Mechanism(mechanism) => {
                            // Some have a password.
                            let body = Zeroizing::new(body);
                            let next = mechanism.on(&body, &mut context, out)?;
                            next.map(State::Mechanism)
                        }
                        _ => {
                            context.routing_id = body;
                            Next::Ready(match context.version {
                                Version::V1 => Codec::V1,
                                _ => Codec::Clear,
                            })
                        }
                    }
                }
            };
            match next {
                Next::Wait(waiting) => state = waiting,
                next => return Ok((step(context, frame, next), input.len() - rest.len())),
            }
        }
    }

    /// Takes in the ZAP handler's reply, with its empty delimiter.
    ///
    /// # Errors
    /// The reply breaks the protocol: report, hang up.
    pub fn zap_reply<F: AsRef<[u8]>>(
        mut self,
        frames: &[F],
        out: &mut Vec<u8>,
    ) -> Result<Step, Failure> {
        let status = self.context.vouch(Reply::parse(frames)?)?;
        self.on_zap(Verdict::Status(status), out)
    }

    /// Goes on without a ZAP handler, if the socket's options allow it.
    ///
    /// # Errors
    /// They don't: report, hang up.
    pub fn zap_no_handler(self, out: &mut Vec<u8>) -> Result<Step, Failure> {
        self.on_zap(Verdict::NoHandler, out)
    }

    fn on_zap(self, verdict: Verdict, out: &mut Vec<u8>) -> Result<Step, Failure> {
        let Handshake {
            mut context,
            frame,
            state: State::Mechanism(mechanism),
        } = self
        else {
            return Err(Failure::Quiet(Error::EFSM));
        };
        let next = mechanism.on_zap(verdict, &mut context, out)?;
        Ok(step(context, frame, next.map(State::Mechanism)))
    }
}

/// Packs up for the caller.
fn step(mut context: Box<Context>, frame: Vec<u8>, next: Next<State>) -> Step {
    let properties = match &next {
        Next::Ready(_) => context.take_properties(),
        _ => Properties::new(),
    };
    let handshake = |context, state| Handshake {
        context,
        frame,
        state,
    };
    match next {
        Next::Wait(state) => Step::More(handshake(context, state)),
        Next::AskZap(state, request) => Step::AskZap(handshake(context, state), request),
        Next::Refuse(state, failure) => Step::Refused(handshake(context, state), failure),
        Next::Ready(codec) => Step::Done(Peer {
            version: context.version,
            routing_id: std::mem::take(&mut context.routing_id),
            properties,
            codec,
            wants_everything: context.wants_everything,
        }),
    }
}

/// Sends our routing id to a ZMTP 1 or 2 peer; to an `unversioned` one the header of that message is already out.
fn old_peer(
    version: Version,
    unversioned: bool,
    context: &mut Context,
    out: &mut Vec<u8>,
) -> Result<Next<State>, Failure> {
    let local = &context.local;
    // Such a peer cannot be authenticated.
    if local.security.mechanism() != b"NULL" || !local.zap_domain.is_empty() {
        return Err(Failure::Quiet(Error::EPROTO));
    }
    match version {
        _ if unversioned => out.extend_from_slice(&local.routing_id),
        Version::V1 => v1::write(Flags::NONE, &local.routing_id, out),
        _ => frame::write(Flags::NONE, &local.routing_id, out),
    }
    context.version = version;
    context.wants_everything =
        unversioned && matches!(local.socket_type, SocketType::Pub | SocketType::XPub);
    Ok(Next::Wait(State::RoutingId))
}

/// Begins the mechanism with a ZMTP 3 peer.
fn new_peer(
    version: Version,
    theirs: &[u8; 20],
    context: &mut Context,
    out: &mut Vec<u8>,
) -> Result<Next<State>, Failure> {
    let mut ours = [0; 20];
    let name = context.local.security.mechanism();
    ours[..name.len()].copy_from_slice(name);
    if ours != *theirs {
        return Err(Failure::Protocol(
            consts::ZMQ_PROTOCOL_ERROR_ZMTP_MECHANISM_MISMATCH,
        ));
    }
    context.version = version;
    Ok(Mechanism::start(context, out)?.map(State::Mechanism))
}

/// Takes octets off `input` until a whole frame is there; its body, or `None` if there are too few.
///
/// A frame's flags are not looked at: libzmq takes a message for a command here, too.
fn next_frame(
    context: &Context,
    frame: &mut Vec<u8>,
    input: &mut &[u8],
) -> Result<Option<Vec<u8>>, Failure> {
    let parse = match context.version {
        Version::V1 => v1::parse,
        _ => Header::parse,
    };
    let limit = context.local.limit.min(MAX_COMMAND);
    collect(frame, input, limit, parse).map_err(Failure::Quiet)
}

/// Moves octets from `input` to `frame`, no more than one frame has; the body of a frame that is complete.
fn collect(
    frame: &mut Vec<u8>,
    input: &mut &[u8],
    limit: Limit,
    parse: fn(&[u8], Limit) -> Result<Option<Header>, Error>,
) -> Result<Option<Vec<u8>>, Error> {
    loop {
        let wanted = match parse(frame, limit)? {
            Some(header) if frame.len() >= header.frame_len() => {
                let body = frame.split_off(header.header_len);
                frame.zeroize();
                return Ok(Some(body));
            }
            Some(header) => header.frame_len() - frame.len(),
            None => 1,
        };
        if input.is_empty() {
            return Ok(None);
        }
        let (taken, left) = input.split_at(wanted.min(input.len()));
        frame.extend_from_slice(taken);
        *input = left;
    }
}

/// Tells nothing of the credentials.
impl fmt::Debug for Handshake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handshake")
            .field("local", &self.context.local)
            .finish_non_exhaustive()
    }
}
