//! CURVE with a peer that has keys and can make boxes, and puts into them, and does to them, what the input says.

use std::cell::RefCell;

use conversations::curve::{
    self, CLIENT_MESSAGES, Channel, Key, SERVER_MESSAGES, open, public, shared, short_nonce,
};
use zmq::{
    options::SocketType,
    zmtp::{
        Codec, Failure, Flags, Limit, Local, Security,
        curve::ClientKeys,
        frame,
        metadata::{self, SOCKET_TYPE},
    },
};

use crate::{
    handshake::{End, Side, greeting, zap},
    input::{Cuts, Input},
};

const SERVER: Key = [1; 32];
const CLIENT: Key = [2; 32];
/// The peer's transient key, on either side.
const TRANSIENT: Key = [3; 32];

/// The input of an honest client: no ZAP handler, one piece, the right keys, counters that count, and nothing twisted.
const HONEST: &[u8] = &[0, 0, 0, 0, 0, 0, 0, 1];

/// All mechanisms in all roles, with the keys of this file.
pub fn securities() -> [Security; 5] {
    let keys = ClientKeys {
        server: public(&SERVER),
        public: public(&CLIENT),
        secret: CLIENT.into(),
    };
    let login = Security::PlainClient {
        username: b"name".to_vec(),
        password: b"password".to_vec().into(),
    };
    let secret_key = SERVER.into();
    [
        Security::Null,
        login,
        Security::PlainServer,
        Security::CurveClient(keys),
        Security::CurveServer { secret_key },
    ]
}

fn local(input: &mut Input, is_server: bool) -> Local {
    let [.., client, server] = securities();
    let security = if is_server { server } else { client };
    let zap = input.octet();
    Local {
        security,
        zap_domain: [&b""[..], b"test"][usize::from(zap & 1)].to_vec(),
        zap_enforce_domain: zap & 2 != 0,
        ..Local::new(SocketType::Dealer)
    }
}

/// Changes octets, or doesn't; whether it did.
fn twist(input: &mut Input, octets: &mut Vec<u8>) -> bool {
    let before = octets.clone();
    match input.below(16) {
        1 => {
            let at = u16::from_be_bytes(input.array());
            let len = octets.len().max(1);
            if let Some(octet) = octets.get_mut(usize::from(at) % len) {
                *octet ^= input.octet();
            }
        }
        2 => octets.truncate(octets.len().saturating_sub(input.octet().into())),
        3 => octets.extend_from_slice(input.counted()),
        4 => *octets = input.counted().to_vec(),
        _ => {}
    }
    *octets != before
}

/// A key as it should be, or any.
fn key(input: &mut Input, right: Key) -> Key {
    match input.below(16) {
        1 => input.array(),
        // Of low order.
        2 => [0; 32],
        3 => std::array::from_fn(|i| u8::from(i == 0)),
        _ => right,
    }
}

/// Metadata: any octets, or what a peer would say and any octets.
fn metadata(input: &mut Input) -> Vec<u8> {
    let mut octets = Vec::new();
    if !input.flag() {
        metadata::write(SOCKET_TYPE, b"ROUTER", &mut octets).unwrap();
    }
    octets.extend_from_slice(input.counted());
    octets
}

/// Whether a DEALER takes this metadata.
fn is_welcome(metadata: &[u8]) -> bool {
    metadata::properties(metadata).all(|property| match property {
        Ok((SOCKET_TYPE, value)) => [&b"REP"[..], b"DEALER", b"ROUTER"].contains(&value),
        property => property.is_ok(),
    })
}

fn say(side: &mut Side, body: &[u8], cuts: &Cuts) {
    let mut octets = Vec::new();
    frame::write(Flags::COMMAND, body, &mut octets).unwrap();
    for piece in cuts.clone().pieces(&octets) {
        side.feed(piece);
    }
}

/// The body of the one frame that was said since.
fn heard(side: &mut Side) -> Vec<u8> {
    let out = std::mem::take(&mut side.out);
    let header = frame::Header::parse(&out, Limit::NONE);
    let header = header.expect("a header").expect("a whole one");
    assert_eq!(
        (header.frame_len(), header.flags),
        (out.len(), Flags::COMMAND)
    );
    out[header.header_len..].to_vec()
}

/// What the two sides of a connection know after the handshake.
pub struct Session {
    pub codec: Codec,
    /// The tested side's messages.
    ours: Channel,
    /// The peer's.
    theirs: Channel,
}

