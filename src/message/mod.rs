//! Messages: the 64 bytes of a `zmq_msg_t`, who owns the body, and where it came from.
//!
//! A [`Message`] is laid out so that it can live in a `zmq_msg_t` (zmq_msg_init(3)). Small bodies
//! are inside of it, larger ones are a counted [`Body`], constant ones a pointer. It knows nothing
//! of pipes and sockets.

mod content;
mod copies;
mod metadata;
mod part;
mod payload;
mod slab;
mod spent;

use std::{ffi::c_void, mem::ManuallyDrop, ops::Range, ptr, slice};

pub use content::{Body, FreeFn};
pub use copies::Copies;
pub use metadata::{Metadata, MetadataRef, Stock};
pub use part::{Incoming, Outgoing, Received, Sink, Source};
pub use payload::Payload;
pub use slab::{BODY_MAX as SLAB_MAX, Slab};
pub use spent::drop_spent;

use crate::{
    error::{Error, Result},
    memory::copy,
};

/// The most bytes that a message holds without an allocation.
pub const INLINE_MAX: usize = 40;

/// Body kinds. The values are chosen such that zeroed, closed and random memory is no message.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(transparent)]
struct Kind(u8);

impl Kind {
    const CLOSED: Kind = Kind(0);
    const INLINE: Kind = Kind(0xb1);
    const COUNTED: Kind = Kind(0xb2);
    const CONSTANT: Kind = Kind(0xb3);
}

#[derive(Clone, Copy)]
#[repr(C)]
struct Constant {
    data: *const u8,
    size: usize,
}

#[repr(C)]
union Storage {
    inline: [u8; INLINE_MAX],
    counted: ManuallyDrop<Body>,
    constant: Constant,
}

/// A message, or a part of a multi-part one.
#[repr(C, align(8))]
pub struct Message {
    storage: Storage,
    metadata: Option<MetadataRef>,
    reserved: [u8; 12],
    size: u8,
    more: bool,
    shared: bool,
    kind: Kind,
}

const _: () = assert!(size_of::<Message>() == 64 && align_of::<Message>() == 8);

// SAFETY: a counted body may go anywhere, and so may constant memory by the contract of `constant`.
unsafe impl Send for Message {}
// SAFETY: shared access only reads.
unsafe impl Sync for Message {}

impl Message {
    const fn of(storage: Storage, kind: Kind, size: u8) -> Message {
        Message {
            storage,
            metadata: None,
            reserved: [0; 12],
            size,
            more: false,
            shared: false,
            kind,
        }
    }

    /// An empty message.
    #[inline]
    pub const fn new() -> Message {
        Message::of(
            Storage {
                inline: [0; INLINE_MAX],
            },
            Kind::INLINE,
            0,
        )
    }

    /// A message of `size` bytes of unset content. ENOMEM if there is no memory for it.
    pub fn with_size(size: usize) -> Result<Message> {
        if size <= INLINE_MAX {
            return Ok(Message::of(
                Storage {
                    inline: [0; INLINE_MAX],
                },
                Kind::INLINE,
                size as u8,
            ));
        }
        Ok(Body::new(size)?.into())
    }

    /// A message with a copy of these bytes. ENOMEM if there is no memory for it.
    #[inline]
    pub fn copy_of(bytes: &[u8]) -> Result<Message> {
        let mut message = Message::with_size(bytes.len())?;
        // SAFETY: just made with room for so many bytes, and not shared yet.
        unsafe { ptr::copy_nonoverlapping(bytes.as_ptr(), message.data(), bytes.len()) };
        Ok(message)
    }

