//! How long a thread that waits tries again before it sleeps.
//!
//! Sleeping and being woken costs more than a short wait. So the time is adapted to what the
//! last waits were like, as a hypervisor's halt-polling does: it grows while waits are short
//! enough for trying to have caught them, and shrinks to nothing when they are longer, so that a
//! thread with nothing to do soon sleeps at once.

use std::time::{Duration, Instant};

use crate::sync::Backoff;

/// Waits up to this are worth being tried through.
const MAX: Duration = Duration::from_micros(80);
/// Where trying begins, and where it ends.
const MIN: Duration = Duration::from_micros(10);

/// Between two tries the processor is offered to others. If it takes so long to get it back,
/// there are more threads at work than processors, and trying is at their expense.
const CROWDED: Duration = Duration::from_micros(30);
/// But it may take long by chance, once in so many waits.
const CHANCE: u32 = 64;

/// The time to try, of one socket.
#[derive(Clone, Copy, Debug, Default)]
pub struct Spin {
    budget: Duration,
    /// Waits to go by until a long one is by chance again.
    suspicion: u32,
    /// Waits to go by until it is tried again, if it was at others' expense.
    backoff: Backoff,
}

impl Spin {
    /// Whether to try again rather than to sleep, in a wait that has begun then. Lets others run.
    pub fn goes_on(&mut self, began: Instant) -> bool {
        if self.budget.is_zero() {
            return false;
        }
        let waited = began.elapsed();
        if waited >= self.budget {
            return false;
        }
        std::thread::yield_now();
        if began.elapsed() - waited <= CROWDED {
            return true;
        }
        if std::mem::replace(&mut self.suspicion, CHANCE) > 0 {
            self.budget = Duration::ZERO;
            self.backoff.failed();
        }
        true
    }

    /// Learns from a wait that is over.
    pub fn learn(&mut self, began: Instant) {
        if self.backoff.pass() {
            return;
        }
        self.suspicion = self.suspicion.saturating_sub(1);
        let waited = began.elapsed();
        if waited < self.budget {
            // It was worth it.
            self.backoff.paid();
        }
        self.budget = if waited <= MAX {
            (2 * self.budget).clamp(MIN, MAX)
        } else if self.budget > MIN {
            self.budget / 2
        } else {
            Duration::ZERO
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_waits_make_it_grow_and_long_ones_end_it() {
        let mut spin = Spin::default();
        assert!(!spin.goes_on(Instant::now()));
        for _ in 0..10 {
            spin.learn(Instant::now());
        }
        assert_eq!(spin.budget, MAX);
        let long_ago = Instant::now() - Duration::from_millis(1);
        assert!(!spin.goes_on(long_ago));
        for _ in 0..5 {
            spin.learn(long_ago);
        }
        assert_eq!(spin.budget, Duration::ZERO);
    }
}
