//! A counter that one thread advances and another waits on: the only hand-over inside a pipe.
//!
//! Two of them make a pipe safe: one counts the bytes that the writer has published, the other
//! the messages for which the reader has returned credit. The side that waits marks the gauge as
//! *asleep* and then looks whether the count has moved; the side that advances moves the count and
//! then looks whether the other sleeps. With a full fence between the two steps on either side not
//! both can miss the other: either the waiter sees the advance, or the advancer sees the sleeper.
//! No wake-up is lost, and none is sent to somebody who is awake.
//!
//! The fence is most of what it costs to pass a small message on: it waits until the message has
//! left the processor. So a side that advances again and again while nobody falls asleep marks the
//! gauge as *busy*, and from then on does without the fence. The side that waits has to clear that
//! mark first, and then makes up for the fence by a [heavy barrier](crate::sync::heavy). That one
//! costs hundreds of nanoseconds, or thousands while other threads of the process run: so its
//! price is measured, and set against the fences that the last streak would have cost. Who advances
//! many gauges in turn posts to all of them, and does with one fence.
//!
//! Who owns what: `count`, `streak` and `wanted` are written by the side that advances alone,
//! `price` by the one that waits; `marks` by both, in atomic steps.

use std::time::Instant;

use crate::sync::{
    Mechanism,
    atomic::{AtomicU32, AtomicU64, Ordering},
    heavy, is_barrier_available, light, uses,
};

/// A monotone count, with one side that advances it and one that waits for that.
pub struct Gauge {
    count: AtomicU64,
    marks: AtomicU32,
    /// How often it was advanced in a row with nobody asleep, and how often it has to be until
    /// it is busy.
    streak: AtomicU32,
    wanted: AtomicU32,
    /// What the last heavy barrier took, in nanoseconds.
    price: AtomicU32,
}

const ASLEEP: u32 = 1;
const CLOSED: u32 = 2;
const BUSY: u32 = 4;

/// So long a streak makes it busy at first.
const STREAK: u32 = if cfg!(loom) { 1 } else { 256 };
const STREAK_MAX: u32 = 1 << 24;
/// What a fence costs while messages are on their way through it, in nanoseconds.
const FENCE: u32 = 8;

impl Default for Gauge {
    fn default() -> Gauge {
        Gauge {
            count: AtomicU64::new(0),
            marks: AtomicU32::new(0),
            streak: AtomicU32::new(0),
            wanted: AtomicU32::new(STREAK),
            price: AtomicU32::new(0),
        }
    }
}

impl Gauge {
    /// A gauge at zero with nobody asleep.
    pub fn new() -> Gauge {
        Gauge::default()
    }

    /// A gauge at zero whose waiter is asleep.
    #[cfg(all(test, loom))]
    fn new_asleep() -> Gauge {
        Gauge {
            marks: AtomicU32::new(ASLEEP),
            ..Gauge::default()
        }
    }

    /// Advances the count. True if the waiter slept: the caller is then the one to wake it.
    #[inline(always)]
    #[must_use]
    pub fn advance(&self, by: u64) -> bool {
        let is_busy = self.is_busy();
        let streak = self.add_to_streak();
        let count = self.count.load(Ordering::Relaxed) + by;
        if is_busy {
            self.count.store(count, Ordering::Release);
            light();
            return !self.is_busy() && self.settle();
        }
        self.count.swap(count, Ordering::SeqCst);
        self.look(streak)
    }

    /// Makes up for the fence that a busy gauge was advanced without.
    #[cold]
    fn settle(&self) -> bool {
        self.count.fetch_add(0, Ordering::SeqCst);
        self.look(self.streak.load(Ordering::Relaxed))
    }

    #[inline(always)]
    fn add_to_streak(&self) -> u32 {
        let streak = self.streak.load(Ordering::Relaxed).wrapping_add(1);
        self.streak.store(streak, Ordering::Relaxed);
        streak
    }

    /// Looks who sleeps, after an advance and a full fence.
    #[inline(always)]
    fn look(&self, streak: u32) -> bool {
        let marks = self.marks.load(Ordering::SeqCst);
        if marks & ASLEEP == 0 && streak < self.wanted.load(Ordering::Relaxed) {
            return false;
        }
        self.end_streak(marks)
    }

    /// Advances the count, but does not look who sleeps: the caller owes the gauge a [`Gauge::check`], after a full fence
    /// (SeqCst) that can be one for many gauges.
    #[inline(always)]
    pub fn post(&self, by: u64) {
        let count = self.count.load(Ordering::Relaxed) + by;
        self.count.store(count, Ordering::Release);
    }