    /// Makes an inline message where there is none. The body's bytes stay what they are.
    ///
    /// # Safety
    /// `to` is valid for writing; a message that is there is forgotten.
    #[inline(always)]
    unsafe fn emplace_inline(
        to: *mut Message,
        size: usize,
        more: bool,
        metadata: Option<MetadataRef>,
    ) {
        // SAFETY: as promised; any bytes will do for the fields that aren't set.
        unsafe {
            (&raw mut (*to).metadata).write(metadata);
            (&raw mut (*to).size).write(size as u8);
            (&raw mut (*to).more).write(more);
            (&raw mut (*to).shared).write(false);
            (&raw mut (*to).kind).write(Kind::INLINE);
        }
    }

    /// Makes a message of `size` bytes of unset content where there is none. ENOMEM if there is
    /// no memory for it.
    ///
    /// # Safety
    /// `to` is valid for writing; a message that is there is forgotten.
    #[inline(always)]
    pub unsafe fn emplace(to: *mut Message, size: usize) -> Result<()> {
        // SAFETY: as promised.
        unsafe {
            if size <= INLINE_MAX {
                Message::emplace_inline(to, size, false, None);
            } else {
                Message::emplace_outside(to, size)?;
            }
        }
        Ok(())
    }

    /// As [`Message::emplace`], of one that has memory of its own: out of the way of those that haven't.
    #[inline(never)]
    unsafe fn emplace_outside(to: *mut Message, size: usize) -> Result<()> {
        // SAFETY: as promised.
        unsafe { to.write(Message::with_size(size)?) };
        Ok(())
    }

    /// Becomes a message with a copy of these bytes. ENOMEM if there is no memory for it, and
    /// nothing done.
    #[inline(always)]
    pub fn copy_from(
        &mut self,
        bytes: &[u8],
        more: bool,
        metadata: impl FnOnce() -> Option<MetadataRef>,
    ) -> Result<()> {
        if bytes.len() > INLINE_MAX {
            if self.kind != Kind::COUNTED || !self.copy_again(bytes) {
                *self = Message::copy_of(bytes)?;
            }
            self.more = more;
            self.metadata = metadata();
            return Ok(());
        }
        self.drop_content();
        // SAFETY: nothing is left to be dropped, and what is there now is inline.
        let inline = unsafe {
            Message::emplace_inline(self, bytes.len(), more, metadata());
            &mut self.storage.inline
        };
        copy(bytes, inline);
        Ok(())
    }

    /// Copies the bytes into the counted body that is there, if it has this size and nobody else has it. Whether it did.
    #[inline(never)]
    fn copy_again(&mut self, bytes: &[u8]) -> bool {
        if self.size() != bytes.len() || self.shared || self.is_foreign() {
            return false;
        }
        self.metadata = None;
        // SAFETY: of this size, and our own alone.
        unsafe { ptr::copy_nonoverlapping(bytes.as_ptr(), self.data(), bytes.len()) };
        true
    }

    /// Becomes an empty message.
    #[inline]
    pub fn reset(&mut self) {
        self.drop_content();
        // SAFETY: nothing is left to be dropped.
        unsafe { Message::emplace_inline(self, 0, false, None) };
    }

    /// Drops what it owns. It is then to be made anew.
    #[inline(always)]
    fn drop_content(&mut self) {
        if self.kind == Kind::COUNTED {
            drop(self.counted());
        }
        if self.metadata.is_some() {
            self.metadata = None;
        }
    }

    /// A message whose body stays in the caller's memory. Without a free function it is constant.
    ///
    /// # Safety
    /// `data` is valid for `size` bytes until `free` has been called, or forever.
    pub unsafe fn foreign(
        data: *mut u8,
        size: usize,
        free: Option<FreeFn>,
        hint: *mut c_void,
    ) -> Result<Message> {
        let Some(free) = free else {
            let constant = Constant { data, size };
            return Ok(Message::of(Storage { constant }, Kind::CONSTANT, 0));
        };
        // SAFETY: as promised to this function.
        Ok(unsafe { Body::foreign(data, size, free, hint) }?.into())
    }

