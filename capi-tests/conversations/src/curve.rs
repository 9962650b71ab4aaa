//! CURVE (RFC 25 and 26) as a peer speaks it, written a second time so as to check the first.
//!
//! What goes into a command is the caller's, who may want it to be wrong; what comes out of one is genuine.

mod boxes;

pub use boxes::{Key, long_nonce, open, public, seal, shared, short_nonce};

use crate::{
    choices::Choices,
    wire::{self, Frame, MORE},
};

/// What a client's messages are numbered with, and a server's.
pub const CLIENT_MESSAGES: &[u8; 16] = b"CurveZMQMESSAGEC";
/// Likewise.
pub const SERVER_MESSAGES: &[u8; 16] = b"CurveZMQMESSAGES";

const HELLO: &[u8] = b"\x05HELLO\x01\x00";
const WELCOME: &[u8] = b"\x07WELCOME";
const INITIATE: &[u8] = b"\x08INITIATE";
const READY: &[u8] = b"\x05READY";
const MESSAGE: &[u8] = b"\x07MESSAGE";

/// Secret keys.
#[derive(Debug, Clone)]
pub struct Keys {
    /// The server's permanent one.
    pub server: Key,
    /// The client's permanent one.
    pub client: Key,
    /// The peer's transient one, whichever side it is on.
    pub transient: Key,
}

impl Keys {
    /// The same on every run.
    pub fn of_seed(seed: u64) -> Keys {
        let mut choices = Choices::of_seed(seed);
        let mut key = || std::array::from_fn(|_| choices.below(256) as u8);
        Keys {
            server: key(),
            client: key(),
            transient: key(),
        }
    }
}

fn array<const N: usize>(octets: &[u8], at: usize) -> Option<[u8; N]> {
    octets.get(at..)?.first_chunk().copied()
}

/// The HELLO of a client that shows this key.
pub fn hello(to_server: &Key, shown: &Key, counter: u64) -> Vec<u8> {
    let nonce = short_nonce(b"CurveZMQHELLO---", counter);
    let sealed = seal(to_server, &nonce, &[0; 64]);
    let counter = counter.to_be_bytes();
    [HELLO, &[0; 72], shown, &counter, &sealed].concat()
}

/// The transient key of a client that says HELLO to the server with this secret key, and its counter.
pub fn open_hello(server: &Key, hello: &[u8]) -> Option<(Key, u64)> {
    let (client, counter) = (array(hello, 80)?, u64::from_be_bytes(array(hello, 112)?));
    let nonce = short_nonce(b"CurveZMQHELLO---", counter);
    let text = open(&shared(&client, server), &nonce, &hello[120..])?;
    (hello.starts_with(HELLO) && text == [0; 64]).then_some((client, counter))
}

/// WELCOME with this text: the server's transient public key, and a cookie of 96 octets.
pub fn welcome(to_client: &Key, text: &[u8]) -> Vec<u8> {
    let sealed = seal(to_client, &long_nonce(b"WELCOME-", &[8; 16]), text);
    [WELCOME, &[8; 16], &sealed].concat()
}

/// The transient public key of a server that says WELCOME, and its cookie.
pub fn open_welcome(to_server: &Key, welcome: &[u8]) -> Option<(Key, Vec<u8>)> {
    let nonce = long_nonce(b"WELCOME-", &array(welcome.strip_prefix(WELCOME)?, 0)?);
    let text = open(to_server, &nonce, &welcome[24..])?;
    (text.len() == 128).then_some(())?;
    Some((array(&text, 0)?, text[32..].to_vec()))
}

/// A vouch with this text, by the client with this secret key: its transient public key, and the server's permanent one.
pub fn vouch(client: &Key, server_transient: &Key, text: &[u8]) -> Vec<u8> {
    let nonce = long_nonce(b"VOUCH---", &[9; 16]);
    let sealed = seal(&shared(server_transient, client), &nonce, text);
    [&[9; 16], &sealed[..]].concat()
}

/// INITIATE with this text: the client's permanent public key, a vouch, metadata.
pub fn initiate(key: &Key, cookie: &[u8], counter: u64, text: &[u8]) -> Vec<u8> {
    let sealed = seal(key, &short_nonce(b"CurveZMQINITIATE", counter), text);
    [INITIATE, cookie, &counter.to_be_bytes(), &sealed].concat()
}

