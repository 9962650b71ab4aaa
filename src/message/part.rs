//! Where a message part comes from when it is sent, and where it goes to when it is received.

use std::{ptr, sync::Arc};

use super::{Message, Metadata};
use crate::error::Result;

/// What is sent: a buffer of the caller's, to be copied, or a message, to be taken.
pub enum Source<'a> {
    /// Bytes to copy.
    Bytes(&'a [u8]),
    /// A message to take; an empty one is left.
    Message(&'a mut Message),
}

impl Source<'_> {
    /// The bytes of the body.
    #[inline]
    pub fn bytes(&self) -> &[u8] {
        match self {
            Source::Bytes(bytes) => bytes,
            Source::Message(message) => message.bytes(),
        }
    }

    /// The message itself, or a message with a copy of the bytes. ENOMEM if there is no memory.
    pub fn take(&mut self) -> Result<Message> {
        match self {
            Source::Bytes(bytes) => Message::copy_of(bytes),
            Source::Message(message) => Ok(message.take()),
        }
    }

    /// A message that shares the body, which stays here, too.
    pub fn share(&mut self) -> Result<Message> {
        match self {
            Source::Bytes(bytes) => Message::copy_of(bytes),
            Source::Message(message) => {
                let mut copy = message.duplicate();
                copy.set_metadata(None);
                Ok(copy)
            }
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
    /// Takes a copy of a body. ENOMEM if there is no memory for it.
    #[inline]
    pub fn copy(
        &mut self,
        more: bool,
        body: &[u8],
        metadata: Option<&Arc<Metadata>>,
    ) -> Result<()> {
        match self {
            Sink::Buffer(buffer) => {
                let size = body.len().min(buffer.len());
                buffer[..size].copy_from_slice(&body[..size]);
            }
            Sink::Message(into) => {
                let mut message = Message::copy_of(body)?;
                message.set_more(more);
                message.set_metadata(metadata.cloned());
                // What was there is dropped by this.
                **into = message;
            }
            Sink::Nowhere => {}
        }
        Ok(())
    }

    /// Takes a message.
    pub fn put(&mut self, mut message: Message, metadata: Option<&Arc<Metadata>>) {
        match self {
            Sink::Buffer(buffer) => {
                let size = message.size().min(buffer.len());
                // SAFETY: both have so many bytes, and a message is never in the caller's buffer.
                unsafe {
                    ptr::copy_nonoverlapping(message.bytes().as_ptr(), buffer.as_mut_ptr(), size)
                };
            }
            Sink::Message(into) => {
                message.set_metadata(metadata.cloned());
                **into = message;
            }
            Sink::Nowhere => {}
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
