//! What stands in a pipe: frames as on the wire (RFC 23), and marks for what is kept beside them.
//!
//! A frame that is a command is a subscription, or the end of one: other commands don't come into a pipe. The layout of
//! all that is [`crate::frame`]'s business.

use std::sync::Arc;

use crate::{
    frame::{Flags, Head},
    message::{MetadataRef, Payload},
    zmtp::command,
};

/// What a record is to its reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A part of a message, and whether more follow.
    Part {
        /// Whether more parts of the message follow.
        more: bool,
    },
    /// A topic to subscribe to.
    Subscribe,
    /// A topic to give up.
    Cancel,
}

impl Kind {
    /// Whether more parts of the message follow.
    #[inline]
    pub fn more(self) -> bool {
        matches!(self, Kind::Part { more: true })
    }

    /// What a frame of a pipe is, and the bytes that it is about. `None` for a command that shouldn't be there.
    #[inline]
    pub(super) fn of_frame(flags: Flags, body: &[u8]) -> Option<(Kind, &[u8])> {
        if !flags.command() {
            return Some((Kind::Part { more: flags.more() }, body));
        }
        Some(match command::as_subscription(body)? {
            (true, topic) => (Kind::Subscribe, topic),
            (false, topic) => (Kind::Cancel, topic),
        })
    }
}

/// What is known of a peer once its handshake is done.
#[derive(Debug, Default)]
pub struct Peer {
    /// The routing id that it has announced; empty if none.
    pub routing_id: Vec<u8>,
    /// What messages from it can tell about it.
    pub metadata: Option<MetadataRef>,
}

/// What is kept beside a pipe's bytes.
pub enum Aside {
    /// A part of a message.
    Part(Part),
    /// The peer that what follows comes from.
    Peer(Arc<Peer>),
}

/// A part whose body is handed on rather than copied.
pub struct Part {
    /// Whether more parts of the message follow.
    pub more: bool,
    /// The body.
    pub payload: Payload,
    head: Head,
}

impl Part {
    /// A part with this body.
    pub fn new(more: bool, payload: Payload) -> Part {
        let head = Head::new(Flags::more_if(more), payload.bytes().len());
        Part {
            more,
            payload,
            head,
        }
    }

    /// Its frame, as it goes over the wire: the head and the body, or all of it in one piece, and nothing.
    #[inline]
    pub fn wire(&self) -> [&[u8]; 2] {
        match self.payload.frame() {
            Some(frame) if !self.more => [frame, &[]],
            _ => [self.head.as_slice(), self.payload.bytes()],
        }
    }
}

/// A record as its reader takes it.
pub enum Record<'a> {
    /// A frame in the pipe.
    Frame(Kind, &'a [u8]),
    /// A part by reference.
    Part(Part),
    /// The peer that what follows comes from.
    Peer(Arc<Peer>),
}
