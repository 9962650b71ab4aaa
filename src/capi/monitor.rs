//! Monitors: zmq_socket_monitor(3).

use std::ffi::{c_char, c_int, c_void};

use super::{guard::guard, handle};
#[cfg(feature = "draft")]
use crate::error::Error;

/// Sends the events of a socket to an inproc endpoint; null ends that.
///
/// A PAIR that connects there receives the events, each as two parts: its number in 2 bytes and its
/// value in 4, both in the machine's order, and the endpoint. What there is no room for is lost.
///
/// A socket has one monitor: a second call ends the first one's.
///
/// # Parameters
/// - `s_`: the socket, from zmq_socket(). Null is refused.
/// - `addr_`: an endpoint `inproc://` and a name, ending in a zero byte; or null, which ends
///   monitoring.
/// - `events_`: any of `ZMQ_EVENT_*`; `ZMQ_EVENT_ALL` for all.
///
/// # Returns
/// 0, or -1 on failure.
///
/// # Errors
/// - `ENOTSOCK`: `s_` is null, closed, or no socket.
/// - `EINVAL`: `addr_` has no `://` with something on both sides.
/// - `EPROTONOSUPPORT`: the transport is another than inproc.
/// - `ENOCOMPATPROTO`: the transport is `udp`.
/// - `ETERM`: the context was shut down or is being terminated.
/// - `EADDRINUSE`: the name is bound already.
///
/// # Blocking
/// It never blocks.
///
/// # Thread safety
/// Safe: threads that use the same socket take turns. libzmq itself allows only one thread at a
/// time to use a socket.
///
/// # Source
/// zmq_socket_monitor(3).
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_socket_monitor(
    s_: *mut c_void,
    addr_: *const c_char,
    events_: c_int,
) -> c_int {
    guard(|| {
        // SAFETY: the caller's contract.
        let socket = unsafe { handle::socket(s_) }?;
        let endpoint = match addr_.is_null() {
            true => None,
            // SAFETY: the caller's contract.
            false => Some(unsafe { handle::text(addr_) }?),
        };
        socket.with(|socket| {
            socket.check()?;
            socket.start_monitor(endpoint, events_)?;
            Ok(0)
        })
    })
}

/// Sends the events of a socket in a version of the format, from a socket of some type.
///
/// This function of the draft API is not implemented yet, and ignores its arguments.
///
/// # Returns
/// -1, always.
///
/// # Errors
/// - `ENOTSUP`: always.
///
/// # Source
/// zmq_socket_monitor_versioned(3).
#[cfg(feature = "draft")]
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_socket_monitor_versioned(
    s_: *mut c_void,
    addr_: *const c_char,
    events_: u64,
    event_version_: c_int,
    type_: c_int,
) -> c_int {
    guard(|| Err(Error::ENOTSUP))
}

/// Has the monitor report how full the pipes of a socket are.
///
/// This function of the draft API is not implemented yet, and ignores its arguments.
///
/// # Returns
/// -1, always.
///
/// # Errors
/// - `ENOTSUP`: always.
///
/// # Source
/// zmq_socket_monitor_versioned(3).
#[cfg(feature = "draft")]
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_socket_monitor_pipes_stats(s: *mut c_void) -> c_int {
    guard(|| Err(Error::ENOTSUP))
}
