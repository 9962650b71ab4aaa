//! Conversations drawn from a seed or from a fuzzer's octets.

use crate::{
    choices::Choices,
    conversation::{Body, Conversation, Flaw, KINDS, Security, Step, Twist},
    curve::Keys,
    wire::{self, COMMAND, MORE, Version},
};

/// The types that a socket of this type talks to.
fn peers(kind: &str) -> &'static [&'static str] {
    match kind {
        "PAIR" => &["PAIR"],
        "PUB" | "XPUB" => &["SUB", "XSUB"],
        "SUB" | "XSUB" => &["PUB", "XPUB"],
        "REQ" => &["REP", "ROUTER"],
        "REP" => &["REQ", "DEALER"],
        "DEALER" => &["ROUTER", "REP", "DEALER"],
        "ROUTER" => &["DEALER", "REQ", "ROUTER"],
        "PULL" => &["PUSH"],
        "PUSH" => &["PULL"],
        _ => &["STREAM"],
    }
}

/// Sizes around all that is decided by size.
const SIZES: [usize; 48] = [
    0, 1, 2, 3, 4, 5, 8, 9, 29, 30, 31, 32, 33, 34, 40, 41, 100, 252, 253, 254, 255, 256, 257, 258,
    259, 260, 261, 262, 263, 264, 265, 266, 300, 511, 512, 513, 2047, 2048, 2049, 8182, 8183, 8191,
    8192, 8193, 32_768, 65_535, 65_536, 65_547,
];

fn size(choices: &mut Choices) -> usize {
    match choices.below(40) {
        0..14 => choices.below(12),
        14..20 => choices.below(300),
        20..38 => choices.of(&SIZES),
        38 => 70_000,
        _ if choices.one_in(12) => 1 << 20,
        _ => choices.below(20_000),
    }
}

fn topic(choices: &mut Choices) -> Vec<u8> {
    let topics: [&[u8]; 8] = [b"", b"a", b"ab", b"b", b"topic", b"topic-1", b"zz", b"abc"];
    choices.of(&topics).to_vec()
}

fn body(choices: &mut Choices) -> Body {
    let head = match choices.below(4) {
        0 => Vec::new(),
        1 => topic(choices),
        2 => vec![choices.below(3) as u8],
        // What begins with ~ is a marker of the runner's.
        _ => match choices.below(256) as u8 {
            b'~' => vec![b'}'],
            first => vec![first, choices.below(256) as u8],
        },
    };
    let fill = size(choices).saturating_sub(head.len());
    // Octets that, taken for flags or lengths, would say much.
    let letter = choices.of(&[
        b'.', b'm', 0, 1, 2, 4, 0x0c, 0x10, 0x20, 0x40, 0x80, 0xc0, 0xff,
    ]);
    Body { head, fill, letter }
}

/// A command's body: a known one, or nearly one.
fn command(choices: &mut Choices) -> Body {
    let names: [&[u8]; 12] = [
        b"\x09SUBSCRIBE",
        b"\x09SUBSCRIBE",
        b"\x06CANCEL",
        b"\x04PING\0\0",
        b"\x04PING\0\0",
        b"\x04PING\x03\xe8",
        b"\x04PONG",
        b"\x05OTHER",
        b"\x05READY",
        b"\x09SUBSCRIB",
        b"\x04ping\0\0",
        b"",
    ];
    let mut head = choices.of(&names).to_vec();
    let is_ping = head.starts_with(b"\x04PING");
    if is_ping {
        let context = choices.below(21);
        head.extend((0..context).map(|i| b'A' + i as u8));
        return Body {
            head,
            ..Body::default()
        };
    }
    let mut body = match choices.below(3) {
        0 => Body {
            head: topic(choices),
            ..Body::default()
        },
        1 => Body {
            head: topic(choices),
            fill: choices.below(20),
            letter: b'.',
        },
        _ => self::body(choices),
    };
    head.append(&mut body.head);
    Body { head, ..body }
}

