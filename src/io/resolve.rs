//! Host and interface names to socket addresses, and socket addresses to text.
//!
//! Owns the calls to getaddrinfo(3), getifaddrs(3) and if_nametoindex(3), for the names of zmq_tcp(7). Numeric
//! addresses are read without any. Never caches: a connecting socket looks its peer's name up with each attempt.
//! Looking a host name up may block for as long as the resolver's own timeout.

use std::{
    ffi::{CStr, CString, c_int, c_uint},
    mem,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6},
    ptr, thread,
    time::Duration,
};

use crate::{
    endpoint::{Authority, Literal, Side, TcpEndpoint, Zone, ip_literal, tcp_uri},
    error::{Error, Result},
};

/// A TCP endpoint, ready for the system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resolved {
    /// To bind or connect to.
    pub address: SocketAddr,
    /// To bind to before connecting.
    pub source: Option<SocketAddr>,
}

/// Finds the addresses of `endpoint`: IPv6 ones if `ipv6` (`ZMQ_IPV6`) is set, with IPv4 mapped where a name has
/// nothing else, otherwise IPv4 ones.
///
/// When binding and for a source, the name may be `*` or an interface's; a source is never looked up as a host name.
///
/// - EINVAL: malformed, a zone that is no interface, or (connecting) no such host.
/// - ENODEV: no such interface or host (binding, or a source).
/// - ENOMEM.
pub fn tcp(endpoint: &TcpEndpoint, side: Side, ipv6: bool) -> Result<Resolved> {
    let source = match endpoint.source()? {
        Some(source) => Some(resolve(&source, Side::Bind, Dns::Forbidden, ipv6)?),
        None => None,
    };
    let address = resolve(&endpoint.target(side)?, side, Dns::Allowed, ipv6)?;
    Ok(Resolved { address, source })
}

/// The text under which a listener at this endpoint is known, as far as that can be told.
pub fn canonical(endpoint: &TcpEndpoint, ipv6: bool) -> String {
    match tcp(endpoint, Side::Bind, ipv6) {
        Ok(resolved) => tcp_name(&resolved.address),
        Err(_) => String::new(),
    }
}

