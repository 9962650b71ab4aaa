//! Setting and reading options by number.

use std::ffi::c_int;

use super::{
    Mechanism, Options, Text, Value,
    table::{Access, Effect, Empty, Kind, Live, Row, Truth},
};
use crate::error::{Error, Result};

/// What setting an option comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Set<'a> {
    /// The value is among the options; if it takes effect now, the pattern and the pipes must be told.
    Stored(Effect),
    /// To subscribe to a prefix: a SUB's own, or for XPUB and PUB in manual mode one of the peer that the last
    /// (un)subscription came from, if any.
    Subscribe(&'a [u8]),
    /// To take a subscription back.
    Unsubscribe(&'a [u8]),
    /// The routing id that the next connection gets; at least one byte.
    ConnectRoutingId(&'a [u8]),
}

/// What reading an option comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Get {
    /// The value is in the buffer, and this is its length.
    Written(usize),
    /// The socket knows the value, and writes it with [`put_padded`] or [`put_text`].
    Live(Live),
}

impl Options {
    /// Sets an option (zmq_setsockopt(3)).
    ///
    /// EINVAL: this socket type has no such option, it is only read, or its length or value is wrong; all is
    /// then as it was.
    pub fn set<'a>(&mut self, id: c_int, value: Value<'a>) -> Result<Set<'a>> {
        let row = self.row(id, Access::Read)?;
        match row.kind {
            Kind::Int { min, max, at } => match value.int()? {
                number if (min..=max).contains(&number) => *(at.get_mut)(self) = number,
                _ => return Err(Error::EINVAL),
            },
            Kind::Flag { truth, at } => {
                *(at.get_mut)(self) = match truth {
                    Truth::Strict => value.strict_flag()?,
                    Truth::NotNegative => value.flag()?,
                    Truth::Any => value.int()? != 0,
                }
            }
            Kind::I64(at) => *(at.get_mut)(self) = i64::from_ne_bytes(value.array()?),
            Kind::U64(at) => *(at.get_mut)(self) = u64::from_ne_bytes(value.array()?),
            Kind::Text { empty, max, at, .. } => {
                *(at.get_mut)(self) = match (empty, value) {
                    (Empty::ByNull | Empty::ByEither, Value::Null(0)) => Text::default(),
                    (Empty::ByEither, Value::Null(_) | Value::Bytes([])) => Text::default(),
                    _ => Text::new(value.filled(max)?)?,
                }
            }
            Kind::Credential(at) => {
                if let Value::Null(0) = value {
                    self.security.mechanism = Mechanism::Null;
                } else {
                    *(at.get_mut)(self) = Text::new(value.filled(255)?)?;
                    self.security.mechanism = Mechanism::Plain;
                    self.security.server = false;
                }
            }
            Kind::Server(mechanism) => {
                let server = value.strict_flag()?;
                self.security.server = server;
                self.security.mechanism = if server { mechanism } else { Mechanism::Null };
            }
            Kind::Key { at, client } => {
                (at.get_mut)(self).set(value.bytes()?)?;
                self.security.mechanism = Mechanism::Curve;
                self.security.server &= !client;
            }
            Kind::Custom { set, .. } => set(self, value)?,
            Kind::Subscribe => return self.topic(value).map(Set::Subscribe),
            Kind::Unsubscribe => return self.topic(value).map(Set::Unsubscribe),
            Kind::ConnectRoutingId => return value.filled(usize::MAX).map(Set::ConnectRoutingId),
            Kind::Computed { .. } | Kind::Live(_) => return Err(Error::EINVAL),
        }
        Ok(Set::Stored(row.effect))
    }

    /// Reads an option (zmq_getsockopt(3)) into a buffer as long as the program said.
    ///
    /// EINVAL: this socket type has no such option, it is only set, or the buffer's length is wrong. Numbers must
    /// fit exactly; a text, with its NUL, and what is live may be shorter, and the rest of the buffer becomes zero.
    pub fn get(&self, id: c_int, out: &mut [u8]) -> Result<Get> {
        let row = self.row(id, Access::Write)?;
        let length = match row.kind {
            Kind::Int { at, .. } => put_exact(out, &(at.get)(self).to_ne_bytes())?,
            Kind::Flag { at, .. } => put_exact(out, &c_int::from(*(at.get)(self)).to_ne_bytes())?,
            Kind::I64(at) => put_exact(out, &(at.get)(self).to_ne_bytes())?,
            Kind::U64(at) => put_exact(out, &(at.get)(self).to_ne_bytes())?,
            Kind::Text {
                terminated: false,
                at,
                ..
            } => put_padded(out, (at.get)(self))?,
            Kind::Text { at, .. } | Kind::Credential(at) => put_text(out, (at.get)(self))?,
            Kind::Server(mechanism) => {
                let server = self.security.server && self.security.mechanism == mechanism;
                put_exact(out, &c_int::from(server).to_ne_bytes())?
            }
            Kind::Key { at, .. } => {
                let key = (at.get)(self);
                match out.len() {
                    32 => put_exact(out, key.bytes())?,
                    _ => put_exact(out, &key.z85()?)?,
                }
            }
            Kind::Custom { get, .. } | Kind::Computed { get, padded: false } => {
                put_exact(out, &get(self).to_ne_bytes())?
            }
            Kind::Computed { get, padded: true } => put_padded(out, &get(self).to_ne_bytes())?,
            Kind::Live(live) => return Ok(Get::Live(live)),
            Kind::Subscribe | Kind::Unsubscribe | Kind::ConnectRoutingId => {
                return Err(Error::EINVAL);
            }
        };
        Ok(Get::Written(length))
    }

    /// The row of an option that this socket type has and whose access is not just the other one.
    fn row(&self, id: c_int, other: Access) -> Result<&'static Row> {
        Row::find(id)
            .filter(|row| row.types.has(self.socket_type) && row.access != other)
            .ok_or(Error::EINVAL)
    }

    fn topic<'a>(&self, value: Value<'a>) -> Result<&'a [u8]> {
        use super::SocketType::Sub;
        match self.socket_type == Sub || self.publish.manual {
            true => value.bytes(),
            false => Err(Error::EINVAL),
        }
    }
}

