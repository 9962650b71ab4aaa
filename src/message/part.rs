//! Where a message part comes from when it is sent, and where it goes to when it is received.

use super::{Copies, Message, MetadataRef, Payload, Small, Stock};
use crate::{error::Result, memory::copy};

/// What is sent: a buffer of the caller's, to be copied, or a message, to be taken.
pub enum Source<'a> {
    /// Bytes to copy.
    Bytes(&'a [u8]),
    /// A message to take; an empty one is left.
    Message(&'a mut Message),
    /// A message of which one copy is to be taken.
    Copy(&'a mut Copies),
}

/// A [`Source`], before it is one: what is known of its kind spares the way that most messages take the questions.
pub trait Outgoing {
    /// The bytes of the body.
    fn bytes(&self) -> &[u8];
    /// Whether a copy of the body will do: it is not lent, to be given back when it was delivered.
    fn may_be_copied(&self) -> bool;
    /// The body, if it is small and all that there is to the part.
    fn small(&self) -> Option<Small<'_>>;
    /// They were sent.
    fn done(&mut self);
    /// The small body was sent.
    fn done_small(&mut self);
    /// What they come from, if they were not.
    fn source(&mut self) -> Source<'_>;
}

impl Outgoing for &[u8] {
    #[inline(always)]
    fn bytes(&self) -> &[u8] {
        self
    }

    #[inline(always)]
    fn may_be_copied(&self) -> bool {
        true
    }

    #[inline(always)]
    fn small(&self) -> Option<Small<'_>> {
        Small::new(self)
    }

    fn done(&mut self) {}

    fn done_small(&mut self) {}

    #[inline(always)]
    fn source(&mut self) -> Source<'_> {
        Source::Bytes(self)
    }
}

impl Outgoing for &mut Message {
    #[inline(always)]
    fn bytes(&self) -> &[u8] {
        Message::bytes(self)
    }

    #[inline(always)]
    fn may_be_copied(&self) -> bool {
        !self.is_foreign()
    }

    #[inline(always)]
    fn small(&self) -> Option<Small<'_>> {
        Message::small(self)
    }

    #[inline(always)]
    fn done(&mut self) {
        self.reset();
    }

    #[inline(always)]
    fn done_small(&mut self) {
        // What else there is to an empty message it has already.
        (self.size, self.more) = (0, false);
    }

    #[inline(always)]
    fn source(&mut self) -> Source<'_> {
        Source::Message(self)
    }
}

impl Source<'_> {
    /// The bytes of the body.
    #[inline]
    pub fn bytes(&self) -> &[u8] {
        match self {
            Source::Bytes(bytes) => bytes,
            Source::Message(message) => message.bytes(),
            Source::Copy(copies) => copies.bytes(),
        }
    }

    /// Lets go of the message, or of the bytes: they were sent.
    #[inline]
    pub fn done(&mut self) {
        if let Source::Message(message) = self {
            message.reset();
        }
    }

    /// The message itself, or a message with a copy of the bytes. ENOMEM if there is no memory.
    pub fn take(&mut self) -> Result<Message> {
        match self {
            Source::Bytes(bytes) => Message::copy_of(bytes),
            Source::Message(message) => Ok(message.take()),
            Source::Copy(copies) => Ok(copies.take()),
        }
    }

    /// As [`Source::take`], but for the body alone; none if it is in the message itself, which then stays.
    #[inline]
    pub fn take_payload(&mut self) -> Result<Option<Payload>> {
        Ok(match self {
            Source::Bytes(bytes) => Message::copy_of(bytes)?.take_payload(),
            Source::Message(message) => message.take_payload(),
            Source::Copy(copies) => copies.payload(),
        })
    }

    /// Whether the body is the caller's own memory, to be given back when it was delivered, and not before.
    #[inline]
    pub fn is_lent(&self) -> bool {
        match self {
            Source::Bytes(_) => false,
            Source::Message(message) => message.is_foreign(),
            Source::Copy(copies) => copies.is_foreign(),
        }
    }
}

