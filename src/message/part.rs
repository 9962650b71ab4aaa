//! Where a message part comes from when it is sent, and where it goes to when it is received.

use super::{Copies, Message, MetadataRef, Payload};
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
    /// Whether the body is the caller's own memory, to be given back when it was delivered, and not before.
    fn is_lent(&self) -> bool;
    /// They were sent.
    fn done(&mut self);
    /// What they come from, if they were not.
    fn source(&mut self) -> Source<'_>;
}

impl Outgoing for &[u8] {
    #[inline(always)]
    fn bytes(&self) -> &[u8] {
        self
    }

    #[inline(always)]
    fn is_lent(&self) -> bool {
        false
    }

    fn done(&mut self) {}

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
    fn is_lent(&self) -> bool {
        self.is_foreign()
    }

    #[inline(always)]
    fn done(&mut self) {
        self.reset();
    }

    #[inline(always)]
    fn source(&mut self) -> Source<'_> {
        Source::Message(self)
    }
}

impl Outgoing for Source<'_> {
    #[inline]
    fn bytes(&self) -> &[u8] {
        match self {
            Source::Bytes(bytes) => bytes,
            Source::Message(message) => message.bytes(),
            Source::Copy(copies) => copies.bytes(),
        }
    }

    #[inline]
    fn is_lent(&self) -> bool {
        match self {
            Source::Bytes(_) => false,
            Source::Message(message) => message.is_foreign(),
            Source::Copy(copies) => copies.is_foreign(),
        }
    }

    #[inline]
    fn done(&mut self) {
        if let Source::Message(message) = self {
            message.reset();
        }
    }

    #[inline]
    fn source(&mut self) -> Source<'_> {
        match self {
            Source::Bytes(bytes) => Source::Bytes(bytes),
            Source::Message(message) => Source::Message(message),
            Source::Copy(copies) => Source::Copy(copies),
        }
    }
}

impl Source<'_> {
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
    /// Takes a copy of a body, and refers to the metadata if it has a use for it. `more` parts of the message follow. ENOMEM.
    fn copy(
        &mut self,
        more: bool,
        body: &[u8],
        metadata: impl FnOnce() -> Option<MetadataRef>,
    ) -> Result<()>;
    /// Where a body goes that was not taken.
    fn sink(&mut self) -> Sink<'_>;
}

impl Incoming for &mut [u8] {
    #[inline(always)]
    fn copy(
        &mut self,
        _: bool,
        body: &[u8],
        _: impl FnOnce() -> Option<MetadataRef>,
    ) -> Result<()> {
        copy(body.get(..self.len()).unwrap_or(body), self);
        Ok(())
    }

    #[inline(always)]
    fn sink(&mut self) -> Sink<'_> {
        Sink::Buffer(self)
    }
}

impl Incoming for &mut Message {
    #[inline(always)]
    fn copy(
        &mut self,
        more: bool,
        body: &[u8],
        metadata: impl FnOnce() -> Option<MetadataRef>,
    ) -> Result<()> {
        self.copy_from(body, more, metadata)
    }

    #[inline(always)]
    fn sink(&mut self) -> Sink<'_> {
        Sink::Message(self)
    }
}

impl Incoming for Sink<'_> {
    #[inline(always)]
    fn copy(
        &mut self,
        more: bool,
        body: &[u8],
        metadata: impl FnOnce() -> Option<MetadataRef>,
    ) -> Result<()> {
        match self {
            Sink::Buffer(buffer) => buffer.copy(more, body, metadata),
            Sink::Message(into) => into.copy_from(body, more, metadata),
            Sink::Nowhere => Ok(()),
        }
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