    /// Whether the waiter slept when the count was posted: true as with [`Gauge::advance`].
    #[inline(always)]
    #[must_use]
    pub fn check(&self) -> bool {
        self.is_asleep() && self.end_streak(ASLEEP)
    }

    /// It is time to become busy, or there is somebody to wake.
    #[cold]
    fn end_streak(&self, marks: u32) -> bool {
        let wanted = self.wanted.load(Ordering::Relaxed);
        if marks & ASLEEP == 0 {
            // If the other side has fallen asleep meanwhile, the next advance is to find out.
            if is_barrier_available() && uses(Mechanism::Streaming) {
                let _ = self
                    .marks
                    .compare_exchange(0, BUSY, Ordering::SeqCst, Ordering::Relaxed);
            }
            return false;
        }
        let streak = self.streak.swap(0, Ordering::Relaxed);
        let price = self.price.load(Ordering::Relaxed) / FENCE;
        // The price isn't known before there was a barrier.
        if price > 0 && streak > 2 * price {
            self.wanted.store((price / 2).max(1), Ordering::Relaxed);
        } else if streak >= wanted {
            self.wanted
                .store((2 * wanted).min(STREAK_MAX), Ordering::Relaxed);
        }
        self.rouse()
    }

    /// Says that there will be no more. True as with [`Gauge::advance`].
    #[must_use]
    pub fn close(&self) -> bool {
        let before = self.marks.fetch_or(CLOSED, Ordering::SeqCst);
        before & ASLEEP != 0 && self.rouse()
    }

    /// Of several that see the sleeper, one is to wake it.
    #[cold]
    fn rouse(&self) -> bool {
        self.marks.fetch_and(!ASLEEP, Ordering::SeqCst) & ASLEEP != 0
    }

    /// The count. What was written before it was advanced so far is visible.
    #[inline]
    pub fn count(&self) -> u64 {
        self.count.load(Ordering::Acquire)
    }

    /// Whether it is advanced again and again, with nobody asleep.
    #[inline(always)]
    pub fn is_busy(&self) -> bool {
        self.marks.load(Ordering::Relaxed) == BUSY
    }

    /// Whether it was closed.
    pub fn is_closed(&self) -> bool {
        self.marks.load(Ordering::Acquire) & CLOSED != 0
    }

    /// Whether somebody sleeps, and the next advance will have to wake it.
    pub fn is_asleep(&self) -> bool {
        self.marks.load(Ordering::Acquire) & ASLEEP != 0
    }

    /// Goes to sleep unless the count has passed `seen` or the gauge was closed: then false.
    #[must_use]
    pub fn sleep(&self, seen: u64) -> bool {
        let mut marks = self.marks.load(Ordering::SeqCst);
        loop {
            if marks & CLOSED != 0 {
                return false;
            }
            if self.count() != seen {
                // Who slept and is told of what it has found by itself is told once too often.
                return false;
            }
            if marks & ASLEEP != 0 {
                return true;
            }
            match self
                .marks
                .compare_exchange(marks, ASLEEP, Ordering::SeqCst, Ordering::SeqCst)
            {
                Ok(_) => break,
                Err(now) => marks = now,
            }
        }
        if marks & BUSY != 0 {
            let began = Instant::now();
            heavy();
            let price = began.elapsed().as_nanos().clamp(1, 1 << 20);
            self.price.store(price as u32, Ordering::Relaxed);
        }
        // Where SeqCst is no more than AcqRel.
        #[cfg(loom)]
        crate::sync::atomic::fence(Ordering::SeqCst);
        let still = self.count.load(Ordering::SeqCst) == seen;
        if !still {
            // Unless the other side has seen the mark first: then the wake-up is on its way.
            let _ = self.rouse();
        }
        still
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    /// Else each sleep takes a heavy barrier until the streak that is wanted has doubled often enough.
    #[test]
    fn it_is_not_busy_before_the_first_long_streak() {
        let gauge = Gauge::new();
        for _ in 0..10 {
            assert!(gauge.sleep(gauge.count()));
            assert!(gauge.advance(1));
            assert!(!gauge.advance(1));
        }
        assert!(!gauge.is_busy());
        (0..STREAK).for_each(|_| assert!(!gauge.advance(1)));
        assert_eq!(gauge.is_busy(), is_barrier_available());
    }
}

#[cfg(all(test, loom))]
mod model;
