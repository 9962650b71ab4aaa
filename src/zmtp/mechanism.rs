//! What the security mechanisms have in common: what a command can lead to, and the commands they share.

use super::{
    Codec, Failure, Flags, Local, Properties, Security, Version, curve, frame,
    metadata::{self, IDENTITY, SOCKET_TYPE},
    null::Null,
    plain,
    zap::{Reply, Request, Status},
};
use crate::{
    consts,
    error::{Error, Result},
    memory,
};

/// What is known of both sides of a handshake.
pub struct Context {
    pub local: Local,
    pub version: Version,
    /// What the peer calls itself.
    pub routing_id: Vec<u8>,
    /// What the peer says of itself.
    pub told: Properties,
    /// What the ZAP handler says of the peer.
    pub vouched: Properties,
    /// See [`super::Peer::wants_everything`].
    pub wants_everything: bool,
}

impl Context {
    pub fn new(local: Local) -> Context {
        Context {
            local,
            version: Version::V3_1,
            routing_id: Vec::new(),
            told: Properties::default(),
            vouched: Properties::default(),
            wants_everything: false,
        }
    }

    /// Takes in the peer's metadata.
    ///
    /// # Errors
    /// `EPROTO` if it is malformed, `EINVAL` if its socket type is no match for ours, `ENOMEM`.
    pub fn learn(&mut self, metadata: &[u8]) -> Result<()> {
        let mut told = Properties::with_room(metadata.len())?;
        for property in metadata::properties(metadata) {
            let (name, value) = property?;
            match name {
                IDENTITY => self.routing_id = memory::copied(value)?,
                SOCKET_TYPE if !self.local.socket_type.accepts(value) => return Err(Error::EINVAL),
                _ => {}
            }
            told.push(name, value)?;
        }
        self.told = told;
        Ok(())
    }

    /// Takes in what the ZAP handler says, whose word on the routing id stands until the peer's own comes.
    pub fn vouch(&mut self, reply: Reply) -> std::result::Result<Status, Failure> {
        let properties = reply.properties;
        if let Some(routing_id) = properties.get(IDENTITY) {
            self.routing_id = memory::copied(routing_id)?;
        }
        if let Some(socket_type) = properties.get(SOCKET_TYPE)
            && !self.local.socket_type.accepts(socket_type)
        {
            return Err(Failure::Protocol(
                consts::ZMQ_PROTOCOL_ERROR_ZAP_INVALID_METADATA,
            ));
        }
        self.vouched = properties;
        Ok(reply.status)
    }

    /// All that is known of the peer. What the ZAP handler says goes first. `ENOMEM`.
    pub fn take_properties(&mut self) -> Result<Properties> {
        let mut all = std::mem::take(&mut self.vouched);
        all.append(&std::mem::take(&mut self.told))?;
        Ok(all)
    }
}

/// What a command, or the ZAP handler's answer, leads to.
pub enum Next<M> {
    /// The peer's next command is awaited.
    Wait(M),
    /// The ZAP handler's answer is awaited.
    AskZap(M, Request),
    /// The peer will not be let in, but it is the peer that should hang up.
    Refuse(M, Failure),
    /// Both sides are ready.
    Ready(Codec),
}

impl<M> Next<M> {
    pub fn map<N>(self, wrap: impl FnOnce(M) -> N) -> Next<N> {
        match self {
            Next::Wait(state) => Next::Wait(wrap(state)),
            Next::AskZap(state, request) => Next::AskZap(wrap(state), request),
            Next::Refuse(state, failure) => Next::Refuse(wrap(state), failure),
            Next::Ready(codec) => Next::Ready(codec),
        }
    }
}

/// What a mechanism's state makes of an event.
pub type Outcome<M> = std::result::Result<Next<M>, Failure>;

/// What asking the ZAP handler came to.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It answered.
    Status(Status),
    /// There is none.
    NoHandler,
}

/// A security mechanism and how far its handshake is.
pub enum Mechanism {
    Null(Null),
    PlainClient(plain::Client),
    PlainServer(plain::Server),
    CurveClient(curve::Client),
    CurveServer(curve::Server),
}

use Mechanism::*;

