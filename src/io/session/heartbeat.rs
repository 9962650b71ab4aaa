//! When to ask a peer for a sign of life, and when it counts as dead: `ZMQ_HEARTBEAT_IVL`,
//! `ZMQ_HEARTBEAT_TIMEOUT` and `ZMQ_HEARTBEAT_TTL` of zmq_setsockopt(3), PING and PONG of RFC 37.
//!
//! A pure state machine: it sends nothing and reads no clock. Two limits may run against the peer:
//! the one for an answer begins when our PING has been written, the one for its silence when its
//! own PING says how long to wait for more. There is one piece of evidence for both: how often
//! something was read from the peer. A limit is kept if that number has grown since the limit
//! began; then it is over, and the next PING begins a new one, as with libzmq.
//!
//! No limit runs against a peer for what is not its fault:
//! - A PING that waits behind other bytes for room in the descriptor begins none. At most one
//!   waits.
//! - While the connection isn't read, because the socket has no room for more, the peer can't be
//!   heard. A limit that ends meanwhile begins anew, and each does when reading goes on.
//! - While the peer's buffers are full, it is slow but there, and hasn't seen the PING yet. A
//!   limit that ends meanwhile begins anew. The session tells that from a dead link, whose bytes
//!   are sent and not acknowledged.

use std::time::{Duration, Instant};

use crate::options;

/// A limit that runs against the peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct TimeLimit {
    length: Duration,
    end: Instant,
    /// How often something had been read when it began.
    heard: u64,
}

impl TimeLimit {
    fn new(length: Duration, now: Instant, heard: u64) -> TimeLimit {
        TimeLimit {
            length,
            end: now + length,
            heard,
        }
    }

    /// Whether it has ended in silence.
    fn is_missed(&self, now: Instant, heard: u64) -> bool {
        self.end <= now && self.heard == heard
    }
}

/// What is to be done at a deadline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Nothing.
    Wait,
    /// Have a PING written, and say when that is done.
    Ping,
    /// The peer counts as dead.
    Lose,
}

/// The heartbeats of one connection.
#[derive(Debug, Default)]
pub struct Heartbeat {
    /// Between PINGs; none if there are to be none.
    interval: Option<Duration>,
    /// For an answer to a PING; none if there is no limit.
    timeout: Option<Duration>,
    next_ping: Option<Instant>,
    ping_waits: bool,
    answer: Option<TimeLimit>,
    silence: Option<TimeLimit>,
}

impl Heartbeat {
    /// The heartbeats of a connection whose handshake is done now.
    pub fn new(options: &options::Heartbeat, now: Instant) -> Heartbeat {
        let time = |milliseconds| match u64::try_from(milliseconds) {
            Ok(milliseconds @ 1..) => Some(Duration::from_millis(milliseconds)),
            _ => None,
        };
        let interval = time(options.interval);
        Heartbeat {
            interval,
            timeout: match options.timeout {
                ..0 => interval,
                timeout => time(timeout),
            },
            next_ping: interval.map(|interval| now + interval),
            ..Heartbeat::default()
        }
    }

    /// When [`Heartbeat::on_deadline`] is to be called next.
    pub fn deadline(&self) -> Option<Instant> {
        let limits = [self.answer, self.silence];
        let ends = limits.into_iter().flatten().map(|limit| limit.end);
        ends.chain(self.next_ping).min()
    }

    /// Whether the peer would count as dead now, unless something has come that wasn't read yet.
    pub fn is_suspect(&self, now: Instant, heard: u64) -> bool {
        let mut limits = [self.answer, self.silence].into_iter().flatten();
        limits.any(|limit| limit.is_missed(now, heard))
    }

    /// A deadline has come, or may have. `is_excused` is asked only about a peer that is suspect,
    /// with the limit that it has missed: whether we don't read what it says, or whether its
    /// buffers are full.
    pub fn on_deadline(
        &mut self,
        now: Instant,
        heard: u64,
        mut is_excused: impl FnMut(Duration) -> bool,
    ) -> Action {
        for limit in [&mut self.answer, &mut self.silence] {
            let Some(ended) = limit.filter(|limit| limit.end <= now) else {
                continue;
            };
            *limit = match ended.is_missed(now, heard) {
                true if is_excused(ended.length) => Some(TimeLimit::new(ended.length, now, heard)),
                true => return Action::Lose,
                false => None,
            };
        }
        let (Some(interval), Some(due)) = (self.interval, self.next_ping) else {
            return Action::Wait;
        };
        if due > now {
            return Action::Wait;
        }
        self.next_ping = Some(now + interval);
        match std::mem::replace(&mut self.ping_waits, true) {
            true => Action::Wait,
            false => Action::Ping,
        }
    }

    /// Whether a PING is to be written, or has been without our being told.
    pub fn ping_waits(&self) -> bool {
        self.ping_waits
    }

    /// The PING has been written.
    pub fn on_ping_written(&mut self, now: Instant, heard: u64) {
        self.ping_waits = false;
        let is_running = self.answer.is_some_and(|limit| limit.heard == heard);
        if let Some(timeout) = self.timeout
            && !is_running
        {
            self.answer = Some(TimeLimit::new(timeout, now, heard));
        }
    }

    /// The peer's PING was read. `ttl`: for how long it promises traffic, in tenths of a second.
    pub fn on_peer_ping(&mut self, ttl: u16, now: Instant, heard: u64) {
        let length = Duration::from_millis(u64::from(ttl) * 100);
        self.silence = (ttl > 0).then(|| TimeLimit::new(length, now, heard));
    }

