//! Bodies that live outside the 64 bytes: counted references to memory of ours or of the caller.

use std::{
    ffi::c_void,
    mem::ManuallyDrop,
    ptr::NonNull,
    slice,
    sync::atomic::{AtomicU32, Ordering},
};

use super::{slab::Block, spent};
use crate::{
    error::{Error, Result, keep_errno},
    memory,
};

/// Gives a caller's buffer back to it: `zmq_free_fn` of zmq_msg_init_data(3).
pub type FreeFn = unsafe extern "C" fn(data: *mut c_void, hint: *mut c_void);

/// The head of a shared body. A body of ours is right behind the head that its frame has on the wire (RFC 23), so that the
/// two are one piece; and that follows in the same allocation, or is in the same block.
#[repr(C)]
pub struct Content {
    data: *mut u8,
    size: usize,
    free: Option<FreeFn>,
    references: AtomicU32,
    /// Both are in a block.
    in_block: bool,
    /// For a body that follows: the flag byte of a long frame, at the end.
    flags: [u8; 3],
    tail: Tail,
}

#[repr(C)]
union Tail {
    /// What a caller's function is given.
    hint: *mut c_void,
    /// For a body that follows: the length in network order, whose last two bytes are a short frame's flag byte and length.
    length: [u8; 8],
    block: NonNull<Block>,
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

/// The flag of a frame with a length of eight bytes.
const LONG: u8 = 2;

/// The head of a frame with a body of so many bytes, if no more parts follow: how many bytes it has, which are the last of these.
pub fn frame_head(size: usize) -> (usize, [u8; 9]) {
    let mut long = [LONG; 9];
    long[1..].copy_from_slice(&(size as u64).to_be_bytes());
    (if size <= 255 { 2 } else { 9 }, long)
}

const HEAD: usize = size_of::<Content>();
const _: () = assert!(HEAD == std::mem::offset_of!(Content, tail) + size_of::<Tail>());

impl Body {
    /// A body of `size` bytes of unset content. ENOMEM if there is no memory for it.
    pub fn new(size: usize) -> Result<Body> {
        let bytes = HEAD.checked_add(size).ok_or(Error::ENOMEM)?;
        let content = memory::take(bytes)?.cast::<Content>();
        // SAFETY: freshly allocated, large enough and aligned for the head and `size` bytes more.
        unsafe {
            content.write(Content {
                data: content.as_ptr().cast::<u8>().add(HEAD),
                size,
                free: None,
                references: AtomicU32::new(1),
                in_block: false,
                flags: [0, 0, LONG],
                tail: Tail {
                    length: (size as u64).to_be_bytes(),
                },
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
        // SAFETY: as promised.
        unsafe {
            content.write(Content {
                data,
                size,
                free: None,
                references: AtomicU32::new(1),
                in_block: true,
                flags: [0; 3],
                tail: Tail { block },
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
        // SAFETY: the only reference so far.
        unsafe {
            let content = &mut *body.0.as_ptr();
            (content.data, content.size, content.free) = (data, size, Some(free));
            content.tail = Tail { hint };
        }
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

    /// The frame of a body of ours if no more parts follow: as it goes over the wire.
    #[inline]
    pub fn frame(&self) -> Option<&[u8]> {
        let content = self.content();
        if content.free.is_some() {
            return None;
        }
        let (head, _) = frame_head(content.size);
        // SAFETY: so many bytes before the body are its frame's head.
        unsafe {
            let frame = content.data.sub(head);
            Some(slice::from_raw_parts(frame, head + content.size))
        }
    }

    /// The reference as a pointer; to be made one again by [`Body::from_raw`].
    #[inline]
    pub fn into_raw(self) -> *const u8 {
        ManuallyDrop::new(self).0.as_ptr().cast()
    }

    /// The reference that was made a pointer.
    ///
    /// # Safety
    /// It was, and each such pointer is made a reference once.
    #[inline]
    pub unsafe fn from_raw(at: *const u8) -> Body {
        // SAFETY: what `into_raw` gave isn't null.
        Body(unsafe { NonNull::new_unchecked(at.cast_mut().cast()) })
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
        self.content().free.is_some()
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
        match content.free {
            Some(_) => spent::keep(Spent(self.0)),
            // SAFETY: one of its owners, which nobody has a reference to any more.
            None if content.in_block => unsafe { Block::release(content.tail.block) },
            // SAFETY: taken in `new` for so many bytes, and nobody has a reference any more.
            None => unsafe { memory::give_back(self.0.cast(), HEAD + content.size) },
        }
    }
}

/// A body of the caller's that nobody has a reference to any more, and that is to be given back to it.
pub struct Spent(NonNull<Content>);

// SAFETY: as for a body.
unsafe impl Send for Spent {}

impl Drop for Spent {
    fn drop(&mut self) {
        // SAFETY: alive, and this is all that is left of it.
        let content = unsafe { self.0.as_ref() };
        if let Some(free) = content.free {
            // SAFETY: promised to `foreign`, which has set the hint.
            keep_errno(|| unsafe { free(content.data.cast(), content.tail.hint) });
        }
        // SAFETY: taken in `new` for a body of no bytes, and nobody has a reference any more.
        unsafe { memory::give_back(self.0.cast(), HEAD) };
    }
}
