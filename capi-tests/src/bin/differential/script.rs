//! Makes scripts of socket calls.
//!
//! Kept out, as it depends on time with upstream's library as well as with any other:
//!
//! - connecting over TCP or IPC before somebody is bound, and binding again: who reconnects does so at some time. Who has
//!   lost a connection waits for longer than the script takes. Who doesn't, with `RECONNECT_IVL` -1, loses what has come
//!   in at some time with upstream's;
//! - peers of types that don't fit: over a connection, either may see first that it is refused, and with inproc nobody
//!   looks, so that anything may come;
//! - the probe of a router that was connected to before somebody has bound with inproc: upstream's takes it for a routing
//!   id;
//! - unbinding or disconnecting STREAM, or with `ZMQ_IMMEDIATE`: upstream's keeps such connections until they are next read
//!   from. For the same reason a PAIR connects only to who is there: upstream's would take one that has gone for its peer;
//! - disconnecting from what nobody has bound with inproc: upstream's keeps such a pipe for who binds then, forever if
//!   that is a PUSH;
//! - a socket that is its own peer: which of both ends is the first one;
//! - polling ROUTER, REP, STREAM, SUB or XSUB and not receiving all then: upstream's has taken a message out of its pipe,
//!   another peer's turn has begun, and the message outlives the pipe;
//! - high-water marks of STREAM: upstream's drops the news of a lost connection that doesn't fit;
//! - setting a high-water mark of a socket that has peers through inproc: upstream's then counts the mark of one side
//!   twice, and has the reader give credit by another mark than the writer's, so that both may wait forever; or of one
//!   with `ZMQ_CONFLATE`, where upstream's readers give no credit;
//! - few messages' room for SUB's and XSUB's subscriptions: upstream's drops those that don't fit;
//! - ends of connections with `ZMQ_IMMEDIATE` or `ZMQ_CONFLATE`: upstream's drops what has come and wasn't received yet;
//! - with `ZMQ_CONFLATE` several subscriptions at once, of which upstream's passes on the last, and connecting to nobody
//!   through inproc, where it takes what is sent for a routing id;
//! - a peer with the routing id of one that is gone: upstream's refuses it unless ROUTER was read from in between;
//! - STREAM with more than what is read at once: bytes come in pieces of any size;
//! - half a message of ROUTER or STREAM while others come: upstream's has taken it all, and another peer's turn has begun;
//! - more messages or bytes over a connection than there is room for in the system's buffers.

use std::{
    collections::HashMap,
    ffi::{c_int, c_short},
};

use capi_tests::{api::consts::*, random::Random};

/// A call, on the socket in a slot.
#[derive(Debug, Clone)]
pub enum Step {
    Open(usize, c_int),
    Set(usize, c_int, Vec<u8>),
    Get(usize, c_int),
    Bind(usize, Name),
    Connect(usize, Name),
    Unbind(usize, Name),
    Disconnect(usize, Name),
    /// As parts of one message.
    Send(usize, Vec<Body>, c_int),
    /// As messages of one part, or with `SNDMORE` as the beginning of one.
    SendCopies(usize, Vec<Body>, c_int),
    /// All parts of a message.
    Recv(usize, c_int),
    RecvInto(usize, usize, c_int),
    RecvAll(usize),
    Poll(Vec<(usize, c_short)>),
    Close(usize),
    Shutdown,
}

/// A part's.
#[derive(Debug, Clone)]
pub enum Body {
    Bytes(Vec<u8>),
    Long(usize),
    /// One of the routing ids and the like that the library has made up.
    Id(usize),
}

/// A transport's name and a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Name(&'static str, usize);

/// All there are.
pub const NAMES: [Name; 9] = [
    Name("inproc", 0),
    Name("inproc", 1),
    Name("inproc", 2),
    Name("tcp", 0),
    Name("tcp", 1),
    Name("tcp", 2),
    Name("ipc", 0),
    Name("ipc", 1),
    Name("ipc", 2),
];

impl Name {
    /// Whether there is a connection, and not just a pipe.
    pub fn is_remote(self) -> bool {
        self.0 != "inproc"
    }

    /// What to bind to.
    pub fn to_bind(self) -> String {
        match self {
            Name("tcp", _) => "tcp://127.0.0.1:*".into(),
            Name(transport, number) => format!("{transport}://name{number}"),
        }
    }
}

