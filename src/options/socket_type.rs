//! The socket types of the stable API, and which of them talk to each other.

use std::ffi::c_int;

use crate::consts;

/// A socket type (zmq_socket(3)).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
#[allow(missing_docs)]
pub enum SocketType {
    Pair = 0,
    Pub = 1,
    Sub = 2,
    Req = 3,
    Rep = 4,
    Dealer = 5,
    Router = 6,
    Pull = 7,
    Push = 8,
    XPub = 9,
    XSub = 10,
    Stream = 11,
}

use SocketType::*;

impl SocketType {
    /// All types, in the order of their numbers.
    pub const ALL: [SocketType; 12] = [
        Pair, Pub, Sub, Req, Rep, Dealer, Router, Pull, Push, XPub, XSub, Stream,
    ];

    /// The type with this `ZMQ_*` number.
    pub fn from_number(number: c_int) -> Option<SocketType> {
        SocketType::ALL.get(usize::try_from(number).ok()?).copied()
    }

    /// The `ZMQ_*` number of the type.
    pub fn number(self) -> c_int {
        self as c_int
    }

    /// The name in the `Socket-Type` property of a handshake (RFC 23 and 37).
    pub fn name(self) -> &'static str {
        match self {
            Pair => "PAIR",
            Pub => "PUB",
            Sub => "SUB",
            Req => "REQ",
            Rep => "REP",
            Dealer => "DEALER",
            Router => "ROUTER",
            Pull => "PULL",
            Push => "PUSH",
            XPub => "XPUB",
            XSub => "XSUB",
            Stream => "STREAM",
        }
    }

    /// Whether a peer of a type with this name may be talked to (RFC 37, "Socket Type Property").
    pub fn accepts(self, peer: &[u8]) -> bool {
        let peers: &[&str] = match self {
            Pair => &["PAIR"],
            Pub | XPub => &["SUB", "XSUB"],
            Sub | XSub => &["PUB", "XPUB"],
            Req => &["REP", "ROUTER"],
            Rep => &["REQ", "DEALER"],
            Dealer => &["REP", "DEALER", "ROUTER"],
            Router => &["REQ", "DEALER", "ROUTER"],
            Pull => &["PUSH"],
            Push => &["PULL"],
            Stream => &[],
        };
        peers.iter().any(|name| name.as_bytes() == peer)
    }
}

const _: () = assert!(Stream as c_int == consts::ZMQ_STREAM);
