//! Proxies: zmq_proxy(3) and zmq_proxy_steerable(3).

use std::{
    ffi::{c_int, c_void},
    ptr::null_mut,
};

use super::{blocking::blocking, handle};
use crate::{core::proxy::Proxy, error::Error};

/// Forwards messages between two sockets, until the context ends.
///
/// All that it forwards it copies to the capture socket, if there is one.
///
/// # Parameters
/// - `frontend_`: the one socket. Null is refused.
/// - `backend_`: the other socket, which may be the same. Null is refused.
/// - `capture_`: a socket that can send, or null.
///
/// # Returns
/// -1, always.
///
/// # Errors
/// - `EFAULT`: `frontend_` or `backend_` is null.
/// - `ENOTSOCK`: a handle is closed or none of a socket, or another thread closes it meanwhile.
/// - `ETERM`: the context of one of the sockets was shut down or is being terminated. This is how a
///   proxy usually ends.
/// - `EINTR`: a signal handler has run while the call waited, with or without `SA_RESTART`.
/// - `EAGAIN`: what a REQ has received was no reply to its request; or there was no room for a
///   message, or at the capture socket no peer, for longer than `ZMQ_SNDTIMEO`.
/// - `EFSM`: the capture socket is a REQ or REP, and it is not its turn to send.
/// - `EHOSTUNREACH`: a message was to go to a ROUTER with `ZMQ_ROUTER_MANDATORY`, or to a STREAM,
///   which has no peer of the routing id that is its first part.
/// - `ENOTSUP`: the capture socket is of a type that can't send.
/// - `ENOMEM`: there is no memory for a message.
/// - `EMFILE`, `ENFILE`: another thread waits on one of the sockets, and no descriptor is left for
///   this one to wait with.
///
/// # Blocking
/// It waits, and forwards, until it fails. There is no time-out. A thread can be cancelled in it by
/// pthread_cancel(3).
///
/// # Thread safety
/// Safe: other threads may use the sockets meanwhile. The parts of messages that they send get
/// mixed with those of the proxy. libzmq itself allows only one thread at a time to use a socket.
///
/// # Source
/// zmq_proxy(3).
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_proxy(
    frontend_: *mut c_void,
    backend_: *mut c_void,
    capture_: *mut c_void,
) -> c_int {
    // SAFETY: the same contract; a null control is none.
    unsafe { zmq_proxy_steerable(frontend_, backend_, capture_, null_mut()) }
}

/// As zmq_proxy(), with a socket that takes the commands PAUSE, RESUME, TERMINATE and STATISTICS.
///
/// Each command is a message of one part. `STATISTICS` is answered with eight parts of 8 bytes in
/// the machine's order: messages and bytes received and sent, of the frontend and then of the
/// backend. All else is answered with an empty message.
///
/// PAUSE and RESUME do what they say, as the manual page has it. libzmq 4.3.5 takes the one for the
/// other, and any five bytes for PAUSE.
///
/// # Parameters
/// - `frontend_`: the one socket. Null is refused.
/// - `backend_`: the other socket, which may be the same. Null is refused.
/// - `capture_`: a socket that can send, or null.
/// - `control_`: a socket that receives the commands and can answer them, such as PAIR or REP; or
///   null.
///
/// # Returns
/// 0 after `TERMINATE`, or -1 on failure.
///
/// # Errors
/// - `EFAULT`: `frontend_` or `backend_` is null.
/// - `ENOTSOCK`: a handle is closed or none of a socket, or another thread closes it meanwhile.
/// - `ETERM`: the context of one of the sockets was shut down or is being terminated. This is how a
///   proxy usually ends.
/// - `EINTR`: a signal handler has run while the call waited, with or without `SA_RESTART`.
/// - `EAGAIN`: what a REQ has received was no reply to its request; or there was no room for a
///   message, or at the capture or control socket no peer, for longer than `ZMQ_SNDTIMEO`.
/// - `EFSM`: the capture socket is a REQ or REP, and it is not its turn to send.
/// - `EHOSTUNREACH`: a message was to go to a ROUTER with `ZMQ_ROUTER_MANDATORY`, or to a STREAM,
///   which has no peer of the routing id that is its first part.
/// - `ENOTSUP`: the capture or control socket is of a type that can't send.
/// - `ENOMEM`: there is no memory for a message.
/// - `EMFILE`, `ENFILE`: another thread waits on one of the sockets, and no descriptor is left for
///   this one to wait with.
///
/// # Blocking
/// It waits, and forwards, until it is told to terminate or fails. There is no time-out. A thread
/// can be cancelled in it by pthread_cancel(3).
///
/// # Thread safety
/// Safe: other threads may use the sockets meanwhile. The parts of messages that they send get
/// mixed with those of the proxy. libzmq itself allows only one thread at a time to use a socket.
///
/// # Source
/// zmq_proxy_steerable(3).
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_proxy_steerable(
    frontend_: *mut c_void,
    backend_: *mut c_void,
    capture_: *mut c_void,
    control_: *mut c_void,
) -> c_int {
    blocking(
        move || {
            if frontend_.is_null() || backend_.is_null() {
                return Err(Error::EFAULT);
            }
            // SAFETY: the caller's contract.
            let socket = |handle: *mut c_void| unsafe { handle::socket(handle) };
            let optional =
                |handle: *mut c_void| (!handle.is_null()).then(|| socket(handle)).transpose();
            let (capture, control) = (optional(capture_)?, optional(control_)?);
            let proxy = Proxy::new(socket(frontend_)?, socket(backend_)?, capture, control);
            Ok(Box::new(proxy).go_on()?.map(|()| 0))
        },
        |call: Box<Proxy>| Ok(call.go_on()?.map(|()| 0)),
    )
}

/// Deprecated: zmq_proxy().
///
/// There is no capture socket.
///
/// # Parameters
/// - `type_`: not looked at.
/// - `frontend_`: the one socket. Null is refused.
/// - `backend_`: the other socket, which may be the same. Null is refused.
///
/// # Returns
/// -1, always.
///
/// # Errors
/// - `EFAULT`: `frontend_` or `backend_` is null.
/// - `ENOTSOCK`: a handle is closed or none of a socket, or another thread closes it meanwhile.
/// - `ETERM`: the context of one of the sockets was shut down or is being terminated. This is how a
///   proxy usually ends.
/// - `EINTR`: a signal handler has run while the call waited, with or without `SA_RESTART`.
/// - `EAGAIN`: what a REQ has received was no reply to its request; or there was no room for a
///   message for longer than `ZMQ_SNDTIMEO`.
/// - `EHOSTUNREACH`: a message was to go to a ROUTER with `ZMQ_ROUTER_MANDATORY`, or to a STREAM,
///   which has no peer of the routing id that is its first part.
/// - `ENOMEM`: there is no memory for a message.
/// - `EMFILE`, `ENFILE`: another thread waits on one of the sockets, and no descriptor is left for
///   this one to wait with.
///
/// # Blocking
/// It waits, and forwards, until it fails. There is no time-out. A thread can be cancelled in it by
/// pthread_cancel(3).
///
/// # Thread safety
/// Safe: other threads may use the sockets meanwhile. The parts of messages that they send get
/// mixed with those of the proxy. libzmq itself allows only one thread at a time to use a socket.
///
/// # Source
/// No manual page in 4.3.5; libzmq's `zmq.h`.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_device(
    type_: c_int,
    frontend_: *mut c_void,
    backend_: *mut c_void,
) -> c_int {
    let _ = type_;
    // SAFETY: the same contract.
    unsafe { zmq_proxy(frontend_, backend_, null_mut()) }
}