/// What is done to a MESSAGE of CURVE, if anything: most of it breaks the connection.
fn twist(choices: &mut Choices) -> Twist {
    if !choices.one_in(24) {
        return Twist::None;
    }
    match choices.below(16) {
        0..4 => Twist::Ahead(choices.of(&[1, 2, 255, 1 << 32, 1 << 63])),
        4..7 => Twist::Flags(choices.of(&[MORE, COMMAND, COMMAND | MORE, 0x80, 0xf8])),
        7..9 => Twist::Behind(choices.of(&[0, 1, 2, 1 << 40])),
        9..11 => Twist::Changed(choices.below(300)),
        11 => Twist::Short(1 + choices.below(40)),
        12 => Twist::Long(1 + choices.below(20)),
        13 => Twist::Empty,
        14 => Twist::Mirrored,
        _ => Twist::Clear,
    }
}

/// What is wrong with the handshake, if anything.
fn flaw(choices: &mut Choices, security: Security) -> Flaw {
    if !choices.one_in(20) {
        return Flaw::None;
    }
    let which = choices.below(2);
    match choices.below(12) {
        0 => Flaw::Error(which),
        _ if !security.is_curve() => Flaw::None,
        1..4 => Flaw::Changed(which, choices.below(300)),
        4 => Flaw::Short(which, 1 + choices.below(40)),
        5 => Flaw::Long(which, 1 + choices.below(20)),
        6..9 => Flaw::Counter(choices.of(&[0, 1, 2, 3, 1 << 32, u64::MAX - 1, u64::MAX])),
        9 | 10 => Flaw::Stranger,
        _ => Flaw::Elsewhere,
    }
}

/// What the peer says of itself: what it should, or nearly that.
fn metadata(choices: &mut Choices, peer: &str, identity: &[u8]) -> Vec<u8> {
    let mut metadata = wire::metadata(peer.as_bytes(), identity);
    if !choices.one_in(20) {
        return metadata;
    }
    match choices.below(10) {
        0 => metadata.truncate(metadata.len() - 1 - choices.below(12)),
        1 => metadata.extend((0..=choices.below(6)).map(|n| n as u8)),
        2 => metadata.clear(),
        3 => {
            metadata = wire::metadata(
                choices.of(&[&b""[..], b"FOO", b"PAI", b"DEALERS"]),
                identity,
            )
        }
        4 => wire::property(b"Socket-Type", b"FOO", &mut metadata),
        5 => wire::property(b"Identity", b"another", &mut metadata),
        6 => wire::property(b"identity", b"another", &mut metadata),
        7 => wire::property(b"X-Name", b"value", &mut metadata),
        8 => wire::property(b"", b"", &mut metadata),
        _ => metadata.extend(b"\x01A\xff\xff\xff\xffvalue"),
    }
    metadata
}

/// The routing id in metadata: the last one.
fn identity(metadata: &[u8]) -> Vec<u8> {
    let properties = wire::properties(metadata).unwrap_or_default();
    let mut properties = properties.into_iter().rev();
    let found = properties.find(|(name, _)| *name == b"Identity");
    found.map_or(Vec::new(), |(_, value)| value.to_vec())
}

/// Bits that no flags octet has.
fn reserved(choices: &mut Choices) -> u8 {
    match choices.one_in(12) {
        true => choices.of(&[0x08, 0x10, 0x20, 0x40, 0x80, 0xc0, 0xf8]),
        false => 0,
    }
}

struct Draw<'a, 'b> {
    choices: &'a mut Choices<'b>,
    kind: &'static str,
    version: Version,
    security: Security,
    steps: Vec<Step>,
    /// How many octets there may still be.
    left: usize,
    /// Whether commands may come that upstream's takes for parts of messages: SUBSCRIBE and CANCEL where nobody can
    /// subscribe, or within a message, and commands with the flag MORE.
    odd: bool,
    /// Whether the last message still goes on.
    inside: bool,
}

impl Draw<'_, '_> {
    fn frame(&mut self, flags: u8, body: Body) {
        if body.size() > self.left {
            return;
        }
        self.left -= body.size();
        if flags & COMMAND == 0 {
            self.inside = flags & MORE != 0;
        }
        let long = self.choices.one_in(16);
        let flags = flags | reserved(self.choices);
        let twist = match self.security.is_curve() {
            true => twist(self.choices),
            false => Twist::None,
        };
        self.steps.push(Step::Frame {
            flags,
            long,
            body,
            twist,
        });
    }