/// Types that talk to each other.
const FAMILIES: [&[c_int]; 6] = [
    &[PAIR],
    &[PUB, SUB, XPUB, XSUB],
    &[REQ, REP, DEALER, ROUTER],
    &[DEALER, ROUTER],
    &[PUSH, PULL],
    &[STREAM],
];
const ALL: &[c_int] = &[
    PAIR, PUB, SUB, REQ, REP, DEALER, ROUTER, PULL, PUSH, XPUB, XSUB,
];

/// Whether sockets of these types may be peers.
fn fit(one: c_int, other: c_int) -> bool {
    let peers: &[c_int] = match one {
        PUB | XPUB => &[SUB, XSUB],
        SUB | XSUB => &[PUB, XPUB],
        REQ => &[REP, ROUTER],
        REP => &[REQ, DEALER],
        DEALER => &[REP, DEALER, ROUTER],
        ROUTER => &[REQ, DEALER, ROUTER],
        PUSH => &[PULL],
        PULL => &[PUSH],
        same => &[same],
    };
    peers.contains(&other)
}

const SLOTS: usize = 5;

/// Short ones, of no length that has a meaning: see `Machine::show`.
const BODIES: [&[u8]; 16] = [
    b"", b"", b"a", b"ab", b"abc", b"b", b"bc", b"\x01", b"\x01a", b"\x01ab", b"\x00", b"\x00a",
    b"\x00ab", b"hello", b"peer-a", b"peer-b",
];

struct Generator {
    random: Random,
    types: &'static [c_int],
    names: Vec<Name>,
    /// Only the last message is kept, which must have one part.
    conflate: bool,
    /// Few messages fit.
    narrow: bool,
    /// Sockets may have a routing id of their own, and none goes.
    named: bool,
    /// The types in the slots.
    open: [Option<c_int>; SLOTS],
    /// Those that have `ZMQ_IMMEDIATE`, perhaps.
    immediate: [bool; SLOTS],
    /// Those that receive any number of messages, perhaps.
    endless: [bool; SLOTS],
    /// Which types have bound to each name, and connected to it, from which slots.
    users: HashMap<Name, [Vec<(usize, c_int)>; 2]>,
    steps: Vec<Step>,
}

/// The script of a seed.
pub fn script(seed: u64) -> Vec<Step> {
    let mut random = Random::new(seed);
    let types = match random.below(5) {
        0 => ALL,
        _ => *random.of(&FAMILIES),
    };
    let transports: &[&str] = match random.below(8) {
        _ if types == [STREAM] => &["tcp"],
        0..3 => &["inproc"],
        3 => &["tcp"],
        4 => &["ipc"],
        5 => &["tcp", "ipc"],
        _ => &["inproc", "tcp"],
    };
    let names = NAMES.into_iter();
    let mut generator = Generator {
        types,
        names: names.filter(|name| transports.contains(&name.0)).collect(),
        conflate: random.below(12) == 0,
        named: random.below(2) == 0,
        narrow: types != [STREAM] && random.below(3) == 0,
        open: [None; SLOTS],
        immediate: [false; SLOTS],
        endless: [false; SLOTS],
        users: HashMap::new(),
        steps: Vec::new(),
        random,
    };
    let length = 10 + generator.random.below(50);
    for slot in 0..2 {
        generator.open(slot);
    }
    while generator.steps.len() < length {
        generator.step();
    }
    generator.steps
}

impl Generator {
    fn one_in(&mut self, count: usize) -> bool {
        self.random.below(count) == 0
    }

    fn name(&mut self) -> Name {
        *self.random.of(&self.names)
    }

    fn flags(&mut self) -> c_int {
        if self.one_in(2) { DONTWAIT } else { 0 }
    }

    fn set(&mut self, slot: usize, option: c_int, value: c_int) {
        let value = value.to_ne_bytes().to_vec();
        self.steps.push(Step::Set(slot, option, value));
    }

    /// A new socket, with the options that have to be set before anything else.
    fn open(&mut self, slot: usize) {
        let kind = *self.random.of(self.types);
        self.open[slot] = Some(kind);
        (self.immediate[slot], self.endless[slot]) = (false, false);
        self.steps.push(Step::Open(slot, kind));
        self.set(slot, RECONNECT_IVL, 1_000_000);
        if self.narrow {
            let sends_subscriptions = matches!(kind, SUB | XSUB);
            for option in [SNDHWM, RCVHWM] {
                if sends_subscriptions && option == SNDHWM {
                    continue;
                }
                let mark = self.random.below(4) as c_int;
                self.endless[slot] |= option == RCVHWM && mark == 0;
                self.set(slot, option, mark);
            }
        }
        if self.conflate {
            self.set(slot, CONFLATE, 1);
        }
        if self.named && self.one_in(3) {
            let id = *self.random.of(&[b"peer-a", b"peer-b", b"peer-c"]);
            self.steps.push(Step::Set(slot, ROUTING_ID, id.to_vec()));
        }
        if kind == SUB && !self.one_in(4) {
            let topic = self.topic();
            self.steps.push(Step::Set(slot, SUBSCRIBE, topic));
        }
        while self.one_in(2) {
            self.option(slot);
        }
        // Sockets with no peer have little to say.
        let bind = self.one_in(2);
        for _ in 0..5 {
            if self.join(slot, bind) {
                break;
            }
        }
    }

