//! TCP addresses (zmq_tcp(7)): `[source:port;]host:port`.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use super::{Host, atoi};
use crate::error::{Error, Result};

/// A TCP address as text; see the module's doc for why it is taken apart only when used.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TcpEndpoint(pub(super) Box<[u8]>);

/// Which end of a connection an address is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Of this machine: `*` is any address or port, and interfaces may be named.
    Bind,
    /// Of the peer.
    Connect,
}

/// A host and its port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Authority<'a> {
    /// Who.
    pub host: Host<'a>,
    /// In host byte order; 0 for one that the system picks.
    pub port: u16,
}

impl TcpEndpoint {
    /// Takes what follows `tcp://`, unjudged.
    pub fn new(address: &[u8]) -> TcpEndpoint {
        TcpEndpoint(address.into())
    }

    /// What follows `tcp://`.
    pub fn text(&self) -> &[u8] {
        &self.0
    }

    /// The address to connect from, before the last `;`. EINVAL as [`TcpEndpoint::target`].
    pub fn source(&self) -> Result<Option<Authority<'_>>> {
        self.split()
            .0
            .map(|text| Authority::parse(text, Side::Bind))
            .transpose()
    }

    /// The address to bind or to connect to.
    ///
    /// EINVAL: no port, a port that is no number or 0 when cut to 16 bits (a lone `0` is a port, and `*` when
    /// binding), or a bad zone.
    pub fn target(&self, side: Side) -> Result<Authority<'_>> {
        Authority::parse(self.split().1, side)
    }

    fn split(&self) -> (Option<&[u8]>, &[u8]) {
        match self.0.iter().rposition(|&b| b == b';') {
            Some(at) => (Some(&self.0[..at]), &self.0[at + 1..]),
            None => (None, &self.0),
        }
    }

    /// A glance at the characters and at the port's first digit. All else that may be wrong is found by the
    /// attempts to connect and never reported, not even a port of 65536.
    pub(super) fn check_connect(&self) -> Result<()> {
        let (first, rest) = self.0.split_first().ok_or(Error::EINVAL)?;
        let first_fits = first.is_ascii_alphanumeric() || b"[:".contains(first);
        let fits = |b: &u8| b.is_ascii_alphanumeric() || b".-:%;[]_*".contains(b);
        if !first_fits || !rest.iter().all(fits) {
            return Err(Error::EINVAL);
        }
        let colon = self
            .0
            .iter()
            .rposition(|&b| b == b':')
            .ok_or(Error::EINVAL)?;
        match self.0.get(colon + 1) {
            Some(digit) if digit.is_ascii_digit() => Ok(()),
            _ => Err(Error::EINVAL),
        }
    }
}

