//! Options of sockets and contexts: one table row for each socket option, fields in groups.
//!
//! Owns the values, their defaults and limits, and what zmq_setsockopt(3), zmq_getsockopt(3) and zmq_ctx_set(3) say
//! about lengths, ranges and errors. Never touches a socket or the system: what only a live socket can do or know comes
//! back to the caller ([`Set`], [`Get`]). Answers to those manual pages and, where they are silent, to 4.3.5's stable build.
#![forbid(unsafe_code)]

mod access;
mod context;
mod filter;
mod socket_type;
mod table;
mod value;

use std::{collections::BTreeMap, ffi::c_int};

pub use access::{Get, Set, put_padded, put_text};
pub use context::ContextOptions;
pub use filter::{AcceptFilters, TcpFilter};
pub use socket_type::SocketType;
pub use table::{Access, Effect, Live, Row, Types};
pub use value::{CurveKey, Text, Value};

use SocketType::*;

use crate::consts;

/// All options of one socket. Connections hold the copy that was current when they were made.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub struct Options {
    pub socket_type: SocketType,
    /// Sent to peers in the handshake; at most 255 bytes.
    pub routing_id: Text,
    /// One bit for each I/O thread that may serve new connections; 0 for all.
    pub affinity: u64,
    /// How long unsent messages outlive the socket, in milliseconds; -1 for ever.
    pub linger: c_int,
    /// How long a receive blocks, in milliseconds; -1 for ever.
    pub receive_timeout: c_int,
    /// How long a send blocks, in milliseconds; -1 for ever.
    pub send_timeout: c_int,
    /// Whether publishers send, and subscribers keep, what does *not* match.
    pub invert_matching: bool,
    /// Whether, on XPUB, PUB and XSUB, only a message's first part can be a subscription.
    pub only_first_subscribe: bool,
    /// Whether connections carry bare bytes instead of ZMTP. Once on, it stays on.
    pub raw_transport: bool,
    pub pipe: Pipe,
    pub net: Net,
    pub keepalive: Keepalive,
    pub reconnect: Reconnect,
    pub heartbeat: Heartbeat,
    pub limits: Limits,
    pub multicast: Multicast,
    pub socks: Socks,
    pub security: Security,
    pub router: RouterOptions,
    pub req: ReqOptions,
    pub publish: PublishOptions,
    pub stream: StreamOptions,
    /// Properties for the handshake (`X-…`); the first value given for a name stays.
    pub metadata: BTreeMap<Box<[u8]>, Text>,
    /// Who may connect; None for anyone.
    pub filters: Option<Box<AcceptFilters>>,
}

/// The queues between the socket and its connections.
#[derive(Clone, Debug)]
pub struct Pipe {
    /// Messages that may wait to be sent to one peer; 0 for no limit.
    pub send_hwm: c_int,
    /// Messages that may wait to be received from one peer; 0 for no limit.
    pub receive_hwm: c_int,
    /// Whether to keep only the last message. See [`Options::conflates`].
    pub conflate: bool,
    /// Whether messages queue only for connections that are complete.
    pub immediate: bool,
}

/// The descriptors under connections and listeners.
#[derive(Clone, Debug)]
pub struct Net {
    /// SO_SNDBUF in bytes; -1 for the system's.
    pub send_buffer: c_int,
    /// SO_RCVBUF in bytes; -1 for the system's.
    pub receive_buffer: c_int,
    /// IP_TOS; 0 to leave it.
    pub tos: c_int,
    /// Connections that may wait to be accepted.
    pub backlog: c_int,
    /// A descriptor to use instead of opening one; -1 for none.
    pub use_fd: c_int,
    /// TCP_USER_TIMEOUT in milliseconds; 0 for the system's.
    pub tcp_max_retransmit: c_int,
    /// Whether names may become IPv6 addresses.
    pub ipv6: bool,
    /// Has no effect here.
    pub loopback_fastpath: bool,
    /// SO_BINDTODEVICE; at most 16 bytes, empty for none.
    pub bind_to_device: Text,
}

