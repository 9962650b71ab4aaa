//! A connection from its first octet until both sides are ready: the greeting, then a mechanism or, with an older
//! peer, the exchange of routing ids.

use std::fmt;

use zeroize::Zeroizing;

use super::{
    Codec, Failure, Flags, Header, Local, Peer, Properties, Version, frame,
    greeting::{self, Greeting},
    mechanism::{Context, Mechanism, Next, Verdict},
    v1,
    zap::{Reply, Request},
};
use crate::{consts, error::Error, memory, options::SocketType};

/// The most octets of a handshake command, or of an old peer's routing id. Who sends them isn't authenticated yet; what
/// libzmq's peers need is a few hundred, or some thousands with properties of the application's.
pub const MAX_COMMAND: usize = 1 << 16;

/// Room for a frame is made in steps of so many octets at least: as it comes in, and not as its header announces it. Those
/// with a password take no second step, which would leave it behind in memory that was given back.
const STEP: usize = 1 << 12;

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
                            return Ok((step?, input.len()));
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
                    let Some(body_at) = next_frame(&context, &mut frame, &mut rest)? else {
                        let step = step(context, frame, Next::Wait(state));
                        return Ok((step?, input.len()));
                    };
                    // Some have a password.
                    let whole = Zeroizing::new(std::mem::take(&mut frame));
                    let body = &whole[body_at..];
                    match state {
                        State::Mechanism(mechanism) => {
                            let next = mechanism.on(body, &mut context, out)?;
                            next.map(State::Mechanism)
                        }
                        _ => {
                            context.routing_id = memory::copied(body)?;
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
                next => return Ok((step(context, frame, next)?, input.len() - rest.len())),
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
        step(context, frame, next.map(State::Mechanism))
    }
}

/// Packs up for the caller.
fn step(mut context: Box<Context>, frame: Vec<u8>, next: Next<State>) -> Result<Step, Failure> {
    let properties = match &next {
        Next::Ready(_) => context.take_properties()?,
        _ => Properties::default(),
    };
    let handshake = |context, state| Handshake {
        context,
        frame,
        state,
    };
    Ok(match next {
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
    })
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
        _ if unversioned => memory::append(out, &local.routing_id),
        Version::V1 => v1::write(Flags::NONE, &local.routing_id, out),
        _ => frame::write(Flags::NONE, &local.routing_id, out),
    }?;
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

/// Moves octets from `input` to `frame`, no more than one frame has. Where the body begins, once all of it is there.
///
/// A frame's flags are not looked at: libzmq takes a message for a command here, too.
fn next_frame(
    context: &Context,
    frame: &mut Vec<u8>,
    input: &mut &[u8],
) -> Result<Option<usize>, Failure> {
    let parse = match context.version {
        Version::V1 => v1::parse,
        _ => Header::parse,
    };
    loop {
        let header = parse(frame, context.local.limit).map_err(Failure::Quiet)?;
        let wanted = match header {
            Some(header) if header.body_len > MAX_COMMAND => return Err(Failure::TOO_LARGE),
            Some(header) if frame.len() >= header.frame_len() => {
                return Ok(Some(header.header_len));
            }
            Some(header) => header.frame_len() - frame.len(),
            None => 1,
        };
        if input.is_empty() {
            return Ok(None);
        }
        let (taken, left) = input.split_at(wanted.min(input.len()));
        if frame.capacity() - frame.len() < taken.len() {
            let room = wanted.min(frame.len().max(taken.len()).max(STEP));
            frame.try_reserve_exact(room).map_err(Error::from)?;
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    /// A peer's frame takes room as it comes, and no more than it has in the end. One that might hold a password is
    /// given all of its room at once.
    #[test]
    fn room_is_made_for_what_has_come() {
        let context = Context::new(Local::new(SocketType::Pull));
        let mut wire = Vec::new();
        frame::write(Flags::COMMAND, &vec![7; MAX_COMMAND], &mut wire).unwrap();
        for piece in [1, 100, 4096, 10_000] {
            let mut frame = Vec::new();
            for input in wire[..wire.len() - 1].chunks(piece) {
                let taken = next_frame(&context, &mut frame, &mut &*input);
                assert_eq!(taken, Ok(None));
                let most = (2 * frame.len()).max(frame.len() + STEP);
                assert!(frame.capacity() <= most.min(wire.len()) + 9, "{piece}");
            }
            let last = &mut &wire[wire.len() - 1..];
            assert_eq!(next_frame(&context, &mut frame, last), Ok(Some(9)));
            assert!(frame == wire && frame.capacity() <= wire.len() + 9);
        }
    }
}
