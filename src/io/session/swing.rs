//! Whether a sender is in full swing, and will have more to write the next moment.
//!
//! Then the I/O thread keeps the duty to write when all is written, and looks again a while later
//! ([`HOLD`]): what is written is worth the call, and the sender has nobody to wake. But each
//! message waits for that. So it is done only where messages come so fast that many of them share
//! a call, however large they are; a call for each is affordable for all that come more slowly.

use std::time::{Duration, Instant};

/// How long after a look the next one is, in full swing.
pub const HOLD: Duration = Duration::from_micros(50);

/// In full swing so many messages or more were sent since the last look, ..
const MANY: u32 = 16;
/// .. and one after the other within less than this, on average.
const PACE: Duration = Duration::from_micros(3);

/// What is known of a sender.
#[repr(C)]
pub struct Swing {
    full: bool,
    looked: Instant,
}

impl Swing {
    /// Nothing was sent yet.
    pub fn new(now: Instant) -> Swing {
        Swing {
            looked: now,
            full: false,
        }
    }

    /// So many messages were sent since the last look.
    pub fn look(&mut self, now: Instant, sent: u32) {
        let time = now - std::mem::replace(&mut self.looked, now);
        self.full = sent >= MANY && time < PACE * sent;
    }

    /// Whether it was in full swing at the last look.
    pub fn is_full(&self) -> bool {
        self.full
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_full_swing_and_what_follows_slowly_is_not() {
        let mut now = Instant::now();
        let mut swing = Swing::new(now);
        let mut is_full_after = |time, sent| {
            now += Duration::from_micros(time);
            swing.look(now, sent);
            swing.is_full()
        };
        // After a silence, the first look can't tell.
        assert!(!is_full_after(1_000_000, 100));
        assert!(is_full_after(50, 100) && is_full_after(100, 40));
        // A message each 5 us, in a look as usual and in a late one.
        assert!(!is_full_after(100, 20) && !is_full_after(1000, 200));
        assert!(is_full_after(50, 1000));
        assert!(!is_full_after(50, 2) && !is_full_after(1, 2) && !is_full_after(50, 0));
    }
}
