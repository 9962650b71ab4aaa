//! The table: what each socket option is, who has it, and where its value lives.

use std::ffi::c_int;

use super::{
    AcceptFilters, CurveKey, Mechanism, Options,
    SocketType::{self, *},
    TcpFilter, Text, Value,
};
use crate::{
    consts::*,
    error::{Error, Result},
};

/// One socket option.
#[derive(Clone, Copy)]
pub struct Row {
    /// Its `ZMQ_*` number.
    pub id: c_int,
    /// Whether it can be set, read, or both.
    pub access: Access,
    /// The socket types that have it; others answer EINVAL.
    pub types: Types,
    /// When setting it takes effect.
    pub effect: Effect,
    pub(super) kind: Kind,
}

/// What a program may do with an option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Access {
    Read,
    Write,
    ReadWrite,
}

/// When a value that was set takes effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// For what is bound or connected from then on.
    NextEndpoint,
    /// At once, for the pipes and the pattern that exist as well.
    Now,
}

/// A set of socket types.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Types(u16);

impl Types {
    const ALL: Types = Types(u16::MAX);

    const fn of(types: &[SocketType]) -> Types {
        let (mut bits, mut i) = (0, 0);
        while i < types.len() {
            bits |= 1 << types[i] as u16;
            i += 1;
        }
        Types(bits)
    }

    /// Whether the set has this type.
    pub fn has(self, socket_type: SocketType) -> bool {
        self.0 >> socket_type as u16 & 1 == 1
    }
}

/// What only a live socket knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Live {
    /// 1 if the message last received has more parts, else 0; an int.
    ReceiveMore,
    /// The descriptor that becomes readable when events may have changed; an int.
    Fd,
    /// `ZMQ_POLLIN` and `ZMQ_POLLOUT` bits; an int.
    Events,
    /// The address last bound or connected; a text.
    LastEndpoint,
    /// Distinct subscriptions; an int.
    TopicsCount,
}

/// How an option's value is judged, and where it lives.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    Int {
        min: c_int,
        max: c_int,
        at: At<c_int>,
    },
    /// An int that stands for a flag.
    Flag {
        truth: Truth,
        at: At<bool>,
    },
    I64(At<i64>),
    U64(At<u64>),
    Text {
        empty: Empty,
        max: usize,
        terminated: bool,
        at: At<Text>,
    },
    /// A PLAIN user name or password: setting it also chooses the mechanism.
    Credential(At<Text>),
    /// Whether this side is the server of a mechanism, which is chosen by that.
    Server(Mechanism),
    /// A CURVE key; chooses CURVE, and the server's key also the client's side.
    Key {
        at: At<CurveKey>,
        client: bool,
    },
    Custom {
        set: fn(&mut Options, Value<'_>) -> Result<()>,
        get: fn(&Options) -> c_int,
    },
    /// Read only. If padded, any buffer that an int fits will do.
    Computed {
        get: fn(&Options) -> c_int,
        padded: bool,
    },
    Live(Live),
    Subscribe,
    Unsubscribe,
    ConnectRoutingId,
}

/// The one accessor for both set and get: the place of a value among the options.
pub(super) struct At<T: 'static> {
    pub get: fn(&Options) -> &T,
    pub get_mut: fn(&mut Options) -> &mut T,
}

impl<T> Clone for At<T> {
    fn clone(&self) -> At<T> {
        *self
    }
}

impl<T> Copy for At<T> {}

/// Which ints make a flag.
#[derive(Clone, Copy)]
pub(super) enum Truth {
    /// 0 and 1.
    Strict,
    /// All that are not negative.
    NotNegative,
    /// All.
    Any,
}

/// How a text is emptied.
#[derive(Clone, Copy)]
pub(super) enum Empty {
    /// It cannot be.
    Never,
    /// By a null pointer and length 0.
    ByNull,
    /// By a null pointer or length 0.
    ByEither,
}

macro_rules! at {
    ($($path:ident).+) => {
        At { get: |options| &options.$($path).+, get_mut: |options| &mut options.$($path).+ }
    };
}

