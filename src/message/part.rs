//! Where a message part comes from when it is sent, and where it goes to when it is received.

use super::{Copies, Message, MetadataRef, Outside, copy, drop_later};
use crate::error::Result;

/// What is sent: a buffer of the caller's, to be copied, or a message, to be taken.
pub enum Source<'a> {
    /// Bytes to copy.
    Bytes(&'a [u8]),
    /// A message to take; an empty one is left.
    Message(&'a mut Message),
    /// A message of which one copy is to be taken.
    Copy(&'a mut Copies),
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

    /// As [`Source::take`], for a pipe to pass on.
    ///
    /// # Safety
    /// There are more than [`INLINE_MAX`](super::INLINE_MAX) bytes.
    #[inline]
    pub unsafe fn take_outside(&mut self) -> Result<Outside> {
        // SAFETY: as promised.
        unsafe {
            Ok(match self {
                Source::Bytes(bytes) => Message::copy_of(bytes)?.take_outside(),
                Source::Message(message) => message.take_outside(),
                Source::Copy(copies) => copies.take_outside(),
            })
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
            // SAFETY: both have so many bytes, and no body is in the caller's buffer.
            Sink::Buffer(buffer) => unsafe {
                copy(
                    body.as_ptr(),
                    buffer.as_mut_ptr(),
                    body.len().min(buffer.len()),
                );
            },
            Sink::Message(into) => {
                into.copy_from(body, more)?;
                into.set_metadata(metadata());
            }
            Sink::Nowhere => {}
        }
        Ok(())
    }

    /// Takes a message.
    pub fn put(&mut self, mut message: Message, metadata: impl FnOnce() -> Option<MetadataRef>) {
        match self {
            Sink::Buffer(_) => {
                // It can't fail: nothing is allocated.
                let _ = self.copy(false, message.bytes(), metadata);
                drop_later(message);
            }
            Sink::Message(into) => {
                message.set_metadata(metadata());
                **into = message;
            }
            Sink::Nowhere => drop_later(message),
        }
    }

    /// Takes a message that was taken out of a pipe.
    ///
    /// # Safety
    /// As for [`Message::put_outside`].
    #[inline(always)]
    pub unsafe fn put_outside(
        &mut self,
        outside: Outside,
        size: usize,
        more: bool,
        metadata: impl FnOnce() -> Option<MetadataRef>,
    ) {
        // SAFETY: as promised.
        unsafe {
            match self {
                Sink::Message(into) => into.put_outside(outside, size, more, metadata()),
                _ => self.put(Message::from_outside(outside, size, more), metadata),
            }
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
