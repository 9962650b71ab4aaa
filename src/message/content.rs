//! Bodies that live outside the 64 bytes: counted references to memory of ours or of the caller.

use std::{
    ffi::c_void,
    ptr::NonNull,
    slice,
    sync::atomic::{AtomicU32, Ordering},
};

use super::{slab::Block, spent};
use crate::{
    error::{Error, Result, keep_errno},
    frame, memory,
};

/// Gives a caller's buffer back to it: `zmq_free_fn` of zmq_msg_init_data(3).
pub type FreeFn = unsafe extern "C-unwind" fn(data: *mut c_void, hint: *mut c_void);

/// The head of a shared body. A body of ours is right behind the head that its frame has on the wire (RFC 23), so that the
/// two are one piece: it follows in the same allocation, or is elsewhere in the same block.
#[repr(C)]
pub struct Content {
    data: *mut u8,
    size: usize,
    owner: Owner,
    references: AtomicU32,
    /// So that a body that follows is aligned as malloc(3)'s memory is, nearly.
    _padding: [u8; 3],
    /// The head of its frame, if the body follows in the same allocation: at the end, whatever its length is.
    head: [u8; frame::HEAD_MAX],
}

/// Whose memory the body is in.
#[repr(C)]
enum Owner {
    /// The same allocation.
    Own,
    /// A block, which the content is in as well.
    Block(NonNull<Block>),
    /// The caller's, which is given it back with the hint.
    Foreign(FreeFn, *mut c_void),
}

/// A counted reference to a body. The last one frees it, on whichever thread that is; what is the caller's is
/// [left with the thread](super::drop_spent).
#[repr(transparent)]
pub struct Body(NonNull<Content>);

// SAFETY: the content is written only through `data_mut` by whoever holds the message, as with
// libzmq; the count is atomic, and a caller's free function may run on any thread by its contract.
unsafe impl Send for Body {}
// SAFETY: as above; shared access only reads.
unsafe impl Sync for Body {}

const HEAD: usize = size_of::<Content>();
const _: () = assert!(std::mem::offset_of!(Content, head) + frame::HEAD_MAX == HEAD);

impl Body {
    /// A body of `size` bytes of unset content. ENOMEM if there is no memory for it.
    pub fn new(size: usize) -> Result<Body> {
        let bytes = HEAD.checked_add(size).ok_or(Error::ENOMEM)?;
        let content = memory::BODIES.take(bytes)?.cast::<Content>();
        let mut head = [0; frame::HEAD_MAX];
        let len = frame::put_head(frame::Flags::NONE, size, &mut head);
        head.rotate_right(frame::HEAD_MAX - len);
        // SAFETY: freshly allocated, large enough and aligned for the content, and for `size` bytes behind its last field.
        unsafe {
            content.write(Content {
                data: content.as_ptr().cast::<u8>().add(HEAD),
                size,
                owner: Owner::Own,
                references: AtomicU32::new(1),
                _padding: [0; 3],
                head,
            });
        }
        Ok(Body(content))
    }

    /// A body of `size` bytes at `data` in a block, where its frame's head is before them.
    ///
    /// # Safety
    /// The block, of which it is an owner from now on, has these bytes, and room for the content.
    pub unsafe fn in_block(
        content: NonNull<Content>,
        data: *mut u8,
        size: usize,
        block: NonNull<Block>,
    ) -> Body {
        // SAFETY: there is room for the content, by the contract of this function.
        unsafe {
            content.write(Content {
                data,
                size,
                owner: Owner::Block(block),
                references: AtomicU32::new(1),
                _padding: [0; 3],
                head: [0; frame::HEAD_MAX],
            });
        }
        Body(content)
    }

    /// A body in the caller's memory, given back by `free` when the last reference goes.
    ///
    /// # Safety
    /// `data` is valid for `size` bytes until `free` has been called.
    pub unsafe fn foreign(
        data: *mut u8,
        size: usize,
        free: FreeFn,
        hint: *mut c_void,
    ) -> Result<Body> {
        let body = Body::new(0)?;
        // SAFETY: this is the only reference so far.
        let content = unsafe { &mut *body.0.as_ptr() };
        (content.data, content.size) = (data, size);
        content.owner = Owner::Foreign(free, hint);
        Ok(body)
    }