    /// The connection is read again, which it wasn't for a while.
    pub fn on_reading_again(&mut self, now: Instant) {
        let limits = [&mut self.answer, &mut self.silence];
        for limit in limits.into_iter().flatten() {
            limit.end = now + limit.length;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    /// One side of an idle connection, on a virtual clock.
    struct Side {
        heartbeat: Heartbeat,
        heard: u64,
        ttl: u16,
    }

    impl Side {
        fn new(interval: i32, timeout: i32, ttl: u16, now: Instant) -> Side {
            let options = options::Heartbeat {
                interval,
                timeout,
                ttl,
            };
            Side {
                heartbeat: Heartbeat::new(&options, now),
                heard: 0,
                ttl,
            }
        }

        fn is_due(&self, now: Instant) -> bool {
            self.heartbeat.deadline().is_some_and(|due| due <= now)
        }

        fn ring(&mut self, now: Instant) -> Action {
            self.heartbeat.on_deadline(now, self.heard, |_| false)
        }

        fn write_ping(&mut self, now: Instant) {
            self.heartbeat.on_ping_written(now, self.heard);
        }

        fn hear_ping(&mut self, ttl: u16, now: Instant) {
            self.heard += 1;
            self.heartbeat.on_peer_ping(ttl, now, self.heard);
        }
    }

    /// Heartbeats in both directions keep a connection that nothing else is sent on, whatever the
    /// ratio of the times: each limit is kept by what comes after its own beginning.
    #[test]
    fn an_idle_connection_stays_with_heartbeats_on_both_sides() {
        let times = [
            (100, -1, 5),
            (100, 300, 10),
            (150, 600, 4),
            (300, 1000, 30),
            (1000, 1000, 20),
            (100, 0, 2),
        ];
        for (interval, timeout, ttl) in times {
            for shift in [0, 1, 33, 99] {
                let start = Instant::now();
                let mut sides =
                    [0, shift].map(|shift| Side::new(interval, timeout, ttl, start + shift * MS));
                for now in (0..20_000).map(|ms| start + ms * MS) {
                    for me in 0..2 {
                        while sides[me].is_due(now) {
                            match sides[me].ring(now) {
                                Action::Wait => {}
                                Action::Lose => panic!("{interval} {timeout} {ttl} {shift}"),
                                Action::Ping => {
                                    let ttl = sides[me].ttl;
                                    sides[me].write_ping(now);
                                    sides[1 - me].hear_ping(ttl, now);
                                    // The PONG.
                                    sides[me].heard += 1;
                                }
                            }
                        }
                    }
                }
            }
        }
    }

    /// Each limit ends a connection whose peer has fallen silent, and not before.
    #[test]
    fn a_silent_peer_is_given_up() {
        let start = Instant::now();
        let mut side = Side::new(100, 250, 0, start);
        assert_eq!(side.ring(start + 99 * MS), Action::Wait);
        assert_eq!(side.ring(start + 100 * MS), Action::Ping);
        side.write_ping(start + 110 * MS);
        assert_eq!(side.ring(start + 200 * MS), Action::Ping);
        // The second PING doesn't put off the end.
        side.write_ping(start + 200 * MS);
        assert_eq!(side.ring(start + 359 * MS), Action::Ping);
        assert_eq!(side.heartbeat.deadline(), Some(start + 360 * MS));
        assert_eq!(side.ring(start + 360 * MS), Action::Lose);

        let mut side = Side::new(0, -1, 0, start);
        assert_eq!(side.heartbeat.deadline(), None);
        side.hear_ping(3, start);
        assert_eq!(side.ring(start + 299 * MS), Action::Wait);
        assert_eq!(side.ring(start + 300 * MS), Action::Lose);
    }

    /// What is heard ends the limits, and the peer's next PING begins one again; as with libzmq.
    #[test]
    fn whatever_is_heard_keeps_the_limits() {
        let start = Instant::now();
        let mut side = Side::new(0, -1, 0, start);
        side.hear_ping(3, start);
        side.heard += 1;
        assert_eq!(side.ring(start + 300 * MS), Action::Wait);
        assert_eq!(side.heartbeat.deadline(), None);
        side.hear_ping(3, start + 400 * MS);
        assert_eq!(side.ring(start + 700 * MS), Action::Lose);
        // A promise of nothing is none.
        side.hear_ping(0, start + 400 * MS);
        assert_eq!(side.ring(start + 700 * MS), Action::Wait);
    }

    /// Of PINGs that can't be written one waits, and no limit runs before it is written.
    #[test]
    fn one_ping_waits_for_room() {
        let start = Instant::now();
        let mut side = Side::new(100, 150, 0, start);
        assert_eq!(side.ring(start + 100 * MS), Action::Ping);
        for ms in [200, 300, 10_000] {
            assert_eq!(side.ring(start + ms * MS), Action::Wait);
        }
        side.write_ping(start + 10_010 * MS);
        assert_eq!(side.ring(start + 10_100 * MS), Action::Ping);
        assert_eq!(side.ring(start + 10_159 * MS), Action::Wait);
        assert_eq!(side.ring(start + 10_160 * MS), Action::Lose);
    }

    /// No limit ends while the peer can't be heard or can't take the PING, and reading again begins
    /// each anew.
    #[test]
    fn no_limit_runs_while_nothing_can_be_heard() {
        let start = Instant::now();
        let mut side = Side::new(100, 150, 0, start);
        side.hear_ping(1, start);
        side.write_ping(start);
        for ms in [100, 150, 400] {
            let now = start + ms * MS;
            let excused = side.heartbeat.on_deadline(now, side.heard, |_| true);
            assert_ne!(excused, Action::Lose);
        }
        side.heartbeat.on_reading_again(start + 450 * MS);
        assert_ne!(side.ring(start + 549 * MS), Action::Lose);
        assert_eq!(side.ring(start + 550 * MS), Action::Lose);
    }
}