impl Session {
    /// The peer's next message. False if it was refused, which ends the connection.
    fn receive(&mut self, input: &mut Input) -> bool {
        let last = self.theirs.last;
        let counter = match input.below(16) {
            1 => last.wrapping_add(input.octet().into()),
            2 => last.wrapping_sub(input.octet().into()),
            3 => input.u64(),
            _ => last.wrapping_add(1),
        };
        let flags = input.octet();
        let text = input.counted();
        let mut body = match input.below(16) {
            1 => [b"\x07MESSAGE", &counter.to_be_bytes()[..], input.counted()].concat(),
            _ => self.theirs.seal(counter, &[&[flags], text].concat()),
        };
        let nonce = short_nonce(self.theirs.prefix, counter);
        let inside = open(&self.theirs.key, &nonce, &body[16..]);
        let honest = inside.is_some_and(|text| !text.is_empty());
        let twisted = twist(input, &mut body);
        let mut wire = Vec::new();
        frame::write(Flags::NONE, &body, &mut wire).unwrap();
        let header = self.codec.parse(&wire, Limit::NONE);
        let header = header.expect("a header").expect("a whole one");
        match self.codec.decode(&header, &mut body) {
            Ok((received, range)) => {
                assert!(
                    honest && !twisted && counter > last,
                    "{counter} after {last}"
                );
                assert_eq!(
                    (received.more(), received.command()),
                    (flags & 1 != 0, flags & 2 != 0)
                );
                assert_eq!(&body[range], text);
                self.theirs.last = counter;
                true
            }
            Err(failure) => {
                assert!(matches!(failure, Failure::Protocol(_)));
                assert!(
                    !honest || twisted || counter <= last,
                    "{counter} after {last}"
                );
                false
            }
        }
    }

    /// The tested side's next message, which the peer must be able to open.
    fn send(&mut self, input: &mut Input) {
        let flags = [Flags::NONE, Flags::MORE, Flags::COMMAND][input.below(3)];
        let text = input.counted();
        let (one, two) = text.split_at(input.below(256).min(text.len()));
        let mut wire = Vec::new();
        self.codec.encode(flags, &[one, two], &mut wire).unwrap();
        let header = self.codec.parse(&wire, Limit::NONE);
        let header = header.expect("a header").expect("a whole one");
        assert_eq!(header.frame_len(), wire.len());
        let opened = self.ours.open(&wire[header.header_len..]);
        let octet = u8::from(flags.more()) | u8::from(flags.command()) << 1;
        assert_eq!(opened, Some((octet, text.to_vec())), "genuine and in order");
    }

    /// The peer's next message, as it goes over the wire.
    pub fn wire(&mut self, flags: u8, text: &[u8]) -> Vec<u8> {
        let mut wire = Vec::new();
        frame::write(Flags::NONE, &self.theirs.next(flags, text), &mut wire).unwrap();
        wire
    }

    /// Messages each way, until one is refused. Whether none was.
    fn talk(&mut self, input: &mut Input) -> bool {
        while !input.is_empty() {
            if input.flag() {
                self.send(input);
            } else if !self.receive(input) {
                return false;
            }
        }
        true
    }
}

/// HELLO, INITIATE and messages of a client: nobody comes in without its own key, and without the server's word.
pub fn curve_server(octets: &[u8]) {
    let mut input = Input::new(octets);
    if let Some(mut session) = enter(&mut input) {
        session.talk(&mut input);
    }
}