const fn row(id: c_int, kind: Kind) -> Row {
    Row {
        id,
        access: Access::ReadWrite,
        types: Types::ALL,
        effect: Effect::NextEndpoint,
        kind,
    }
}

const fn int(id: c_int, min: c_int, max: c_int, at: At<c_int>) -> Row {
    row(id, Kind::Int { min, max, at })
}

const fn flag(id: c_int, truth: Truth, at: At<bool>) -> Row {
    row(id, Kind::Flag { truth, at })
}

const fn text(id: c_int, empty: Empty, max: usize, at: At<Text>) -> Row {
    row(
        id,
        Kind::Text {
            empty,
            max,
            terminated: true,
            at,
        },
    )
}

const fn key(id: c_int, at: At<CurveKey>, client: bool) -> Row {
    row(id, Kind::Key { at, client })
}

const fn custom(
    id: c_int,
    set: fn(&mut Options, Value<'_>) -> Result<()>,
    get: fn(&Options) -> c_int,
) -> Row {
    row(id, Kind::Custom { set, get })
}

/// A custom option that is only set.
const fn action(id: c_int, set: fn(&mut Options, Value<'_>) -> Result<()>) -> Row {
    custom(id, set, |_| 0).write_only()
}

const fn computed(id: c_int, get: fn(&Options) -> c_int) -> Row {
    row(id, Kind::Computed { get, padded: false }).read_only()
}

const fn live(id: c_int, live: Live) -> Row {
    row(id, Kind::Live(live)).read_only()
}

impl Row {
    const fn of(mut self, types: &[SocketType]) -> Row {
        self.types = Types::of(types);
        self
    }

    const fn now(mut self) -> Row {
        self.effect = Effect::Now;
        self
    }

    const fn write_only(mut self) -> Row {
        self.access = Access::Write;
        self
    }

    const fn read_only(mut self) -> Row {
        self.access = Access::Read;
        self
    }

    /// An option of certain patterns: only set, and looked at whenever it matters.
    const fn pattern(self, types: &[SocketType]) -> Row {
        self.of(types).write_only().now()
    }

    /// The option with this number.
    pub fn find(id: c_int) -> Option<&'static Row> {
        let index = *INDEX.get(usize::try_from(id).ok()?)?;
        ROWS.get(usize::from(index))
    }
}

const MAX: c_int = c_int::MAX;
const MIN: c_int = c_int::MIN;
/// What a one-byte length can say.
const SHORT: usize = 255;
/// IFNAMSIZ.
const DEVICE: usize = 16;

const PUBLISHERS: &[SocketType] = &[XPub, Pub];
const ROUTERS: &[SocketType] = &[Router, Rep];
const SUBSCRIBABLE: &[SocketType] = &[XPub, Pub, Sub];

/// All options of the stable API, by number.
pub static ROWS: &[Row] = &[
    row(ZMQ_AFFINITY, Kind::U64(at!(affinity))),
    row(
        ZMQ_ROUTING_ID,
        Kind::Text {
            empty: Empty::Never,
            max: SHORT,
            terminated: false,
            at: at!(routing_id),
        },
    ),
    row(ZMQ_SUBSCRIBE, Kind::Subscribe).pattern(SUBSCRIBABLE),
    row(ZMQ_UNSUBSCRIBE, Kind::Unsubscribe).pattern(SUBSCRIBABLE),
    int(ZMQ_RATE, 1, MAX, at!(multicast.rate)),
    int(ZMQ_RECOVERY_IVL, 0, MAX, at!(multicast.recovery_interval)),
    int(ZMQ_SNDBUF, -1, MAX, at!(net.send_buffer)),
    int(ZMQ_RCVBUF, -1, MAX, at!(net.receive_buffer)),
    live(ZMQ_RCVMORE, Live::ReceiveMore),
    live(ZMQ_FD, Live::Fd),
    live(ZMQ_EVENTS, Live::Events),
    computed(ZMQ_TYPE, |options| options.socket_type.number()),
    int(ZMQ_LINGER, -1, MAX, at!(linger)).now(),
    int(ZMQ_RECONNECT_IVL, -1, MAX, at!(reconnect.interval)),
    int(ZMQ_BACKLOG, 0, MAX, at!(net.backlog)),
    int(ZMQ_RECONNECT_IVL_MAX, 0, MAX, at!(reconnect.interval_max)),
    row(ZMQ_MAXMSGSIZE, Kind::I64(at!(limits.max_message_size))),
    int(ZMQ_SNDHWM, 0, MAX, at!(pipe.send_hwm)).now(),
    int(ZMQ_RCVHWM, 0, MAX, at!(pipe.receive_hwm)).now(),
    int(ZMQ_MULTICAST_HOPS, 1, MAX, at!(multicast.hops)),
    int(ZMQ_RCVTIMEO, -1, MAX, at!(receive_timeout)).now(),
    int(ZMQ_SNDTIMEO, -1, MAX, at!(send_timeout)).now(),
    custom(ZMQ_IPV4ONLY, set_ipv4_only, |options| {
        (!options.net.ipv6).into()
    }),
    live(ZMQ_LAST_ENDPOINT, Live::LastEndpoint),
    flag(
        ZMQ_ROUTER_MANDATORY,
        Truth::NotNegative,
        at!(router.mandatory),
    )
    .pattern(ROUTERS),
    int(ZMQ_TCP_KEEPALIVE, -1, 1, at!(keepalive.on)),
    int(ZMQ_TCP_KEEPALIVE_CNT, -1, MAX, at!(keepalive.count)),
    int(ZMQ_TCP_KEEPALIVE_IDLE, -1, MAX, at!(keepalive.idle)),
    int(ZMQ_TCP_KEEPALIVE_INTVL, -1, MAX, at!(keepalive.interval)),
    action(ZMQ_TCP_ACCEPT_FILTER, set_tcp_filter),
    flag(ZMQ_IMMEDIATE, Truth::Strict, at!(pipe.immediate)),
    action(ZMQ_XPUB_VERBOSE, set_verbose).pattern(PUBLISHERS),
    action(ZMQ_ROUTER_RAW, set_router_raw).pattern(ROUTERS),
    flag(ZMQ_IPV6, Truth::Strict, at!(net.ipv6)),
    computed(ZMQ_MECHANISM, |options| options.security.mechanism as c_int),
    row(ZMQ_PLAIN_SERVER, Kind::Server(Mechanism::Plain)),
    row(
        ZMQ_PLAIN_USERNAME,
        Kind::Credential(at!(security.plain_username)),
    ),
    row(
        ZMQ_PLAIN_PASSWORD,
        Kind::Credential(at!(security.plain_password)),
    ),
    row(ZMQ_CURVE_SERVER, Kind::Server(Mechanism::Curve)),
    key(ZMQ_CURVE_PUBLICKEY, at!(security.curve_public), false),
    key(ZMQ_CURVE_SECRETKEY, at!(security.curve_secret), false),
    key(ZMQ_CURVE_SERVERKEY, at!(security.curve_server), true),
    flag(ZMQ_PROBE_ROUTER, Truth::NotNegative, at!(router.probe))
        .pattern(&[Router, Rep, Dealer, Req]),
    flag(ZMQ_REQ_CORRELATE, Truth::NotNegative, at!(req.correlate)).pattern(&[Req]),
    flag(ZMQ_REQ_RELAXED, Truth::NotNegative, at!(req.relaxed)).pattern(&[Req]),
    flag(ZMQ_CONFLATE, Truth::Strict, at!(pipe.conflate)),
    text(
        ZMQ_ZAP_DOMAIN,
        Empty::Never,
        SHORT,
        at!(security.zap_domain),
    ),
    flag(
        ZMQ_ROUTER_HANDOVER,
        Truth::NotNegative,
        at!(router.handover),
    )
    .pattern(ROUTERS),
    int(ZMQ_TOS, 0, MAX, at!(net.tos)),
    action(ZMQ_IPC_FILTER_PID, |options, value| {
        let id = value.array().map(i32::from_ne_bytes);
        add_id(options, value, id, |filters| &mut filters.pids)
    }),
    action(ZMQ_IPC_FILTER_UID, |options, value| {
        let id = value.array().map(u32::from_ne_bytes);
        add_id(options, value, id, |filters| &mut filters.uids)
    }),
    action(ZMQ_IPC_FILTER_GID, |options, value| {
        let id = value.array().map(u32::from_ne_bytes);
        add_id(options, value, id, |filters| &mut filters.gids)
    }),
    row(ZMQ_CONNECT_ROUTING_ID, Kind::ConnectRoutingId)
        .of(&[Router, Rep, Stream])
        .write_only(),
    int(ZMQ_HANDSHAKE_IVL, 0, MAX, at!(limits.handshake)),
    text(ZMQ_SOCKS_PROXY, Empty::ByNull, usize::MAX, at!(socks.proxy)),
    flag(ZMQ_XPUB_NODROP, Truth::NotNegative, at!(publish.no_drop)).pattern(PUBLISHERS),
    flag(ZMQ_XPUB_MANUAL, Truth::NotNegative, at!(publish.manual)).pattern(PUBLISHERS),
    text(
        ZMQ_XPUB_WELCOME_MSG,
        Empty::ByEither,
        usize::MAX,
        at!(publish.welcome),
    )
    .pattern(PUBLISHERS),
    flag(ZMQ_STREAM_NOTIFY, Truth::Strict, at!(stream.notify))
        .of(&[Stream])
        .write_only(),
    flag(ZMQ_INVERT_MATCHING, Truth::Any, at!(invert_matching)).now(),
    int(ZMQ_HEARTBEAT_IVL, 0, MAX, at!(heartbeat.interval)),
    custom(ZMQ_HEARTBEAT_TTL, set_heartbeat_ttl, |options| {
        c_int::from(options.heartbeat.ttl) * 100
    }),
    int(ZMQ_HEARTBEAT_TIMEOUT, 0, MAX, at!(heartbeat.timeout)),
    action(ZMQ_XPUB_VERBOSER, set_verboser).pattern(PUBLISHERS),
    int(ZMQ_CONNECT_TIMEOUT, 0, MAX, at!(reconnect.connect_timeout)),
    int(ZMQ_TCP_MAXRT, 0, MAX, at!(net.tcp_max_retransmit)),
    row(
        ZMQ_THREAD_SAFE,
        Kind::Computed {
            get: |_| 0,
            padded: true,
        },
    )
    .read_only(),
    int(ZMQ_MULTICAST_MAXTPDU, 1, MAX, at!(multicast.max_tpdu)),
    int(ZMQ_USE_FD, -1, MAX, at!(net.use_fd)),
    text(
        ZMQ_BINDTODEVICE,
        Empty::ByNull,
        DEVICE,
        at!(net.bind_to_device),
    ),
    flag(
        ZMQ_ZAP_ENFORCE_DOMAIN,
        Truth::Any,
        at!(security.enforce_zap_domain),
    ),
    flag(
        ZMQ_LOOPBACK_FASTPATH,
        Truth::Any,
        at!(net.loopback_fastpath),
    ),
    action(ZMQ_METADATA, set_metadata),
    flag(ZMQ_MULTICAST_LOOP, Truth::Any, at!(multicast.loopback)),
    action(ZMQ_XPUB_MANUAL_LAST_VALUE, set_manual_last_value).pattern(PUBLISHERS),
    text(
        ZMQ_SOCKS_USERNAME,
        Empty::ByEither,
        SHORT,
        at!(socks.username),
    ),
    text(
        ZMQ_SOCKS_PASSWORD,
        Empty::ByEither,
        SHORT,
        at!(socks.password),
    ),
    flag(
        ZMQ_ONLY_FIRST_SUBSCRIBE,
        Truth::NotNegative,
        at!(only_first_subscribe),
    )
    .pattern(&[XPub, Pub, XSub]),
    int(ZMQ_RECONNECT_STOP, MIN, MAX, at!(reconnect.stop)),
    live(ZMQ_TOPICS_COUNT, Live::TopicsCount).of(&[XPub, Pub, XSub, Sub]),
];

/// From an option's number to its row; where there is none, to past the end.
static INDEX: [u8; 128] = {
    let (mut index, mut i) = ([u8::MAX; 128], 0);
    while i < ROWS.len() {
        let id = ROWS[i].id as usize;
        assert!(index[id] == u8::MAX, "an option has two rows");
        index[id] = i as u8;
        i += 1;
    }
    index
};

fn set_ipv4_only(options: &mut Options, value: Value<'_>) -> Result<()> {
    options.net.ipv6 = !value.strict_flag()?;
    Ok(())
}

/// Rounds towards zero, so that small negative values pass as 0.
fn set_heartbeat_ttl(options: &mut Options, value: Value<'_>) -> Result<()> {
    options.heartbeat.ttl = u16::try_from(value.int()? / 100).map_err(|_| Error::EINVAL)?;
    Ok(())
}

fn set_verbose(options: &mut Options, value: Value<'_>) -> Result<()> {
    options.publish.verbose_subscribe = value.flag()?;
    options.publish.verbose_unsubscribe = false;
    Ok(())
}

fn set_verboser(options: &mut Options, value: Value<'_>) -> Result<()> {
    options.publish.verbose_subscribe = value.flag()?;
    options.publish.verbose_unsubscribe = options.publish.verbose_subscribe;
    Ok(())
}

fn set_manual_last_value(options: &mut Options, value: Value<'_>) -> Result<()> {
    options.publish.manual = value.flag()?;
    options.publish.last_value = options.publish.manual;
    Ok(())
}

/// Taking it back leaves the connections raw.
fn set_router_raw(options: &mut Options, value: Value<'_>) -> Result<()> {
    options.router.raw = value.flag()?;
    options.raw_transport |= options.router.raw;
    Ok(())
}

/// `X-name:value`, but not in four bytes, which upstream takes for an int.
fn set_metadata(options: &mut Options, value: Value<'_>) -> Result<()> {
    let property = value.filled(usize::MAX)?;
    let colon = property
        .iter()
        .position(|&b| b == b':')
        .ok_or(Error::EINVAL)?;
    let (name, value) = (&property[..colon], &property[colon + 1..]);
    let fits = name.starts_with(b"X-") && name.len() <= SHORT && !value.is_empty();
    if property.len() == size_of::<c_int>() || !fits {
        return Err(Error::EINVAL);
    }
    if !options.metadata.contains_key(name) {
        let value = Text::new(value)?;
        options.metadata.insert(name.into(), value);
    }
    Ok(())
}

fn set_tcp_filter(options: &mut Options, value: Value<'_>) -> Result<()> {
    if let Value::Null(0) = value {
        options.filters.get_or_insert_default().tcp.clear();
        return Ok(());
    }
    let filter = TcpFilter::parse(value.filled(SHORT)?, options.net.ipv6)?;
    let filters = &mut options.filters.get_or_insert_default().tcp;
    filters.try_reserve(1)?;
    filters.push(filter);
    Ok(())
}

/// Adds an id to a list of those that may connect; a null pointer empties the list.
fn add_id<T: PartialEq>(
    options: &mut Options,
    value: Value<'_>,
    id: Result<T>,
    list: fn(&mut AcceptFilters) -> &mut Vec<T>,
) -> Result<()> {
    let emptied = matches!(value, Value::Null(0));
    let id = if emptied { None } else { Some(id?) };
    let ids = list(options.filters.get_or_insert_default());
    match id {
        None => ids.clear(),
        Some(id) if ids.contains(&id) => {}
        Some(id) => {
            ids.try_reserve(1)?;
            ids.push(id);
        }
    }
    Ok(())
}
