//! A connection from its first octet on, over a pair of sockets: a peer's octets in, messages out.

use std::{
    io::{Read as _, Write as _},
    net::Shutdown,
    os::{fd::OwnedFd, unix::net::UnixStream},
};

use zmq::{
    error::Error,
    io::engine::{Engine, Read, Speech},
    message::{Message, Sink},
    options::SocketType,
    pipe::{Door, End, Ends, Kind, pipe},
    zmtp::{Codec, Command, Limit, Local, Version, curve, frame, v1},
};

use crate::{
    curve::{Session, honest_session},
    handshake::{self, Side, greeting},
    input::{Cuts, Input},
    memory,
};

/// What a connection delivers: a part of a message, or a subscription.
#[derive(Debug, PartialEq, Eq)]
struct Part {
    kind: Kind,
    body: Vec<u8>,
}

/// What came of a connection. Its last parts are a whole message's.
#[derive(Debug, PartialEq, Eq)]
struct Outcome {
    parts: Vec<Part>,
    end: Error,
    /// What was said in turn.
    said: Vec<u8>,
}

/// A connection whose handshake is done, from the side that is tested and from the other.
struct Connection {
    engine: Engine,
    near: Ends,
    far: End,
    wire: UnixStream,
    outcome: Outcome,
}

impl Connection {
    fn new(speech: Speech, version: Version, limit: Limit, hwm: u32) -> Connection {
        let (wire, ours) = UnixStream::pair().expect("a pair of sockets");
        ours.set_nonblocking(true).expect("an option");
        wire.set_nonblocking(true).expect("an option");
        let (near, far) = pipe(hwm, 0);
        Connection {
            engine: Engine::new(OwnedFd::from(ours), speech, version, limit),
            near,
            far: End::new(far, Door::unknown(), Door::unknown()),
            wire,
            outcome: Outcome {
                parts: Vec::new(),
                // None yet.
                end: Error::System(0),
                said: Vec::new(),
            },
        }
    }

    /// Takes what there is, until there is no more. False at the end.
    fn turn(&mut self) -> bool {
        loop {
            let (read, _) = self.engine.read(&mut self.near.tx);
            let mut part = Message::new();
            while let Some((kind, _, _)) = self.far.peek() {
                let received = self.far.read(&mut Sink::Message(&mut part));
                let received = received.expect("a part").expect("memory");
                assert_eq!((received.size, received.more), (part.size(), kind.more()));
                self.outcome.parts.push(Part {
                    kind,
                    body: part.bytes().to_vec(),
                });
            }
            let (written, _) = self.engine.write(&mut self.near.rx, false);
            written.expect("a peer that listens");
            let mut said = [0; 4096];
            while let Ok(bytes @ 1..) = self.wire.read(&mut said) {
                self.outcome.said.extend_from_slice(&said[..bytes]);
            }
            match read {
                Ok(Read::All) => return true,
                Ok(Read::More | Read::Stalled) => {}
                Err(error) => {
                    self.outcome.end = error;
                    return false;
                }
            }
        }
    }

    /// Takes in a piece of what the peer says. False at the end.
    fn hear(&mut self, mut piece: &[u8]) -> bool {
        while !piece.is_empty() {
            match self.wire.write(piece) {
                Ok(written) => piece = &piece[written..],
                Err(_) if !self.turn() => return false,
                Err(_) => {}
            }
        }
        self.turn()
    }

    fn run<'a>(mut self, mut pieces: impl Iterator<Item = &'a [u8]>) -> Outcome {
        if pieces.all(|piece| self.hear(piece)) {
            self.wire.shutdown(Shutdown::Write).expect("a socket");
            assert!(!self.turn(), "the peer has hung up");
        }
        self.outcome
    }
}

/// What a connection must come to, by the book: `frames` are in clear.
struct Model {
    version: Version,
    limit: usize,
    parts: Vec<Part>,
    said: Vec<u8>,
    inside: bool,
    whole: usize,
}

