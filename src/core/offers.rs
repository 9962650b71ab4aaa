//! Whether a thread that waits lets others run before it sleeps, though it doesn't drive its connections itself.
//!
//! Of many connections it is the I/O thread that does. If that waits for the processor that we have, or another thread
//! that the messages come from does, there may be something by the time that we have it back, and nobody had to wake
//! us; better still, there may be much. If they don't, we have looked in vain.

use std::time::{Duration, Instant};

use crate::sync::Backoff;

/// An offer is good if it brings something within this time.
const SOON: Duration = Duration::from_millis(1);
/// One that takes longer weighs as so many others that brought nothing: those who have the processor may only compute.
const LONG: u32 = 4;
/// So many offers in a row may bring nothing: it takes a few until threads take turns in this way.
const PATIENCE: u32 = 8;

/// What came of one socket's offers.
#[derive(Debug, Default)]
pub struct Offers {
    /// When the processor was offered, in this wait.
    made: Option<Instant>,
    /// How many offers more may bring nothing. Then waits go by.
    patience: u32,
    backoff: Backoff,
}

impl Offers {
    /// Whether to look again rather than to sleep, once in a wait. Lets others run.
    pub fn make(&mut self) -> bool {
        if let Some(made) = self.made.take() {
            self.judge(made.elapsed(), false);
            return false;
        }
        if self.backoff.pass() {
            return false;
        }
        self.made = Some(Instant::now());
        std::thread::yield_now();
        true
    }

    /// Learns from a wait that is over.
    pub fn learn(&mut self) {
        if let Some(made) = self.made.take() {
            self.judge(made.elapsed(), true);
        }
    }

    fn judge(&mut self, took: Duration, brought: bool) {
        let soon = took <= SOON;
        if soon && brought {
            self.patience = (self.patience + 1).min(PATIENCE);
            self.backoff.paid();
        } else if self.patience > 0 {
            let weight = if soon { 1 } else { LONG };
            self.patience = self.patience.saturating_sub(weight);
        } else {
            self.patience = PATIENCE;
            self.backoff.failed();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One wait. Whether an offer was made in it.
    fn wait(offers: &mut Offers, brings: bool) -> bool {
        let made = offers.make();
        if made && !brings {
            assert!(!offers.make(), "twice in a wait");
        }
        offers.learn();
        made
    }

    #[test]
    fn offers_that_bring_nothing_become_rare() {
        let mut offers = Offers::default();
        let made = (0..1000).filter(|_| wait(&mut offers, false)).count();
        assert!((1..100).contains(&made), "{made} offers");
    }

    #[test]
    fn good_offers_are_followed_by_others() {
        let mut offers = Offers::default();
        (0..100).for_each(|_| _ = wait(&mut offers, false));
        while !wait(&mut offers, true) {}
        assert!((0..1000).all(|i| wait(&mut offers, i % 4 > 0)));
    }
}
