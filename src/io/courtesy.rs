//! When an I/O thread lets others run before it looks again.
//!
//! Whoever writes to a thread's connections on the same processor is interrupted by waking it. If
//! it is woken for each of many connections, the two take turns at every message. So after it has
//! served few of many, it offers the processor to whoever was interrupted, who goes on to write to
//! others, and finds many to be served then. If nobody wants to run that costs next to nothing,
//! and what it was woken for has been served before. Only to a sender that is known to go on it
//! gives way at once.
//!
//! Others may only compute, though, and a sender may do so before it sends more. A time that was long, for what has come in
//! it, is followed by a [`Backoff`].

use std::time::{Duration, Instant};

use crate::sync::Backoff;

/// With so many connections each is one of many.
const MANY: usize = 64;
/// And so many of them are few: one in this number.
const FEW: usize = 32;
/// A time up to this needs nothing to make up for it.
const SHORT: Duration = Duration::from_millis(1);
/// So long a time is made up for by each connection that something has come for.
const EACH: Duration = Duration::from_micros(100);

/// What an I/O thread knows of those that it lets run.
#[derive(Default)]
pub struct Courtesy {
    backoff: Backoff,
    /// The same of giving way.
    way: Backoff,
    /// How long they last had the processor.
    took: Option<Duration>,
    /// It has given way since the last wait.
    gave_way: bool,
}

impl Courtesy {
    /// Lets others run after so many connections were served, and nobody woken for it, who would
    /// take the place of those interrupted.
    pub fn offer(&mut self, served: usize, connections: usize) {
        if served == 0 || connections < MANY || served * FEW > connections || self.backoff.pass() {
            return;
        }
        let began = Instant::now();
        std::thread::yield_now();
        self.took = Some(began.elapsed());
    }

    /// Whether to give way: once for each wait, at the most.
    #[must_use]
    pub fn may_give_way(&mut self) -> bool {
        !std::mem::replace(&mut self.gave_way, true) && !self.way.pass()
    }

    /// Lets a sender go on that may have been interrupted in the midst of it. What it has left waits meanwhile, as long as
    /// it, or anybody else who gets the processor, computes.
    pub fn give_way(&mut self) {
        let began = Instant::now();
        std::thread::yield_now();
        self.judge_way(began.elapsed());
    }

    fn judge_way(&mut self, took: Duration) {
        match took > SHORT {
            true => self.way.failed(),
            false => self.way.paid(),
        }
    }

    /// Learns from how many connections there were to be served after a wait.
    pub fn learn(&mut self, ready: usize) {
        self.gave_way = false;
        let Some(took) = self.took.take().filter(|&took| took > SHORT) else {
            return;
        };
        if took > EACH * ready as u32 {
            self.backoff.failed();
        } else {
            // They do send: what went before was by chance.
            self.backoff = Backoff::default();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn learn(courtesy: &mut Courtesy, took: Duration, ready: usize) -> bool {
        courtesy.took = Some(took);
        courtesy.learn(ready);
        courtesy.backoff.pass()
    }

    #[test]
    fn a_long_time_has_to_bring_something() {
        let mut courtesy = Courtesy::default();
        assert!(!learn(&mut courtesy, SHORT, 0));
        assert!(!learn(&mut courtesy, 20 * EACH, 20));
        assert!(learn(&mut courtesy, 20 * EACH, 19));
        // What pays is what counts then.
        assert!(!learn(&mut courtesy, 20 * EACH, 20));
    }

    #[test]
    fn way_is_given_rarely_to_those_who_compute() {
        let mut courtesy = Courtesy::default();
        courtesy.judge_way(SHORT);
        assert!(!courtesy.way.pass());
        courtesy.judge_way(2 * SHORT);
        assert!(courtesy.way.pass());
    }

    #[test]
    fn it_is_offered_for_few_of_many_only() {
        let offered = |served, connections| {
            let mut courtesy = Courtesy::default();
            courtesy.offer(served, connections);
            courtesy.took.is_some()
        };
        assert!(offered(1, MANY));
        assert!(offered(2, MANY));
        assert!(!offered(3, MANY));
        assert!(!offered(0, MANY));
        assert!(!offered(1, MANY - 1));
    }
}