/// A client comes in, or is refused, which must be for a reason.
pub(crate) fn enter(input: &mut Input) -> Option<Session> {
    let local = local(input, true);
    let mut side = Side::new(local, zap(input));
    let cuts = Cuts::of(input);
    side.feed(&greeting(1, b"CURVE"));
    side.out.clear();

    let mine = public(&TRANSIENT);
    let shown = key(input, mine);
    let hello_counter = 1 + u64::from(input.octet());
    let to_server = shared(&public(&SERVER), &TRANSIENT);
    let mut hello = curve::hello(&to_server, &shown, hello_counter);
    let made = hello.clone();
    // Nobody looks at the padding.
    let twisted = twist(input, &mut hello)
        && (hello.len() != made.len() || hello[..8] != made[..8] || hello[80..] != made[80..]);
    say(&mut side, &hello, &cuts);
    if shown != mine || twisted {
        assert!(matches!(side.end, End::Failed(_)), "{:?}", side.end);
        assert!(side.out.is_empty());
        return None;
    }

    let welcome = heard(&mut side);
    assert_eq!((welcome.len(), &welcome[..8]), (168, &b"\x07WELCOME"[..]));
    let (server, mut cookie) = curve::open_welcome(&to_server, &welcome).expect("genuine");
    let key_of_session = shared(&server, &TRANSIENT);
    let counter = hello_counter + input.below(3) as u64;

    let known = key(input, public(&CLIENT));
    let mut vouched = [mine, public(&SERVER)].concat();
    let mut honest = !twist(input, &mut vouched) && known == public(&CLIENT);
    let vouch = curve::vouch(&CLIENT, &server, &vouched);
    let head = [&known[..], &vouch].concat();
    let mut text = [&head[..], &metadata(input)].concat();
    twist(input, &mut text);
    honest &= text.strip_prefix(&head[..]).is_some_and(is_welcome) && counter > hello_counter;
    let right = curve::initiate(&key_of_session, &cookie, counter, &text);
    twist(input, &mut cookie);
    let mut body = curve::initiate(&key_of_session, &cookie, counter, &text);
    twist(input, &mut body);
    honest &= body == right;
    say(&mut side, &body, &cuts);
    let peer = match std::mem::replace(&mut side.end, End::Waiting) {
        End::Done(peer) => peer,
        End::Failed(_) => return None,
        End::Refused(_) => {
            assert!(honest, "nobody else is asked about");
            return None;
        }
        End::Waiting => panic!("INITIATE is the last word"),
    };
    assert!(honest);

    let ready = heard(&mut side);
    let (ready_counter, theirs) = curve::open_ready(&key_of_session, &ready).expect("genuine");
    assert!(metadata::properties(&theirs).all(|property| property.is_ok()));
    let channel = |prefix, last| Channel {
        key: key_of_session,
        prefix,
        last,
    };
    Some(Session {
        codec: peer.codec,
        ours: channel(SERVER_MESSAGES, ready_counter),
        theirs: channel(CLIENT_MESSAGES, counter),
    })
}

/// WELCOME, READY and messages of a server: a client talks to the one whose key it has, and to no other.
pub fn curve_client(octets: &[u8]) {
    let mut input = Input::new(octets);
    let local = local(&mut input, false);
    let cuts = Cuts::of(&mut input);
    let mut side = Side::new(local, None);
    side.feed(&greeting(1, b"CURVE"));
    side.out.drain(..64);

    let hello = heard(&mut side);
    assert_eq!((hello.len(), &hello[..8]), (200, &b"\x05HELLO\x01\x00"[..]));
    let (client, hello_counter) = curve::open_hello(&SERVER, &hello).expect("genuine");
    let to_client = shared(&client, &SERVER);

    let mine = public(&TRANSIENT);
    let shown = key(&mut input, mine);
    let mut text = [&shown[..], &[5; 96]].concat();
    let mut honest = !twist(&mut input, &mut text);
    let mut welcome = curve::welcome(&to_client, &text);
    honest &= !twist(&mut input, &mut welcome);
    say(&mut side, &welcome, &cuts);
    if !honest || shown != mine {
        // Another transient key is as good, and so is another cookie: the server has made them.
        return;
    }

    let initiate = heard(&mut side);
    let key = shared(&client, &TRANSIENT);
    let initiated = curve::open_initiate(&key, &TRANSIENT, &initiate).expect("genuine");
    let counter = initiated.counter;
    assert!(counter > hello_counter);
    assert_eq!(initiated.cookie, [5; 96]);
    assert_eq!(initiated.client, public(&CLIENT));
    assert_eq!(initiated.vouched, [client, public(&SERVER)].concat());

    let metadata = metadata(&mut input);
    let ready_counter = match input.below(8) {
        1 => input.u64(),
        _ => 1,
    };
    let mut ready = curve::ready(&key, ready_counter, &metadata);
    let twisted = twist(&mut input, &mut ready);
    say(&mut side, &ready, &cuts);
    match side.end {
        End::Done(peer) => {
            assert!(!twisted && is_welcome(&metadata));
            let channel = |prefix, last| Channel { key, prefix, last };
            let mut session = Session {
                codec: peer.codec,
                ours: channel(CLIENT_MESSAGES, counter),
                theirs: channel(SERVER_MESSAGES, ready_counter),
            };
            session.talk(&mut input);
        }
        end => assert!(twisted || !is_welcome(&metadata), "{end:?}"),
    }
}

/// What an honest client gets.
pub fn honest_session() -> Session {
    enter(&mut Input::new(HONEST)).expect("an honest client comes in")
}

/// Messages alone, on one connection for as long as it lasts: the handshake takes most of the time of the others.
pub fn curve_messages(octets: &[u8]) {
    thread_local! {
        static SESSION: RefCell<Option<Session>> = const { RefCell::new(None) };
    }
    let mut input = Input::new(octets);
    SESSION.with_borrow_mut(|kept| {
        let mut session = kept.take().unwrap_or_else(honest_session);
        if session.talk(&mut input) && session.theirs.last < u64::MAX / 2 {
            *kept = Some(session);
        }
    });
}
