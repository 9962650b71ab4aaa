//! Monitors: zmq_socket_monitor(3).

use std::ffi::{c_char, c_int, c_void};

use super::{guard::guard, handle};
#[cfg(feature = "draft")]
use crate::error::Error;

/// Sends the events of a socket to an inproc endpoint; null ends that.
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
#[cfg(feature = "draft")]
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_socket_monitor_pipes_stats(s: *mut c_void) -> c_int {
    guard(|| Err(Error::ENOTSUP))
}
