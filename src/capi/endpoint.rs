//! Endpoints: zmq_bind(3), zmq_connect(3), zmq_unbind(3), zmq_disconnect(3).

use std::ffi::{c_char, c_int, c_void};

use super::{guard::guard, handle};
#[cfg(feature = "draft")]
use crate::error::Error;

/// Listens at an endpoint.
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
#[cfg(feature = "draft")]
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_connect_peer(s_: *mut c_void, addr_: *const c_char) -> u32 {
    guard(|| Err(Error::ENOTSUP))
}
