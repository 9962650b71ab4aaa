//! When to try again what may not pay: an exponential backoff, counted in occasions.

use super::constants::{BACKOFF_MAX, BACKOFF_MIN};

/// How often it has failed, and how many occasions go by for that.
#[derive(Clone, Copy, Debug, Default)]
pub struct Backoff {
    left: u32,
    last: u32,
}

impl Backoff {
    /// An occasion has come. True if it is to go by.
    pub fn pass(&mut self) -> bool {
        let goes_by = self.left > 0;
        self.left = self.left.saturating_sub(1);
        goes_by
    }

    /// It didn't pay.
    pub fn failed(&mut self) {
        self.last = (2 * self.last).clamp(BACKOFF_MIN, BACKOFF_MAX);
        self.left = self.last;
    }

    /// It paid. So the next failure weighs less.
    pub fn paid(&mut self) {
        self.last -= self.last / 8;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passed(backoff: &mut Backoff) -> u32 {
        std::iter::from_fn(|| backoff.pass().then_some(())).count() as u32
    }

    #[test]
    fn each_failure_costs_twice_as_many_occasions_until_it_pays_again() {
        let mut backoff = Backoff::default();
        assert!(!backoff.pass());
        for times in 0..12 {
            backoff.failed();
            assert_eq!(
                passed(&mut backoff),
                (BACKOFF_MIN << times).min(BACKOFF_MAX)
            );
        }
        (0..100).for_each(|_| backoff.paid());
        backoff.failed();
        assert_eq!(passed(&mut backoff), BACKOFF_MIN);
    }
}
