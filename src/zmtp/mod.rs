//! ZMTP, the protocol between peers, without I/O: octets come in and go out as slices.
//!
//! Answers to RFC 13, 15, 23 and 37 (ZMTP 1.0, 2.0, 3.0 and 3.1), 24 (PLAIN), 25 and 26 (CURVE) and 27 (ZAP) of
//! rfc.zeromq.org, and where they leave a choice to what libzmq 4.3.5 can be seen to do.
//!
//! A connection begins as a [`Handshake`], which ends as a [`Peer`]. From then on its frames are, for ZMTP 2 and 3
//! with NULL or PLAIN, the wire's octets as they are ([`frame`]); the rest goes through the peer's [`Codec`].
//!
//! Nothing here knows a socket, a clock or a thread. A peer's length is checked before anything is kept for it.
#![forbid(unsafe_code)]

mod codec;
pub mod command;
pub mod curve;
mod failure;
mod greeting;
mod handshake;
mod mechanism;
pub mod metadata;
mod null;
mod plain;
mod reply;
pub mod socks;
pub mod v1;
pub mod zap;

use std::fmt;

use zeroize::Zeroizing;

pub use self::{
    codec::Codec,
    command::Command,
    failure::Failure,
    handshake::{Handshake, Step},
    metadata::Properties,
    reply::Reply,
};
pub use crate::frame::{self, Flags, Header, Limit};
use crate::options::SocketType;

/// The version spoken with a peer, oldest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs)]
pub enum Version {
    V1,
    V2,
    V3_0,
    V3_1,
}

/// What this side brings to a handshake.
#[derive(Clone, Debug)]
pub struct Local {
    /// The socket's type.
    pub socket_type: SocketType,
    /// The socket's routing id, 0 to 255 octets.
    pub routing_id: Vec<u8>,
    /// The application's own properties (ZMQ_METADATA), sent in this order; libzmq sorts them by name.
    /// Names have up to 255 octets.
    pub metadata: Vec<(Vec<u8>, Vec<u8>)>,
    /// The security mechanism and this side's credentials.
    pub security: Security,
    /// ZMQ_ZAP_DOMAIN; empty for none.
    pub zap_domain: Vec<u8>,
    /// ZMQ_ZAP_ENFORCE_DOMAIN: a domain makes a ZAP handler mandatory, and no domain makes CURVE do without one.
    pub zap_enforce_domain: bool,
    /// The peer's address, as the ZAP handler is told.
    pub peer_address: String,
    /// The most octets a frame's body may have.
    pub limit: Limit,
}

impl Local {
    /// A socket without credentials, limit or name.
    pub fn new(socket_type: SocketType) -> Local {
        Local {
            socket_type,
            routing_id: Vec::new(),
            metadata: Vec::new(),
            security: Security::Null,
            zap_domain: Vec::new(),
            zap_enforce_domain: false,
            peer_address: String::new(),
            limit: Limit::NONE,
        }
    }
}

/// The security mechanism, with which credentials and in which role.
#[derive(Clone)]
pub enum Security {
    /// No credentials.
    Null,
    /// PLAIN, as the side that has a username and a password, each of up to 255 octets.
    PlainClient {
        /// The username.
        username: Vec<u8>,
        /// The password.
        password: Zeroizing<Vec<u8>>,
    },
    /// PLAIN, as the side that has them checked by a ZAP handler.
    PlainServer,
    /// CURVE, as the side that knows the other by its key.
    CurveClient(curve::ClientKeys),
    /// CURVE, as the side that is known by its key.
    CurveServer {
        /// That key's secret half.
        secret_key: curve::SecretKey,
    },
}

impl Security {
    /// The name of the mechanism in the greeting.
    pub fn mechanism(&self) -> &'static [u8] {
        match self {
            Security::Null => b"NULL",
            Security::PlainClient { .. } | Security::PlainServer => b"PLAIN",
            Security::CurveClient(_) | Security::CurveServer { .. } => b"CURVE",
        }
    }
}

/// Tells nothing of the credentials.
impl fmt::Debug for Security {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Security::Null => "Null",
            Security::PlainClient { .. } => "PlainClient",
            Security::PlainServer => "PlainServer",
            Security::CurveClient(_) => "CurveClient",
            Security::CurveServer { .. } => "CurveServer",
        })
    }
}

/// A peer whose handshake succeeded.
#[derive(Debug)]
pub struct Peer {
    /// The version to speak. libzmq reports ZMQ_EVENT_HANDSHAKE_SUCCEEDED, and sends heartbeats, from `V3_0` on.
    pub version: Version,
    /// Its routing id; empty if it has none.
    pub routing_id: Vec<u8>,
    /// What it told of itself, and the ZAP handler of it (which goes first where they contradict).
    pub properties: Properties,
    /// How its frames are made and read.
    pub codec: Codec,
    /// Whether it does not tell its subscriptions, so that a PUB or XPUB socket must send it everything.
    pub wants_everything: bool,
}

impl Peer {
    /// The name of its socket type, if it told.
    pub fn socket_type(&self) -> Option<&[u8]> {
        self.properties.get(metadata::SOCKET_TYPE)
    }
}

#[cfg(test)]
mod tests;