impl Mechanism {
    /// Begins with this side's first command, if it has to make the first.
    pub fn start(cx: &mut Context, out: &mut Vec<u8>) -> Outcome<Mechanism> {
        match &cx.local.security {
            Security::Null => Null::start(cx, out).map(|next| next.map(Null)),
            Security::PlainClient { username, password } => {
                let client = plain::Client::start(username, password, out)?;
                Ok(Next::Wait(PlainClient(client)))
            }
            Security::PlainServer => Ok(Next::Wait(PlainServer(plain::Server::Hello))),
            Security::CurveClient(keys) => {
                let client = curve::Client::start(keys.clone(), out)?;
                Ok(Next::Wait(CurveClient(client)))
            }
            Security::CurveServer { secret_key } => {
                let secret_key = secret_key.clone();
                Ok(Next::Wait(CurveServer(curve::Server::Hello { secret_key })))
            }
        }
    }

    /// Takes in the body of the peer's next command.
    pub fn on(self, command: &[u8], cx: &mut Context, out: &mut Vec<u8>) -> Outcome<Mechanism> {
        Ok(match self {
            Null(state) => state.on(command, cx)?.map(Null),
            PlainClient(state) => state.on(command, cx, out)?.map(PlainClient),
            PlainServer(state) => state.on(command, cx, out)?.map(PlainServer),
            CurveClient(state) => state.on(command, cx, out)?.map(CurveClient),
            CurveServer(state) => state.on(command, cx, out)?.map(CurveServer),
        })
    }

    /// Takes in what the ZAP handler said.
    pub fn on_zap(
        self,
        verdict: Verdict,
        cx: &mut Context,
        out: &mut Vec<u8>,
    ) -> Outcome<Mechanism> {
        Ok(match self {
            Null(state) => state.on_zap(verdict, cx, out)?.map(Null),
            PlainClient(_) | CurveClient(_) => return Err(Failure::Quiet(Error::EFSM)),
            PlainServer(state) => state.on_zap(verdict, out)?.map(PlainServer),
            CurveServer(state) => state.on_zap(verdict, cx, out)?.map(CurveServer),
        })
    }
}

/// Checks that a command has a name and that it is whole, as the server sides do first of all.
pub fn check_name(command: &[u8]) -> std::result::Result<(), Failure> {
    match command {
        [] | [_] => Err(()),
        [name_len, ..] if command.len() <= usize::from(*name_len) => Err(()),
        _ => Ok(()),
    }
    .map_err(|()| Failure::Protocol(consts::ZMQ_PROTOCOL_ERROR_ZMTP_MALFORMED_COMMAND_UNSPECIFIED))
}

/// Appends a handshake command that consists of its name and this side's metadata. `ENOMEM`.
pub fn write_metadata_command(name: &[u8], local: &Local, out: &mut Vec<u8>) -> Result<()> {
    let mut command = name.to_vec();
    metadata::write_local(local, &mut command)?;
    frame::write(Flags::COMMAND, &command, out)
}

/// What it means that the server's metadata can't be [learnt](Context::learn).
pub fn invalid_metadata(error: Error) -> Failure {
    match error {
        Error::ENOMEM => Failure::NO_MEMORY,
        _ => Failure::Protocol(consts::ZMQ_PROTOCOL_ERROR_ZMTP_INVALID_METADATA),
    }
}

pub const ERROR: &[u8] = b"\x05ERROR";

/// Appends the ERROR that tells a peer that it was turned down, and why. `ENOMEM`.
pub fn write_error(status: Status, out: &mut Vec<u8>) -> Result<()> {
    let mut command = ERROR.to_vec();
    command.push(3);
    command.extend_from_slice(status.digits());
    frame::write(Flags::COMMAND, &command, out)
}

/// What a peer's ERROR means; `reason` is all that follows the command's name.
pub fn error_received(reason: &[u8]) -> Failure {
    let reason = reason
        .split_first()
        .and_then(|(len, reason)| reason.get(..usize::from(*len)));
    match reason.map(Status::from_digits) {
        None => Failure::Protocol(consts::ZMQ_PROTOCOL_ERROR_ZMTP_MALFORMED_COMMAND_ERROR),
        Some(None | Some(Status::Success)) => Failure::Quiet(Error::EPROTO),
        Some(Some(status)) => Failure::Denied(status.number()),
    }
}
