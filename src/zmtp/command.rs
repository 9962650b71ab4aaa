//! The commands of the steady state (RFC 37): SUBSCRIBE, CANCEL, PING and PONG, and those this library knows nothing of.
//!
//! Owns the layout of a command frame's body. Says nothing of when to send or how to answer one.

use super::{Version, frame::Flags};
use crate::{
    error::{Error, Result},
    memory,
};

/// The most octets of a PING's context that are echoed.
pub const MAX_PING_CONTEXT: usize = 16;

/// A command, borrowing from the body of its frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command<'a> {
    /// The peer wants a PONG with the same context.
    Ping {
        /// For how long the sender promises traffic, in tenths of a second; 0 for no promise.
        ttl: u16,
        /// What to echo, at most [`MAX_PING_CONTEXT`] octets.
        context: &'a [u8],
    },
    /// The answer to a PING.
    Pong {
        /// The context of the PING.
        context: &'a [u8],
    },
    /// A subscription to topics with this prefix.
    Subscribe(&'a [u8]),
    /// The end of a subscription.
    Cancel(&'a [u8]),
    /// A command of another name, to be ignored.
    Other {
        /// The name, at most 255 octets.
        name: &'a [u8],
        /// What follows the name.
        body: &'a [u8],
    },
}

impl<'a> Command<'a> {
    /// Reads the body of a command frame.
    ///
    /// # Errors
    /// `EPROTO` if the name or a PING's TTL is cut short. libzmq ignores such a command and goes on.
    pub fn parse(body: &'a [u8]) -> Result<Command<'a>> {
        let (&name_len, rest) = body.split_first().ok_or(Error::EPROTO)?;
        let (name, body) = rest
            .split_at_checked(name_len.into())
            .ok_or(Error::EPROTO)?;
        Ok(match name {
            b"PING" => {
                let (&ttl, context) = body.split_first_chunk().ok_or(Error::EPROTO)?;
                Command::Ping {
                    ttl: u16::from_be_bytes(ttl),
                    context: &context[..context.len().min(MAX_PING_CONTEXT)],
                }
            }
            b"PONG" => Command::Pong { context: body },
            b"SUBSCRIBE" => Command::Subscribe(body),
            b"CANCEL" => Command::Cancel(body),
            name => Command::Other { name, body },
        })
    }

    /// Appends the body of the command's frame. A name over 255 octets is cut there.
    ///
    /// # Errors
    /// `ENOMEM`.
    pub fn encode(&self, body: &mut Vec<u8>) -> Result<()> {
        let mut append = |parts: &[&[u8]]| {
            let mut parts = parts.iter();
            parts.try_for_each(|part| memory::append(body, part))
        };
        match *self {
            Command::Ping { ttl, context } => append(&[b"\x04PING", &ttl.to_be_bytes(), context]),
            Command::Pong { context } => append(&[b"\x04PONG", context]),
            Command::Subscribe(topic) => append(&[SUBSCRIBE, topic]),
            Command::Cancel(topic) => append(&[CANCEL, topic]),
            Command::Other { name, body } => {
                let name = &name[..name.len().min(255)];
                append(&[&[name.len() as u8], name, body])
            }
        }
    }
}

const SUBSCRIBE: &[u8] = b"\x09SUBSCRIBE";
const CANCEL: &[u8] = b"\x06CANCEL";

/// What a command begins with that begins (`subscribe`) or ends a subscription; the topic follows.
pub fn subscription_name(subscribe: bool) -> &'static [u8] {
    match subscribe {
        true => SUBSCRIBE,
        false => CANCEL,
    }
}

/// Whether a command begins a subscription or ends one, and its topic; `None` if it is another one.
#[inline]
pub fn as_subscription(body: &[u8]) -> Option<(bool, &[u8])> {
    match body.strip_prefix(SUBSCRIBE) {
        Some(topic) => Some((true, topic)),
        None => Some((false, body.strip_prefix(CANCEL)?)),
    }
}

/// The flags and the first octets of the frame that begins (`subscribe`) or ends a subscription; the topic follows.
///
/// To a peer of ZMTP 3.1 it is a command, to an older one a message that begins with 1 or 0.
pub fn subscription(version: Version, subscribe: bool) -> (Flags, &'static [u8]) {
    match (version >= Version::V3_1, subscribe) {
        (true, _) => (Flags::COMMAND, subscription_name(subscribe)),
        (false, true) => (Flags::NONE, b"\x01"),
        (false, false) => (Flags::NONE, b"\x00"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bytes_are_those_of_the_rfc() {
        let pairs: [(&[u8], Command); 6] = [
            (
                b"\x04PING\x01\x02abc",
                Command::Ping {
                    ttl: 258,
                    context: b"abc",
                },
            ),
            (b"\x04PONGabc", Command::Pong { context: b"abc" }),
            (b"\x09SUBSCRIBEtopic", Command::Subscribe(b"topic")),
            (b"\x09SUBSCRIBE", Command::Subscribe(b"")),
            (b"\x06CANCELtopic", Command::Cancel(b"topic")),
            (
                b"\x05ERROR\x03400",
                Command::Other {
                    name: b"ERROR",
                    body: b"\x03400",
                },
            ),
        ];
        for (bytes, command) in pairs {
            assert_eq!(Command::parse(bytes), Ok(command));
            let mut body = Vec::new();
            command.encode(&mut body).unwrap();
            assert_eq!(body, bytes);
        }
    }

    #[test]
    fn cut_commands_are_refused() {
        for bytes in [
            &b""[..],
            b"\x01",
            b"\x04PIN",
            b"\xffPING",
            b"\x04PING",
            b"\x04PING\x00",
        ] {
            assert_eq!(Command::parse(bytes), Err(Error::EPROTO), "{bytes:?}");
        }
    }

    #[test]
    fn a_long_ping_context_is_cut() {
        let ping = Command::parse(b"\x04PING\x00\x000123456789abcdefgh");
        assert_eq!(
            ping,
            Ok(Command::Ping {
                ttl: 0,
                context: b"0123456789abcdef"
            })
        );
    }

    #[test]
    fn older_peers_get_subscriptions_as_messages() {
        assert_eq!(
            subscription(Version::V3_0, true),
            (Flags::NONE, &b"\x01"[..])
        );
        assert_eq!(
            subscription(Version::V1, false),
            (Flags::NONE, &b"\x00"[..])
        );
        let (flags, prefix) = subscription(Version::V3_1, false);
        assert!(flags.command());
        assert_eq!(Command::parse(prefix), Ok(Command::Cancel(b"")));
    }
}
