//! What a conversation is.

use std::fmt;

use crate::{
    curve::Keys,
    wire::{self, Version},
};

/// The types of sockets, in the order of their numbers.
pub const KINDS: [&str; 12] = [
    "PAIR", "PUB", "SUB", "REQ", "REP", "DEALER", "ROUTER", "PULL", "PUSH", "XPUB", "XSUB",
    "STREAM",
];

/// The number of a type of socket.
pub fn kind(name: &str) -> i32 {
    KINDS.iter().position(|kind| *kind == name).expect("a type") as i32
}

/// How the connection is secured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Security {
    /// NULL.
    Null,
    /// PLAIN; our socket is the server.
    Plain,
    /// PLAIN; our socket is the client.
    PlainClient,
    /// CURVE; our socket is the server.
    Curve,
    /// CURVE; our socket is the client.
    CurveClient,
}

impl Security {
    /// All there are.
    pub const ALL: [Security; 5] = [
        Security::Null,
        Security::Plain,
        Security::PlainClient,
        Security::Curve,
        Security::CurveClient,
    ];

    /// Whether all that follows the handshake is in boxes.
    pub fn is_curve(self) -> bool {
        matches!(self, Security::Curve | Security::CurveClient)
    }

    /// Whether the peer is the server.
    pub fn is_client(self) -> bool {
        matches!(self, Security::PlainClient | Security::CurveClient)
    }
}

/// What is wrong with the peer's handshake. A command is named by its number among those that the peer says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flaw {
    /// Nothing.
    None,
    /// ERROR comes in the place of a command.
    Error(usize),
    /// This octet of a command is another one.
    Changed(usize, usize),
    /// A command has so many octets less.
    Short(usize, usize),
    /// A command has so many octets more.
    Long(usize, usize),
    /// The last command has this number, with CURVE.
    Counter(u64),
    /// The peer has not the permanent key that it shows, or is known by, with CURVE.
    Stranger,
    /// What the client vouches for is meant for another server, with CURVE.
    Elsewhere,
}

/// What is wrong with, or unusual about, a MESSAGE of CURVE.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Twist {
    /// Nothing.
    None,
    /// Its number is so many further than the next one. That is allowed.
    Ahead(u64),
    /// Its number is that of the last one, or so many before it.
    Behind(u64),
    /// This octet is another one.
    Changed(usize),
    /// It has so many octets less.
    Short(usize),
    /// It has so many octets more.
    Long(usize),
    /// There is nothing in the box, not even flags.
    Empty,
    /// It is sealed as one of the other side's.
    Mirrored,
    /// What should be in the box comes in clear.
    Clear,
    /// Its frame has flags, which say nothing.
    Flags(u8),
}

/// A body: some octets, then one octet again and again.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Body {
    /// How it begins.
    pub head: Vec<u8>,
    /// How many octets follow.
    pub fill: usize,
    /// Which octet.
    pub letter: u8,
}

impl Body {
    /// Its octets.
    pub fn octets(&self) -> Vec<u8> {
        let mut octets = self.head.clone();
        octets.resize(octets.len() + self.fill, self.letter);
        octets
    }

    /// How many octets it has.
    pub fn size(&self) -> usize {
        self.head.len() + self.fill
    }
}

impl fmt::Display for Body {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "\"{}\"", self.head.escape_ascii())?;
        if self.fill > 0 {
            let letter = [self.letter];
            write!(f, " + {} x '{}'", self.fill, letter.escape_ascii())?;
        }
        Ok(())
    }
}

fn shorten(topic: &[u8]) -> String {
    let shown = &topic[..topic.len().min(32)];
    format!("\"{}\", {} octets", shown.escape_ascii(), topic.len())
}

