//! Where threads say which lock they are inside of, as its bias owners.
//!
//! Each thread that ever was the owner of a [`Biased`](super::Biased) lock has one record, whichever lock that is. Nobody
//! else writes to it, so that a thread which is late to find out that it isn't an owner any more can't hide another one.
//! Records are found by what tells threads apart. A thread may have the record of one that has ended, which can't be on its
//! way in anywhere.

use std::ptr;

use super::atomic::{AtomicPtr, AtomicUsize, Ordering};

/// One thread's. Never freed, so that whoever has read a stale pointer still reads a record.
#[repr(align(64))]
pub struct Record {
    /// Whose it is.
    pub thread: usize,
    /// The address of the lock that the thread is inside of, or about to find out that it can't be; zero: none.
    pub inside: AtomicUsize,
    /// The [process](super::fork::generation) of the thread. One of a child may be told apart from one of its parent by
    /// nothing else, and that one may have been inside when the child was forked.
    generation: u32,
    next: *mut Record,
}

// SAFETY: `next` is not written to once others see the record.
unsafe impl Send for Record {}
// SAFETY: as above.
unsafe impl Sync for Record {}

/// As many as spread the threads of a large program.
const BUCKETS: usize = if cfg!(loom) { 1 } else { 256 };

/// Lists of records. Only ever prepended to, without a lock, so that a forked child finds them whole.
struct Records([AtomicPtr<Record>; BUCKETS]);

#[cfg(not(loom))]
static RECORDS: Records = Records([const { AtomicPtr::new(ptr::null_mut()) }; BUCKETS]);
#[cfg(loom)]
loom::lazy_static! {
    static ref RECORDS: Records = Records(std::array::from_fn(|_| AtomicPtr::new(ptr::null_mut())));
}

#[cfg(not(loom))]
use super::fork::generation;
#[cfg(loom)]
fn generation() -> u32 {
    0
}

/// The record of the calling thread.
pub fn record(thread: usize) -> *mut Record {
    let generation = generation();
    // What tells threads apart differs in its middle bits; the product's upper ones depend on all of them.
    let hash = (thread as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56;
    let bucket = &RECORDS.0[hash as usize % BUCKETS];
    let mut first = bucket.load(Ordering::Acquire);
    let mut at = first;
    // SAFETY: records are never freed.
    while let Some(record) = unsafe { at.as_ref() } {
        if (record.thread, record.generation) == (thread, generation) {
            return at;
        }
        at = record.next;
    }
    let new = Box::into_raw(Box::new(Record {
        thread,
        inside: AtomicUsize::new(0),
        generation,
        next: first,
    }));
    while let Err(other) = bucket.compare_exchange(first, new, Ordering::AcqRel, Ordering::Acquire)
    {
        first = other;
        // SAFETY: nobody else has seen it yet.
        unsafe { (*new).next = first };
    }
    new
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_thread_has_one_record_for_ever() {
        let records = [64, 128, 64, 128].map(record);
        assert_eq!(records[0], records[2]);
        assert_eq!(records[1], records[3]);
        assert_ne!(records[0], records[1]);
        // SAFETY: records are never freed.
        assert_eq!(unsafe { (*records[0]).thread }, 64);
    }
}