impl<'a> Authority<'a> {
    fn parse(text: &'a [u8], side: Side) -> Result<Authority<'a>> {
        let colon = text.iter().rposition(|&b| b == b':').ok_or(Error::EINVAL)?;
        let port = match &text[colon + 1..] {
            b"*" if side == Side::Bind => 0,
            b"0" => 0,
            digits => match atoi(digits) as u16 {
                0 => return Err(Error::EINVAL),
                port => port,
            },
        };
        let host = Host::parse(&text[..colon])?;
        Ok(Authority { host, port })
    }
}

/// The canonical text of an address, as `ZMQ_LAST_ENDPOINT` and monitors report it. `zone` is the name or number
/// of a link-local address's interface.
pub fn tcp_uri(address: &SocketAddr, zone: Option<&str>) -> String {
    match address {
        SocketAddr::V4(v4) => format!("tcp://{}:{}", v4.ip(), v4.port()),
        SocketAddr::V6(v6) => {
            let (percent, zone) = zone.map_or(("", ""), |zone| ("%", zone));
            format!(
                "tcp://[{}{percent}{zone}]:{}",
                ipv6_text(v6.ip()),
                v6.port()
            )
        }
    }
}

/// As inet_ntop(3) writes it, which differs from std for the long abandoned "IPv4-compatible" addresses.
fn ipv6_text(ip: &Ipv6Addr) -> String {
    match ip.segments() {
        [0, 0, 0, 0, 0, 0, high, low] if high != 0 => {
            let v4 = Ipv4Addr::from(u32::from(high) << 16 | u32::from(low));
            format!("::{v4}")
        }
        _ => ip.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn port(text: &str, side: Side) -> Result<u16> {
        Ok(TcpEndpoint::new(text.as_bytes()).target(side)?.port)
    }

    /// Ports are read with C's leniency, but 0 must be written as `0` or `*`.
    #[test]
    fn ports() {
        for (text, expected) in [
            ("h:5555", Ok(5555)),
            ("h:05", Ok(5)),
            ("h:0", Ok(0)),
            ("h:*", Ok(0)),
            ("h:00", Err(Error::EINVAL)),
            ("h:", Err(Error::EINVAL)),
            ("h", Err(Error::EINVAL)),
            ("h:x", Err(Error::EINVAL)),
            ("h:1x", Ok(1)),
            ("h: 1", Ok(1)),
            ("h:65536", Err(Error::EINVAL)),
            ("h:65537", Ok(1)),
            ("h:-1", Ok(65535)),
            ("[::1]:1", Ok(1)),
            ("::1:1", Ok(1)),
        ] {
            assert_eq!(port(text, Side::Bind), expected, "{text}");
        }
        assert_eq!(port("h:*", Side::Connect), Err(Error::EINVAL));
        assert_eq!(port("h:0", Side::Connect), Ok(0));
    }

    /// The source is all before the last `;`, and is an address of this machine on either side.
    #[test]
    fn source_and_target() {
        let endpoint = TcpEndpoint::new(b"*:*;10.0.0.1:7");
        let source = endpoint.source().unwrap().unwrap();
        assert_eq!((source.host.name, source.port), (&b"*"[..], 0));
        let target = endpoint.target(Side::Connect).unwrap();
        assert_eq!((target.host.name, target.port), (&b"10.0.0.1"[..], 7));
        assert_eq!(TcpEndpoint::new(b"a:1").source(), Ok(None));
        assert_eq!(TcpEndpoint::new(b"a;b:1").source(), Err(Error::EINVAL));
        let twice = TcpEndpoint::new(b"a:1;b:2;c:3");
        assert_eq!(twice.source().unwrap().unwrap().port, 2);
    }

    /// What zmq_connect(3) refuses at once, and what it lets pass to fail quietly later.
    #[test]
    fn connect_checks() {
        for text in [
            "localhost:1",
            "[::1]:1",
            ":1",
            "a.b-c_d:1",
            "fe80::1%lo:1",
            "h:65536",
            "h:00",
            "h:1x",
            "a;b:1",
            "a:*;b:1",
        ] {
            let checked = TcpEndpoint::new(text.as_bytes()).check_connect();
            assert_eq!(checked, Ok(()), "{text}");
        }
        for text in [
            "h",
            "h:",
            "h:*",
            "h:x",
            "-h:1",
            "*:1",
            "_h:1",
            "h /:1",
            "h:1/",
            "h\u{e9}:1",
            "%:1",
        ] {
            let checked = TcpEndpoint::new(text.as_bytes()).check_connect();
            assert_eq!(checked, Err(Error::EINVAL), "{text}");
        }
    }

    /// The texts that programs compare and connect to.
    #[test]
    fn canonical_text() {
        for (address, uri) in [
            ("127.0.0.1:5555", "tcp://127.0.0.1:5555"),
            ("0.0.0.0:0", "tcp://0.0.0.0:0"),
            ("[::]:5555", "tcp://[::]:5555"),
            ("[::ffff:1.2.3.4]:1", "tcp://[::ffff:1.2.3.4]:1"),
            ("[::1.2.3.4]:1", "tcp://[::1.2.3.4]:1"),
            ("[2001:db8:0:0:1:0:0:1]:1", "tcp://[2001:db8::1:0:0:1]:1"),
        ] {
            assert_eq!(tcp_uri(&address.parse().unwrap(), None), uri);
        }
        let link_local = "[fe80::1]:1".parse().unwrap();
        assert_eq!(tcp_uri(&link_local, Some("eth0")), "tcp://[fe80::1%eth0]:1");
    }
}