/// A step of a conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// The peer's next frame, with all of its flags but LONG.
    Frame {
        /// The flags.
        flags: u8,
        /// Whether it has the long form though its body is short.
        long: bool,
        /// The body.
        body: Body,
        /// With CURVE, what is done to the MESSAGE that it is in.
        twist: Twist,
    },
    /// Octets that are no frame.
    Raw(Vec<u8>),
    /// What the peer has to say so far goes out in one write, but for so many octets.
    Flush(usize),
    /// The peer goes on when all it has said was taken.
    Sync,
    /// The application sends a message.
    Send(Vec<Body>),
    /// The application subscribes, or cancels a subscription.
    Subscribe(bool, Vec<u8>),
    /// The application receives up to so many messages, as many as there are.
    Take(usize),
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Step::Frame {
                flags,
                long,
                body,
                twist,
            } => {
                let long = if *long { " LONG" } else { "" };
                let size = body.size();
                write!(f, "peer: frame {flags:#04x}{long}, {size} octets: {body}")?;
                match twist {
                    Twist::None => Ok(()),
                    twist => write!(f, ", {twist:?}"),
                }
            }
            Step::Raw(octets) => write!(f, "peer: octets \"{}\"", octets.escape_ascii()),
            Step::Flush(0) => write!(f, "peer: flush"),
            Step::Flush(held) => write!(f, "peer: flush, but for {held} octets"),
            Step::Sync => write!(f, "peer: waits until all was taken"),
            Step::Send(parts) => {
                write!(f, "application: send")?;
                parts.iter().try_for_each(|part| write!(f, " [{part}]"))
            }
            Step::Subscribe(true, topic) => {
                write!(f, "application: subscribe {}", shorten(topic))
            }
            Step::Subscribe(false, topic) => {
                write!(f, "application: unsubscribe {}", shorten(topic))
            }
            Step::Take(count) => write!(f, "application: receive up to {count}"),
        }
    }
}

/// A conversation of a raw peer with a socket.
#[derive(Debug, Clone)]
pub struct Conversation {
    /// The type of our socket.
    pub kind: &'static str,
    /// What the peer says its own type is.
    pub peer: &'static str,
    /// What the peer speaks.
    pub version: Version,
    /// The mechanism.
    pub security: Security,
    /// The keys, with CURVE.
    pub keys: Keys,
    /// What is wrong with the handshake.
    pub flaw: Flaw,
    /// What the peer says of itself, if it speaks ZMTP 3.
    pub metadata: Vec<u8>,
    /// Over TCP, or over a Unix domain socket.
    pub tcp: bool,
    /// Whether our socket is the one that binds.
    pub binds: bool,
    /// The peer's routing id, as its metadata or its introduction says.
    pub identity: Vec<u8>,
    /// The high-water mark of what is received.
    pub rcvhwm: i32,
    /// That of what is sent.
    pub sndhwm: i32,
    /// The longest part that is taken, or -1.
    pub maxmsgsize: i64,
    /// Whether the application receives while the peer speaks, or only when the peer can't go on.
    pub eager: bool,
    /// Whether what the peer says last in the handshake and what follows it go out in one write.
    pub pipelined: bool,
    /// Whether it has commands that upstream's takes for parts of messages.
    pub odd: bool,
    /// What happens.
    pub steps: Vec<Step>,
}

impl fmt::Display for Conversation {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        writeln!(
            f,
            "{} that {} over {}, peer {} with {:?} and {:?}, identity \"{}\", RCVHWM {}, SNDHWM {}, MAXMSGSIZE {}, {} reader{}",
            self.kind,
            if self.binds { "binds" } else { "connects" },
            if self.tcp { "tcp" } else { "ipc" },
            self.peer,
            self.version,
            self.security,
            self.identity.escape_ascii(),
            self.rcvhwm,
            self.sndhwm,
            self.maxmsgsize,
            if self.eager { "eager" } else { "sleeping" },
            if self.pipelined { ", all at once" } else { "" },
        )?;
        if self.flaw != Flaw::None
            || self.metadata != wire::metadata(self.peer.as_bytes(), &self.identity)
        {
            let metadata = self.metadata.escape_ascii();
            writeln!(f, "handshake with {:?}, metadata \"{metadata}\"", self.flaw)?;
        }
        (self.steps.iter().enumerate()).try_for_each(|(n, step)| writeln!(f, "{n:4} {step}"))
    }
}
