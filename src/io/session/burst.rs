//! Whether sends follow each other so fast that they are better left to the I/O thread, which batches them.
//!
//! A thread that writes to many connections in turn comes back to each of them late, because of the others, although it
//! does nothing else. So the time that it has spent on writing to others doesn't count.

use std::{
    cell::Cell,
    time::{Duration, Instant},
};

/// Sends that follow each other faster than this are a burst.
const GAP: Duration = Duration::from_micros(10);

thread_local! {
    /// How long this thread has written at once, to any connection, since it began.
    static SPENT: Cell<Duration> = const { Cell::new(Duration::ZERO) };
}

/// When a connection was last written to at once.
#[derive(Clone, Copy, Default)]
pub struct Burst {
    /// The end of that, and what its thread had spent by then.
    last: Option<(Instant, Duration)>,
}

impl Burst {
    /// It was written to at once, from then on until now.
    pub fn written(&mut self, began: Instant) {
        let now = Instant::now();
        let spent = SPENT.get() + (now - began);
        SPENT.set(spent);
        self.last = Some((now, spent));
    }

    /// Whether a thread that has something for it now, which is one of so many that get the same, is in the midst of a
    /// burst, or writes more than it does anything else.
    pub fn goes_on(&self, pipes: u32) -> bool {
        self.last.is_some_and(|(last, before)| {
            let spent = SPENT.get().saturating_sub(before);
            let rest = last.elapsed().saturating_sub(spent);
            rest < GAP * pipes || rest < spent
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(1);

    fn written_before(time: Duration) -> Burst {
        Burst {
            last: Some((Instant::now() - time, SPENT.get())),
        }
    }

    #[test]
    fn what_follows_after_a_while_is_no_burst() {
        assert!(!Burst::default().goes_on(1));
        let mut burst = Burst::default();
        burst.written(Instant::now());
        assert!(burst.goes_on(1_000_000));
        assert!(!written_before(LONG).goes_on(1));
        assert!(written_before(LONG).goes_on(1_000_000));
    }

    #[test]
    fn the_time_for_others_does_not_count() {
        let burst = written_before(LONG);
        let mut other = Burst::default();
        other.written(Instant::now() - LONG * 2 / 5);
        assert!(!burst.goes_on(1));
        other.written(Instant::now() - LONG / 5);
        assert!(burst.goes_on(1));
    }
}
