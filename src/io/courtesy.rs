//! When an I/O thread gives way to the sender that has woken it.
//!
//! Whoever writes to a thread's connections on the same processor is interrupted by waking it. If it is woken for each of many
//! connections, the two take turns at every message. So a sender that is known to go on is let go on first, once for each
//! wait: what it has left by then is written together.
//!
//! It may compute before it sends more, though, or others may get the processor. A time that was long is followed by a
//! [`Backoff`].

use std::time::{Duration, Instant};

use crate::sync::Backoff;

/// A time up to this needs nothing to make up for it.
const SHORT: Duration = Duration::from_millis(1);

/// What an I/O thread knows of those that it lets run.
#[derive(Default)]
pub struct Courtesy {
    backoff: Backoff,
    /// It has given way since the last wait.
    gave_way: bool,
}

impl Courtesy {
    /// A wait is over.
    pub fn rise(&mut self) {
        self.gave_way = false;
    }

    /// Lets a sender go on that may have been interrupted in the midst of it, once for each wait at the most. What it has
    /// left waits meanwhile, as long as it, or anybody else who gets the processor, computes.
    pub fn give_way(&mut self) {
        if std::mem::replace(&mut self.gave_way, true) || self.backoff.pass() {
            return;
        }
        let began = Instant::now();
        std::thread::yield_now();
        self.judge(began.elapsed());
    }

    fn judge(&mut self, took: Duration) {
        match took > SHORT {
            true => self.backoff.failed(),
            false => self.backoff.paid(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn way_is_given_rarely_to_those_who_compute() {
        let mut courtesy = Courtesy::default();
        courtesy.judge(SHORT);
        assert!(!courtesy.backoff.pass());
        courtesy.judge(2 * SHORT);
        assert!(courtesy.backoff.pass());
    }
}
