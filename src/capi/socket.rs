//! Sockets and their options: zmq_socket(3), zmq_close(3), zmq_setsockopt(3), zmq_getsockopt(3).

use std::ffi::{c_int, c_void};

#[cfg(feature = "draft")]
use std::ffi::c_char;

use super::{guard::guard, handle};
use crate::{
    core::{host, slot::Slot},
    error::Error,
    options::{SocketType, Value},
};

/// A new socket of a context; free it with zmq_close().
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_socket(context_: *mut c_void, type_: c_int) -> *mut c_void {
    guard(|| {
        // SAFETY: the caller's contract.
        let context = unsafe { handle::context(context_) }?;
        let socket_type = SocketType::from_number(type_).ok_or(Error::EINVAL)?;
        let slot = Slot::put(Box::new(context.socket(socket_type)?));
        host::open_house(slot)?;
        Ok(handle::of(slot))
    })
}

/// Closes a socket. What it has to send is sent in the background, as ZMQ_LINGER says.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_close(s_: *mut c_void) -> c_int {
    guard(|| {
        // SAFETY: the caller's contract.
        if let Some(socket) = unsafe { handle::socket(s_) }?.take()? {
            socket.close();
        }
        Ok(0)
    })
}

/// Sets an option of a socket.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_setsockopt(
    s_: *mut c_void,
    option_: c_int,
    optval_: *const c_void,
    optvallen_: usize,
) -> c_int {
    guard(|| {
        // SAFETY: the caller's contract.
        let socket = unsafe { handle::socket(s_) }?;
        let value = match optval_.is_null() {
            true => Value::Null(optvallen_),
            // SAFETY: the caller's contract.
            false => Value::Bytes(unsafe { handle::bytes(optval_, optvallen_) }?),
        };
        socket.with(|socket| {
            socket.check()?;
            socket.set_option(option_, value)?;
            Ok(0)
        })
    })
}

/// Reads an option of a socket.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_getsockopt(
    s_: *mut c_void,
    option_: c_int,
    optval_: *mut c_void,
    optvallen_: *mut usize,
) -> c_int {
    guard(|| {
        // SAFETY: the caller's contract.
        let socket = unsafe { handle::socket(s_) }?;
        socket.with(|socket| {
            socket.check()?;
            // SAFETY: the caller's contract.
            unsafe {
                let length = optvallen_.as_mut().ok_or(Error::EFAULT)?;
                let buffer = handle::buffer(optval_, *length)?;
                *length = socket.get_option(option_, buffer)?;
            }
            Ok(0)
        })
    })
}

/// Lets a DISH receive the messages of a group.
#[cfg(feature = "draft")]
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_join(s: *mut c_void, group: *const c_char) -> c_int {
    guard(|| Err(Error::ENOTSUP))
}

/// Undoes zmq_join().
#[cfg(feature = "draft")]
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_leave(s: *mut c_void, group: *const c_char) -> c_int {
    guard(|| Err(Error::ENOTSUP))
}

/// What a ROUTER could do with a peer now: ZMQ_POLLIN, ZMQ_POLLOUT.
#[cfg(feature = "draft")]
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_socket_get_peer_state(
    socket: *mut c_void,
    routing_id: *const c_void,
    routing_id_size: usize,
) -> c_int {
    guard(|| Err(Error::ENOTSUP))
}