    fn cut(&mut self) {
        match self.choices.below(12) {
            0 => self.steps.push(Step::Flush(0)),
            1 => {
                let held = 1 + self.choices.below(40);
                self.steps.push(Step::Flush(held));
            }
            _ => {}
        }
    }

    fn command(&mut self) {
        if !self.version.has_commands() {
            return;
        }
        let more = if self.odd && self.choices.one_in(8) {
            MORE
        } else {
            0
        };
        let body = command(self.choices);
        let known: [&[u8]; 2] = [b"\x09SUBSCRIBE", b"\x06CANCEL"];
        if !known.iter().any(|name| body.head.starts_with(name)) || self.may_subscribe() {
            self.frame(COMMAND | more, body);
        }
    }

    fn may_subscribe(&self) -> bool {
        self.odd || ["PUB", "XPUB"].contains(&self.kind) && !self.inside
    }

    /// Many small commands at once, and something behind them.
    fn commands(&mut self) {
        if !self.version.has_commands() {
            return;
        }
        let names: [&[u8]; 4] = [b"\x09SUBSCRIBE", b"\x06CANCEL", b"\x04PONG", b"\x05OTHER"];
        let from = if self.may_subscribe() { 0 } else { 2 };
        let name = self.choices.of(&names[from..]);
        let count = 20 + self.choices.below(20);
        let spare = self.choices.below(12);
        for n in 0..count {
            let body = [name, format!("{n:02}").as_bytes()].concat();
            self.steps.push(Step::Frame {
                flags: COMMAND,
                long: false,
                body: Body {
                    head: body,
                    fill: spare,
                    letter: b't',
                },
                twist: Twist::None,
            });
        }
        self.command();
        self.command();
    }

    fn message(&mut self) {
        // What makes a request, or a reply, of it.
        match self.kind {
            "REP" if !self.choices.one_in(8) => {
                if self.choices.one_in(4) {
                    let address = body(self.choices);
                    self.frame(MORE, address);
                }
                self.frame(MORE, Body::default());
            }
            "REQ" => {
                if !self.choices.one_in(8) {
                    let request = body(self.choices);
                    self.steps.push(Step::Send(vec![request]));
                }
                if !self.choices.one_in(40) {
                    self.frame(MORE, Body::default());
                }
            }
            _ => {}
        }
        let parts = match self.choices.below(6) {
            0 => 1 + self.choices.below(6),
            _ => 1,
        };
        for part in 1..=parts {
            let mut body = body(self.choices);
            if ["PUB", "XPUB"].contains(&self.kind) && part == 1 && !self.choices.one_in(4) {
                body = Body {
                    head: [&[self.choices.below(2) as u8], &topic(self.choices)[..]].concat(),
                    ..Body::default()
                };
            }
            self.frame(if part < parts { MORE } else { 0 }, body);
            if self.choices.one_in(10) {
                self.command();
            }
            self.cut();
        }
        if self.kind == "REQ" {
            self.steps.push(Step::Take(1));
        }
    }

    fn application(&mut self) {
        let sends = !["PULL", "SUB", "STREAM", "REP", "REQ"].contains(&self.kind);
        let subscribes = ["SUB", "XSUB"].contains(&self.kind);
        match self.choices.below(4) {
            0 | 1 if sends => {
                let count = 1 + self.choices.below(3);
                let parts = (0..count).map(|_| match self.kind {
                    // What goes upstream from there is a subscription or any message; from here it is the former.
                    "XSUB" => Body {
                        head: [&[1][..], &topic(self.choices)].concat(),
                        ..Body::default()
                    },
                    _ => body(self.choices),
                });
                let parts: Vec<Body> = parts.collect();
                let parts = if self.kind == "XSUB" {
                    parts[..1].to_vec()
                } else {
                    parts
                };
                self.steps.push(Step::Send(parts));
            }
            2 if subscribes => {
                let add = !self.choices.one_in(3);
                let mut topic = topic(self.choices);
                if self.choices.one_in(4) {
                    // One octet of it, again and again.
                    topic = vec![b't'; size(self.choices).min(70_000)];
                }
                self.steps.push(Step::Subscribe(add, topic));
            }
            3 => {
                let count = 1 + self.choices.below(4);
                self.steps.push(Step::Take(count));
            }
            _ => {}
        }
    }

