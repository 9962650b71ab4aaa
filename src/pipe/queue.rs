//! What the two ends of the byte queue share.

use std::{
    cell::Cell,
    ptr,
    sync::{
        Arc,
        atomic::{AtomicPtr, AtomicU64, AtomicUsize, Ordering},
    },
};

use super::{
    gauge::Gauge,
    reader::Reader,
    record,
    segment::{Link, Segment},
    writer::Writer,
};
use crate::error::Result;

/// Bodies from this size on are passed by reference, smaller ones are copied (bytes).
///
/// Where a copy costs as much as what it saves: an allocation, two more pieces for the kernel to
/// gather, and a free on another processor.
pub const REFERENCE_MIN: usize = 8 * 1024;

/// The same for bodies that are shared already, so that a reference needs no allocation, and the
/// copies would be many.
pub const SHARED_MIN: usize = 512;

/// The same for messages to a socket of this process, where a reference needs no allocation either. A copy goes from
/// processor to processor: faster than the message's memory, which is freed far from where it was allocated, as long as they
/// share a cache, and several times as slowly if they don't.
pub const MESSAGE_MIN: usize = 2048;

/// The list of segments from the reader's to the writer's, and the count of published bytes.
///
/// The writer sets `first` once, before it publishes anything. Segments travel: from the writer,
/// by publishing what is in them, to the reader, and by `spare` back.
///
/// In this order in memory: what each message needs is close together.
#[repr(C)]
pub struct Shared {
    pub(super) bytes: Gauge,
    /// Where the last segment that was sealed ends, in bytes since the beginning; or further on, if the writer has rolled back
    /// since. A reader beyond that need not look at the head of its segment. Written before what follows is published.
    pub(super) sealed: AtomicU64,
    pub(super) first: AtomicPtr<Segment>,
    spare: AtomicPtr<Segment>,
    /// Where the reader stopped: segment, offset and bytes since the beginning. Written when the
    /// reader is dropped and read when both are, with `gone` between.
    unread: Cell<(Option<Link>, usize, u64)>,
    /// How many of the ends are gone. The second one sees all that the first one did; so it would by
    /// the count of the `Arc`, but there the thread sanitizer doesn't see it.
    gone: AtomicUsize,
}

// SAFETY: the atomics speak for themselves; `unread` is accessed as described there.
unsafe impl Send for Shared {}
// SAFETY: as above.
unsafe impl Sync for Shared {}

/// A new queue. Its reader counts as awake.
pub fn queue() -> (Writer, Reader) {
    let shared = Arc::new(Shared {
        bytes: Gauge::new(),
        sealed: AtomicU64::new(0),
        first: AtomicPtr::new(ptr::null_mut()),
        spare: AtomicPtr::new(ptr::null_mut()),
        unread: Cell::new((None, 0, 0)),
        gone: AtomicUsize::new(0),
    });
    (Writer::new(shared.clone()), Reader::new(shared))
}

impl Shared {
    pub(super) fn first(&self) -> Option<Link> {
        Link::new(self.first.load(Ordering::Acquire))
    }

    /// A segment: the spare one if it has at least `least` bytes, else one of `capacity`.
    pub(super) fn take_spare(&self, capacity: usize, least: usize) -> Result<Link> {
        if let Some(spare) = Link::new(self.spare.swap(ptr::null_mut(), Ordering::AcqRel)) {
            // SAFETY: whoever swaps it out owns it.
            unsafe {
                if spare.as_ref().capacity() >= least {
                    spare.as_ref().reopen();
                    return Ok(spare);
                }
                Segment::free(spare);
            }
        }
        Segment::allocate(capacity)
    }

    /// Keeps a segment for the writer to use again.
    ///
    /// # Safety
    /// It is the caller's, and not used any more.
    pub(super) unsafe fn put_spare(&self, segment: Link) {
        if let Some(old) = Link::new(self.spare.swap(segment.as_ptr(), Ordering::AcqRel)) {
            // SAFETY: whoever swaps it out owns it.
            unsafe { Segment::free(old) };
        }
    }

    /// One of the ends is done with it all.
    pub(super) fn leave(&self) {
        self.gone.fetch_add(1, Ordering::AcqRel);
    }

    pub(super) fn set_unread(&self, segment: Option<Link>, offset: usize, total: u64) {
        self.unread.set((segment, offset, total));
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        let (segment, mut offset, mut total) = self.unread.get();
        let mut at = segment.or_else(|| self.first());
        let end = self.bytes.count();
        // SAFETY: both ends are gone: all segments are ours, with whole records up to `end`.
        unsafe {
            while let Some(segment) = at {
                while total < end && offset != segment.as_ref().end() {
                    let bytes = Segment::at(segment, offset);
                    let size = record::size(bytes);
                    record::discard(bytes);
                    (offset, total) = (offset + size, total + size as u64);
                }
                at = segment.as_ref().next();
                offset = 0;
                Segment::free(segment);
            }
            if let Some(spare) = Link::new(*self.spare.get_mut()) {
                Segment::free(spare);
            }
        }
    }
}
