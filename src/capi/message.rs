//! Messages: zmq_msg_init(3) and its siblings.

use std::ffi::{CStr, c_char, c_int, c_uchar, c_void};

#[cfg(feature = "draft")]
use super::handle;
use super::{
    guard::{guard, guard_passage, guard_pure},
    socket::{receive_in_full_swing, receive_part, send_in_full_swing, send_part},
};
use crate::{
    consts::{ZMQ_MORE, ZMQ_SHARED, ZMQ_SRCFD},
    error::{Error, Result},
    message::Message,
};

/// A message. What is in it is the library's business; its address must not change between calls.
///
/// cbindgen:field-names=[_]
#[allow(rustdoc::broken_intra_doc_links)]
#[repr(C, align(8))]
pub struct zmq_msg_t {
    opaque: [c_uchar; 64],
}

/// The message behind a pointer, whatever is there. EFAULT for a null pointer.
///
/// # Safety
/// The pointer is null or valid.
unsafe fn place<'a>(message: *mut zmq_msg_t) -> Result<&'a mut Message> {
    // SAFETY: as promised; the sizes and alignments are the same, and any bytes will do.
    unsafe { message.cast::<Message>().as_mut() }.ok_or(Error::EFAULT)
}

/// The message behind a pointer. EFAULT if there is none.
///
/// # Safety
/// The pointer is null or valid.
unsafe fn valid<'a>(message: *const zmq_msg_t) -> Result<&'a mut Message> {
    // SAFETY: as promised.
    let message = unsafe { place(message.cast_mut()) }?;
    if message.is_valid() {
        Ok(message)
    } else {
        Err(Error::EFAULT)
    }
}

/// Makes a message where there was none.
///
/// # Safety
/// The pointer is null or valid.
unsafe fn init(to: *mut zmq_msg_t, message: Message) -> Result<c_int> {
    // SAFETY: as promised; what was there is no message, or is forgotten as with libzmq.
    unsafe { std::ptr::write(place(to)?, message) };
    Ok(0)
}

/// A size as functions return it.
pub(super) fn returned(size: usize) -> c_int {
    c_int::try_from(size).unwrap_or(c_int::MAX)
}

/// What frees the data of a message made by zmq_msg_init_data(); any thread may call it.
pub type zmq_free_fn = Option<unsafe extern "C-unwind" fn(data_: *mut c_void, hint_: *mut c_void)>;

/// Makes an empty message.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_msg_init(msg_: *mut zmq_msg_t) -> c_int {
    guard_pure(|| {
        // SAFETY: as for zmq_msg_init_size().
        unsafe { Message::emplace(place(msg_)?, 0)? };
        Ok(0)
    })
}

/// Makes a message of some bytes, not yet filled in.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_msg_init_size(msg_: *mut zmq_msg_t, size_: usize) -> c_int {
    guard_pure(|| {
        // SAFETY: the caller's contract; what was there is no message, or is forgotten as with libzmq.
        unsafe { Message::emplace(place(msg_)?, size_)? };
        Ok(0)
    })
}

/// Makes a message of the given data, which ffn_ frees once it is no longer used.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_msg_init_data(
    msg_: *mut zmq_msg_t,
    data_: *mut c_void,
    size_: usize,
    ffn_: zmq_free_fn,
    hint_: *mut c_void,
) -> c_int {
    guard(|| {
        // SAFETY: the caller's contract.
        unsafe {
            // The data stay the caller's if there is no place for the message.
            place(msg_)?;
            init(msg_, Message::foreign(data_.cast(), size_, ffn_, hint_)?)
        }
    })
}

/// Sends a message, and leaves an empty one; returns its size in bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_msg_send(
    msg_: *mut zmq_msg_t,
    s_: *mut c_void,
    flags_: c_int,
) -> c_int {
    // SAFETY: the caller's contract.
    let message = unsafe { place(msg_) };
    let sent = message
        .ok()
        .and_then(|mut message| send_in_full_swing(s_, &mut message, flags_));
    match sent {
        Some(size) => size as c_int,
        // SAFETY: as above.
        None => unsafe { send(msg_, s_, flags_) },
    }
}

