//! When a written message goes out, and by whom.
//!
//! Whoever has published something into a pipe that nobody was reading has three ways: to write the connection at once, to
//! tell the I/O thread, or to tell it that there is no hurry, as more is going to be written. And the I/O thread, when it has
//! written all there was, may hold on to the duty to write for a moment, so that a sender who goes on has nobody to wake.
//!
//! - A sender of few pipes writes at once, unless its messages follow each other fast (a *burst*): then the I/O thread batches
//!   them. A thread that writes to many connections in turn comes back to each of them late, although it does nothing else;
//!   so the time that it has spent on writing to others doesn't count.
//! - Who answers one of many peers writes at once, as that may well be waiting; else the I/O thread, which reads all the
//!   requests, would have to write all of the answers, too.
//! - A sender *streams* if its messages come so fast that many of them share a system call: then the I/O thread
//!   [holds](HOLD) the duty.

use std::time::{Duration, Instant};

use super::constants::{BURST_GAP, STREAM_MESSAGES, STREAM_PACE};

pub use super::constants::{EAGER_PIPES, HOLD};
use crate::sync::{Mechanism, uses};

/// What a writer knows of what it has just written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Eagerness {
    /// It is to go out at once unless it is part of a burst. So many pipes, this one included, are written to alike.
    Few(u32),
    /// It is to go out at once if it answers something that has come from the peer.
    Answers,
    /// The I/O thread is to write it.
    Never,
    /// More is going to be written in a moment, and the socket, once it has nothing else to do, drives the connection if there
    /// are few. The I/O thread sees to it that it isn't left to that alone.
    Later,
}

/// Who is to write a connection, when something was published for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flush {
    /// The writer itself, now.
    Now,
    /// The I/O thread, which is told.
    Tell,
    /// The I/O thread, which may let the writer go on first.
    TellLazily,
}

/// What is known of the writers of one connection.
#[derive(Debug)]
pub struct Flusher {
    /// The peer was heard since something was last written at once.
    heard: bool,
    /// The end of the last time that it was written to at once, and what its thread had spent on that by then.
    written: Option<(Instant, Duration)>,
    looked: Instant,
    streams: bool,
}

impl Flusher {
    /// Nothing was written yet.
    pub fn new(now: Instant) -> Flusher {
        Flusher {
            heard: true,
            written: None,
            looked: now,
            streams: false,
        }
    }

    /// Something has come from the peer.
    pub fn on_heard(&mut self) {
        self.heard = true;
    }

    /// It was written to at once, until now, by a thread that has spent so long on that by now, whatever the connection.
    pub fn on_written(&mut self, now: Instant, spent: Duration) {
        self.written = Some((now, spent));
        self.heard = false;
    }

    /// Who is to write what was published now, by a thread that has spent so long on writing at once.
    pub fn flush(&self, eagerness: Eagerness, now: Instant, spent: Duration) -> Flush {
        let at_once = match eagerness {
            Eagerness::Few(pipes) => self.heard || !self.is_burst(pipes, now, spent),
            Eagerness::Answers => self.heard,
            Eagerness::Never => false,
            Eagerness::Later => return Flush::TellLazily,
        };
        match at_once && uses(Mechanism::Burst) {
            true => Flush::Now,
            false => Flush::Tell,
        }
    }

    /// Whether the thread is in the midst of a burst, or writes more than it does anything else.
    fn is_burst(&self, pipes: u32, now: Instant, spent: Duration) -> bool {
        self.written.is_some_and(|(last, before)| {
            let spent = spent.saturating_sub(before);
            let rest = now.duration_since(last).saturating_sub(spent);
            rest < BURST_GAP * pipes || rest < spent
        })
    }

    /// The I/O thread looks for what there is to write: so many messages were sent since it last did.
    pub fn on_look(&mut self, now: Instant, sent: u32) {
        let time = now - std::mem::replace(&mut self.looked, now);
        self.streams = sent >= STREAM_MESSAGES && time < STREAM_PACE * sent;
    }

    /// Whether the I/O thread is to hold the duty to write, when all is written, and to look again after [`HOLD`].
    pub fn holds(&self) -> bool {
        self.streams && uses(Mechanism::Hold)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);
    const MICRO: Duration = Duration::from_micros(1);

    #[test]
    fn what_follows_after_a_while_is_no_burst() {
        let start = Instant::now();
        let mut flusher = Flusher::new(start);
        let few = Eagerness::Few(2);
        assert_eq!(flusher.flush(few, start, Duration::ZERO), Flush::Now);
        flusher.on_written(start, Duration::ZERO);
        for (after, flush) in [
            (BURST_GAP, Flush::Tell),
            (2 * BURST_GAP, Flush::Now),
            (SECOND, Flush::Now),
        ] {
            assert_eq!(flusher.flush(few, start + after, Duration::ZERO), flush);
        }
        // Who is answered isn't kept waiting.
        flusher.on_heard();
        assert_eq!(flusher.flush(few, start, Duration::ZERO), Flush::Now);
    }

    #[test]
    fn the_time_for_others_does_not_count() {
        let start = Instant::now();
        let mut flusher = Flusher::new(start);
        flusher.on_written(start, SECOND);
        let after = |spent| flusher.flush(Eagerness::Few(1), start + SECOND, SECOND + spent);
        assert_eq!(after(SECOND * 2 / 5), Flush::Now);
        assert_eq!(after(SECOND * 3 / 5), Flush::Tell);
    }

    #[test]
    fn answers_go_out_at_once_and_what_was_not_asked_for_does_not() {
        let start = Instant::now();
        let mut flusher = Flusher::new(start);
        let answer = |flusher: &Flusher| flusher.flush(Eagerness::Answers, start, Duration::ZERO);
        flusher.on_written(start, Duration::ZERO);
        assert_eq!(answer(&flusher), Flush::Tell);
        flusher.on_heard();
        assert_eq!(answer(&flusher), Flush::Now);
        let never = flusher.flush(Eagerness::Never, start, Duration::ZERO);
        let later = flusher.flush(Eagerness::Later, start, Duration::ZERO);
        assert_eq!((never, later), (Flush::Tell, Flush::TellLazily));
    }

    #[test]
    fn many_messages_at_once_are_a_stream_and_what_follows_slowly_is_not() {
        let mut now = Instant::now();
        let mut flusher = Flusher::new(now);
        let mut holds_after = |time, sent| {
            now += time * MICRO;
            flusher.on_look(now, sent);
            flusher.holds()
        };
        // After a silence, the first look can't tell.
        assert!(!holds_after(1_000_000, 100));
        assert!(holds_after(50, 100) && holds_after(100, 40));
        // A message each 5 us, in a look as usual and in a late one.
        assert!(!holds_after(100, 20) && !holds_after(1000, 200));
        assert!(holds_after(50, 1000));
        assert!(!holds_after(50, 2) && !holds_after(1, 2) && !holds_after(50, 0));
    }
}
