//! Proxies: zmq_proxy(3) and zmq_proxy_steerable(3).
#![allow(unused_variables)]

use std::ffi::{c_int, c_void};

use super::guard::guard;
use crate::error::Error;

/// Forwards messages between two sockets, and copies them to a third unless it is null, until the context ends.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_proxy(
    frontend_: *mut c_void,
    backend_: *mut c_void,
    capture_: *mut c_void,
) -> c_int {
    guard(|| Err(Error::ENOTSUP))
}

/// As zmq_proxy(), with a socket that takes the commands PAUSE, RESUME, TERMINATE and STATISTICS.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_proxy_steerable(
    frontend_: *mut c_void,
    backend_: *mut c_void,
    capture_: *mut c_void,
    control_: *mut c_void,
) -> c_int {
    guard(|| Err(Error::ENOTSUP))
}

/// Deprecated: zmq_proxy().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_device(
    type_: c_int,
    frontend_: *mut c_void,
    backend_: *mut c_void,
) -> c_int {
    guard(|| Err(Error::ENOTSUP))
}
