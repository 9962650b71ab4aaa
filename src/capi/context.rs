//! Contexts: zmq_ctx_new(3) and its siblings.
#![allow(unused_variables)]

use std::ffi::{c_int, c_void};

use super::guard::guard;
use crate::error::Error;

/// A new context; end it with zmq_ctx_term().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_ctx_new() -> *mut c_void {
    guard(|| Err(Error::ENOTSUP))
}

/// Ends a context, once its sockets are closed and what they had to send is sent or given up.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_ctx_term(context_: *mut c_void) -> c_int {
    guard(|| Err(Error::ENOTSUP))
}

/// Makes what blocks in a context fail with ETERM.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_ctx_shutdown(context_: *mut c_void) -> c_int {
    guard(|| Err(Error::ENOTSUP))
}

/// Sets an option of a context.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_ctx_set(
    context_: *mut c_void,
    option_: c_int,
    optval_: c_int,
) -> c_int {
    guard(|| Err(Error::ENOTSUP))
}

/// The value of an option of a context.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_ctx_get(context_: *mut c_void, option_: c_int) -> c_int {
    guard(|| Err(Error::ENOTSUP))
}

/// Deprecated: zmq_ctx_new() with a number of I/O threads.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_init(io_threads_: c_int) -> *mut c_void {
    guard(|| Err(Error::ENOTSUP))
}

/// Deprecated: zmq_ctx_term().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_term(context_: *mut c_void) -> c_int {
    guard(|| Err(Error::ENOTSUP))
}

/// Deprecated: zmq_ctx_term().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_ctx_destroy(context_: *mut c_void) -> c_int {
    guard(|| Err(Error::ENOTSUP))
}

/// Sets an option of a context to a value of any type.
#[cfg(feature = "draft")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_ctx_set_ext(
    context_: *mut c_void,
    option_: c_int,
    optval_: *const c_void,
    optvallen_: usize,
) -> c_int {
    guard(|| Err(Error::ENOTSUP))
}

/// Reads an option of a context of any type.
#[cfg(feature = "draft")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_ctx_get_ext(
    context_: *mut c_void,
    option_: c_int,
    optval_: *mut c_void,
    optvallen_: *mut usize,
) -> c_int {
    guard(|| Err(Error::ENOTSUP))
}