/// TCP keep-alive. In each, -1 leaves the system's setting.
#[derive(Clone, Debug)]
pub struct Keepalive {
    /// SO_KEEPALIVE: -1, 0 or 1.
    pub on: c_int,
    /// TCP_KEEPCNT.
    pub count: c_int,
    /// TCP_KEEPIDLE in seconds.
    pub idle: c_int,
    /// TCP_KEEPINTVL in seconds.
    pub interval: c_int,
}

/// Connecting again. Times in milliseconds.
#[derive(Clone, Debug)]
pub struct Reconnect {
    /// Wait before the first attempt; -1 for no attempt.
    pub interval: c_int,
    /// What the wait may grow to; 0 for no growth.
    pub interval_max: c_int,
    /// `ZMQ_RECONNECT_STOP_*` bits.
    pub stop: c_int,
    /// How long one attempt may take; 0 for the system's limit.
    pub connect_timeout: c_int,
}

/// ZMTP PING and PONG (RFC 37).
#[derive(Clone, Debug)]
pub struct Heartbeat {
    /// Milliseconds between PINGs; 0 for none.
    pub interval: c_int,
    /// Milliseconds to wait for traffic after a PING; -1 for as long as `interval`.
    pub timeout: c_int,
    /// What the peer is told to wait for traffic, in tenths of a second as the PING carries it.
    pub ttl: u16,
}

/// What a peer may do.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Largest message part taken, in bytes; negative for any.
    pub max_message_size: i64,
    /// How long a handshake may take, in milliseconds; 0 for ever.
    pub handshake: c_int,
}

/// For transports that this library has not; kept because programs set and read them.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub struct Multicast {
    pub rate: c_int,
    pub recovery_interval: c_int,
    pub hops: c_int,
    pub max_tpdu: c_int,
    pub loopback: bool,
}

/// The SOCKS5 proxy that connections go through.
#[derive(Clone, Debug, Default)]
pub struct Socks {
    /// `host:port`; empty for none.
    pub proxy: Text,
    /// Empty to ask for no authentication.
    pub username: Text,
    /// At most 255 bytes.
    pub password: Text,
}

/// How connections are secured.
#[derive(Clone, Debug, Default)]
pub struct Security {
    /// Set by whichever of the mechanisms' options was set last.
    pub mechanism: Mechanism,
    /// Whether this side is the mechanism's server.
    pub server: bool,
    /// Whether a ZAP handler is required for a domain that is set.
    pub enforce_zap_domain: bool,
    /// The domain in ZAP requests; at most 255 bytes.
    pub zap_domain: Text,
    /// At most 255 bytes.
    pub plain_username: Text,
    /// At most 255 bytes.
    pub plain_password: Text,
    /// This socket's CURVE public key.
    pub curve_public: CurveKey,
    /// This socket's CURVE secret key.
    pub curve_secret: CurveKey,
    /// The public key that a client expects its server to have.
    pub curve_server: CurveKey,
}

/// A security mechanism (RFC 23).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
#[allow(missing_docs)]
pub enum Mechanism {
    #[default]
    Null = consts::ZMQ_NULL as u8,
    Plain = consts::ZMQ_PLAIN as u8,
    Curve = consts::ZMQ_CURVE as u8,
}

/// ROUTER and REP; `probe` also DEALER and REQ.
#[derive(Clone, Debug, Default)]
pub struct RouterOptions {
    /// Whether a message to an unknown peer is an error.
    pub mandatory: bool,
    /// Whether the socket speaks to raw peers; see also [`Options::raw_transport`].
    pub raw: bool,
    /// Whether a new peer takes over the routing id of an old one.
    pub handover: bool,
    /// Whether each new connection is sent an empty message.
    pub probe: bool,
}

