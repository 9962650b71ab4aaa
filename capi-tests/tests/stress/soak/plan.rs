//! What a conversation is like, all of it chosen by one seed.

use std::time::Duration;

use crate::way::Way;
use capi_tests::random::Random;

/// Who talks to whom.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Pattern {
    /// PUSH to PULL.
    Pipeline,
    /// PUB or XPUB to SUB or XSUB.
    Publish,
    /// PAIR, DEALER and ROUTER, both ways at once.
    Duplex,
    /// REQ and REP.
    Request,
    /// PUSH to a PULL that goes and comes back, until it has said that it has all.
    Acknowledge,
    /// REQ to a process that is killed, until it has answered.
    Retry,
}

/// How big bodies are.
#[derive(Clone, Copy, Debug)]
pub enum Bodies {
    Small,
    /// At the borders of frames, segments and buffers.
    Borders,
    Large,
    /// Mostly small.
    Mixed,
}

/// A conversation.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    pub seed: u64,
    pub pattern: Pattern,
    /// Which pair of socket types, where a pattern has several.
    pub kinds: usize,
    pub transport: &'static str,
    pub senders: usize,
    pub receivers: usize,
    /// Through a proxy.
    pub proxied: bool,
    /// Senders bind, and receivers connect.
    pub senders_bind: bool,
    /// High-water marks of senders and receivers.
    pub marks: [i32; 2],
    pub bodies: Bodies,
    /// Messages have several parts.
    pub parts: bool,
    /// How receivers wait.
    pub way: Way,
    /// They receive into a buffer.
    pub buffered: bool,
    /// One thread receives on all sockets.
    pub grouped: bool,
    /// Two threads use each socket.
    pub shared: bool,
    /// Sockets go from thread to thread.
    pub migrates: bool,
    /// Senders close their sockets now and then, and make new ones.
    pub restarts: bool,
    /// Receivers sleep now and then.
    pub stalls: bool,
    pub time: Duration,
}

impl Plan {
    /// The conversation of a seed.
    pub fn of(seed: u64) -> Self {
        // Neighbouring seeds begin alike.
        let mut random = Random::new(seed);
        for _ in 0..10 {
            random.below(2);
        }
        let random = &mut random;
        let pattern = [
            (Pattern::Pipeline, 8),
            (Pattern::Duplex, 8),
            (Pattern::Publish, 5),
            (Pattern::Request, 5),
            (Pattern::Acknowledge, 3),
            (Pattern::Retry, 1),
        ];
        let weights = pattern.iter().map(|(_, weight)| weight).sum();
        let mut at = random.below(weights);
        let (pattern, _) = pattern
            .into_iter()
            .find(|(_, weight)| {
                let found = at < *weight;
                at = at.wrapping_sub(*weight);
                found
            })
            .expect("a pattern");
        let bodies = [Bodies::Small, Bodies::Borders, Bodies::Large, Bodies::Mixed];
        let bodies = bodies[random.below(4)];
        let marks: &[i32] = match bodies {
            Bodies::Large => &[1, 4, 8],
            _ => &[1, 2, 4, 8, 10, 64, 100, 1000],
        };
        let ways = [Way::Recv, Way::Poll, Way::Fd, Way::Edge];
        let chance = |random: &mut Random, of: usize| random.below(of) == 0;
        Plan {
            seed,
            pattern,
            kinds: random.below(4),
            transport: ["tcp", "ipc", "inproc"][random.below(3)],
            senders: 1 + random.below(3),
            receivers: 1 + random.below(3),
            proxied: chance(random, 3),
            senders_bind: chance(random, 2),
            marks: [(); 2].map(|()| marks[random.below(marks.len())]),
            bodies,
            parts: chance(random, 2),
            way: ways[random.below(ways.len())],
            buffered: chance(random, 3),
            grouped: chance(random, 2),
            shared: chance(random, 3),
            migrates: chance(random, 3),
            restarts: chance(random, 3),
            stalls: chance(random, 2),
            time: Duration::from_millis(300 + random.below(1200) as u64),
        }
        .sensible()
    }

    /// Takes back what doesn't go together.
    fn sensible(mut self) -> Self {
        // Of two threads, one would have the edge that the other waits for.
        if self.shared && [Way::Fd, Way::Edge].contains(&self.way) {
            self.way = Way::Poll;
        }
        if self.shared {
            // Parts of two threads' messages would mix, and so would the requests of two.
            self.parts &= self.pattern == Pattern::Duplex;
            self.shared &= [Pattern::Pipeline, Pattern::Duplex].contains(&self.pattern);
            self.grouped = false;
            // Whether there is more is what the last call of either has found.
            self.buffered = false;
        }
        self.grouped &= self.way != Way::Recv;
        self.senders_bind &= !self.proxied;
        self.restarts &= !self.senders_bind && !self.shared;
        if self.pattern == Pattern::Acknowledge && self.transport == "inproc" {
            self.transport = "tcp";
        }
        self
    }
}
