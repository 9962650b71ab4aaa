//! How long a thread that waits tries again before it sleeps.
//!
//! Sleeping and being woken costs more than a short wait. So the time is adapted to what the
//! last waits were like, as a hypervisor's halt-polling does: it grows while waits are short
//! enough for trying to have caught them, and shrinks to nothing when they are longer, so that a
//! thread with nothing to do soon sleeps at once.

use std::time::{Duration, Instant};

/// Waits up to this are worth being tried through.
const MAX: Duration = Duration::from_micros(80);
/// Where trying begins, and where it ends.
const MIN: Duration = Duration::from_micros(10);

/// The time to try, of one socket.
#[derive(Clone, Copy, Debug, Default)]
pub struct Spin(Duration);

impl Spin {
    /// Whether to go on trying, a while after the wait has begun.
    pub fn goes_on(self, waited: Duration) -> bool {
        waited < self.0
    }

    /// Learns from a wait that is over.
    pub fn learn(&mut self, began: Instant) {
        let waited = began.elapsed();
        self.0 = if waited <= MAX {
            (2 * self.0).clamp(MIN, MAX)
        } else if self.0 > MIN {
            self.0 / 2
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
        assert!(!spin.goes_on(Duration::ZERO));
        for _ in 0..10 {
            spin.learn(Instant::now());
        }
        assert!(spin.goes_on(Duration::from_micros(70)));
        assert!(!spin.goes_on(Duration::from_micros(80)));
        let long_ago = Instant::now() - Duration::from_millis(1);
        for _ in 0..5 {
            spin.learn(long_ago);
        }
        assert!(!spin.goes_on(Duration::ZERO));
    }
}
