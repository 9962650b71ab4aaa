//! Messages: zmq_msg_init(3) and its siblings.
#![allow(unused_variables)]

use std::ffi::{c_char, c_int, c_uchar, c_void};

use super::guard::guard;
use crate::error::Error;

/// A message. What is in it is the library's business; its address must not change between calls.
///
/// cbindgen:field-names=[_]
#[allow(rustdoc::broken_intra_doc_links)]
#[repr(C, align(8))]
pub struct zmq_msg_t {
    opaque: [c_uchar; 64],
}

/// What frees the data of a message made by zmq_msg_init_data(); any thread may call it.
pub type zmq_free_fn = Option<unsafe extern "C" fn(data_: *mut c_void, hint_: *mut c_void)>;

/// Makes an empty message.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_msg_init(msg_: *mut zmq_msg_t) -> c_int {
    guard(|| Err(Error::ENOTSUP))
}

/// Makes a message of some bytes, not yet filled in.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_msg_init_size(msg_: *mut zmq_msg_t, size_: usize) -> c_int {
    guard(|| Err(Error::ENOTSUP))
}

/// Makes a message of the given data, which ffn_ frees once it is no longer used.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_msg_init_data(
    msg_: *mut zmq_msg_t,
    data_: *mut c_void,
    size_: usize,
    ffn_: zmq_free_fn,
    hint_: *mut c_void,
) -> c_int {
    guard(|| Err(Error::ENOTSUP))
}

/// Sends a message, and leaves an empty one; returns its size in bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_msg_send(
    msg_: *mut zmq_msg_t,
    s_: *mut c_void,
    flags_: c_int,
) -> c_int {
    guard(|| Err(Error::ENOTSUP))
}

/// Receives a message in place of the one there; returns its size in bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_msg_recv(
    msg_: *mut zmq_msg_t,
    s_: *mut c_void,
    flags_: c_int,
) -> c_int {
    guard(|| Err(Error::ENOTSUP))
}

/// Frees what a message holds.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_msg_close(msg_: *mut zmq_msg_t) -> c_int {
    guard(|| Err(Error::ENOTSUP))
}

/// Moves a message in place of another, and leaves an empty one.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_msg_move(dest_: *mut zmq_msg_t, src_: *mut zmq_msg_t) -> c_int {
    guard(|| Err(Error::ENOTSUP))
}

/// Copies a message in place of another; they may share their data.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_msg_copy(dest_: *mut zmq_msg_t, src_: *mut zmq_msg_t) -> c_int {
    guard(|| Err(Error::ENOTSUP))
}

/// Where the data of a message is.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_msg_data(msg_: *mut zmq_msg_t) -> *mut c_void {
    guard(|| Err(Error::ENOTSUP))
}

/// The size of a message in bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_msg_size(msg_: *const zmq_msg_t) -> usize {
    guard(|| Err(Error::ENOTSUP))
}

/// Whether more parts of the same message follow: 1 or 0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_msg_more(msg_: *const zmq_msg_t) -> c_int {
    guard(|| Err(Error::ENOTSUP))
}

/// A property of a message.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_msg_get(msg_: *const zmq_msg_t, property_: c_int) -> c_int {
    guard(|| Err(Error::ENOTSUP))
}

/// Sets a property of a message; there are none that can be.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_msg_set(
    msg_: *mut zmq_msg_t,
    property_: c_int,
    optval_: c_int,
) -> c_int {
    guard(|| Err(Error::ENOTSUP))
}

/// A property of a message, by name. The text lives as long as the message.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_msg_gets(
    msg_: *const zmq_msg_t,
    property_: *const c_char,
) -> *const c_char {
    guard(|| Err(Error::ENOTSUP))
}

/// Names the peer that a message for SERVER or PEER goes to.
#[cfg(feature = "draft")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_msg_set_routing_id(msg: *mut zmq_msg_t, routing_id: u32) -> c_int {
    guard(|| Err(Error::ENOTSUP))
}

/// The peer that a message came from, or 0.
#[cfg(feature = "draft")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_msg_routing_id(msg: *mut zmq_msg_t) -> u32 {
    guard(|| Err(Error::ENOTSUP))
}

/// Names the group that a message of RADIO goes to.
#[cfg(feature = "draft")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_msg_set_group(msg: *mut zmq_msg_t, group: *const c_char) -> c_int {
    guard(|| Err(Error::ENOTSUP))
}

/// The group that a message came in. The text lives as long as the message.
#[cfg(feature = "draft")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_msg_group(msg: *mut zmq_msg_t) -> *const c_char {
    guard(|| Err(Error::ENOTSUP))
}

/// Makes a message of a copy of the given bytes.
#[cfg(feature = "draft")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_msg_init_buffer(
    msg_: *mut zmq_msg_t,
    buf_: *const c_void,
    size_: usize,
) -> c_int {
    guard(|| Err(Error::ENOTSUP))
}
