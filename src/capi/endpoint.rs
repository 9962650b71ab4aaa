//! Endpoints: zmq_bind(3), zmq_connect(3), zmq_unbind(3), zmq_disconnect(3).

use std::ffi::{c_char, c_int, c_void};

use super::{guard::guard, handle};
#[cfg(feature = "draft")]
use crate::error::Error;

/// Listens at an endpoint.
///
/// Peers can connect when it returns. `ZMQ_LAST_ENDPOINT` then tells the address that was bound.
///
/// # Parameters
/// - `s_`: the socket, from zmq_socket(). Null is refused.
/// - `addr_`: the endpoint: `tcp://`, `ipc://` or `inproc://` and an address, ending in a zero
///   byte. Null is refused. In tcp, `*` as the host stands for all interfaces, and as the port for
///   one that the system picks; `ipc://*` stands for a new file in a temporary directory.
///
/// # Returns
/// 0, or -1 on failure.
///
/// # Errors
/// - `ENOTSOCK`: `s_` is null, closed, or no socket.
/// - `EINVAL`: `addr_` is null or malformed: it has no `://` with something on both sides; in tcp
///   it has no port, or one that is no port number, or an IPv6 zone that is no interface; or
///   `ZMQ_USE_FD` is a descriptor of something else.
/// - `EPROTONOSUPPORT`: this library has no such transport.
/// - `ENOCOMPATPROTO`: the transport is `udp`, which no socket type of the stable API uses.
/// - `ETERM`: the context was shut down or is being terminated.
/// - `EMTHREAD`: the context has no I/O threads, or `ZMQ_AFFINITY` none that there are. inproc
///   needs none.
/// - `EADDRINUSE`: another socket or process uses the address already.
/// - `EADDRNOTAVAIL`: no network interface of this machine has the address.
/// - `ENODEV`: there is no such network interface or host, or it has no address of the kind that
///   `ZMQ_IPV6` asks for.
/// - `ENAMETOOLONG`: the path of an ipc endpoint is longer than 107 bytes.
/// - `ENOENT`: the directory of an ipc endpoint doesn't exist.
/// - `ENOTDIR`: a part of an ipc endpoint's path is used as a directory and is none.
/// - `EACCES`: the system doesn't let this user have the address.
/// - `EBADF`: `ZMQ_USE_FD` is no descriptor.
/// - `EMFILE`, `ENFILE`, `ENOBUFS`, `ENOMEM`, `ENOSPC`: the system has no descriptor or memory
///   left, or none for the I/O thread to watch it with.
///
/// Other errors of socket(2), bind(2), listen(2) and mkdtemp(3) are passed on as they are.
///
/// # Blocking
/// It waits while a host's name in a tcp endpoint is looked up, as long as getaddrinfo(3) does.
///
/// # Thread safety
/// Safe: threads that use the same socket take turns. libzmq itself allows only one thread at a
/// time to use a socket.
///
/// # Source
/// zmq_bind(3), zmq_tcp(7), zmq_ipc(7), zmq_inproc(7).
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_bind(s_: *mut c_void, addr_: *const c_char) -> c_int {
    guard(|| {
        // SAFETY: the caller's contract.
        let (socket, address) = unsafe { (handle::socket(s_)?, handle::text(addr_)?) };
        socket.with(|socket| {
            socket.look_around()?;
            socket.bind(address)?;
            Ok(0)
        })
    })
}

/// Connects to an endpoint, now or once it is there.
///
/// Success says that the connection will be tried, not that it is there. A second connection of a
/// DEALER, SUB, PUB or REQ to the same endpoint by tcp or ipc isn't made.
///
/// # Parameters
/// - `s_`: the socket, from zmq_socket(). Null is refused.
/// - `addr_`: the endpoint: `tcp://`, `ipc://` or `inproc://` and an address, ending in a zero
///   byte. Null is refused. For tcp, the address to connect from may stand before it, with a `;`
///   between.
///
/// # Returns
/// 0, or -1 on failure.
///
/// # Errors
/// - `ENOTSOCK`: `s_` is null, closed, or no socket.
/// - `EINVAL`: `addr_` is null or malformed: it has no `://` with something on both sides, or in
///   tcp a character that no address has, or no port. Whatever else is wrong, such as a host that
///   is unknown, is not told: it is tried again and again.
/// - `EPROTONOSUPPORT`: this library has no such transport.
/// - `ENOCOMPATPROTO`: the transport is `udp`, which no socket type of the stable API uses.
/// - `ETERM`: the context was shut down or is being terminated.
/// - `EMTHREAD`: the context has no I/O threads, or `ZMQ_AFFINITY` none that there are. inproc
///   needs none.
/// - `ENAMETOOLONG`: the path of an ipc endpoint is longer than 107 bytes.
///
/// # Blocking
/// It never blocks.
///
/// # Thread safety
/// Safe: threads that use the same socket take turns. libzmq itself allows only one thread at a
/// time to use a socket.
///
/// # Source
/// zmq_connect(3), zmq_tcp(7), zmq_ipc(7), zmq_inproc(7).
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_connect(s_: *mut c_void, addr_: *const c_char) -> c_int {
    guard(|| {
        // SAFETY: the caller's contract.
        let (socket, address) = unsafe { (handle::socket(s_)?, handle::text(addr_)?) };
        socket.with(|socket| {
            socket.look_around()?;
            socket.connect(address)?;
            Ok(0)
        })
    })
}