/// As zmq_msg_send(), whatever it takes.
#[inline(never)]
unsafe fn send(msg_: *mut zmq_msg_t, s_: *mut c_void, flags_: c_int) -> c_int {
    // SAFETY: the caller's contract.
    unsafe {
        let size = valid(msg_).map_or(0, |message| message.size());
        send_part(s_, size, flags_, move || valid(msg_))
    }
}

/// Receives a message in place of the one there; returns its size in bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_msg_recv(
    msg_: *mut zmq_msg_t,
    s_: *mut c_void,
    flags_: c_int,
) -> c_int {
    // SAFETY: the caller's contract.
    let message = unsafe { place(msg_) };
    let received = message
        .ok()
        .and_then(|mut message| receive_in_full_swing(s_, &mut message));
    match received {
        Some(size) => size as c_int,
        // SAFETY: as above.
        None => unsafe { receive(msg_, s_, flags_) },
    }
}

/// As zmq_msg_recv(), whatever it takes.
#[inline(never)]
unsafe fn receive(msg_: *mut zmq_msg_t, s_: *mut c_void, flags_: c_int) -> c_int {
    // SAFETY: the caller's contract.
    unsafe { receive_part(s_, flags_, move || valid(msg_)) }
}

/// Frees what a message holds.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_msg_close(msg_: *mut zmq_msg_t) -> c_int {
    // SAFETY: the caller's contract.
    match unsafe { place(msg_) } {
        Ok(message) if message.is_outside() => close_outside(message),
        Ok(message) => guard_pure(|| message.close().map(|()| 0)),
        Err(error) => guard_pure(|| Err(error)),
    }
}

/// Whose body has to be freed, perhaps by the program.
#[inline(never)]
fn close_outside(message: &mut Message) -> c_int {
    guard(|| message.close().map(|()| 0))
}

/// Moves a message in place of another, and leaves an empty one.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_msg_move(dest_: *mut zmq_msg_t, src_: *mut zmq_msg_t) -> c_int {
    guard_passage(|| {
        // SAFETY: the caller's contract.
        unsafe {
            valid(dest_)?;
            let message = valid(src_)?.take();
            *valid(dest_)? = message;
        }
        Ok(0)
    })
}

/// Copies a message in place of another; they may share their data.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_msg_copy(dest_: *mut zmq_msg_t, src_: *mut zmq_msg_t) -> c_int {
    guard_passage(|| {
        // SAFETY: the caller's contract.
        unsafe {
            let message = valid(src_)?.duplicate();
            *valid(dest_)? = message;
        }
        Ok(0)
    })
}

/// Where the data of a message is.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_msg_data(msg_: *mut zmq_msg_t) -> *mut c_void {
    guard_pure(|| {
        // SAFETY: the caller's contract.
        let message = unsafe { place(msg_) }?;
        if !message.is_outside() {
            return Ok(message.data().cast());
        }
        // SAFETY: the caller's contract.
        Ok(unsafe { valid(msg_) }?.data().cast())
    })
}

/// The size of a message in bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_msg_size(msg_: *const zmq_msg_t) -> usize {
    guard_pure(|| {
        // SAFETY: the caller's contract.
        Ok(unsafe { valid(msg_) }?.size())
    })
}

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

/// Makes a message of a copy of the given bytes.
#[cfg(feature = "draft")]
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_msg_init_buffer(
    msg_: *mut zmq_msg_t,
    buf_: *const c_void,
    size_: usize,
) -> c_int {
    guard(|| {
        // SAFETY: the caller's contract.
        unsafe { init(msg_, Message::copy_of(handle::bytes(buf_, size_)?)?) }
    })
}