/// The canonical `tcp://…` text of a socket's address.
pub fn tcp_name(address: &SocketAddr) -> String {
    let zone = match address {
        SocketAddr::V6(v6) if v6.scope_id() != 0 => Some(zone_name(v6)),
        _ => None,
    };
    tcp_uri(address, zone.as_deref())
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Dns {
    Allowed,
    Forbidden,
}

fn resolve(authority: &Authority<'_>, side: Side, dns: Dns, ipv6: bool) -> Result<SocketAddr> {
    let zone = match authority.host.zone {
        None => 0,
        Some(Zone::Index(index)) => index,
        Some(Zone::Interface(name)) => interface_index(name)?,
    };
    let ip = match (authority.host.name, side) {
        (b"*", Side::Bind) if ipv6 => Ipv6Addr::UNSPECIFIED.into(),
        (b"*", Side::Bind) => Ipv4Addr::UNSPECIFIED.into(),
        (name, _) => match ip_literal(name, ipv6) {
            Literal::Address(ip) => ip,
            Literal::WrongFamily => return Err(unknown(side)),
            Literal::Name => named(name, side, dns, ipv6)?,
        },
    };
    // As upstream does, the scope is the zone that was written, even if the lookup found another.
    Ok(match ip {
        IpAddr::V4(_) => SocketAddr::new(ip, authority.port),
        IpAddr::V6(ip) => SocketAddrV6::new(ip, authority.port, 0, zone).into(),
    })
}

/// What a name that leads nowhere is called.
fn unknown(side: Side) -> Error {
    match side {
        Side::Bind => Error::ENODEV,
        Side::Connect => Error::EINVAL,
    }
}

fn named(name: &[u8], side: Side, dns: Dns, ipv6: bool) -> Result<IpAddr> {
    let name = CString::new(name).map_err(|_| Error::EINVAL)?;
    if side == Side::Bind
        && let Some(ip) = interface_address(&name, ipv6)?
    {
        return Ok(ip);
    }
    host_address(&name, side, dns, ipv6)
}

/// The first address of the wanted family that a host name has.
fn host_address(name: &CStr, side: Side, dns: Dns, ipv6: bool) -> Result<IpAddr> {
    // SAFETY: addrinfo is a C structure of numbers and pointers, for which all zeros is a value.
    let mut hints: libc::addrinfo = unsafe { mem::zeroed() };
    hints.ai_family = family(ipv6);
    hints.ai_socktype = libc::SOCK_STREAM;
    if side == Side::Bind {
        hints.ai_flags |= libc::AI_PASSIVE;
    }
    if dns == Dns::Forbidden {
        hints.ai_flags |= libc::AI_NUMERICHOST;
    }
    if ipv6 {
        hints.ai_flags |= libc::AI_V4MAPPED;
    }
    let mut list = ptr::null_mut();
    // SAFETY: the name ends in a NUL, hints and list live through the call.
    match unsafe { libc::getaddrinfo(name.as_ptr(), ptr::null(), &hints, &mut list) } {
        0 => {}
        libc::EAI_MEMORY => return Err(Error::ENOMEM),
        _ => return Err(unknown(side)),
    }
    let list = HostAddresses(list);
    // SAFETY: on success the list is null or its first entry is valid until freed.
    let first = unsafe { list.0.as_ref() };
    // SAFETY: the entry's address is null or as long as its family says.
    first
        .and_then(|entry| unsafe { ip_of(entry.ai_addr) })
        .ok_or(unknown(side))
}

/// What getaddrinfo(3) allocated.
struct HostAddresses(*mut libc::addrinfo);

impl Drop for HostAddresses {
    fn drop(&mut self) {
        if !self.0.is_null() {
            // SAFETY: it came from getaddrinfo and is freed once.
            unsafe { libc::freeaddrinfo(self.0) }
        }
    }
}

/// The first address of the wanted family that the interface of this name has.
fn interface_address(name: &CStr, ipv6: bool) -> Result<Option<IpAddr>> {
    let Some(list) = InterfaceAddresses::list()? else {
        return Ok(None);
    };
    let mut next = list.0;
    // SAFETY: entries are valid, and linked until null, as long as the list is not freed.
    while let Some(entry) = unsafe { next.as_ref() } {
        next = entry.ifa_next;
        // SAFETY: each entry's name ends in a NUL.
        if unsafe { CStr::from_ptr(entry.ifa_name) } != name {
            continue;
        }
        // SAFETY: an entry's address is null or as long as its family says.
        match unsafe { ip_of(entry.ifa_addr) } {
            Some(ip) if ip.is_ipv6() == ipv6 => return Ok(Some(ip)),
            _ => {}
        }
    }
    Ok(None)
}

/// What getifaddrs(3) allocated.
struct InterfaceAddresses(*mut libc::ifaddrs);

impl InterfaceAddresses {
    /// None where the system cannot list its interfaces.
    fn list() -> Result<Option<InterfaceAddresses>> {
        let mut list = ptr::null_mut();
        for attempt in 0.. {
            // SAFETY: list lives through the call.
            if unsafe { libc::getifaddrs(&mut list) } == 0 {
                break;
            }
            match Error::last().errno() {
                libc::EINVAL | libc::EOPNOTSUPP => return Ok(None),
                // The kernel turns a caller away while it is changing interfaces.
                libc::ECONNREFUSED if attempt < 9 => {
                    thread::sleep(Duration::from_millis(1 << attempt));
                }
                errno => return Err(Error::from_errno(errno)),
            }
        }
        Ok(Some(InterfaceAddresses(list)))
    }
}

impl Drop for InterfaceAddresses {
    fn drop(&mut self) {
        if !self.0.is_null() {
            // SAFETY: it came from getifaddrs and is freed once.
            unsafe { libc::freeifaddrs(self.0) }
        }
    }
}

fn family(ipv6: bool) -> c_int {
    if ipv6 { libc::AF_INET6 } else { libc::AF_INET }
}

/// The address in a socket address of any family.
///
/// # Safety
/// `address` is null or points to a socket address that is as long as its family demands.
unsafe fn ip_of(address: *const libc::sockaddr) -> Option<IpAddr> {
    if address.is_null() {
        return None;
    }
    // SAFETY: every socket address starts with its family.
    match c_int::from(unsafe { (*address).sa_family }) {
        libc::AF_INET => {
            // SAFETY: the family says that it is this structure; it may not be aligned as one.
            let v4 = unsafe { ptr::read_unaligned(address.cast::<libc::sockaddr_in>()) };
            Some(Ipv4Addr::from(u32::from_be(v4.sin_addr.s_addr)).into())
        }
        libc::AF_INET6 => {
            // SAFETY: as above.
            let v6 = unsafe { ptr::read_unaligned(address.cast::<libc::sockaddr_in6>()) };
            Some(Ipv6Addr::from(v6.sin6_addr.s6_addr).into())
        }
        _ => None,
    }
}

fn interface_index(name: &[u8]) -> Result<c_uint> {
    let name = CString::new(name).map_err(|_| Error::EINVAL)?;
    // SAFETY: the name ends in a NUL.
    match unsafe { libc::if_nametoindex(name.as_ptr()) } {
        0 => Err(Error::EINVAL),
        index => Ok(index),
    }
}

/// A scope as getnameinfo(3) writes it: by the interface's name for link-local addresses, else by number.
fn zone_name(address: &SocketAddrV6) -> String {
    let link_local = address.ip().is_unicast_link_local()
        || matches!(address.ip().octets(), [0xff, scope, ..] if scope & 0xf == 2);
    let mut name = [0u8; libc::IF_NAMESIZE];
    // SAFETY: the buffer has the size that the call demands.
    let found = link_local
        && unsafe { !libc::if_indextoname(address.scope_id(), name.as_mut_ptr().cast()).is_null() };
    match CStr::from_bytes_until_nul(&name) {
        Ok(name) if found => name.to_string_lossy().into_owned(),
        _ => address.scope_id().to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str, side: Side, ipv6: bool) -> Result<String> {
        let resolved = tcp(&TcpEndpoint::new(text.as_bytes()), side, ipv6)?;
        Ok(tcp_name(&resolved.address))
    }

    fn bind(text: &str) -> Result<String> {
        at(text, Side::Bind, false)
    }

    fn connect(text: &str) -> Result<String> {
        at(text, Side::Connect, false)
    }

    fn ok(text: &str) -> Result<String> {
        Ok(text.to_owned())
    }

    /// Wildcards are for binding alone.
    #[test]
    fn wildcards() {
        assert_eq!(bind("*:*"), ok("tcp://0.0.0.0:0"));
        assert_eq!(bind("[*]:7"), ok("tcp://0.0.0.0:7"));
        assert_eq!(at("*:7", Side::Bind, true), ok("tcp://[::]:7"));
        assert_eq!(connect("*:7"), Err(Error::EINVAL));
    }

    /// Which family a number or name becomes.
    #[test]
    fn families() {
        assert_eq!(connect("127.1:7"), ok("tcp://127.0.0.1:7"));
        assert_eq!(connect("[::1]:7"), Err(Error::EINVAL));
        assert_eq!(bind("[::1]:7"), Err(Error::ENODEV));
        assert_eq!(at("::1:7", Side::Connect, true), ok("tcp://[::1]:7"));
        assert_eq!(
            at("127.0.0.1:7", Side::Bind, true),
            ok("tcp://[::ffff:127.0.0.1]:7")
        );
        assert_eq!(connect("localhost:7"), ok("tcp://127.0.0.1:7"));
    }

    /// Interfaces are named when binding, and as a source; hosts are not looked up for a source.
    #[test]
    fn interfaces_and_sources() {
        assert_eq!(bind("lo:7"), ok("tcp://127.0.0.1:7"));
        assert_eq!(bind("nosuchif0:7"), Err(Error::ENODEV));
        let source = |text: &[u8]| Ok(tcp(&TcpEndpoint::new(text), Side::Connect, false)?.source);
        assert_eq!(
            source(b"lo:*;127.0.0.1:7"),
            Ok(Some("127.0.0.1:0".parse().unwrap()))
        );
        assert_eq!(source(b"localhost:0;127.0.0.1:7"), Err(Error::ENODEV));
        assert_eq!(source(b"127.0.0.1:7"), Ok(None));
    }

    /// Zones become scopes and come back as text.
    #[test]
    fn zones() {
        assert_eq!(
            at("[fe80::1%lo]:7", Side::Connect, true),
            ok("tcp://[fe80::1%lo]:7")
        );
        assert_eq!(
            at("[fe80::1%1]:7", Side::Connect, true),
            ok("tcp://[fe80::1%lo]:7")
        );
        assert_eq!(
            at("[2001:db8::1%1]:7", Side::Connect, true),
            ok("tcp://[2001:db8::1%1]:7")
        );
        assert_eq!(
            at("[fe80::1%nosuchif0]:7", Side::Bind, true),
            Err(Error::EINVAL)
        );
    }
}
