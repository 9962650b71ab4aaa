//! What goes with a message: zmq_msg_more(3), zmq_msg_get(3), zmq_msg_set(3), zmq_msg_gets(3).

use std::ffi::{CStr, c_char, c_int};

#[cfg(feature = "draft")]
use super::guard::guard;
use super::{
    guard::guard_pure,
    message::{valid, zmq_msg_t},
};
use crate::{
    consts::{ZMQ_MORE, ZMQ_SHARED, ZMQ_SRCFD},
    error::Error,
};

/// Whether more parts of the same message follow: 1 or 0.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_msg_more(msg_: *const zmq_msg_t) -> c_int {
    guard_pure(|| {
        // SAFETY: the caller's contract.
        Ok(unsafe { valid(msg_) }?.more().into())
    })
}

/// A property of a message.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_msg_get(msg_: *const zmq_msg_t, property_: c_int) -> c_int {
    guard_pure(|| {
        // SAFETY: the caller's contract.
        let message = unsafe { valid(msg_) }?;
        match property_ {
            ZMQ_MORE => Ok(message.more().into()),
            ZMQ_SHARED => Ok(message.is_shared().into()),
            ZMQ_SRCFD => message
                .metadata()
                .and_then(|metadata| metadata.fd())
                .ok_or(Error::EINVAL),
            _ => Err(Error::EINVAL),
        }
    })
}

/// Sets a property of a message; there are none that can be.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_msg_set(
    msg_: *mut zmq_msg_t,
    property_: c_int,
    optval_: c_int,
) -> c_int {
    guard_pure(|| {
        let _ = (msg_, property_, optval_);
        Err(Error::EINVAL)
    })
}

/// A property of a message, by name. The text lives as long as the message.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_msg_gets(
    msg_: *const zmq_msg_t,
    property_: *const c_char,
) -> *const c_char {
    guard_pure(|| {
        if property_.is_null() {
            return Err(Error::EINVAL);
        }
        // SAFETY: the caller's contract.
        let (message, name) = unsafe { (valid(msg_)?, CStr::from_ptr(property_)) };
        let value = message.metadata().and_then(|metadata| metadata.get(name));
        value.map(CStr::as_ptr).ok_or(Error::EINVAL)
    })
}

/// Names the peer that a message for SERVER or PEER goes to.
#[cfg(feature = "draft")]
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_msg_set_routing_id(
    msg: *mut zmq_msg_t,
    routing_id: u32,
) -> c_int {
    guard(|| Err(Error::ENOTSUP))
}

/// The peer that a message came from, or 0.
#[cfg(feature = "draft")]
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_msg_routing_id(msg: *mut zmq_msg_t) -> u32 {
    guard(|| Err(Error::ENOTSUP))
}

/// Names the group that a message of RADIO goes to.
#[cfg(feature = "draft")]
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_msg_set_group(
    msg: *mut zmq_msg_t,
    group: *const c_char,
) -> c_int {
    guard(|| Err(Error::ENOTSUP))
}

/// The group that a message came in. The text lives as long as the message.
#[cfg(feature = "draft")]
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_msg_group(msg: *mut zmq_msg_t) -> *const c_char {
    guard(|| Err(Error::ENOTSUP))
}
