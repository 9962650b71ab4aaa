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
///
/// # Parameters
/// - `msg_`: the message, which was initialised. Null is refused.
///
/// # Returns
/// 1 or 0; -1 on failure.
///
/// # Errors
/// - `EFAULT`: `msg_` is null, closed, or no message.
///
/// # Blocking
/// It never blocks.
///
/// # Thread safety
/// A message is used by one thread at a time; different messages by any.
///
/// # Source
/// zmq_msg_more(3).
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_msg_more(msg_: *const zmq_msg_t) -> c_int {
    guard_pure(|| {
        // SAFETY: the caller's contract.
        Ok(unsafe { valid(msg_) }?.more().into())
    })
}

/// A property of a message.
///
/// # Parameters
/// - `msg_`: the message, which was initialised. Null is refused.
/// - `property_`: `ZMQ_MORE`: whether more parts follow; `ZMQ_SHARED`: whether another message may
///   have the same data; `ZMQ_SRCFD`: the descriptor of the connection that the message came by.
///
/// # Returns
/// The value, or -1 on failure.
///
/// # Errors
/// - `EFAULT`: `msg_` is null, closed, or no message.
/// - `EINVAL`: there is no such property, or the message came by no connection, of which
///   `ZMQ_SRCFD` would tell.
///
/// # Blocking
/// It never blocks.
///
/// # Thread safety
/// A message is used by one thread at a time; different messages by any.
///
/// # Source
/// zmq_msg_get(3).
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
///
/// # Parameters
/// - `msg_`: the message. It is not looked at.
/// - `property_`: the number of a property.
/// - `optval_`: its value.
///
/// # Returns
/// -1.
///
/// # Errors
/// - `EINVAL`: always.
///
/// # Blocking
/// It never blocks.
///
/// # Thread safety
/// Safe: any thread may call it at any time.
///
/// # Source
/// zmq_msg_set(3).
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
///
/// # Parameters
/// - `msg_`: the message, which was initialised. Null is refused.
/// - `property_`: the name, which ends in a zero byte: `Socket-Type`, `Routing-Id`, `Identity`,
///   `Peer-Address`, `User-Id`, or that of a property that the peer has sent by `ZMQ_METADATA`.
///   Null is refused.
///
/// # Returns
/// The value, which ends in a zero byte, or null on failure.
///
/// # Errors
/// - `EFAULT`: `msg_` is null, closed, or no message.
/// - `EINVAL`: the message has no such property, or `property_` is null.
///
/// # Blocking
/// It never blocks.
///
/// # Thread safety
/// A message is used by one thread at a time; different messages by any.
///
/// # Source
/// zmq_msg_gets(3); RFC 23 and 37 for the properties of a connection.
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
/// zmq_msg_set_routing_id(3); RFC 41.
#[cfg(feature = "draft")]
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_msg_set_routing_id(
    msg: *mut zmq_msg_t,
    routing_id: u32,
) -> c_int {
    guard(|| Err(Error::ENOTSUP))
}

/// The peer that a message came from, or 0.
///
/// This function of the draft API is not implemented yet, and ignores its arguments.
///
/// # Returns
/// 0, always.
///
/// # Errors
/// - `ENOTSUP`: always.
///
/// # Source
/// zmq_msg_routing_id(3); RFC 41.
#[cfg(feature = "draft")]
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_msg_routing_id(msg: *mut zmq_msg_t) -> u32 {
    guard(|| Err(Error::ENOTSUP))
}

/// Names the group that a message of RADIO goes to.
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
pub unsafe extern "C-unwind" fn zmq_msg_set_group(
    msg: *mut zmq_msg_t,
    group: *const c_char,
) -> c_int {
    guard(|| Err(Error::ENOTSUP))
}

/// The group that a message came in. The text lives as long as the message.
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
/// no manual page; RFC 48.
#[cfg(feature = "draft")]
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_msg_group(msg: *mut zmq_msg_t) -> *const c_char {
    guard(|| Err(Error::ENOTSUP))
}
