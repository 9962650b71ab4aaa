//! Handshakes as a whole: two sides against each other, and one side against literal octets.

mod bad_input;
mod codec;
mod greeting;
mod mechanisms;

use zeroize::Zeroizing;

use super::*;

/// How a side's handshake ended.
#[derive(Debug)]
pub enum End {
    Done(Peer),
    Failed(Failure),
    Refused(Failure),
    Waiting,
}

impl End {
    pub fn peer(self) -> Peer {
        match self {
            End::Done(peer) => peer,
            end => panic!("{end:?}"),
        }
    }

    pub fn failure(self) -> Failure {
        match self {
            End::Failed(failure) => failure,
            end => panic!("{end:?}"),
        }
    }

    pub fn refusal(self) -> Failure {
        match self {
            End::Refused(failure) => failure,
            end => panic!("{end:?}"),
        }
    }
}

/// What the ZAP handler answers; `None` if there is none.
pub type Zap<'a> = &'a dyn Fn(&zap::Request) -> Option<Vec<Vec<u8>>>;

/// One side, and what it still has to say.
pub struct Side<'a> {
    handshake: Option<Handshake>,
    pub end: End,
    zap: Zap<'a>,
    pub out: Vec<u8>,
}

impl<'a> Side<'a> {
    pub fn new(local: Local, zap: Zap<'a>) -> Side<'a> {
        let mut out = Vec::new();
        Side {
            handshake: Some(Handshake::new(local, &mut out)),
            end: End::Waiting,
            zap,
            out,
        }
    }

    /// Feeds all of the input; returns what was left when the handshake was over.
    pub fn feed<'i>(&mut self, mut input: &'i [u8]) -> &'i [u8] {
        while !input.is_empty() {
            let Some(handshake) = self.handshake.take() else {
                break;
            };
            match handshake.on(input, &mut self.out) {
                Ok((step, taken)) => {
                    assert!(taken == input.len() || !matches!(step, Step::More(_)));
                    input = &input[taken..];
                    self.step(step);
                }
                Err(failure) => self.end = End::Failed(failure),
            }
        }
        input
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::More(handshake) => self.handshake = Some(handshake),
            Step::Refused(handshake, failure) => {
                self.handshake = Some(handshake);
                self.end = End::Refused(failure);
            }
            Step::Done(peer) => self.end = End::Done(peer),
            Step::AskZap(handshake, request) => {
                let result = match (self.zap)(&request) {
                    Some(frames) => handshake.zap_reply(&frames, &mut self.out),
                    None => handshake.zap_no_handler(&mut self.out),
                };
                match result {
                    Ok(step) => self.step(step),
                    Err(failure) => self.end = End::Failed(failure),
                }
            }
        }
    }
}

pub fn no_zap(_: &zap::Request) -> Option<Vec<Vec<u8>>> {
    None
}

pub fn reply(status: &str) -> Option<Vec<Vec<u8>>> {
    let frames = [
        "",
        "1.0",
        "1",
        status,
        "text",
        "someone",
        "\x05Hello\0\0\0\x05World",
    ];
    Some(frames.map(Into::into).to_vec())
}

/// Runs both sides against each other, delivering `piece` octets at a time.
pub fn run(ours: Local, theirs: Local, zap: Zap<'_>, piece: usize) -> (End, End) {
    let mut sides = [Side::new(ours, zap), Side::new(theirs, zap)];
    while sides.iter().any(|side| !side.out.is_empty()) {
        for (from, to) in [(0, 1), (1, 0)] {
            let len = piece.min(sides[from].out.len());
            let octets: Vec<u8> = sides[from].out.drain(..len).collect();
            sides[to].feed(&octets);
        }
    }
    sides.map(|side| side.end).into()
}

pub fn local(socket_type: SocketType) -> Local {
    Local::new(socket_type)
}

pub fn with_security(socket_type: SocketType, security: Security) -> Local {
    Local {
        security,
        ..local(socket_type)
    }
}

fn plain_client() -> Local {
    let security = Security::PlainClient {
        username: b"admin".into(),
        password: Zeroizing::new(b"secret".into()),
    };
    with_security(SocketType::Dealer, security)
}

fn plain_server() -> Local {
    Local {
        zap_domain: b"test".into(),
        ..with_security(SocketType::Router, Security::PlainServer)
    }
}

fn null_server() -> Local {
    Local {
        zap_domain: b"test".into(),
        peer_address: "10.0.0.1".into(),
        routing_id: b"server".into(),
        ..local(SocketType::Router)
    }
}

pub const PIECES: [usize; 4] = [1, 7, 64, usize::MAX];

/// A ZMTP 3 greeting as libzmq sends it.
pub fn greeting(minor: u8, mechanism: &[u8]) -> Vec<u8> {
    let mut octets = vec![0xff, 0, 0, 0, 0, 0, 0, 0, 1, 0x7f, 3, minor];
    octets.extend_from_slice(mechanism);
    octets.resize(64, 0);
    octets
}

/// A short command frame.
pub fn command(body: &[u8]) -> Vec<u8> {
    [&[4, body.len() as u8], body].concat()
}

const READY_ROUTER: &[u8] = b"\x05READY\x0bSocket-Type\0\0\0\x06ROUTER\x08Identity\0\0\0\x02id";

/// How a side ends that is sent these octets, and what it answered.
pub fn scripted(local: Local, zap: Zap<'_>, script: &[&[u8]]) -> (End, Vec<u8>) {
    let script = script.concat();
    let mut ends = PIECES.map(|piece| {
        let mut side = Side::new(local.clone(), zap);
        for octets in script.chunks(piece) {
            side.feed(octets);
        }
        (side.end, side.out)
    });
    for pair in ends.windows(2) {
        assert_eq!(format!("{:?}", pair[0]), format!("{:?}", pair[1]));
    }
    ends.last_mut()
        .map(|(end, out)| (std::mem::replace(end, End::Waiting), std::mem::take(out)))
        .unwrap()
}
