//! The memory of a pipe: a linked list of byte segments.

use std::{
    ptr::{self, NonNull},
    slice,
    sync::atomic::{AtomicPtr, AtomicUsize, Ordering},
};

use crate::{
    error::{Error, Result},
    memory::SEGMENTS,
};

/// The head of a segment; its bytes follow in the same allocation, and are set from the beginning.
///
/// The writer owns the bytes from its position on, the reader those before what is published.
/// `end` and `next` are set by the writer before it publishes the first byte of the next segment,
/// and read by the reader only once that byte is published.
pub struct Segment {
    next: AtomicPtr<Segment>,
    end: AtomicUsize,
    capacity: usize,
}

/// `end` of a segment that is still written to.
pub const OPEN: usize = usize::MAX;

/// A pointer to a segment; who may use it for what is up to the queue.
pub type Link = NonNull<Segment>;

impl Segment {
    /// A segment for so many bytes. ENOMEM if there is no memory for it.
    pub fn allocate(capacity: usize) -> Result<Link> {
        let bytes = capacity
            .checked_add(size_of::<Segment>())
            .ok_or(Error::ENOMEM)?;
        let segment = SEGMENTS.take(bytes)?.cast::<Segment>();
        let head = Segment {
            next: AtomicPtr::new(ptr::null_mut()),
            end: AtomicUsize::new(OPEN),
            capacity,
        };
        // SAFETY: just allocated with room and alignment for it.
        unsafe { segment.write(head) };
        Ok(segment)
    }

    /// Gives the memory back.
    ///
    /// # Safety
    /// Nobody uses the segment any more.
    pub unsafe fn free(segment: Link) {
        // SAFETY: the caller is the last to use it; so many bytes were taken by `allocate`.
        unsafe {
            let bytes = segment.as_ref().capacity + size_of::<Segment>();
            SEGMENTS.give_back(segment.cast(), bytes);
        }
    }

    #[inline]
    fn data(segment: Link) -> *mut u8 {
        // The bytes follow the head.
        segment.as_ptr().wrapping_add(1).cast()
    }

    /// The address of a byte, to be looked at by nobody but the processor.
    #[inline]
    pub fn address(segment: Link, offset: usize) -> *const u8 {
        Segment::data(segment).wrapping_add(offset)
    }

    /// Some of the bytes.
    ///
    /// # Safety
    /// The segment is alive for as long as they are used, they are within its capacity, and nobody writes to them.
    #[inline(always)]
    pub unsafe fn bytes<'a>(segment: Link, offset: usize, len: usize) -> &'a [u8] {
        // SAFETY: within the allocation, and set, by the contract of this function.
        unsafe { slice::from_raw_parts(Segment::data(segment).add(offset), len) }
    }

    /// Some of the bytes, to be written to.
    ///
    /// # Safety
    /// The segment is alive for as long as they are used, they are within its capacity, and nobody else uses them.
    #[inline(always)]
    pub unsafe fn bytes_mut<'a>(segment: Link, offset: usize, len: usize) -> &'a mut [u8] {
        // SAFETY: within the allocation, set, and the caller's alone, by the contract of this function.
        unsafe { slice::from_raw_parts_mut(Segment::data(segment).add(offset), len) }
    }

    /// How many bytes it can hold.
    #[inline]
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// Where it ends, or [`OPEN`].
    #[inline]
    pub fn end(&self) -> usize {
        self.end.load(Ordering::Acquire)
    }

    /// The segment after it.
    pub fn next(&self) -> Option<Link> {
        NonNull::new(self.next.load(Ordering::Acquire))
    }

    /// Ends it at an offset, with another one after it.
    pub fn seal(&self, end: usize, next: Link) {
        self.next.store(next.as_ptr(), Ordering::Release);
        self.end.store(end, Ordering::Release);
    }

    /// Makes it the last one again, still to be written to.
    pub fn reopen(&self) {
        self.end.store(OPEN, Ordering::Release);
        self.next.store(ptr::null_mut(), Ordering::Release);
    }
}