    /// Binds to some name, or connects to it, if its other users' types fit.
    fn join(&mut self, slot: usize, bind: bool) -> bool {
        let name = self.name();
        let Some(kind) = self.open[slot] else {
            return false;
        };
        let users = self.users.entry(name).or_default();
        let (own, others) = if bind { (0, 1) } else { (1, 0) };
        let fits = |&(other, its): &(usize, c_int)| other != slot && fit(kind, its);
        let early = !bind && (kind == PAIR || self.conflate) && users[others].is_empty();
        // Who has filled its pipe before this libzmq never tells of the room that there is now.
        let late = bind && !name.is_remote() && self.endless[slot] && !users[others].is_empty();
        if early || late || !users[others].iter().all(fits) {
            return false;
        }
        users[own].push((slot, kind));
        self.steps.push(match bind {
            true => Step::Bind(slot, name),
            false => Step::Connect(slot, name),
        });
        true
    }

    /// Whether it has bound or connected to something, and perhaps still is.
    fn has_joined(&self, slot: usize) -> bool {
        let mut users = self.users.values().flatten().flatten();
        users.any(|(user, _)| *user == slot)
    }

    /// Whether somebody has bound to it, at some time.
    fn is_bound(&self, name: Name) -> bool {
        let users = self.users.get(&name);
        users.is_some_and(|[bound, _]| !bound.is_empty())
    }

    fn topic(&mut self) -> Vec<u8> {
        self.random
            .of(&[b"".as_slice(), b"", b"a", b"ab", b"b", b"abc"])
            .to_vec()
    }

    /// Sets an option that means something to the socket, mostly.
    fn option(&mut self, slot: usize) {
        let Some(kind) = self.open[slot] else { return };
        let inproc = self.names.iter().any(|name| !name.is_remote());
        let options: &[c_int] = match kind {
            ROUTER | REP => &[
                ROUTER_MANDATORY,
                ROUTER_HANDOVER,
                PROBE_ROUTER,
                CONNECT_ROUTING_ID,
            ],
            REQ => &[REQ_CORRELATE, REQ_RELAXED, PROBE_ROUTER],
            DEALER => &[PROBE_ROUTER],
            STREAM => &[STREAM_NOTIFY, CONNECT_ROUTING_ID],
            XPUB | PUB => &[
                XPUB_VERBOSE,
                XPUB_VERBOSER,
                XPUB_MANUAL,
                XPUB_MANUAL_LAST_VALUE,
                XPUB_NODROP,
                XPUB_WELCOME_MSG,
                INVERT_MATCHING,
                ONLY_FIRST_SUBSCRIBE,
                SUBSCRIBE,
                UNSUBSCRIBE,
            ],
            SUB => &[SUBSCRIBE, UNSUBSCRIBE, SUBSCRIBE, INVERT_MATCHING],
            XSUB => &[ONLY_FIRST_SUBSCRIBE],
            _ => &[IMMEDIATE],
        };
        let common = &[IMMEDIATE, SNDHWM, RCVHWM, MAXMSGSIZE, ROUTING_ID];
        let option = match self.one_in(4) {
            true => *self.random.of(common),
            false => *self.random.of(options),
        };
        let is_mark = matches!(option, SNDHWM | RCVHWM);
        let keeps_marks = kind == STREAM || self.conflate || inproc && self.has_joined(slot);
        // A sender that is blocked then libzmq wakes no more.
        let least = usize::from(option == RCVHWM && self.has_joined(slot));
        if inproc && option == PROBE_ROUTER
            || option == ROUTING_ID && !self.named
            || self.conflate && matches!(option, SUBSCRIBE | UNSUBSCRIBE)
            || is_mark && keeps_marks
            || option == SNDHWM && matches!(kind, SUB | XSUB)
        {
            return;
        }
        let value = match option {
            CONNECT_ROUTING_ID | ROUTING_ID => {
                self.random.of(&[b"peer-a", b"peer-b", b"peer-c"]).to_vec()
            }
            XPUB_WELCOME_MSG => self.random.of(&[b"a".as_slice(), b"welcome", b""]).to_vec(),
            SUBSCRIBE | UNSUBSCRIBE => self.topic(),
            MAXMSGSIZE => self.random.of(&[-1i64, 0, 2, 100]).to_ne_bytes().to_vec(),
            SNDHWM | RCVHWM => {
                let mark = least + self.random.below(4 - least);
                (mark as c_int).to_ne_bytes().to_vec()
            }
            _ => (self.random.below(3) as c_int).to_ne_bytes().to_vec(),
        };
        let remote = self.names.iter().any(|name| name.is_remote());
        self.immediate[slot] |= option == IMMEDIATE && remote;
        self.endless[slot] |= option == RCVHWM && value == 0i32.to_ne_bytes();
        self.steps.push(Step::Set(slot, option, value));
    }

