//! Sockets of zmq_tcp(7): opening, connecting, listening, and their options.

use std::{
    net::SocketAddr,
    os::fd::{AsFd, FromRawFd, OwnedFd},
    time::Duration,
};

use socket2::{Domain, Protocol, SockRef, Socket, TcpKeepalive, Type};

use super::resolve::{self, Resolved};
use crate::{
    endpoint::{Literal, Side, TcpEndpoint, ip_literal},
    error::{Error, Result},
    options::Options,
};

/// Opens a socket for an address, with the options that are to be set before it is used.
fn open(address: &SocketAddr, options: &Options) -> Result<Socket> {
    let kind = Type::STREAM.nonblocking().cloexec();
    let socket = Socket::new(Domain::for_address(*address), kind, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        socket.set_only_v6(false)?;
    }
    set_tos(&socket, options, address.is_ipv6());
    let net = &options.net;
    if !net.bind_to_device.is_empty() {
        socket.bind_device(Some(&net.bind_to_device))?;
    }
    if net.send_buffer >= 0 {
        socket.set_send_buffer_size(net.send_buffer as usize)?;
    }
    if net.receive_buffer >= 0 {
        socket.set_recv_buffer_size(net.receive_buffer as usize)?;
    }
    Ok(socket)
}

fn set_tos(socket: &Socket, options: &Options, ipv6: bool) {
    if let Ok(tos) = u32::try_from(options.net.tos)
        && tos != 0
    {
        // What the system refuses is not worth failing for.
        let _ = socket.set_tos_v4(tos);
        if ipv6 {
            let _ = socket.set_tclass_v6(tos);
        }
    }
}

/// Opens a socket for what `resolve` finds, if need be for IPv4 where there is no IPv6.
fn open_resolved(
    options: &Options,
    resolve: impl Fn(bool) -> Result<Resolved>,
) -> Result<(Socket, Resolved)> {
    let resolved = resolve(options.net.ipv6)?;
    match open(&resolved.address, options) {
        Err(Error::EAFNOSUPPORT) if options.net.ipv6 && resolved.address.is_ipv6() => {
            let resolved = resolve(false)?;
            Ok((open(&resolved.address, options)?, resolved))
        }
        socket => Ok((socket?, resolved)),
    }
}

/// Sets what is set on every connection. EINVAL if it is broken already.
pub fn tune(fd: &OwnedFd, options: &Options) -> Result<()> {
    let socket = SockRef::from(fd);
    socket.set_tcp_nodelay(true)?;
    let keep = &options.keepalive;
    if keep.on == 0 {
        socket.set_keepalive(false)?;
    } else if keep.on > 0 {
        let mut parameters = TcpKeepalive::new();
        if keep.idle > 0 {
            parameters = parameters.with_time(Duration::from_secs(keep.idle as u64));
        }
        if keep.interval > 0 {
            parameters = parameters.with_interval(Duration::from_secs(keep.interval as u64));
        }
        if keep.count > 0 {
            parameters = parameters.with_retries(keep.count as u32);
        }
        socket.set_tcp_keepalive(&parameters)?;
    }
    if options.net.tcp_max_retransmit > 0 {
        let timeout = Duration::from_millis(options.net.tcp_max_retransmit as u64);
        socket.set_tcp_user_timeout(Some(timeout))?;
    }
    Ok(())
}

/// Whether the address needs no name to be looked up.
pub fn is_numeric(endpoint: &TcpEndpoint) -> bool {
    endpoint
        .target(Side::Connect)
        .is_ok_and(|target| !matches!(ip_literal(target.host.name, true), Literal::Name))
}

/// Looks up where to connect to. May block for as long as the resolver does.
pub fn resolve(endpoint: &TcpEndpoint, options: &Options) -> Result<Resolved> {
    resolve::tcp(endpoint, Side::Connect, options.net.ipv6)
}

/// Begins to connect. True if it is done already.
pub fn connect(endpoint: &TcpEndpoint, options: &Options) -> Result<(OwnedFd, bool)> {
    let resolve = |ipv6| resolve::tcp(endpoint, Side::Connect, ipv6);
    let (socket, resolved) = open_resolved(options, resolve)?;
    start(socket, &resolved)
}

/// Begins to connect to an address that was looked up. True if it is done already.
pub fn connect_to(resolved: &Resolved, options: &Options) -> Result<(OwnedFd, bool)> {
    start(open(&resolved.address, options)?, resolved)
}

fn start(socket: Socket, resolved: &Resolved) -> Result<(OwnedFd, bool)> {
    if let Some(source) = resolved.source {
        socket.set_reuse_address(true)?;
        socket.bind(&source.into())?;
    }
    let connected = match socket
        .connect(&resolved.address.into())
        .map_err(Error::from)
    {
        Ok(()) => true,
        Err(Error::EINPROGRESS | Error::EINTR) => false,
        Err(error) => return Err(error),
    };
    Ok((socket.into(), connected))
}

/// Listens. The second: the endpoint as `ZMQ_LAST_ENDPOINT` tells it.
pub fn listen(endpoint: &TcpEndpoint, options: &Options) -> Result<(OwnedFd, String)> {
    let fd = if options.net.use_fd >= 0 {
        // SAFETY: with `ZMQ_USE_FD` the program has given the descriptor to the library.
        let fd = unsafe { OwnedFd::from_raw_fd(options.net.use_fd) };
        SockRef::from(&fd).set_nonblocking(true)?;
        fd
    } else {
        let resolve = |ipv6| resolve::tcp(endpoint, Side::Bind, ipv6);
        let (socket, resolved) = open_resolved(options, resolve)?;
        socket.set_reuse_address(true)?;
        socket.bind(&resolved.address.into())?;
        socket.listen(options.net.backlog)?;
        socket.into()
    };
    let name = local_name(&fd).ok_or(Error::EINVAL)?;
    Ok((fd, name))
}

/// The socket's own address.
pub fn local_name(fd: &OwnedFd) -> Option<String> {
    let address = SockRef::from(fd).local_addr().ok()?.as_socket()?;
    Some(resolve::tcp_name(&address))
}

/// Accepts a connection, if there is one that may come in. Fails as accept(2) does; EACCES if
/// a filter keeps it out.
pub fn accept(listener: &OwnedFd, options: &Options) -> Result<OwnedFd> {
    let (socket, address) = SockRef::from(listener).accept()?;
    socket.set_nonblocking(true)?;
    let address = address.as_socket();
    if let Some(filters) = &options.filters
        && !address.is_some_and(|address| filters.accept_tcp(address.ip()))
    {
        return Err(Error::EACCES);
    }
    set_tos(
        &socket,
        options,
        address.is_some_and(|address| address.is_ipv6()),
    );
    let fd = socket.into();
    tune(&fd, options)?;
    Ok(fd)
}

/// The peer's IP address as text, for its messages' metadata and for ZAP.
pub fn peer_address(fd: &impl AsFd) -> Option<String> {
    let address = SockRef::from(fd).peer_addr().ok()?.as_socket()?;
    Some(address.ip().to_string())
}
