//! How far a sender is ahead of its connections, and whether it lets them catch up.
//!
//! The high-water mark counts messages: a thousand bodies of 64 KiB are 64 MB, and without a mark there is no end. Who sends
//! so much has it written to memory, and read from there again when it is its turn, for by then it has left the processor's
//! caches: that takes half as long again as to pass it on at once. So a sender that may wait anyway lets its connections
//! catch up once it has sent so much that they haven't come to yet. A connection that is too slow for that to pay is not
//! waited for, or rarely: then the sender fills the pipe, as far as the mark lets it.
//!
//! Nothing depends on this: what was sent is on its way, and each call takes one short nap at most. So nobody is woken, either.

use std::time::{Duration, Instant};

use crate::{
    error::keep_errno,
    pipe::PROGRESS_MIN,
    sync::{self, Backoff},
};

/// Bodies up to this size count (bytes), from [`PROGRESS_MIN`] on: of shorter ones, which share their memory, a thousand are
/// not much; longer ones don't stay in the caches anyway.
const MOST: usize = WINDOW;

/// Within so many bytes connections are looked after; up to twice as many may wait for them.
const WINDOW: usize = 2 * 1024 * 1024;

/// How long a nap is, at least: a fraction of the time in which a fast connection takes the window.
const NAP: Duration = Duration::from_micros(250);

/// When it is judged how fast the connections are, and how many bytes they are to pass on in each nanosecond until then. Long
/// enough to forgive that they don't get a processor for a moment.
const JUDGED: Duration = Duration::from_millis(10);
const FAST: f64 = 0.5;

/// Whether a body of this size counts.
#[inline]
pub fn counts(size: usize) -> bool {
    (PROGRESS_MIN..=MOST).contains(&size)
}

/// Lets the connections catch up.
#[cold]
pub fn nap() {
    keep_errno(|| sync::nap(NAP));
}

/// One socket's lead.
#[derive(Debug, Default)]
pub struct Lead {
    /// So many messages had been sent when it was last short enough, and so many bytes since.
    mark: u64,
    bytes: usize,
    /// Since when the connections have been let catch up, and how many messages they had passed on by then.
    since: Option<(Instant, u64)>,
    backoff: Backoff,
}

impl Lead {
    /// A body that counts has been sent. Whether it is time to look whether the lead [is long](Lead::is_long): how far the
    /// connections are takes a look at what their threads write to.
    pub fn add(&mut self, size: usize) -> bool {
        self.bytes += size;
        self.bytes >= WINDOW
    }

    /// Whether to let the connections catch up now: of so many messages `sent` they have `passed` on so many.
    pub fn is_long(&mut self, sent: u64, passed: u64) -> bool {
        match self.since {
            Some(_) if passed >= self.mark => self.backoff.paid(),
            None if passed >= self.mark || self.backoff.pass() => {}
            Some((since, _)) if since.elapsed() <= JUDGED => return true,
            Some(before) if !self.are_fast(before, sent, passed) => self.backoff.failed(),
            _ => {
                self.since = Some((Instant::now(), passed));
                return true;
            }
        }
        (self.mark, self.bytes, self.since) = (sent, 0, None);
        false
    }

    /// Whether the connections, which had passed on so many messages then, have been fast since.
    fn are_fast(&self, (since, before): (Instant, u64), sent: u64, passed: u64) -> bool {
        let size = self.bytes as f64 / sent.saturating_sub(self.mark).max(1) as f64;
        let bytes = passed.saturating_sub(before) as f64 * size;
        bytes / since.elapsed().as_nanos() as f64 >= FAST
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: usize = WINDOW / 32;

    /// Sends messages up to this number. How many naps it takes.
    fn send(
        lead: &mut Lead,
        sent: std::ops::RangeInclusive<u64>,
        passed: impl Fn(u64) -> u64,
    ) -> usize {
        sent.filter(|sent| {
            let is_long = lead.add(SIZE) && lead.is_long(*sent, passed(*sent));
            if is_long {
                nap();
            }
            is_long
        })
        .count()
    }

    #[test]
    fn it_is_not_long_while_the_connections_are_not_far_behind() {
        let mut lead = Lead::default();
        assert_eq!(send(&mut lead, 1..=1000, |sent| sent.saturating_sub(32)), 0);
    }

    #[test]
    fn it_is_long_until_they_come_to_where_it_was_short_enough() {
        let mut lead = Lead::default();
        assert_eq!(send(&mut lead, 1..=63, |_| 0), 0);
        assert_eq!(send(&mut lead, 64..=66, |sent| sent - 34), 2);
        assert_eq!(send(&mut lead, 67..=97, |_| 0), 0);
        assert_eq!(send(&mut lead, 98..=98, |_| 65), 1);
    }

    /// Else what is sent to where nobody reads, or over a slow line, would take the longer.
    #[test]
    fn who_never_catches_up_is_hardly_waited_for() {
        let mut lead = Lead::default();
        let naps = send(&mut lead, 1..=100_000, |_| 0);
        assert!((1..1000).contains(&naps), "{naps} naps");
    }

    #[test]
    fn who_is_slow_is_hardly_waited_for() {
        let mut lead = Lead::default();
        let began = Instant::now();
        let passed = |sent: u64| sent.min(began.elapsed().as_micros() as u64 / 1000);
        let naps = send(&mut lead, 1..=100_000, passed);
        assert!((1..1000).contains(&naps), "{naps} naps");
    }

    /// However far ahead: who has filled the pipe while a connection was slow for a moment, is waited for again.
    #[test]
    fn who_is_fast_is_waited_for_as_long_as_it_takes() {
        let mut lead = Lead::default();
        assert_eq!(send(&mut lead, 1..=63, |_| 0), 0);
        let began = Instant::now();
        // A byte and a half each nanosecond.
        let passed = |_| began.elapsed().as_nanos() as u64 * 3 / 2 / SIZE as u64;
        lead.mark = 1000;
        send(&mut lead, 1064..=1064 + 500, passed);
        assert!(began.elapsed() >= 4 * JUDGED, "{:?}", began.elapsed());
        assert!(lead.mark > 1000);
    }
}