    /// Looks for what can be received and sent.
    fn poll(&mut self, slots: Vec<usize>) {
        let items = slots.iter().map(|&slot| (slot, POLLIN | POLLOUT)).collect();
        self.steps.push(match slots[..] {
            [slot] => Step::Get(slot, EVENTS),
            _ => Step::Poll(items),
        });
        for slot in slots {
            let takes = [ROUTER, REP, STREAM, SUB, XSUB].map(Some);
            if takes.contains(&self.open[slot]) {
                self.steps.push(Step::RecvAll(slot));
            }
        }
    }

    fn body(&mut self) -> Body {
        match self.random.below(12) {
            0 => Body::Long(*self.random.of(&[33, 34, 41, 255, 256, 300, 3000])),
            1 => Body::Id(self.random.below(4)),
            _ => Body::Bytes(self.random.of(&BODIES).to_vec()),
        }
    }

    fn message(&mut self, kind: c_int) -> Vec<Body> {
        if self.conflate {
            return vec![self.body()];
        }
        let mut parts = match kind {
            // A routing id, sometimes one that somebody has.
            ROUTER | STREAM if !self.one_in(10) => {
                let name = *self.random.of(&[b"peer-a", b"peer-b", b"peer-c"]);
                let id = Body::Id(self.random.below(4));
                vec![if self.one_in(3) {
                    Body::Bytes(name.to_vec())
                } else {
                    id
                }]
            }
            DEALER if self.one_in(2) => vec![Body::Bytes(Vec::new())],
            _ => Vec::new(),
        };
        if kind == ROUTER && self.one_in(2) {
            parts.push(Body::Bytes(Vec::new()));
        }
        parts.push(self.body());
        while kind != STREAM && self.one_in(3) {
            parts.push(self.body());
        }
        parts
    }

    fn step(&mut self) {
        let slot = self.random.below(SLOTS);
        let Some(kind) = self.open[slot] else {
            if self.one_in(2) {
                self.open(slot);
            }
            return;
        };
        let name = self.name();
        let flags = self.flags();
        let step = match self.random.below(40) {
            0..11 => Step::Send(slot, self.message(kind), flags),
            11 | 12 => {
                let bodies = (0..1 + self.random.below(3)).map(|_| self.body()).collect();
                let more = !self.conflate && kind != STREAM && self.one_in(4);
                Step::SendCopies(slot, bodies, flags | if more { SNDMORE } else { 0 })
            }
            13..20 => Step::Recv(slot, flags),
            20..24 => Step::RecvAll(slot),
            24 if !matches!(kind, ROUTER | STREAM) => {
                Step::RecvInto(slot, self.random.below(8), flags)
            }
            n @ 25..30 => {
                self.join(slot, n >= 28);
                return;
            }
            30 | 31 | 38
                if self.conflate
                    || self.immediate.contains(&true)
                    || self.named && self.types.contains(&ROUTER) =>
            {
                return;
            }
            // Either call does for both.
            30 | 31 if kind == STREAM || !name.is_remote() && !self.is_bound(name) => return,
            30 => Step::Unbind(slot, name),
            31 => Step::Disconnect(slot, name),
            32..35 => return self.option(slot),
            35 => {
                let slots = (0..SLOTS).filter(|&slot| self.open[slot].is_some());
                return self.poll(slots.collect());
            }
            36 => Step::Get(slot, *self.random.of(&[RCVMORE, TOPICS_COUNT, ROUTING_ID])),
            37 => Step::Get(slot, LAST_ENDPOINT),
            38 => {
                self.open[slot] = None;
                Step::Close(slot)
            }
            _ if self.one_in(20) => Step::Shutdown,
            _ => return self.poll(vec![slot]),
        };
        self.steps.push(step);
    }
}