    fn content(&self) -> &Content {
        // SAFETY: alive as long as this reference is.
        unsafe { self.0.as_ref() }
    }

    /// The first byte. Writing is for whoever knows that nobody else reads.
    #[inline]
    pub fn data(&self) -> *mut u8 {
        self.content().data
    }

    /// The number of bytes.
    #[inline]
    pub fn size(&self) -> usize {
        self.content().size
    }

    /// The bytes.
    #[inline]
    pub fn bytes(&self) -> &[u8] {
        let content = self.content();
        if content.size == 0 {
            // The caller's may be nowhere then.
            return &[];
        }
        // SAFETY: there are so many bytes, and nobody writes to what is shared.
        unsafe { slice::from_raw_parts(content.data, content.size) }
    }

    /// The frame of a body of ours if no more parts follow: as it goes over the wire.
    #[inline]
    pub fn frame(&self) -> Option<&[u8]> {
        let content = self.content();
        if self.is_foreign() {
            return None;
        }
        let head = frame::head_len(content.size);
        // SAFETY: a body of ours has its frame's head right before it.
        unsafe {
            let frame = content.data.sub(head);
            Some(slice::from_raw_parts(frame, head + content.size))
        }
    }

    /// Takes so many references more, each to be had by [`Body::another`] or to be given up.
    pub fn add_references(&self, count: u32) {
        self.content()
            .references
            .fetch_add(count, Ordering::Relaxed);
    }

    /// Gives up so many of the references that were added.
    pub fn give_up_references(&self, count: u32) {
        self.content()
            .references
            .fetch_sub(count, Ordering::Release);
    }

    /// One of the references that were added.
    ///
    /// # Safety
    /// There is one left.
    pub unsafe fn another(&self) -> Body {
        Body(self.0)
    }

    /// How many references there are.
    #[cfg(test)]
    pub fn references(&self) -> u32 {
        self.content().references.load(Ordering::Acquire)
    }

    /// Whether the last reference calls back into the program.
    pub fn is_foreign(&self) -> bool {
        matches!(self.content().owner, Owner::Foreign(..))
    }
}

impl Clone for Body {
    fn clone(&self) -> Body {
        self.add_references(1);
        // SAFETY: just added.
        unsafe { self.another() }
    }
}

impl Drop for Body {
    #[inline]
    fn drop(&mut self) {
        let content = self.content();
        // A sole owner needs no atomic write to know that it is the last.
        if content.references.load(Ordering::Acquire) != 1
            && content.references.fetch_sub(1, Ordering::AcqRel) != 1
        {
            return;
        }
        match content.owner {
            Owner::Foreign(..) => spent::keep(Spent(self.0)),
            // SAFETY: it is one of the block's owners, and nobody has a reference to it any more.
            Owner::Block(block) => unsafe { Block::release(block) },
            // SAFETY: taken in `new` for so many bytes, and nobody has a reference any more.
            Owner::Own => unsafe { free(self.0, content.size) },
        }
    }
}

/// Gives back what [`Body::new`] has taken for a body of `size` bytes.
///
/// # Safety
/// It was, and is not used any more.
unsafe fn free(content: NonNull<Content>, size: usize) {
    // SAFETY: the same number of bytes as in `new`.
    unsafe { memory::BODIES.give_back(content.cast(), HEAD + size) };
}

/// A body of the caller's that nobody has a reference to any more, and that is to be [given back](Spent::give_back) to it.
pub struct Spent(NonNull<Content>);

// SAFETY: as for a body.
unsafe impl Send for Spent {}

impl Spent {
    /// Gives it back, by the caller's function. That may unwind the thread: so nothing is left to be done afterwards.
    pub fn give_back(self) {
        // SAFETY: alive, and this is all that is left of it.
        let Content { data, owner, .. } = unsafe { self.0.read() };
        // SAFETY: taken in `new` for a body of no bytes, and nobody has a reference any more.
        unsafe { free(self.0, 0) };
        if let Owner::Foreign(free, hint) = owner {
            // SAFETY: the caller's function, with what it was to be given: the contract of `foreign`.
            keep_errno(|| unsafe { free(data.cast(), hint) });
        }
    }
}