/// Copies a value into a buffer of its length. EINVAL: another length.
fn put_exact(out: &mut [u8], value: &[u8]) -> Result<usize> {
    match out.len() == value.len() {
        true => put_padded(out, value),
        false => Err(Error::EINVAL),
    }
}

/// Copies a value into a buffer at least as long, zeroes the rest, and returns the value's length. EINVAL: shorter.
pub fn put_padded(out: &mut [u8], value: &[u8]) -> Result<usize> {
    let (head, tail) = out.split_at_mut_checked(value.len()).ok_or(Error::EINVAL)?;
    head.copy_from_slice(value);
    tail.fill(0);
    Ok(value.len())
}

/// As [`put_padded`], with a NUL that counts.
pub fn put_text(out: &mut [u8], value: &[u8]) -> Result<usize> {
    match out.len() > value.len() {
        true => Ok(put_padded(out, value)? + 1),
        false => Err(Error::EINVAL),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        consts::*,
        options::{
            ContextOptions,
            SocketType::{self, *},
        },
    };

    fn options(socket_type: SocketType) -> Options {
        Options::new(socket_type, &ContextOptions::default())
    }

    fn set(options: &mut Options, id: c_int, value: &[u8]) -> Result<()> {
        options.set(id, Value::Bytes(value)).map(drop)
    }

    fn set_int(options: &mut Options, id: c_int, value: c_int) -> Result<()> {
        set(options, id, &value.to_ne_bytes())
    }

    fn int(options: &Options, id: c_int) -> Result<c_int> {
        let mut out = [0; 4];
        options.get(id, &mut out)?;
        Ok(c_int::from_ne_bytes(out))
    }

    /// The value in a buffer that is longer.
    fn text(options: &Options, id: c_int) -> Vec<u8> {
        let mut out = [0xaa; 300];
        let Ok(Get::Written(length)) = options.get(id, &mut out) else {
            panic!("option {id} cannot be read");
        };
        assert!(out[length..].iter().all(|&b| b == 0));
        out[..length].to_vec()
    }

    /// Programs read defaults, and upstream's tests do too.
    #[test]
    fn defaults() {
        let pair = options(Pair);
        for (id, value) in [
            (ZMQ_RATE, 100),
            (ZMQ_RECOVERY_IVL, 10000),
            (ZMQ_SNDBUF, -1),
            (ZMQ_TYPE, ZMQ_PAIR),
            (ZMQ_LINGER, -1),
            (ZMQ_RECONNECT_IVL, 100),
            (ZMQ_BACKLOG, 100),
            (ZMQ_RECONNECT_IVL_MAX, 0),
            (ZMQ_SNDHWM, 1000),
            (ZMQ_RCVHWM, 1000),
            (ZMQ_MULTICAST_HOPS, 1),
            (ZMQ_RCVTIMEO, -1),
            (ZMQ_IPV4ONLY, 1),
            (ZMQ_TCP_KEEPALIVE, -1),
            (ZMQ_MECHANISM, ZMQ_NULL),
            (ZMQ_HANDSHAKE_IVL, 30000),
            (ZMQ_HEARTBEAT_TTL, 0),
            (ZMQ_HEARTBEAT_TIMEOUT, -1),
            (ZMQ_THREAD_SAFE, 0),
            (ZMQ_MULTICAST_MAXTPDU, 1500),
            (ZMQ_USE_FD, -1),
            (ZMQ_MULTICAST_LOOP, 1),
            (ZMQ_RECONNECT_STOP, 0),
        ] {
            assert_eq!(int(&pair, id), Ok(value), "{id}");
        }
        assert_eq!(text(&pair, ZMQ_ROUTING_ID), b"");
        assert_eq!(text(&pair, ZMQ_ZAP_DOMAIN), b"\0");
    }

    /// The first value past each end is refused and changes nothing.
    #[test]
    fn ranges() {
        let mut options = options(Dealer);
        for (id, good, bad) in [
            (ZMQ_SNDHWM, 0, -1),
            (ZMQ_RATE, 1, 0),
            (ZMQ_LINGER, -1, -2),
            (ZMQ_TCP_KEEPALIVE, 1, 2),
            (ZMQ_IMMEDIATE, 1, 2),
            (ZMQ_IPV6, 1, -1),
            (ZMQ_HEARTBEAT_TTL, 6553500, 6553600),
            (ZMQ_HEARTBEAT_TTL, 0, -100),
            (ZMQ_CONNECT_TIMEOUT, 0, -1),
            (ZMQ_USE_FD, -1, -2),
        ] {
            assert_eq!(set_int(&mut options, id, good), Ok(()), "{id}");
            assert_eq!(set_int(&mut options, id, bad), Err(Error::EINVAL), "{id}");
            assert_eq!(int(&options, id), Ok(good), "{id}");
        }
        // Tenths of a second, rounded towards zero.
        assert_eq!(set_int(&mut options, ZMQ_HEARTBEAT_TTL, -99), Ok(()));
        assert_eq!(set_int(&mut options, ZMQ_HEARTBEAT_TTL, 199), Ok(()));
        assert_eq!(int(&options, ZMQ_HEARTBEAT_TTL), Ok(100));
        // Any int is a flag here.
        assert_eq!(set_int(&mut options, ZMQ_INVERT_MATCHING, -5), Ok(()));
        assert_eq!(int(&options, ZMQ_INVERT_MATCHING), Ok(1));
    }

    /// Numbers must fit exactly both ways; what is not known is as wrong as what is.
    #[test]
    fn lengths() {
        let mut options = options(Pair);
        assert_eq!(
            set(&mut options, ZMQ_MAXMSGSIZE, &[1; 4]),
            Err(Error::EINVAL)
        );
        assert_eq!(set(&mut options, ZMQ_MAXMSGSIZE, &[1; 8]), Ok(()));
        assert_eq!(set(&mut options, ZMQ_SNDHWM, &[1; 8]), Err(Error::EINVAL));
        assert_eq!(options.get(ZMQ_MAXMSGSIZE, &mut [0; 4]), Err(Error::EINVAL));
        assert_eq!(options.get(ZMQ_SNDHWM, &mut [0; 8]), Err(Error::EINVAL));
        assert_eq!(
            options.get(ZMQ_THREAD_SAFE, &mut [0; 8]),
            Ok(Get::Written(4))
        );
        for id in [
            -1,
            0,
            10,
            62,
            85,
            97,
            101,
            114,
            117,
            127,
            128,
            c_int::MAX,
            c_int::MIN,
        ] {
            assert_eq!(set_int(&mut options, id, 1), Err(Error::EINVAL), "{id}");
            assert_eq!(int(&options, id), Err(Error::EINVAL), "{id}");
        }
        assert_eq!(set_int(&mut options, ZMQ_TYPE, 1), Err(Error::EINVAL));
        assert_eq!(options.set(ZMQ_SNDHWM, Value::Null(4)), Err(Error::EINVAL));
    }

    /// How each text is emptied, how long it may be, and that it is read back with a NUL.
    #[test]
    fn texts() {
        let mut options = options(Pair);
        for (id, max, null, empty) in [
            (ZMQ_ROUTING_ID, 255, false, false),
            (ZMQ_ZAP_DOMAIN, 255, false, false),
            (ZMQ_BINDTODEVICE, 16, true, false),
            (ZMQ_SOCKS_PROXY, 1000, true, false),
            (ZMQ_SOCKS_USERNAME, 255, true, true),
        ] {
            assert_eq!(set(&mut options, id, &vec![b'x'; max]), Ok(()), "{id}");
            let too_long = set(&mut options, id, &[b'x'; 1001][..max + 1]);
            assert_eq!(too_long.is_ok(), id == ZMQ_SOCKS_PROXY, "{id}");
            assert_eq!(options.set(id, Value::Null(0)).is_ok(), null, "{id}");
            assert_eq!(set(&mut options, id, b"").is_ok(), empty, "{id}");
        }
        set(&mut options, ZMQ_ROUTING_ID, b"a\0b").unwrap();
        assert_eq!(text(&options, ZMQ_ROUTING_ID), b"a\0b");
        assert_eq!(options.get(ZMQ_ROUTING_ID, &mut [0; 2]), Err(Error::EINVAL));
        set(&mut options, ZMQ_ZAP_DOMAIN, b"ab").unwrap();
        assert_eq!(text(&options, ZMQ_ZAP_DOMAIN), b"ab\0");
        assert_eq!(options.get(ZMQ_ZAP_DOMAIN, &mut [0; 2]), Err(Error::EINVAL));
    }

    /// The mechanism is what was asked for last.
    #[test]
    fn mechanisms() {
        let mut options = options(Rep);
        let z85 = b"rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7";
        set_int(&mut options, ZMQ_CURVE_SERVER, 1).unwrap();
        set(&mut options, ZMQ_CURVE_SECRETKEY, z85).unwrap();
        assert_eq!(int(&options, ZMQ_CURVE_SERVER), Ok(1));
        let mut out = [0; 41];
        assert_eq!(
            options.get(ZMQ_CURVE_SECRETKEY, &mut out),
            Ok(Get::Written(41))
        );
        assert_eq!(out[..40], z85[..]);
        assert_eq!(
            options.get(ZMQ_CURVE_SECRETKEY, &mut out[..40]),
            Err(Error::EINVAL)
        );
        set(&mut options, ZMQ_CURVE_SERVERKEY, &[1; 32]).unwrap();
        assert_eq!(int(&options, ZMQ_CURVE_SERVER), Ok(0));
        assert_eq!(int(&options, ZMQ_MECHANISM), Ok(ZMQ_CURVE));
        set_int(&mut options, ZMQ_PLAIN_SERVER, 1).unwrap();
        assert_eq!(int(&options, ZMQ_MECHANISM), Ok(ZMQ_PLAIN));
        assert_eq!(int(&options, ZMQ_CURVE_SERVER), Ok(0));
        set(&mut options, ZMQ_PLAIN_USERNAME, b"me").unwrap();
        assert_eq!(int(&options, ZMQ_PLAIN_SERVER), Ok(0));
        options.set(ZMQ_PLAIN_PASSWORD, Value::Null(0)).unwrap();
        assert_eq!(int(&options, ZMQ_MECHANISM), Ok(ZMQ_NULL));
        assert_eq!(text(&options, ZMQ_PLAIN_USERNAME), b"me\0");
    }

    /// Options of a pattern belong to the types built on it, are never read, and refuse negative values.
    #[test]
    fn patterns() {
        for (id, types) in [
            (ZMQ_ROUTER_MANDATORY, &[Router, Rep][..]),
            (ZMQ_ROUTER_RAW, &[Router, Rep]),
            (ZMQ_PROBE_ROUTER, &[Router, Rep, Dealer, Req]),
            (ZMQ_REQ_RELAXED, &[Req]),
            (ZMQ_XPUB_VERBOSER, &[XPub, Pub]),
            (ZMQ_XPUB_MANUAL_LAST_VALUE, &[XPub, Pub]),
            (ZMQ_ONLY_FIRST_SUBSCRIBE, &[XPub, Pub, XSub]),
            (ZMQ_STREAM_NOTIFY, &[Stream]),
        ] {
            for socket_type in SocketType::ALL {
                let mut options = options(socket_type);
                let expected = types.contains(&socket_type);
                assert_eq!(
                    set_int(&mut options, id, 1).is_ok(),
                    expected,
                    "{id} {socket_type:?}"
                );
                assert_eq!(set_int(&mut options, id, -1), Err(Error::EINVAL));
                assert_eq!(int(&options, id), Err(Error::EINVAL));
            }
        }
        let mut router = options(Router);
        assert!(router.wants_routing_id());
        set_int(&mut router, ZMQ_ROUTER_RAW, 1).unwrap();
        set_int(&mut router, ZMQ_ROUTER_RAW, 0).unwrap();
        assert!(router.raw_transport && !router.router.raw && !router.wants_routing_id());
    }

    /// What needs the socket comes back to it, checked.
    #[test]
    fn left_to_the_socket() {
        let subscribe = |options: &mut Options| options.set(ZMQ_SUBSCRIBE, Value::Bytes(b"a"));
        assert_eq!(subscribe(&mut options(Sub)), Ok(Set::Subscribe(b"a")));
        assert_eq!(subscribe(&mut options(XSub)), Err(Error::EINVAL));
        let all = options(Sub).set(ZMQ_UNSUBSCRIBE, Value::Null(0));
        assert_eq!(all, Ok(Set::Unsubscribe(b"")));
        let mut publisher = options(Pub);
        assert_eq!(subscribe(&mut publisher), Err(Error::EINVAL));
        set_int(&mut publisher, ZMQ_XPUB_MANUAL, 1).unwrap();
        assert_eq!(subscribe(&mut publisher), Ok(Set::Subscribe(b"a")));

        let name = |socket_type, value| options(socket_type).set(ZMQ_CONNECT_ROUTING_ID, value);
        assert_eq!(
            name(Router, Value::Bytes(b"x")),
            Ok(Set::ConnectRoutingId(b"x"))
        );
        assert_eq!(name(Stream, Value::Bytes(b"")), Err(Error::EINVAL));
        assert_eq!(name(Dealer, Value::Bytes(b"x")), Err(Error::EINVAL));

        let hwm = options(Pair).set(ZMQ_SNDHWM, Value::Bytes(&[0; 4]));
        assert_eq!(hwm, Ok(Set::Stored(Effect::Now)));
        assert_eq!(
            options(Pair).get(ZMQ_EVENTS, &mut []),
            Ok(Get::Live(Live::Events))
        );
        assert_eq!(
            options(Pair).get(ZMQ_TOPICS_COUNT, &mut []),
            Err(Error::EINVAL)
        );
    }

    /// Properties for the handshake are `X-name:value`, and the first of a name stays.
    #[test]
    fn metadata() {
        let mut options = options(Dealer);
        // The last is a property, but as long as an int.
        for bad in ["", "X-a", "X-a:", ":b", "a:bcd", "Y-a:b", "X-:b"] {
            assert_eq!(
                set(&mut options, ZMQ_METADATA, bad.as_bytes()),
                Err(Error::EINVAL),
                "{bad}"
            );
        }
        set(&mut options, ZMQ_METADATA, b"X-a:1").unwrap();
        set(&mut options, ZMQ_METADATA, b"X-a:2").unwrap();
        assert_eq!(
            options.metadata.get(&b"X-a"[..]).map(|v| &**v),
            Some(&b"1"[..])
        );
    }

    /// Lists of those who may connect grow, and a null pointer empties them.
    #[test]
    fn accept_filters() {
        let mut options = options(Rep);
        set(&mut options, ZMQ_TCP_ACCEPT_FILTER, b"10.0.0.0/8").unwrap();
        assert_eq!(
            set(&mut options, ZMQ_TCP_ACCEPT_FILTER, b"x"),
            Err(Error::EINVAL)
        );
        set_int(&mut options, ZMQ_IPC_FILTER_UID, 7).unwrap();
        set_int(&mut options, ZMQ_IPC_FILTER_UID, 7).unwrap();
        assert_eq!(
            set(&mut options, ZMQ_IPC_FILTER_UID, &[0; 3]),
            Err(Error::EINVAL)
        );
        let filters = options.filters.clone().unwrap();
        assert_eq!((filters.uids, filters.tcp.len()), (vec![7], 1));
        options.set(ZMQ_TCP_ACCEPT_FILTER, Value::Null(0)).unwrap();
        options.set(ZMQ_IPC_FILTER_UID, Value::Null(0)).unwrap();
        let filters = options.filters.unwrap();
        assert!(filters.uids.is_empty() && filters.tcp.is_empty());
    }
}