/// Ceases to listen at an endpoint.
///
/// The address is free when it returns. Connections that were accepted there end, too; what has
/// come by them can still be received.
///
/// # Parameters
/// - `s_`: the socket, from zmq_socket(). Null is refused.
/// - `addr_`: the endpoint as it was bound, or as `ZMQ_LAST_ENDPOINT` tells it, ending in a zero
///   byte. Null is refused.
///
/// # Returns
/// 0, or -1 on failure.
///
/// # Errors
/// - `ENOTSOCK`: `s_` is null, closed, or no socket.
/// - `EINVAL`: `addr_` is null, or has no `://` with something on both sides.
/// - `EPROTONOSUPPORT`: this library has no such transport.
/// - `ENOCOMPATPROTO`: the transport is `udp`, which no socket type of the stable API uses.
/// - `ETERM`: the context was shut down or is being terminated.
/// - `ENOENT`: the socket is not bound there.
///
/// # Blocking
/// It waits while a host's name in a tcp endpoint is looked up, as long as getaddrinfo(3) does.
///
/// # Thread safety
/// Safe: threads that use the same socket take turns. libzmq itself allows only one thread at a
/// time to use a socket.
///
/// # Source
/// zmq_unbind(3).
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_unbind(s_: *mut c_void, addr_: *const c_char) -> c_int {
    guard(|| {
        // SAFETY: the caller's contract.
        let (socket, address) = unsafe { (handle::socket(s_)?, handle::text(addr_)?) };
        socket.with(|socket| {
            socket.look_around()?;
            socket.unlink(address)?;
            Ok(0)
        })
    })
}

/// Disconnects from an endpoint.
///
/// What is still to be sent there is sent in the background, as long as `ZMQ_LINGER` says.
///
/// # Parameters
/// - `s_`: the socket, from zmq_socket(). Null is refused.
/// - `addr_`: the endpoint as it was connected, ending in a zero byte. Null is refused.
///
/// # Returns
/// 0, or -1 on failure.
///
/// # Errors
/// - `ENOTSOCK`: `s_` is null, closed, or no socket.
/// - `EINVAL`: `addr_` is null, or has no `://` with something on both sides.
/// - `EPROTONOSUPPORT`: this library has no such transport.
/// - `ENOCOMPATPROTO`: the transport is `udp`, which no socket type of the stable API uses.
/// - `ETERM`: the context was shut down or is being terminated.
/// - `ENOENT`: the socket is not connected there.
///
/// # Blocking
/// It waits while a host's name in a tcp endpoint is looked up, as long as getaddrinfo(3) does.
///
/// # Thread safety
/// Safe: threads that use the same socket take turns. libzmq itself allows only one thread at a
/// time to use a socket.
///
/// # Source
/// zmq_disconnect(3).
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_disconnect(s_: *mut c_void, addr_: *const c_char) -> c_int {
    guard(|| {
        // SAFETY: the caller's contract.
        let (socket, address) = unsafe { (handle::socket(s_)?, handle::text(addr_)?) };
        socket.with(|socket| {
            socket.look_around()?;
            socket.unlink(address)?;
            Ok(0)
        })
    })
}

/// Connects a PEER and returns the routing id of the other side, or 0.
///
/// This function of the draft API is not implemented yet, and ignores its arguments.
///
/// # Returns
/// 0, always.
///
/// # Errors
/// - `ENOTSUP`: always.
///
/// # Source
/// zmq_connect_peer(3).
#[cfg(feature = "draft")]
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_connect_peer(s_: *mut c_void, addr_: *const c_char) -> u32 {
    guard(|| Err(Error::ENOTSUP))
}