/// REQ.
#[derive(Clone, Debug, Default)]
pub struct ReqOptions {
    /// Whether requests carry an id that replies must match.
    pub correlate: bool,
    /// Whether a request may follow a request that has no reply yet.
    pub relaxed: bool,
}

/// XPUB and PUB.
#[derive(Clone, Debug, Default)]
pub struct PublishOptions {
    /// Whether repeated subscriptions are passed up.
    pub verbose_subscribe: bool,
    /// Whether all unsubscriptions are passed up.
    pub verbose_unsubscribe: bool,
    /// Whether a full pipe blocks the sender instead of losing the message.
    pub no_drop: bool,
    /// Whether the program, not the peer, subscribes.
    pub manual: bool,
    /// Whether the next message after a manual subscription goes to its peer alone.
    pub last_value: bool,
    /// Sent to each new subscriber; empty for none.
    pub welcome: Text,
}

/// STREAM.
#[derive(Clone, Debug)]
pub struct StreamOptions {
    /// Whether empty messages tell of connects and disconnects.
    pub notify: bool,
}

impl Options {
    /// The defaults for a new socket in a context with these options.
    pub fn new(socket_type: SocketType, context: &ContextOptions) -> Options {
        let lingers = context.blocky && !matches!(socket_type, Sub | XSub);
        Options {
            socket_type,
            routing_id: Text::default(),
            affinity: 0,
            linger: if lingers { -1 } else { 0 },
            receive_timeout: -1,
            send_timeout: -1,
            invert_matching: false,
            only_first_subscribe: false,
            raw_transport: socket_type == Stream,
            pipe: Pipe {
                send_hwm: 1000,
                receive_hwm: 1000,
                conflate: false,
                immediate: false,
            },
            net: Net {
                send_buffer: -1,
                receive_buffer: -1,
                tos: 0,
                backlog: 100,
                use_fd: -1,
                tcp_max_retransmit: 0,
                ipv6: context.ipv6,
                loopback_fastpath: false,
                bind_to_device: Text::default(),
            },
            keepalive: Keepalive {
                on: -1,
                count: -1,
                idle: -1,
                interval: -1,
            },
            reconnect: Reconnect {
                interval: 100,
                interval_max: 0,
                stop: 0,
                connect_timeout: 0,
            },
            heartbeat: Heartbeat {
                interval: 0,
                timeout: -1,
                ttl: 0,
            },
            limits: Limits {
                max_message_size: -1,
                handshake: 30_000,
            },
            multicast: Multicast {
                rate: 100,
                recovery_interval: 10_000,
                hops: 1,
                max_tpdu: 1500,
                loopback: true,
            },
            socks: Socks::default(),
            security: Security::default(),
            router: RouterOptions::default(),
            req: ReqOptions::default(),
            publish: PublishOptions::default(),
            stream: StreamOptions { notify: true },
            metadata: BTreeMap::new(),
            filters: None,
        }
    }

    /// Whether only the last message is kept: `ZMQ_CONFLATE` counts for some socket types only.
    pub fn conflates(&self) -> bool {
        self.pipe.conflate && matches!(self.socket_type, Dealer | Pull | Push | Pub | Sub)
    }

    /// Whether a peer's routing id is handed to the socket as a message.
    pub fn wants_routing_id(&self) -> bool {
        matches!(self.socket_type, Router | Rep) && !self.raw_transport
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every connection may hold its own copy.
    #[test]
    fn compact() {
        assert!(size_of::<Options>() <= 640, "{}", size_of::<Options>());
    }

    /// Subscribers do not wait for their subscriptions to be sent, whatever the context says.
    #[test]
    fn linger_defaults() {
        let mut context = ContextOptions::default();
        assert_eq!(Options::new(Pub, &context).linger, -1);
        assert_eq!(Options::new(Sub, &context).linger, 0);
        assert_eq!(Options::new(XSub, &context).linger, 0);
        context.blocky = false;
        assert_eq!(Options::new(Pub, &context).linger, 0);
    }
}
