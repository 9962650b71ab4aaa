//! The CURVE mechanism (RFC 25 and 26): both sides prove who they are, and all that follows is encrypted.
//!
//! ```text
//! client: HELLO             INITIATE
//! server:          WELCOME             READY
//! ```
//! The server shows with WELCOME that it has the key that the client knows it by; the client shows with INITIATE that
//! it has the key it claims, which the server's ZAP handler may then judge. Each side uses its permanent key only for
//! that: the rest is encrypted with keys that live as long as the connection.

mod boxes;
mod client;
mod server;

use std::ops::Range;

use self::boxes::{DirectedKey, Forged, SharedKey, TAG};
pub use self::{
    boxes::{PublicKey, SecretKey},
    client::ClientKeys,
};
pub(super) use self::{client::Client, server::Server};
use super::{Failure, Flags, frame};
use crate::{consts, error::Error};

const HELLO: &[u8; 6] = b"\x05HELLO";
const WELCOME: &[u8; 8] = b"\x07WELCOME";
const INITIATE: &[u8; 9] = b"\x08INITIATE";
const READY: &[u8; 6] = b"\x05READY";
const MESSAGE: &[u8; 8] = b"\x07MESSAGE";

const CRYPTOGRAPHIC: Failure = Failure::Protocol(consts::ZMQ_PROTOCOL_ERROR_ZMTP_CRYPTOGRAPHIC);

impl From<Forged> for Failure {
    fn from(_: Forged) -> Failure {
        CRYPTOGRAPHIC
    }
}

/// The system has no random octets to give.
fn no_random(error: Error) -> Failure {
    Failure::NoDetail(error)
}

/// Reads fields of fixed lengths one after the other.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    /// The next `N` octets; zeros if there are too few, which callers rule out by the command's length.
    fn take<const N: usize>(&mut self) -> [u8; N] {
        match self.0.split_first_chunk() {
            Some((field, rest)) => {
                self.0 = rest;
                *field
            }
            None => [0; N],
        }
    }

    /// The next eight octets as a number.
    fn counter(&mut self) -> u64 {
        u64::from_be_bytes(self.take())
    }
}

/// The flags octet in a MESSAGE's text. Its COMMAND, which the RFC does not have, is not the bit of a frame's.
fn octet_of(flags: Flags) -> u8 {
    u8::from(flags.more()) | u8::from(flags.command()) << 1
}

/// What [`octet_of`] says, whatever the other bits are.
fn flags_of(octet: u8) -> Flags {
    match octet & 0b11 {
        0b00 => Flags::NONE,
        0b01 => Flags::MORE,
        0b10 => Flags::COMMAND,
        _ => Flags::COMMAND.and_more(),
    }
}

/// Which side of the connection we are, and with it which nonces are ours.
#[derive(Clone, Copy, Debug)]
enum Role {
    Client,
    Server,
}

/// Encrypts and decrypts what follows the handshake.
#[derive(Debug)]
pub struct Session {
    ours: DirectedKey,
    theirs: DirectedKey,
    /// The nonce of our next message.
    next: u64,
    /// The nonce of the peer's last one.
    last: u64,
}

/// How much longer a frame's body is than the message in it, in octets: name, nonce, tag and flags.
pub const OVERHEAD: usize = MESSAGE.len() + 8 + TAG + 1;

impl Session {
    fn new(role: Role, key: SharedKey, next: u64, last: u64) -> Session {
        let client = DirectedKey::new(&key, b"CurveZMQMESSAGEC");
        let server = DirectedKey::new(&key, b"CurveZMQMESSAGES");
        let (ours, theirs) = match role {
            Role::Client => (client, server),
            Role::Server => (server, client),
        };
        Session {
            ours,
            theirs,
            next,
            last,
        }
    }

    /// Appends a frame that holds `parts`, one after the other, in a MESSAGE command.
    ///
    /// The frame does not have the COMMAND flag: libzmq does not set it.
    ///
    /// # Errors
    /// `ENOMEM`, and nothing is done.
    pub fn encode(
        &mut self,
        flags: Flags,
        parts: &[&[u8]],
        out: &mut Vec<u8>,
    ) -> crate::error::Result<()> {
        let len = OVERHEAD + parts.iter().map(|part| part.len()).sum::<usize>();
        let head = frame::Head::new(Flags::NONE, len);
        let head = head.as_slice();
        out.try_reserve(head.len().saturating_add(len))?;
        let counter = self.next;
        self.next += 1;

        out.extend_from_slice(head);
        out.extend_from_slice(MESSAGE);
        out.extend_from_slice(&counter.to_be_bytes());
        let sealed = out.len();
        out.extend_from_slice(&[0; TAG]);
        out.push(octet_of(flags));
        for part in parts {
            out.extend_from_slice(part);
        }
        let (tag, text) = out[sealed..].split_at_mut(TAG);
        tag.copy_from_slice(&self.ours.seal(counter, text));
        Ok(())
    }

    /// Decrypts the body of a frame in place: the message's flags, and where in `body` it stands.
    ///
    /// # Errors
    /// [`Failure::Protocol`] if it is no MESSAGE, is not genuine, or comes again or out of order.
    pub fn decode(&mut self, body: &mut [u8]) -> Result<(Flags, Range<usize>), Failure> {
        super::mechanism::check_name(body)?;
        let fields = body
            .strip_prefix(MESSAGE)
            .ok_or(Failure::UNEXPECTED_COMMAND)?;
        if body.len() < OVERHEAD {
            return Err(Failure::Protocol(
                consts::ZMQ_PROTOCOL_ERROR_ZMTP_MALFORMED_COMMAND_MESSAGE,
            ));
        }
        let counter = Fields(fields).counter();
        if counter <= self.last {
            return Err(Failure::Protocol(
                consts::ZMQ_PROTOCOL_ERROR_ZMTP_INVALID_SEQUENCE,
            ));
        }
        self.last = counter;
        let text = self.theirs.open(counter, &mut body[MESSAGE.len() + 8..])?;
        Ok((flags_of(text[0]), OVERHEAD..body.len()))
    }
}

#[cfg(test)]
mod tests;
