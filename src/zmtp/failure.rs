//! Why a handshake failed, in the terms of zmq_socket_monitor(3).

use std::ffi::c_int;

use crate::{consts, error::Error};

/// Why a handshake failed: the connection is to be closed and, if this side made it, not to be made again.
///
/// libzmq treats all of these as protocol errors, after which it does not reconnect. What the network does (a peer
/// that hangs up, a handshake that takes too long) is not told here but by the one that reads the socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The peer or the ZAP handler broke the protocol; one of `ZMQ_PROTOCOL_ERROR_*`.
    Protocol(c_int),
    /// The ZAP handler turned the peer down, or the peer's turned us down: 300, 400 or 500.
    Denied(u16),
    /// Failed for a reason that is told as an errno.
    NoDetail(Error),
    /// Failed, and libzmq has no event to tell of it but that of the connection's end.
    Quiet(Error),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        Failure::Quiet(error)
    }
}

impl Failure {
    /// The event to report before that of the connection's end, and its value.
    pub fn event(self) -> Option<(c_int, c_int)> {
        match self {
            Failure::Protocol(code) => Some((consts::ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL, code)),
            Failure::Denied(status) => {
                Some((consts::ZMQ_EVENT_HANDSHAKE_FAILED_AUTH, status.into()))
            }
            Failure::NoDetail(error) => {
                Some((consts::ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL, error.errno()))
            }
            Failure::Quiet(_) => None,
        }
    }

    /// The errno that says most.
    pub fn error(self) -> Error {
        match self {
            Failure::Protocol(_) => Error::EPROTO,
            Failure::Denied(_) => Error::EACCES,
            Failure::NoDetail(error) | Failure::Quiet(error) => error,
        }
    }

    /// There was no memory for it, which is nobody's fault, and may be there next time.
    pub const NO_MEMORY: Failure = Failure::Quiet(Error::ENOMEM);

    /// A command that is longer than any is to be. libzmq has no event for that, as it has no such limit.
    pub(super) const TOO_LARGE: Failure =
        Failure::Protocol(consts::ZMQ_PROTOCOL_ERROR_ZMTP_MALFORMED_COMMAND_UNSPECIFIED);

    /// A command that has no place in this state.
    pub(super) const UNEXPECTED_COMMAND: Failure =
        Failure::Protocol(consts::ZMQ_PROTOCOL_ERROR_ZMTP_UNEXPECTED_COMMAND);
}