/// Where a received part goes.
pub enum Sink<'a> {
    /// As much of the body as fits.
    Buffer(&'a mut [u8]),
    /// All of it. What the message was before is dropped.
    Message(&'a mut Message),
    /// Nowhere.
    Nowhere,
}

/// A [`Sink`], before it is one, as [`Outgoing`].
pub trait Incoming {
    /// Takes a copy of a body, the last part of a message.
    fn copy(&mut self, body: &[u8], metadata: impl FnOnce() -> Option<MetadataRef>) -> Result<()>;
    /// As [`Incoming::copy`], if that takes no call: whether it was done.
    fn copy_small(&mut self, body: &[u8], metadata: &mut Stock) -> bool;
    /// Where a body goes that was not taken.
    fn sink(&mut self) -> Sink<'_>;
}

impl Incoming for &mut [u8] {
    #[inline(always)]
    fn copy(&mut self, body: &[u8], _: impl FnOnce() -> Option<MetadataRef>) -> Result<()> {
        copy(body.get(..self.len()).unwrap_or(body), self);
        Ok(())
    }

    #[inline(always)]
    fn copy_small(&mut self, body: &[u8], _: &mut Stock) -> bool {
        let small = body.get(..self.len()).unwrap_or(body);
        let Some(small) = Small::new(small) else {
            return false;
        };
        small.copy_to(self);
        true
    }

    #[inline(always)]
    fn sink(&mut self) -> Sink<'_> {
        Sink::Buffer(self)
    }
}

impl Incoming for &mut Message {
    #[inline(always)]
    fn copy(&mut self, body: &[u8], metadata: impl FnOnce() -> Option<MetadataRef>) -> Result<()> {
        self.copy_from(body, false, metadata)
    }

    #[inline(always)]
    fn copy_small(&mut self, body: &[u8], metadata: &mut Stock) -> bool {
        Message::copy_small(self, body, metadata)
    }

    #[inline(always)]
    fn sink(&mut self) -> Sink<'_> {
        Sink::Message(self)
    }
}

impl Incoming for Sink<'_> {
    fn copy(&mut self, body: &[u8], metadata: impl FnOnce() -> Option<MetadataRef>) -> Result<()> {
        Sink::copy(self, false, body, metadata)
    }

    fn copy_small(&mut self, _: &[u8], _: &mut Stock) -> bool {
        false
    }

    fn sink(&mut self) -> Sink<'_> {
        match self {
            Sink::Buffer(buffer) => Sink::Buffer(buffer),
            Sink::Message(message) => Sink::Message(message),
            Sink::Nowhere => Sink::Nowhere,
        }
    }
}

impl Sink<'_> {
    /// Takes a copy of a body, and refers to the metadata if it has a use for it. ENOMEM if there
    /// is no memory for it.
    #[inline(always)]
    pub fn copy(
        &mut self,
        more: bool,
        body: &[u8],
        metadata: impl FnOnce() -> Option<MetadataRef>,
    ) -> Result<()> {
        match self {
            Sink::Buffer(buffer) => Incoming::copy(buffer, body, metadata)?,
            Sink::Message(into) => {
                into.copy_from(body, more, metadata)?;
            }
            Sink::Nowhere => {}
        }
        Ok(())
    }

    /// Takes a message.
    pub fn put(&mut self, mut message: Message, metadata: impl FnOnce() -> Option<MetadataRef>) {
        match self {
            Sink::Message(into) => {
                message.set_metadata(metadata());
                **into = message;
            }
            Sink::Buffer(_) | Sink::Nowhere => {
                // It can't fail: nothing is allocated.
                let _ = self.copy(false, message.bytes(), metadata);
            }
        }
    }

    /// Takes a message whose body was handed on.
    #[inline(always)]
    pub fn put_payload(
        &mut self,
        payload: Payload,
        more: bool,
        metadata: impl FnOnce() -> Option<MetadataRef>,
    ) {
        match self {
            Sink::Message(into) => into.put_payload(payload, more, metadata()),
            _ => self.put(Message::of_payload(payload, more), metadata),
        }
    }
}

/// What was received: how large the body is, and whether more parts follow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Received {
    /// Bytes of the body, also of those that didn't fit.
    pub size: usize,
    /// Whether more parts of the message follow.
    pub more: bool,
}
