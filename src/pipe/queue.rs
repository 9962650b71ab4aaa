//! What the two ends of the byte queue share.

use std::{
    ptr,
    sync::{
        Arc,
        atomic::{AtomicPtr, AtomicU64, AtomicUsize, Ordering},
    },
};

use super::{
    Depth, aside,
    flow::Flow,
    gauge::Gauge,
    rx::Rx,
    segment::{Link, Segment},
    tx::Tx,
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
/// The writer sets `first` once, before it publishes anything, and the reader when it goes. Segments travel: from the writer,
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
    /// How many of the ends are gone. The second one sees all that the first one did; so it would by
    /// the count of the `Arc`, but there the thread sanitizer doesn't see it.
    gone: AtomicUsize,
}

/// One direction of a pipe. Its reader counts as awake.
pub fn channel(depth: impl Into<Depth>) -> (Tx, Rx) {
    let shared = Arc::new(Shared {
        bytes: Gauge::new(),
        sealed: AtomicU64::new(0),
        first: AtomicPtr::new(ptr::null_mut()),
        spare: AtomicPtr::new(ptr::null_mut()),
        gone: AtomicUsize::new(0),
    });
    let flow = Arc::new(Flow::new(depth.into()));
    let (producer, consumer) = aside::queue();
    (
        Tx::new(shared.clone(), flow.clone(), producer),
        Rx::new(shared, flow, consumer),
    )
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

    /// The reader is done with it all: what is left begins with this segment, if it has got as far as to one.
    pub(super) fn leave_at(&self, segment: Option<Link>) {
        if let Some(segment) = segment {
            self.first.store(segment.as_ptr(), Ordering::Release);
        }
        self.leave();
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.gone.load(Ordering::Acquire);
        let mut left = self.first();
        // SAFETY: both ends are gone, so that all segments from the first one on are ours, as is the spare one.
        unsafe {
            while let Some(segment) = left {
                left = segment.as_ref().next();
                Segment::free(segment);
            }
            if let Some(spare) = Link::new(*self.spare.get_mut()) {
                Segment::free(spare);
            }
        }
    }
}
