//! What the peer does to a MESSAGE of CURVE.

use crate::{
    conversation::Twist,
    curve::{self, CLIENT_MESSAGES, Channel, SERVER_MESSAGES},
};

/// A frame with these flags as it comes in a MESSAGE to which this is done: the flags of the MESSAGE's own frame, and
/// its body.
pub(super) fn seal(channel: &mut Channel, twist: Twist, flags: u8, body: &[u8]) -> (u8, Vec<u8>) {
    let octet = curve::octet(flags);
    let text = [&[octet], body].concat();
    let mut message = match twist {
        Twist::Clear => return (flags, body.to_vec()),
        Twist::Behind(less) => channel.seal(channel.last.wrapping_sub(less), &text),
        Twist::Ahead(more) => {
            channel.last = channel.last.wrapping_add(more);
            channel.next(octet, body)
        }
        Twist::Empty => channel.seal(channel.last.wrapping_add(1), b""),
        Twist::Mirrored => {
            let mut mirrored = channel.clone();
            mirrored.prefix = match channel.prefix {
                CLIENT_MESSAGES => SERVER_MESSAGES,
                _ => CLIENT_MESSAGES,
            };
            mirrored.next(octet, body)
        }
        _ => channel.next(octet, body),
    };
    let size = message.len();
    match twist {
        Twist::Changed(at) => message[at % size] ^= 1,
        Twist::Short(less) => message.truncate(size.saturating_sub(less)),
        Twist::Long(more) => message.resize(size + more, 0),
        _ => {}
    }
    let outer = match twist {
        Twist::Flags(flags) => flags,
        _ => 0,
    };
    (outer, message)
}