/// What a client says with INITIATE.
pub struct Initiated {
    /// The counter.
    pub counter: u64,
    /// The server's cookie.
    pub cookie: Vec<u8>,
    /// The permanent public key of the client.
    pub client: Key,
    /// What it vouches for.
    pub vouched: Vec<u8>,
    /// Its metadata.
    pub metadata: Vec<u8>,
}

/// What a client says with INITIATE to the server with this transient secret key.
pub fn open_initiate(key: &Key, transient: &Key, initiate: &[u8]) -> Option<Initiated> {
    let cookie: [u8; 96] = array(initiate.strip_prefix(INITIATE)?, 0)?;
    let counter = u64::from_be_bytes(array(initiate, 105)?);
    let nonce = short_nonce(b"CurveZMQINITIATE", counter);
    let text = open(key, &nonce, &initiate[113..])?;
    let client = array(&text, 0)?;
    let nonce = long_nonce(b"VOUCH---", &array(&text, 32)?);
    let vouched = open(&shared(&client, transient), &nonce, text.get(48..128)?)?;
    Some(Initiated {
        counter,
        cookie: cookie.to_vec(),
        client,
        vouched,
        metadata: text[128..].to_vec(),
    })
}

/// READY with this metadata.
pub fn ready(key: &Key, counter: u64, metadata: &[u8]) -> Vec<u8> {
    let sealed = seal(key, &short_nonce(b"CurveZMQREADY---", counter), metadata);
    [READY, &counter.to_be_bytes(), &sealed].concat()
}

/// The counter and the metadata of a READY.
pub fn open_ready(key: &Key, ready: &[u8]) -> Option<(u64, Vec<u8>)> {
    let counter = u64::from_be_bytes(array(ready.strip_prefix(READY)?, 0)?);
    let nonce = short_nonce(b"CurveZMQREADY---", counter);
    Some((counter, open(key, &nonce, &ready[14..])?))
}

/// One direction of a connection: its messages, each with a number that is higher than the last one's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Channel {
    /// The connection's key.
    pub key: Key,
    /// What the messages are numbered with.
    pub prefix: &'static [u8; 16],
    /// The number of the last one.
    pub last: u64,
}

impl Channel {
    /// A MESSAGE with this text, which begins with its flags.
    pub fn seal(&self, counter: u64, text: &[u8]) -> Vec<u8> {
        let sealed = seal(&self.key, &short_nonce(self.prefix, counter), text);
        [MESSAGE, &counter.to_be_bytes(), &sealed].concat()
    }

    /// The next MESSAGE, with the flags octet that it has inside.
    pub fn next(&mut self, octet: u8, body: &[u8]) -> Vec<u8> {
        self.last = self.last.wrapping_add(1);
        self.seal(self.last, &[&[octet], body].concat())
    }

    /// What is in a MESSAGE, with the flags octet that it has inside; nothing if it isn't genuine, or comes out of order.
    pub fn open(&mut self, message: &[u8]) -> Option<(u8, Vec<u8>)> {
        let counter = u64::from_be_bytes(array(message.strip_prefix(MESSAGE)?, 0)?);
        let nonce = short_nonce(self.prefix, counter);
        let mut text = open(&self.key, &nonce, &message[16..])?;
        if text.is_empty() || counter <= self.last {
            return None;
        }
        self.last = counter;
        Some((text.remove(0), text))
    }

    /// The same, as a frame of a connection without CURVE.
    pub fn open_frame(&mut self, message: &[u8]) -> Option<Frame> {
        let (octet, body) = self.open(message)?;
        Some(Frame {
            flags: octet & MORE | (octet & !MORE) << 1,
            body,
        })
    }

    /// Takes in the READY with which the direction begins. Whether it is genuine.
    pub fn begin(&mut self, ready: &[u8]) -> bool {
        let Some((counter, metadata)) = open_ready(&self.key, ready) else {
            return false;
        };
        self.last = counter;
        wire::properties(&metadata).is_some()
    }
}

/// The flags of a frame as they are inside a MESSAGE: there is no LONG among them, and those behind it move up.
pub fn octet(flags: u8) -> u8 {
    flags & MORE | flags >> 1 & !MORE
}