impl Model {
    /// One frame's header: its flags, size, and the size of the body. None if there is too little.
    fn header(&self, octets: &[u8]) -> Option<Result<(u8, usize, usize), Error>> {
        let long = |at: usize| {
            octets
                .get(at..at + 8)?
                .first_chunk()
                .map(|n| u64::from_be_bytes(*n))
        };
        let (flags, head, body) = match (self.version, octets.first()?) {
            (Version::V1, 0xff) => match long(1)? {
                0 => return Some(Err(Error::EPROTO)),
                len => (octets.get(9), 10, len - 1),
            },
            (Version::V1, 0) => return Some(Err(Error::EPROTO)),
            (Version::V1, len) => (octets.get(1), 2, u64::from(*len) - 1),
            (_, flags) if flags & 2 == 0 => (Some(flags), 2, u64::from(*octets.get(1)?)),
            (_, flags) => (Some(flags), 9, long(1)?),
        };
        if body > self.limit as u64 {
            return Some(Err(Error::EMSGSIZE));
        }
        Some(Ok((*flags?, head, body as usize)))
    }

    /// Takes in frames; how it ends with them.
    fn hear(&mut self, mut octets: &[u8]) -> Error {
        while let Some(header) = self.header(octets) {
            let (flags, head, body) = match header {
                Ok(header) => header,
                Err(error) => return error,
            };
            let Some(frame) = octets.split_off(..head + body) else {
                break;
            };
            self.frame(flags, &frame[head..]);
        }
        Error::EPIPE
    }

    fn frame(&mut self, flags: u8, body: &[u8]) {
        if flags & 4 != 0 && self.version > Version::V1 {
            match Command::parse(body) {
                Ok(Command::Ping { context, .. }) => {
                    let mut pong = Vec::new();
                    Command::Pong { context }.encode(&mut pong).unwrap();
                    frame::write(zmq::zmtp::Flags::COMMAND, &pong, &mut self.said).unwrap();
                }
                // Within a message they make no sense.
                _ if self.inside => {}
                Ok(Command::Subscribe(topic)) => self.whole(Kind::Subscribe, topic),
                Ok(Command::Cancel(topic)) => self.whole(Kind::Cancel, topic),
                _ => {}
            }
            return;
        }
        self.inside = flags & 1 != 0;
        self.parts.push(Part {
            kind: Kind::Part {
                more: flags & 1 != 0,
            },
            body: body.to_vec(),
        });
        if !self.inside {
            self.whole = self.parts.len();
        }
    }

    fn whole(&mut self, kind: Kind, topic: &[u8]) {
        self.parts.push(Part {
            kind,
            body: topic.to_vec(),
        });
        self.whole = self.parts.len();
    }

    fn of(version: Version, limit: usize, frames: &[u8]) -> Outcome {
        let mut model = Model {
            version,
            limit,
            parts: Vec::new(),
            said: Vec::new(),
            inside: false,
            whole: 0,
        };
        let end = model.hear(frames);
        model.parts.truncate(model.whole);
        Outcome {
            parts: model.parts,
            end,
            said: model.said,
        }
    }
}

/// What there is to be held: small limits and large ones, pipes that are full at once and some that never are.
fn bounds(input: &mut Input) -> (usize, u32) {
    let limit = [1 << 20, 100_000, 8191, 300][input.below(4)];
    (limit, [0, 1, 2, 7][input.below(4)])
}

/// How long bodies are: around all that is decided by length.
const LENGTHS: [usize; 40] = [
    0, 1, 2, 40, 254, 255, 256, 300, 4096, 8191, 8192, 8193, 32_768, 65_536, 100_000, 140_000, 9,
    30, 33, 41, 253, 257, 258, 259, 260, 261, 262, 263, 264, 265, 511, 512, 2047, 2048, 8182, 8183,
    8184, 65_535, 65_547, 70_000,
];
/// How often what comes again and again comes, if these bits of its flags are set: more than are looked at in one go.
const TIMES: usize = 30;
const AGAIN: u8 = 0x78;

