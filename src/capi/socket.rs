//! Sockets: zmq_socket(3), zmq_bind(3), zmq_send(3) and their siblings.
#![allow(unused_variables)]

use std::ffi::{c_char, c_int, c_void};

use libc::iovec;

use super::{guard::guard, message::zmq_msg_t};
use crate::error::Error;

/// A new socket of a context; free it with zmq_close().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_socket(context_: *mut c_void, type_: c_int) -> *mut c_void {
    guard(|| Err(Error::ENOTSUP))
}

/// Closes a socket. What it has to send is sent in the background, as ZMQ_LINGER says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_close(s_: *mut c_void) -> c_int {
    guard(|| Err(Error::ENOTSUP))
}

/// Sets an option of a socket.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_setsockopt(
    s_: *mut c_void,
    option_: c_int,
    optval_: *const c_void,
    optvallen_: usize,
) -> c_int {
    guard(|| Err(Error::ENOTSUP))
}

/// Reads an option of a socket.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_getsockopt(
    s_: *mut c_void,
    option_: c_int,
    optval_: *mut c_void,
    optvallen_: *mut usize,
) -> c_int {
    guard(|| Err(Error::ENOTSUP))
}

/// Listens at an endpoint.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_bind(s_: *mut c_void, addr_: *const c_char) -> c_int {
    guard(|| Err(Error::ENOTSUP))
}

/// Connects to an endpoint, now or once it is there.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_connect(s_: *mut c_void, addr_: *const c_char) -> c_int {
    guard(|| Err(Error::ENOTSUP))
}

/// Ceases to listen at an endpoint.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_unbind(s_: *mut c_void, addr_: *const c_char) -> c_int {
    guard(|| Err(Error::ENOTSUP))
}

/// Disconnects from an endpoint.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_disconnect(s_: *mut c_void, addr_: *const c_char) -> c_int {
    guard(|| Err(Error::ENOTSUP))
}

/// Sends a copy of some bytes as a message; returns their number.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_send(
    s_: *mut c_void,
    buf_: *const c_void,
    len_: usize,
    flags_: c_int,
) -> c_int {
    guard(|| Err(Error::ENOTSUP))
}

/// Sends bytes that never change or go as a message; returns their number.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_send_const(
    s_: *mut c_void,
    buf_: *const c_void,
    len_: usize,
    flags_: c_int,
) -> c_int {
    guard(|| Err(Error::ENOTSUP))
}

/// Receives a message, as far as it fits; returns its size in bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_recv(
    s_: *mut c_void,
    buf_: *mut c_void,
    len_: usize,
    flags_: c_int,
) -> c_int {
    guard(|| Err(Error::ENOTSUP))
}

/// Deprecated: zmq_msg_send().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_sendmsg(
    s_: *mut c_void,
    msg_: *mut zmq_msg_t,
    flags_: c_int,
) -> c_int {
    guard(|| Err(Error::ENOTSUP))
}

/// Deprecated: zmq_msg_recv().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_recvmsg(
    s_: *mut c_void,
    msg_: *mut zmq_msg_t,
    flags_: c_int,
) -> c_int {
    guard(|| Err(Error::ENOTSUP))
}

/// Sends each buffer as a message, or all as one with ZMQ_SNDMORE.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_sendiov(
    s_: *mut c_void,
    iov_: *mut iovec,
    count_: usize,
    flags_: c_int,
) -> c_int {
    guard(|| Err(Error::ENOTSUP))
}

/// Receives the parts of a message, each in a buffer that free() frees.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_recviov(
    s_: *mut c_void,
    iov_: *mut iovec,
    count_: *mut usize,
    flags_: c_int,
) -> c_int {
    guard(|| Err(Error::ENOTSUP))
}

/// Lets a DISH receive the messages of a group.
#[cfg(feature = "draft")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_join(s: *mut c_void, group: *const c_char) -> c_int {
    guard(|| Err(Error::ENOTSUP))
}

/// Undoes zmq_join().
#[cfg(feature = "draft")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_leave(s: *mut c_void, group: *const c_char) -> c_int {
    guard(|| Err(Error::ENOTSUP))
}

/// Connects a PEER and returns the routing id of the other side, or 0.
#[cfg(feature = "draft")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_connect_peer(s_: *mut c_void, addr_: *const c_char) -> u32 {
    guard(|| Err(Error::ENOTSUP))
}

/// What a ROUTER could do with a peer now: ZMQ_POLLIN, ZMQ_POLLOUT.
#[cfg(feature = "draft")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_socket_get_peer_state(
    socket: *mut c_void,
    routing_id: *const c_void,
    routing_id_size: usize,
) -> c_int {
    guard(|| Err(Error::ENOTSUP))
}
