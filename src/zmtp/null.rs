//! The NULL mechanism (RFC 23 and 37): both sides send READY with their metadata, in no order.
//!
//! With a ZAP domain, READY waits for the handler's word.

use super::{
    Codec, Failure,
    mechanism::{
        Context, ERROR, Next, Outcome, Verdict, error_received, write_error, write_metadata_command,
    },
    zap::{Request, Status},
};
use crate::error::Error;

const READY: &[u8] = b"\x05READY";

/// How far the handshake is. `received` is whether the peer's READY has come.
pub enum Null {
    /// The ZAP handler was asked.
    Asking { received: bool },
    /// Our READY is out, the peer's has not come.
    Sent,
    /// The peer was turned down.
    Denied { received: bool },
}

impl Null {
    pub fn start(cx: &Context, out: &mut Vec<u8>) -> Outcome<Null> {
        if cx.local.zap_domain.is_empty() {
            write_metadata_command(READY, &cx.local, out)?;
            return Ok(Next::Wait(Null::Sent));
        }
        let request = Request::new(&cx.local, b"NULL", &[])?;
        Ok(Next::AskZap(Null::Asking { received: false }, request))
    }

    pub fn on(self, command: &[u8], cx: &mut Context) -> Outcome<Null> {
        if let Null::Asking { received: true } | Null::Denied { received: true } = self {
            return Err(Failure::UNEXPECTED_COMMAND);
        }
        if let Some(metadata) = command.strip_prefix(READY) {
            // libzmq has no event for bad metadata here.
            cx.learn(metadata).map_err(Failure::Quiet)?;
        } else if let Some(reason) = command.strip_prefix(ERROR) {
            return Err(error_received(reason));
        } else {
            return Err(Failure::UNEXPECTED_COMMAND);
        }
        Ok(match self {
            Null::Asking { .. } => Next::Wait(Null::Asking { received: true }),
            Null::Sent => Next::Ready(Codec::Clear),
            Null::Denied { .. } => Next::Wait(Null::Denied { received: true }),
        })
    }

    pub fn on_zap(self, verdict: Verdict, cx: &Context, out: &mut Vec<u8>) -> Outcome<Null> {
        let Null::Asking { received } = self else {
            return Err(Failure::Quiet(Error::EFSM));
        };
        let denied = Null::Denied { received };
        match verdict {
            Verdict::NoHandler if cx.local.zap_enforce_domain => {
                Ok(Next::Refuse(denied, Failure::NoDetail(Error::EFAULT)))
            }
            Verdict::NoHandler | Verdict::Status(Status::Success) => {
                write_metadata_command(READY, &cx.local, out)?;
                Ok(if received {
                    Next::Ready(Codec::Clear)
                } else {
                    Next::Wait(Null::Sent)
                })
            }
            Verdict::Status(status) => {
                if status != Status::TemporaryError {
                    write_error(status, out)?;
                }
                Ok(Next::Refuse(denied, Failure::Denied(status.number())))
            }
        }
    }
}