    /// A message whose body is a part of the vector. ENOMEM if there is no memory for its head.
    pub fn of_vec(bytes: Vec<u8>, range: Range<usize>) -> Result<Message> {
        unsafe extern "C-unwind" fn free(_: *mut c_void, hint: *mut c_void) {
            // SAFETY: the hint is the vector that was boxed below, and comes once.
            drop(unsafe { Box::from_raw(hint.cast::<Vec<u8>>()) });
        }
        let mut bytes = Box::new(bytes);
        let body = &mut bytes[range];
        let (data, size) = (body.as_mut_ptr(), body.len());
        let hint = (&raw mut *bytes).cast();
        // SAFETY: the body is the vector's, which is there until `free` is called.
        let message = unsafe { Message::foreign(data, size, Some(free), hint) }?;
        let _ = Box::into_raw(bytes);
        Ok(message)
    }

    /// Whether this memory holds a message: not after it was closed, and not if it never was one.
    #[inline]
    pub fn is_valid(&self) -> bool {
        matches!(self.kind, Kind::INLINE | Kind::COUNTED | Kind::CONSTANT)
    }

    /// Makes the memory no message any more. EFAULT if it was none.
    #[inline]
    pub fn close(&mut self) -> Result<()> {
        if !self.is_valid() {
            return Err(Error::EFAULT);
        }
        self.drop_content();
        self.kind = Kind::CLOSED;
        Ok(())
    }

    /// Takes the counted body out, if there is one; the message is then to be overwritten.
    fn counted(&mut self) -> Option<Body> {
        (self.kind == Kind::COUNTED).then(|| {
            self.kind = Kind::CLOSED;
            // SAFETY: the kind says that it is there, and from now on that it isn't.
            unsafe { ManuallyDrop::take(&mut self.storage.counted) }
        })
    }

    /// The message itself, leaving an empty one.
    #[inline]
    pub fn take(&mut self) -> Message {
        std::mem::take(self)
    }

    /// Takes out the body, and leaves an empty message. None if it is in the message itself, which then stays.
    #[inline]
    pub fn take_payload(&mut self) -> Option<Payload> {
        let shared = self.shared;
        let payload = match self.kind {
            Kind::COUNTED => Payload::Counted(self.counted()?, shared),
            Kind::CONSTANT => Payload::Constant(self.constant()),
            _ => return None,
        };
        self.reset();
        Some(payload)
    }

