//! Proxies: zmq_proxy(3) and zmq_proxy_steerable(3).

use std::{
    ffi::{c_int, c_void},
    ptr::null_mut,
};

use super::{blocking::blocking, handle};
use crate::{core::proxy::Proxy, error::Error};

/// Forwards messages between two sockets, and copies them to a third unless it is null, until the context ends.
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