/// Bodies, with the octet of flags that they get: parts of messages, commands, and what the input has.
fn bodies(input: &mut Input) -> Vec<(u8, Vec<u8>)> {
    let mut bodies = Vec::new();
    for _ in 0..input.below(24) {
        let flags = input.octet();
        let names: [&[u8]; 6] = [
            b"",
            b"\x09SUBSCRIBE",
            b"\x06CANCEL",
            b"\x04PING",
            b"\x04PONG",
            b"\x05OTHER",
        ];
        let mut body = names[input.below(names.len())].to_vec();
        let len = LENGTHS[input.below(LENGTHS.len())];
        if len < 40 {
            body.extend_from_slice(input.counted());
        } else {
            body.resize(len, bodies.len() as u8);
        }
        let times = if flags & AGAIN == AGAIN { TIMES } else { 1 };
        let times = if len < 300 { times } else { 1 };
        bodies.extend(std::iter::repeat_n((flags, body), times));
    }
    bodies
}

/// The frames of a peer with NULL, of any version: headers short and long, whole frames and then any octets.
fn frames(input: &mut Input, version: Version) -> Vec<u8> {
    let mut octets = Vec::new();
    for (flags, body) in bodies(input) {
        let mut header = [0; v1::MAX_HEADER];
        let len = match version {
            Version::V1 => {
                v1::write_header(zmq::zmtp::Flags::from_bits(flags), body.len(), &mut header)
            }
            // Reserved bits say nothing.
            _ if flags & 2 == 0 && body.len() < 256 => {
                header[..2].copy_from_slice(&[flags, body.len() as u8]);
                2
            }
            _ => {
                header[0] = flags | 2;
                header[1..9].copy_from_slice(&(body.len() as u64).to_be_bytes());
                9
            }
        };
        octets.extend_from_slice(&header[..len]);
        octets.extend(body);
    }
    octets.extend_from_slice(input.rest());
    octets
}

/// How a peer introduces itself that is of that version.
fn introduction(version: Version, signed: bool) -> Vec<u8> {
    let signature = b"\xff\0\0\0\0\0\0\0\x01\x7f";
    let ready = b"\x04\x1c\x05READY\x0bSocket-Type\0\0\0\x06DEALER";
    match version {
        Version::V1 if signed => [&signature[..], b"\x00\x05\x01\x00"].concat(),
        Version::V1 => b"\x01\x00".to_vec(),
        Version::V2 => [&signature[..], b"\x01\x05\x00\x00"].concat(),
        Version::V3_0 => [&greeting(0, b"NULL")[..], ready].concat(),
        Version::V3_1 => [&greeting(1, b"NULL")[..], ready].concat(),
    }
}

/// The handshake of a peer and all that follows, in these pieces.
fn converse<'a>(
    (limit, hwm): (usize, u32),
    is_plain: bool,
    mut pieces: impl Iterator<Item = &'a [u8]>,
) -> (Version, Outcome) {
    let local = Local {
        limit: Limit::new(limit as i64),
        ..Local::new(SocketType::Dealer)
    };
    let mut side = Side::new(local, None);
    let mut rest: &[u8] = &[];
    while let handshake::End::Waiting = side.end {
        rest = side.feed(pieces.next().expect("the introduction is whole"));
    }
    let handshake::End::Done(peer) = side.end else {
        panic!("{:?}", side.end);
    };
    let speech = match peer.codec {
        Codec::Clear if is_plain => Speech::Plain,
        codec => Speech::Coded(codec),
    };
    let limit = Limit::new(limit as i64);
    let mut connection = Connection::new(speech, peer.version, limit, hwm);
    let taken = connection.engine.take_in(&mut connection.near.tx, rest);
    taken.expect("memory");
    (peer.version, connection.run(pieces))
}