    /// The constant body, which there is by the message's kind.
    fn constant(&self) -> &'static [u8] {
        // SAFETY: the kind is CONSTANT, as the caller has looked; such a body is there for ever (`Message::foreign`).
        unsafe {
            let Constant { data, size } = self.storage.constant;
            match size {
                0 => &[],
                _ => slice::from_raw_parts(data, size),
            }
        }
    }

    /// A message with this body, a part of another or not.
    #[inline]
    pub fn of_payload(payload: Payload, more: bool) -> Message {
        let mut message = Message::new();
        message.put_payload(payload, more, None);
        message
    }

    /// Becomes that message, in its place: what is moved right after it was written bit by bit keeps the processor waiting.
    #[inline(always)]
    pub fn put_payload(&mut self, payload: Payload, more: bool, metadata: Option<MetadataRef>) {
        self.drop_content();
        // SAFETY: nothing is left to be dropped, and the kind says which field is set.
        unsafe {
            match payload {
                Payload::Constant(bytes) => {
                    let (data, size) = (bytes.as_ptr(), bytes.len());
                    (&raw mut self.storage.constant).write(Constant { data, size });
                    (&raw mut self.kind).write(Kind::CONSTANT);
                    self.shared = false;
                }
                Payload::Counted(body, shared) => {
                    (&raw mut self.storage.counted).write(ManuallyDrop::new(body));
                    (&raw mut self.kind).write(Kind::COUNTED);
                    self.shared = shared;
                }
            }
            (&raw mut self.metadata).write(metadata);
        }
        self.more = more;
    }

    /// Another message with the same body, not copied if it is a counted one; zmq_msg_copy(3).
    pub fn duplicate(&mut self) -> Message {
        // SAFETY: the kind says which field is set.
        let storage = unsafe {
            match self.kind {
                Kind::COUNTED => {
                    self.shared = true;
                    Storage {
                        counted: self.storage.counted.clone(),
                    }
                }
                Kind::CONSTANT => Storage {
                    constant: self.storage.constant,
                },
                _ => Storage {
                    inline: self.storage.inline,
                },
            }
        };
        let mut copy = Message::of(storage, self.kind, self.size);
        copy.metadata = self.metadata.clone();
        (copy.more, copy.shared) = (self.more, self.shared);
        copy
    }

    /// The body, if it is a counted one.
    #[inline]
    fn body(&self) -> Option<&Body> {
        // SAFETY: the kind says which field is set.
        (self.kind == Kind::COUNTED).then(|| unsafe { &*self.storage.counted })
    }

    /// The first byte of the body.
    #[inline]
    pub fn data(&mut self) -> *mut u8 {
        // SAFETY: the kind says which field is set.
        unsafe {
            match self.kind {
                Kind::COUNTED => self.storage.counted.data(),
                Kind::CONSTANT => self.storage.constant.data.cast_mut(),
                _ => (&raw mut self.storage.inline).cast(),
            }
        }
    }

    /// The number of bytes in the body.
    #[inline]
    pub fn size(&self) -> usize {
        // SAFETY: the kind says which field is set.
        unsafe {
            match self.kind {
                Kind::COUNTED => self.storage.counted.size(),
                Kind::CONSTANT => self.storage.constant.size,
                _ => usize::from(self.size),
            }
        }
    }

    /// The body.
    #[inline(always)]
    pub fn bytes(&self) -> &[u8] {
        // SAFETY: the kind says which field is set.
        unsafe {
            match self.kind {
                Kind::COUNTED => self.storage.counted.bytes(),
                Kind::CONSTANT => self.constant(),
                _ => &self.storage.inline[..usize::from(self.size)],
            }
        }
    }

    /// Whether more parts of the same message follow.
    #[inline]
    pub fn more(&self) -> bool {
        self.more
    }

    /// Says whether more parts of the same message follow.
    #[inline]
    pub fn set_more(&mut self, more: bool) {
        self.more = more;
    }

    /// Whether the body is constant, or may be shared with a copy (`ZMQ_SHARED`).
    pub fn is_shared(&self) -> bool {
        self.kind == Kind::CONSTANT || self.shared
    }

    /// How many messages share the body.
    #[cfg(test)]
    pub fn references(&self) -> u32 {
        self.body().map_or(1, Body::references)
    }

    /// Whether the body is in memory of its own, outside of the 64 bytes.
    pub fn is_outside(&self) -> bool {
        self.kind != Kind::INLINE
    }

    /// Whether dropping it may call back into the program.
    pub fn is_foreign(&self) -> bool {
        self.body().is_some_and(Body::is_foreign)
    }

    /// Where it came from.
    pub fn metadata(&self) -> Option<&MetadataRef> {
        self.metadata.as_ref()
    }

    /// Says where it came from.
    #[inline]
    pub fn set_metadata(&mut self, metadata: Option<MetadataRef>) {
        self.metadata = metadata;
    }
}

impl From<Body> for Message {
    #[inline]
    fn from(body: Body) -> Message {
        let counted = ManuallyDrop::new(body);
        Message::of(Storage { counted }, Kind::COUNTED, 0)
    }
}

impl Default for Message {
    fn default() -> Message {
        Message::new()
    }
}

impl AsRef<[u8]> for Message {
    fn as_ref(&self) -> &[u8] {
        self.bytes()
    }
}

impl Drop for Message {
    #[inline]
    fn drop(&mut self) {
        drop(self.counted());
    }
}

#[cfg(test)]
mod tests;