    fn octets(&mut self) {
        let count = 1 + self.choices.below(20);
        let octets = (0..count).map(|_| self.choices.below(256) as u8);
        let octets = octets.collect();
        self.steps.push(Step::Raw(octets));
    }
}

/// Draws a conversation.
pub fn generate(choices: &mut Choices) -> Conversation {
    let kind = match choices.below(16) {
        n @ 0..12 => KINDS[n],
        n => ["XPUB", "ROUTER", "DEALER", "PULL"][n - 12],
    };
    let peer = match choices.one_in(30) {
        true => choices.of(&KINDS[..11]),
        false => choices.of(peers(kind)),
    };
    let version = match choices.below(12) {
        0 => Version::Unversioned,
        1 => Version::V1,
        2 => Version::V2,
        3 | 4 => Version::V3,
        _ => Version::V31,
    };
    let security = match choices.below(12) {
        _ if !version.has_commands() || kind == "STREAM" => Security::Null,
        0 => Security::Plain,
        1 => Security::PlainClient,
        2 | 3 => Security::Curve,
        4 => Security::CurveClient,
        _ => Security::Null,
    };
    let keys = match security.is_curve() {
        true => Keys::of_seed(choices.below(1 << 24) as u64),
        false => Keys::of_seed(0),
    };
    let mut identity = choices
        .of(&[&b""[..], b"id", b"a longer routing id"])
        .to_vec();
    let (mut flaw, mut metadata) = (Flaw::None, Vec::new());
    if version.has_commands() {
        flaw = self::flaw(choices, security);
        metadata = self::metadata(choices, peer, &identity);
        identity = self::identity(&metadata);
    }
    let hwms = [1000, 0, 1, 2, 7];
    let conversation = Conversation {
        kind,
        peer,
        version,
        security,
        tcp: choices.below(2) == 0,
        binds: !choices.one_in(4),
        keys,
        flaw,
        metadata,
        identity,
        // Nobody would take what waits behind a mark there.
        rcvhwm: if ["PUSH", "REQ"].contains(&kind) {
            0
        } else {
            choices.of(&hwms)
        },
        // Others leave out what is beyond the mark, which is a matter of time.
        sndhwm: if ["PAIR", "DEALER", "PUSH"].contains(&kind) {
            choices.of(&hwms)
        } else {
            0
        },
        maxmsgsize: if choices.one_in(8) {
            choices.of(&[300, 8192, 65_536])
        } else {
            -1
        },
        eager: choices.below(2) == 0,
        // A server turns away a client that goes on before it has heard READY.
        pipelined: choices.below(2) == 0 && (security == Security::Null || security.is_client()),
        odd: choices.one_in(10),
        steps: Vec::new(),
    };
    let most = if choices.one_in(4) { 40 } else { 14 };
    let count = 1 + choices.below(most);
    let odd = conversation.odd;
    let mut draw = Draw {
        choices,
        kind,
        version,
        security,
        steps: Vec::new(),
        left: 1_200_000,
        odd,
        inside: false,
    };
    for _ in 0..count {
        match draw.choices.below(20) {
            _ if draw.choices.is_used_up() => break,
            0..10 => draw.message(),
            10..12 => draw.command(),
            12 => draw.commands(),
            13 => draw.steps.push(Step::Sync),
            14..17 => draw.application(),
            17 => draw.cut(),
            18 if kind == "STREAM" => draw.octets(),
            18 if draw.choices.one_in(20) => draw.octets(),
            _ => {
                let body = body(draw.choices);
                let more = draw.choices.below(2) as u8;
                draw.frame(more, body);
            }
        }
        draw.cut();
    }
    let steps = draw.steps;
    Conversation {
        steps,
        ..conversation
    }
}
