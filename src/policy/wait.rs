//! Whether a thread that has nothing to do tries again, lets others run, or sleeps.

use std::time::Duration;

use super::{
    Backoff,
    constants::{CROWDED, CROWDED_CHANCE, SPIN_MAX, SPIN_MIN, WAY_SHORT},
};
use crate::sync::{Mechanism, uses};

/// How long a thread that waits for a socket tries again before it sleeps.
///
/// Sleeping and being woken costs more than a short wait. So the time is adapted to what the last waits were like, as a
/// hypervisor's halt-polling does: it grows while waits are short enough for trying to have caught them, and shrinks to
/// nothing when they are longer, so that a thread with nothing to do soon sleeps at once. Between two tries others are let
/// run; where that takes long, trying is at their expense, and is given up for a while.
#[derive(Clone, Copy, Debug, Default)]
pub struct Spin {
    budget: Duration,
    /// Waits to go by until a long yield is by chance again.
    suspicion: u32,
    /// Waits to go by until it is tried again, if it was at others' expense.
    backoff: Backoff,
}

impl Spin {
    /// Whether to try again rather than to sleep, in a wait that has taken so long. The caller then yields, and
    /// [says](Spin::on_yield) how long that took.
    pub fn goes_on(&self, waited: Duration) -> bool {
        waited < self.budget && uses(Mechanism::Spin)
    }

    /// Others were let run for so long.
    pub fn on_yield(&mut self, took: Duration) {
        if took > CROWDED && std::mem::replace(&mut self.suspicion, CROWDED_CHANCE) > 0 {
            self.budget = Duration::ZERO;
            self.backoff.failed();
        }
    }

    /// A wait is over, which has taken so long.
    pub fn learn(&mut self, waited: Duration) {
        if self.backoff.pass() {
            return;
        }
        self.suspicion = self.suspicion.saturating_sub(1);
        if waited < self.budget {
            // It was worth it.
            self.backoff.paid();
        }
        self.budget = if waited <= SPIN_MAX {
            (2 * self.budget).clamp(SPIN_MIN, SPIN_MAX)
        } else if self.budget > SPIN_MIN {
            self.budget / 2
        } else {
            Duration::ZERO
        };
    }
}

/// When an I/O thread gives way to the sender that has woken it.
///
/// Whoever writes to a thread's connections on the same processor is interrupted by waking it. If it is woken for each of many
/// connections, the two take turns at every message. So a sender that is known to go on
/// ([`TellLazily`](super::flush::Flush::TellLazily)) is let go on first, once for each wait: what it has left by then is written
/// together. It may compute before it sends more, though, or others may get the processor: a time that was long is followed by a
/// [`Backoff`].
#[derive(Debug, Default)]
pub struct GiveWay {
    backoff: Backoff,
    /// It has given way since the last wait.
    gave_way: bool,
}

impl GiveWay {
    /// The I/O thread has waited.
    pub fn on_wait(&mut self) {
        self.gave_way = false;
    }

    /// Whether to yield to a sender that goes on. The caller then [says](GiveWay::on_yield) how long that took.
    pub fn yields(&mut self) -> bool {
        uses(Mechanism::GiveWay)
            && !std::mem::replace(&mut self.gave_way, true)
            && !self.backoff.pass()
    }

    /// Others were let run for so long.
    pub fn on_yield(&mut self, took: Duration) {
        match took > WAY_SHORT {
            true => self.backoff.failed(),
            false => self.backoff.paid(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_millis(1);

    fn budget_after(spin: &mut Spin, waits: usize, waited: Duration) -> Duration {
        (0..waits).for_each(|_| spin.learn(waited));
        spin.budget
    }

    #[test]
    fn short_waits_make_it_grow_and_long_ones_end_it() {
        let mut spin = Spin::default();
        assert!(!spin.goes_on(Duration::ZERO));
        assert_eq!(budget_after(&mut spin, 10, SPIN_MIN), SPIN_MAX);
        assert!(spin.goes_on(SPIN_MIN) && !spin.goes_on(SPIN_MAX));
        assert_eq!(budget_after(&mut spin, 5, LONG), Duration::ZERO);
    }

    #[test]
    fn one_long_yield_is_by_chance_and_two_are_not() {
        let mut spin = Spin::default();
        budget_after(&mut spin, 10, SPIN_MIN);
        spin.on_yield(2 * CROWDED);
        assert!(spin.goes_on(SPIN_MIN));
        budget_after(&mut spin, CROWDED_CHANCE as usize, SPIN_MIN);
        spin.on_yield(2 * CROWDED);
        assert!(spin.goes_on(SPIN_MIN));
        spin.on_yield(2 * CROWDED);
        assert!(!spin.goes_on(Duration::ZERO));
        // Short waits don't bring it back for a while.
        assert_eq!(budget_after(&mut spin, 10, SPIN_MIN), Duration::ZERO);
        assert_eq!(budget_after(&mut spin, 30, SPIN_MIN), SPIN_MAX);
    }

    #[test]
    fn way_is_given_once_a_wait_and_rarely_to_those_who_compute() {
        let mut way = GiveWay::default();
        assert!(way.yields() && !way.yields());
        way.on_yield(WAY_SHORT);
        way.on_wait();
        assert!(way.yields());
        way.on_yield(2 * WAY_SHORT);
        way.on_wait();
        assert!(!way.yields());
    }
}
