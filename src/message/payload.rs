//! A body without the rest of its message: what a pipe hands on instead of the body's bytes.

use super::Body;

/// A body outside of a message's 64 bytes.
pub enum Payload {
    /// A counted one, and whether others may have it, too.
    Counted(Body, bool),
    /// One that is there for ever.
    Constant(&'static [u8]),
}

impl Payload {
    /// The bytes.
    #[inline]
    pub fn bytes(&self) -> &[u8] {
        match self {
            Payload::Counted(body, _) => body.bytes(),
            Payload::Constant(bytes) => bytes,
        }
    }

    /// The bytes with their frame's head before them, as that is where no more parts follow; only a body of ours has it.
    #[inline]
    pub fn frame(&self) -> Option<&[u8]> {
        match self {
            Payload::Counted(body, _) => body.frame(),
            Payload::Constant(_) => None,
        }
    }
}