fn same(outcome: &Outcome, expected: &Outcome, is_short: bool) {
    let sizes = |outcome: &Outcome| -> Vec<_> {
        let parts = outcome
            .parts
            .iter()
            .map(|part| (part.kind, part.body.len()));
        parts.collect()
    };
    assert_eq!(
        (sizes(outcome), outcome.end),
        (sizes(expected), expected.end)
    );
    assert!(outcome.parts == expected.parts, "the bodies differ");
    // One that floods us with questions is not told all.
    if is_short {
        assert_eq!(outcome.said, expected.said);
    }
}

/// What the connection may take beside what it is sent: buffers that a thread has for all, and a long body's.
const BASE: usize = 8 << 20;

/// A peer of any version with NULL: what it says is delivered, whole messages and in order, however it is cut.
pub fn connection(octets: &[u8]) {
    let mut input = Input::new(octets);
    let bounds = bounds(&mut input);
    let version = input.octet();
    let (is_plain, signed) = (version & 16 == 0, version & 32 == 0);
    let version =
        [Version::V3_1, Version::V3_0, Version::V2, Version::V1][usize::from(version & 3)];
    let cuts = Cuts::of(&mut input);
    let introduction = introduction(version, signed);
    let frames = frames(&mut input, version);
    let expected = Model::of(version, bounds.0, &frames);
    let all = [introduction, frames].concat();
    let is_short = all.len() < 16 * 1024;
    memory::within(BASE + 8 * all.len(), || {
        let (spoken, outcome) = converse(bounds, is_plain, std::iter::once(&all[..]));
        assert_eq!(spoken, version);
        same(&outcome, &expected, is_short);
        same(
            &converse(bounds, is_plain, cuts.pieces(&all)).1,
            &expected,
            is_short,
        );
        if all.len() < 1024 {
            same(
                &converse(bounds, is_plain, all.chunks(1)).1,
                &expected,
                is_short,
            );
        }
    });
}

/// A peer with CURVE: what it has encrypted is delivered, whole messages and in order, however it is cut.
pub fn curve_connection(octets: &[u8]) {
    let mut input = Input::new(octets);
    let (limit, hwm) = bounds(&mut input);
    let cuts = Cuts::of(&mut input);
    let mut session: Session = honest_session();
    let (mut clear, mut sealed) = (Vec::new(), Vec::new());
    for (flags, body) in bodies(&mut input) {
        let flags = zmq::zmtp::Flags::from_bits(flags);
        frame::write(flags, &body, &mut clear).unwrap();
        let octet = u8::from(flags.more()) | u8::from(flags.command()) << 1;
        sealed.extend(session.wire(octet, &body));
    }
    let mut expected = Model::of(Version::V3_1, limit - curve::OVERHEAD, &clear);
    expected.said.clear();
    let speech = Speech::Coded(session.codec);
    let limit = Limit::new(limit as i64);
    memory::within(BASE + 8 * sealed.len(), || {
        let connection = Connection::new(speech, Version::V3_1, limit, hwm);
        let mut outcome = connection.run(cuts.pieces(&sealed));
        outcome.said.clear();
        same(&outcome, &expected, true);
    });
}

/// A peer without a protocol (`ZMQ_STREAM`): its octets are delivered, none left out.
pub fn stream(octets: &[u8]) {
    let mut input = Input::new(octets);
    let (_, hwm) = bounds(&mut input);
    let cuts = Cuts::of(&mut input);
    let times = 1 + 7 * input.below(64);
    let said = input.rest().repeat(times);
    let connection = Connection::new(Speech::Bare, Version::V1, Limit::NONE, hwm);
    let outcome = connection.run(cuts.pieces(&said));
    let parts = outcome.parts.iter().map(|part| &part.body[..]);
    assert!(
        parts.collect::<Vec<_>>().concat() == said,
        "the octets differ"
    );
    assert_eq!((outcome.end, outcome.said), (Error::EPIPE, vec![]));
}
