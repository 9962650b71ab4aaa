//! The handshake with a peer that says what the input says, in clear.

use zmq::{
    options::SocketType,
    zmtp::{Failure, Flags, Handshake, Limit, Local, Peer, Security, Step, frame},
};

use crate::{
    framing::zap_frames,
    input::{Cuts, Input},
    memory,
};

/// How a handshake ended, if it did.
#[derive(Debug)]
pub enum End {
    Waiting,
    Failed(Failure),
    Refused(Failure),
    Done(Box<Peer>),
}

/// One side of a handshake: the one that is tested.
pub struct Side {
    handshake: Option<Handshake>,
    /// What the ZAP handler answers at once; if it doesn't, there is none.
    zap: Option<Vec<Vec<u8>>>,
    pub end: End,
    pub out: Vec<u8>,
    /// How many octets were taken.
    pub taken: usize,
}

impl Side {
    pub fn new(local: Local, zap: Option<Vec<Vec<u8>>>) -> Side {
        let mut out = Vec::new();
        Side {
            handshake: Some(Handshake::new(local, &mut out)),
            zap,
            end: End::Waiting,
            out,
            taken: 0,
        }
    }

    /// Takes octets for as long as the handshake goes on. What is left is the steady state's.
    pub fn feed<'a>(&mut self, mut octets: &'a [u8]) -> &'a [u8] {
        while !octets.is_empty()
            && let Some(handshake) = self.handshake.take()
        {
            match handshake.on(octets, &mut self.out) {
                Ok((step, taken)) => {
                    assert!(taken <= octets.len());
                    assert!(taken == octets.len() || !matches!(step, Step::More(_)));
                    self.taken += taken;
                    octets = &octets[taken..];
                    self.step(step);
                }
                Err(failure) => self.end = End::Failed(failure),
            }
        }
        octets
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::More(handshake) => self.handshake = Some(handshake),
            Step::Refused(_, failure) => self.end = End::Refused(failure),
            Step::Done(peer) => self.end = End::Done(Box::new(peer)),
            Step::AskZap(handshake, request) => {
                assert!(request.frames().len() >= 7 && request.frames()[0].is_empty());
                let answered = match self.zap.take() {
                    Some(frames) => handshake.zap_reply(&frames, &mut self.out),
                    None => handshake.zap_no_handler(&mut self.out),
                };
                match answered {
                    Ok(step) => self.step(step),
                    Err(failure) => self.end = End::Failed(failure),
                }
            }
        }
    }
}

/// A ZMTP 3 greeting.
pub fn greeting(minor: u8, mechanism: &[u8]) -> Vec<u8> {
    let mut octets = vec![0xff, 0, 0, 0, 0, 0, 0, 0, 1, 0x7f, 3, minor];
    octets.extend_from_slice(mechanism);
    octets.resize(64, 0);
    octets
}

/// A side of any type, with a name or not, with any limit.
pub fn local(input: &mut Input, security: Security) -> Local {
    let zap = input.octet();
    Local {
        routing_id: input.counted().to_vec(),
        security,
        zap_domain: [&b""[..], b"test"][usize::from(zap & 1)].to_vec(),
        zap_enforce_domain: zap & 2 != 0,
        peer_address: "127.0.0.1".into(),
        limit: Limit::new([-1, 20, 8192][input.below(3)]),
        ..Local::new(SocketType::ALL[input.below(SocketType::ALL.len())])
    }
}

/// What the ZAP handler says, if there is one.
pub fn zap(input: &mut Input) -> Option<Vec<Vec<u8>>> {
    input.flag().then(|| zap_frames(input))
}

const NAMES: [&[u8]; 8] = [
    b"\x05READY",
    b"\x05HELLO",
    b"\x07WELCOME",
    b"\x08INITIATE",
    b"\x05ERROR",
    b"\x07MESSAGE",
    b"\x04PING",
    b"",
];

/// A peer's words: whole commands, or any octets.
fn words(input: &mut Input) -> Vec<u8> {
    let mut octets = Vec::new();
    if input.flag() {
        for _ in 0..input.below(5) {
            let body = [NAMES[input.below(NAMES.len())], input.counted()].concat();
            frame::write(Flags::COMMAND, &body, &mut octets).unwrap();
        }
    }
    octets.extend_from_slice(input.rest());
    octets
}

/// Says it all in these pieces; what came of it in words, what was said in turn, and how many octets were not the steady
/// state's.
fn outcome<'a>(
    local: &Local,
    zap: &Option<Vec<Vec<u8>>>,
    pieces: impl Iterator<Item = &'a [u8]>,
) -> (String, Vec<u8>, usize) {
    let mut side = Side::new(local.clone(), zap.clone());
    for piece in pieces {
        side.feed(piece);
    }
    let taken = match side.end {
        End::Done(_) => side.taken,
        _ => 0,
    };
    (format!("{:?}", side.end), side.out, taken)
}

/// The handshake comes to the same however the peer's words are cut, says no more than it has to, and keeps no more
/// than was said.
fn converse(local: &Local, zap: Option<Vec<Vec<u8>>>, octets: &[u8], cuts: Cuts) {
    let spoken = local.routing_id.len() + octets.len() + 1024;
    // A property of seven octets is two vectors in a map; the words about it are as long as they are.
    let limit = 64 * spoken;
    let whole = memory::within(limit, || outcome(local, &zap, std::iter::once(octets)));
    assert!(whole.1.len() <= 1024 + 3 * local.routing_id.len());
    if !matches!(
        local.security,
        Security::CurveServer { .. } | Security::CurveClient(_)
    ) {
        assert_eq!(outcome(local, &zap, cuts.pieces(octets)), whole);
        assert_eq!(outcome(local, &zap, octets.chunks(1)), whole);
    }
}

/// A greeting of any version, and what follows it, with any mechanism.
pub fn greetings(octets: &[u8]) {
    let mut input = Input::new(octets);
    let security = crate::curve::securities()[input.below(5)].clone();
    let local = local(&mut input, security);
    let (zap, cuts) = (zap(&mut input), Cuts::of(&mut input));
    converse(&local, zap, input.rest(), cuts);
}

fn mechanism(octets: &[u8], security: Security) {
    let mut input = Input::new(octets);
    let name = security.mechanism();
    let local = local(&mut input, security);
    let (zap, cuts) = (zap(&mut input), Cuts::of(&mut input));
    let octets = [greeting(input.octet() & 1, name), words(&mut input)].concat();
    converse(&local, zap, &octets, cuts);
}

/// READY and ERROR of a peer with NULL.
pub fn null(octets: &[u8]) {
    mechanism(octets, Security::Null);
}

/// WELCOME and READY of a PLAIN server.
pub fn plain_client(octets: &[u8]) {
    let security = Security::PlainClient {
        username: b"name".to_vec(),
        password: b"password".to_vec().into(),
    };
    mechanism(octets, security);
}

/// HELLO and INITIATE of a PLAIN client.
pub fn plain_server(octets: &[u8]) {
    mechanism(octets, Security::PlainServer);
}
