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
///
/// # Parameters
/// - `context_`: the context, from zmq_ctx_new(). Null is refused.
/// - `type_`: one of `ZMQ_PAIR`, `ZMQ_PUB`, `ZMQ_SUB`, `ZMQ_REQ`, `ZMQ_REP`, `ZMQ_DEALER`,
///   `ZMQ_ROUTER`, `ZMQ_PULL`, `ZMQ_PUSH`, `ZMQ_XPUB`, `ZMQ_XSUB` and `ZMQ_STREAM`.
///
/// # Returns
/// The socket, or null on failure.
///
/// # Errors
/// - `EFAULT`: `context_` is null, terminated, or no context.
/// - `EINVAL`: there is no such socket type.
/// - `ETERM`: the context was shut down or is being terminated.
/// - `EMFILE`: the context has as many sockets as `ZMQ_MAX_SOCKETS` allows, or no descriptor is
///   left.
/// - `ENFILE`, `ENOMEM`, `EAGAIN`: the system has no descriptor, memory or thread left, of which
///   the first socket needs some for the I/O threads.
///
/// # Blocking
/// It never blocks.
///
/// # Thread safety
/// Safe: any thread may call it at any time.
///
/// # Source
/// zmq_socket(3). RFC 28, 29, 30 and 31 for the types.
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
///
/// # Parameters
/// - `s_`: the socket, from zmq_socket(). Null is refused. It is invalid afterwards.
///
/// # Returns
/// 0, or -1 on failure.
///
/// # Errors
/// - `ENOTSOCK`: `s_` is null, closed, or no socket.
///
/// # Blocking
/// It never blocks.
///
/// # Thread safety
/// Safe: a call of another thread that waits on the socket fails with `ENOTSOCK`.
///
/// # Source
/// zmq_close(3).
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
///
/// Most options count for the endpoints that are bound and connected from now on.
///
/// # Parameters
/// - `s_`: the socket, from zmq_socket(). Null is refused.
/// - `option_`: one of the numbers of `zmq.h` for socket options.
/// - `optval_`: the value, of the type that the option has. Null is allowed with a length of 0, for
///   options that may be empty.
/// - `optvallen_`: its length in bytes.
///
/// # Returns
/// 0, or -1 on failure.
///
/// # Errors
/// - `ENOTSOCK`: `s_` is null, closed, or no socket.
/// - `EINVAL`: this type of socket has no such option, it can only be read, or the length or value
///   is none for it.
/// - `ETERM`: the context was shut down or is being terminated, and an earlier call on this socket
///   has failed with that.
/// - `ENOMEM`: there is no memory to tell a peer of a subscription.
///
/// # Blocking
/// It never blocks.
///
/// # Thread safety
/// Safe: threads that use the same socket take turns. libzmq itself allows only one thread at a
/// time to use a socket.
///
/// # Source
/// zmq_setsockopt(3).
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
///
/// Numbers have to fit exactly. Text and bytes may be shorter than the buffer, the rest of which
/// becomes zero.
///
/// # Parameters
/// - `s_`: the socket, from zmq_socket(). Null is refused.
/// - `option_`: one of the numbers of `zmq.h` for socket options.
/// - `optval_`: where the value goes. Null is refused unless the length is 0.
/// - `optvallen_`: the length of that in bytes, and afterwards of the value, which for text counts
///   the zero byte at its end. Null is refused.
///
/// # Returns
/// 0, or -1 on failure.
///
/// # Errors
/// - `ENOTSOCK`: `s_` is null, closed, or no socket.
/// - `EFAULT`: `optvallen_` is null, or `optval_` is null with a length.
/// - `EINVAL`: this type of socket has no such option, it can only be set, or the length is none
///   for it.
/// - `ETERM`: the context was shut down or is being terminated, and an earlier call on this socket
///   has failed with that, or the option is `ZMQ_EVENTS`.
/// - `EMFILE`, `ENFILE`: the option is `ZMQ_FD`, and no descriptor is left.
///
/// # Blocking
/// It never blocks.
///
/// # Thread safety
/// Safe: threads that use the same socket take turns. libzmq itself allows only one thread at a
/// time to use a socket.
///
/// # Source
/// zmq_getsockopt(3).
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
/// no manual page; RFC 48.
#[cfg(feature = "draft")]
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_join(s: *mut c_void, group: *const c_char) -> c_int {
    guard(|| Err(Error::ENOTSUP))
}

/// Undoes zmq_join().
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
/// no manual page; RFC 48.
#[cfg(feature = "draft")]
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_leave(s: *mut c_void, group: *const c_char) -> c_int {
    guard(|| Err(Error::ENOTSUP))
}

/// What a ROUTER could do with a peer now: ZMQ_POLLIN, ZMQ_POLLOUT.
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
/// no manual page.
#[cfg(feature = "draft")]
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_socket_get_peer_state(
    socket: *mut c_void,
    routing_id: *const c_void,
    routing_id_size: usize,
) -> c_int {
    guard(|| Err(Error::ENOTSUP))
}
