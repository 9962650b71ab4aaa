//! A counter that one thread advances and another waits on: the only hand-over inside a pipe.
//!
//! Two of them make a pipe safe: one counts the bytes that the writer has published, the other
//! the messages for which the reader has returned credit. The side that waits marks the gauge as
//! *asleep* in the same atomic step that checks that nothing has come; the side that advances
//! learns in the same atomic step whether the other sleeps. So either the waiter sees the
//! advance, or the advancer sees the sleeper, whichever comes first: no wake-up is lost, and none
//! is sent to somebody who is awake.

#[cfg(loom)]
use loom::sync::atomic::{AtomicU64, Ordering};
#[cfg(not(loom))]
use std::sync::atomic::{AtomicU64, Ordering};

/// A monotone count, with one side that advances it and one that waits for that.
#[derive(Default)]
pub struct Gauge(AtomicU64);

const ASLEEP: u64 = 1;
const CLOSED: u64 = 2;
const ONE: u64 = 4;

impl Gauge {
    /// A gauge at zero with nobody asleep.
    pub fn new() -> Gauge {
        Gauge::default()
    }

    /// Advances the count. True if the waiter slept: the caller is then the one to wake it.
    #[inline]
    #[must_use]
    pub fn advance(&self, by: u64) -> bool {
        let before = self.0.fetch_add(by * ONE, Ordering::AcqRel);
        before & ASLEEP != 0 && self.rouse()
    }

    /// Says that there will be no more. True as with [`Gauge::advance`].
    #[must_use]
    pub fn close(&self) -> bool {
        let before = self.0.fetch_or(CLOSED, Ordering::AcqRel);
        before & ASLEEP != 0 && self.rouse()
    }

    /// Of several that see the sleeper, one is to wake it.
    #[cold]
    fn rouse(&self) -> bool {
        self.0.fetch_and(!ASLEEP, Ordering::AcqRel) & ASLEEP != 0
    }

    /// The count. What was written before it was advanced so far is visible.
    #[inline]
    pub fn count(&self) -> u64 {
        self.0.load(Ordering::Acquire) / ONE
    }

    /// Whether it was closed.
    pub fn is_closed(&self) -> bool {
        self.0.load(Ordering::Acquire) & CLOSED != 0
    }

    /// Whether somebody sleeps, and the next advance will have to wake it.
    pub fn is_asleep(&self) -> bool {
        self.0.load(Ordering::Acquire) & ASLEEP != 0
    }

    /// Goes to sleep unless the count has passed `seen` or the gauge was closed: then false.
    #[must_use]
    pub fn sleep(&self, seen: u64) -> bool {
        let still = seen * ONE;
        match self
            .0
            .compare_exchange(still, still | ASLEEP, Ordering::AcqRel, Ordering::Acquire)
        {
            Ok(_) => true,
            Err(now) => now == still | ASLEEP,
        }
    }
}
