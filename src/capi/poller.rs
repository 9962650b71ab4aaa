//! Pollers, of the draft API: zmq_poller(3).
#![allow(unused_variables)]

use std::ffi::{c_int, c_long, c_short, c_void};

use super::{guard::guard, poll::zmq_fd_t};
use crate::error::Error;

/// What happened, and where.
#[repr(C)]
pub struct zmq_poller_event_t {
    /// The socket, or null.
    pub socket: *mut c_void,
    /// The file descriptor, where there is no socket.
    pub fd: zmq_fd_t,
    /// What the socket or descriptor was added with.
    pub user_data: *mut c_void,
    /// The events there are.
    pub events: c_short,
}

/// A poller without sockets; free it with zmq_poller_destroy().
///
/// This function of the draft API is not implemented yet, and ignores its arguments.
///
/// # Returns
/// Null, always.
///
/// # Errors
/// - `ENOTSUP`: always.
///
/// # Source
/// zmq_poller(3).
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_poller_new() -> *mut c_void {
    guard(|| Err(Error::ENOTSUP))
}

/// Frees the poller and sets the handle to null.
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
/// zmq_poller(3).
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_poller_destroy(poller_p: *mut *mut c_void) -> c_int {
    guard(|| Err(Error::ENOTSUP))
}

/// How many sockets and descriptors there are.
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
/// zmq_poller(3).
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_poller_size(poller: *mut c_void) -> c_int {
    guard(|| Err(Error::ENOTSUP))
}

/// Adds a socket.
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
/// zmq_poller(3).
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_poller_add(
    poller: *mut c_void,
    socket: *mut c_void,
    user_data: *mut c_void,
    events: c_short,
) -> c_int {
    guard(|| Err(Error::ENOTSUP))
}

/// Changes the events waited for at a socket.
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
/// zmq_poller(3).
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_poller_modify(
    poller: *mut c_void,
    socket: *mut c_void,
    events: c_short,
) -> c_int {
    guard(|| Err(Error::ENOTSUP))
}

/// Removes a socket.
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
/// zmq_poller(3).
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_poller_remove(
    poller: *mut c_void,
    socket: *mut c_void,
) -> c_int {
    guard(|| Err(Error::ENOTSUP))
}

/// Waits for one event, for some milliseconds at most, or for ever with -1.
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
/// zmq_poller(3).
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_poller_wait(
    poller: *mut c_void,
    event: *mut zmq_poller_event_t,
    timeout: c_long,
) -> c_int {
    guard(|| Err(Error::ENOTSUP))
}

/// Waits for events, as zmq_poller_wait(), and returns how many there are.
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
/// zmq_poller(3).
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_poller_wait_all(
    poller: *mut c_void,
    events: *mut zmq_poller_event_t,
    n_events: c_int,
    timeout: c_long,
) -> c_int {
    guard(|| Err(Error::ENOTSUP))
}

/// A descriptor that tells of events of thread-safe sockets.
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
/// zmq_poller(3).
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_poller_fd(poller: *mut c_void, fd: *mut zmq_fd_t) -> c_int {
    guard(|| Err(Error::ENOTSUP))
}

/// Adds a descriptor.
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
/// zmq_poller(3).
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_poller_add_fd(
    poller: *mut c_void,
    fd: zmq_fd_t,
    user_data: *mut c_void,
    events: c_short,
) -> c_int {
    guard(|| Err(Error::ENOTSUP))
}

/// Changes the events waited for at a descriptor.
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
/// zmq_poller(3).
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_poller_modify_fd(
    poller: *mut c_void,
    fd: zmq_fd_t,
    events: c_short,
) -> c_int {
    guard(|| Err(Error::ENOTSUP))
}

/// Removes a descriptor.
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
/// zmq_poller(3).
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_poller_remove_fd(poller: *mut c_void, fd: zmq_fd_t) -> c_int {
    guard(|| Err(Error::ENOTSUP))
}
