//! Messages: zmq_msg_init(3) and its siblings.

use std::ffi::{c_int, c_uchar, c_void};

use super::guard::{guard, guard_passage, guard_pure};
#[cfg(feature = "draft")]
use super::handle;
use crate::{
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
pub(super) unsafe fn place<'a>(message: *mut zmq_msg_t) -> Result<&'a mut Message> {
    // SAFETY: as promised; the sizes and alignments are the same, and any bytes will do.
    unsafe { message.cast::<Message>().as_mut() }.ok_or(Error::EFAULT)
}

/// The message behind a pointer. EFAULT if there is none.
///
/// # Safety
/// The pointer is null or valid.
pub(super) unsafe fn valid<'a>(message: *const zmq_msg_t) -> Result<&'a mut Message> {
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
///
/// # Parameters
/// - `msg_`: where the message is to be. What was there is forgotten without being freed. Null is
///   refused.
///
/// # Returns
/// 0, or -1 on failure.
///
/// # Errors
/// - `EFAULT`: `msg_` is null.
///
/// # Blocking
/// It never blocks.
///
/// # Thread safety
/// A message is used by one thread at a time; different messages by any.
///
/// # Source
/// zmq_msg_init(3).
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_msg_init(msg_: *mut zmq_msg_t) -> c_int {
    guard_pure(|| {
        // SAFETY: as for zmq_msg_init_size().
        unsafe { Message::emplace(place(msg_)?, 0)? };
        Ok(0)
    })
}

/// Makes a message of some bytes, not yet filled in.
///
/// # Parameters
/// - `msg_`: where the message is to be. What was there is forgotten without being freed. Null is
///   refused.
/// - `size_`: how many bytes, from 0 on.
///
/// # Returns
/// 0, or -1 on failure.
///
/// # Errors
/// - `EFAULT`: `msg_` is null.
/// - `ENOMEM`: there is no memory for so many bytes.
///
/// # Blocking
/// It never blocks.
///
/// # Thread safety
/// A message is used by one thread at a time; different messages by any.
///
/// # Source
/// zmq_msg_init_size(3).
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_msg_init_size(msg_: *mut zmq_msg_t, size_: usize) -> c_int {
    guard_pure(|| {
        // SAFETY: the caller's contract; what was there is no message, or is forgotten as with libzmq.
        unsafe { Message::emplace(place(msg_)?, size_)? };
        Ok(0)
    })
}

/// Makes a message of the given data, which ffn_ frees once it is no longer used.
///
/// The data are not copied. They stay the caller's if the call fails, and `ffn_` is not called.
///
/// # Parameters
/// - `msg_`: where the message is to be. What was there is forgotten without being freed. Null is
///   refused.
/// - `data_`: the data. Null is allowed if there are none.
/// - `size_`: how many bytes they are.
/// - `ffn_`: a function that any thread calls once, with `data_` and `hint_`, when neither the
///   message nor a copy of it is in use any more. Null is allowed: then nothing is called, and the
///   data have to stay for ever.
/// - `hint_`: anything, or null.
///
/// # Returns
/// 0, or -1 on failure.
///
/// # Errors
/// - `EFAULT`: `msg_` is null.
/// - `ENOMEM`: there is no memory to keep account of the data.
///
/// # Blocking
/// It never blocks.
///
/// # Thread safety
/// A message is used by one thread at a time; different messages by any. `ffn_` may be called by an
/// I/O thread, at any time.
///
/// # Source
/// zmq_msg_init_data(3).
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

/// Frees what a message holds.
///
/// A message that was sent is empty, and need not be closed.
///
/// # Parameters
/// - `msg_`: the message, which was initialised. Null is refused. It is no message afterwards.
///
/// # Returns
/// 0, or -1 on failure.
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
/// zmq_msg_close(3).
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
///
/// # Parameters
/// - `dest_`: the message that is replaced, and freed. It has to be initialised. Null is refused.
/// - `src_`: the message that is moved. Null is refused.
///
/// # Returns
/// 0, or -1 on failure, when nothing is done.
///
/// # Errors
/// - `EFAULT`: `dest_` or `src_` is null, closed, or no message.
///
/// # Blocking
/// It never blocks.
///
/// # Thread safety
/// A message is used by one thread at a time; different messages by any.
///
/// # Source
/// zmq_msg_move(3).
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
///
/// Neither is to be written to while they share them.
///
/// # Parameters
/// - `dest_`: the message that is replaced, and freed. It has to be initialised. Null is refused.
/// - `src_`: the message that is copied. Null is refused.
///
/// # Returns
/// 0, or -1 on failure, when nothing is done.
///
/// # Errors
/// - `EFAULT`: `dest_` or `src_` is null, closed, or no message.
///
/// # Blocking
/// It never blocks.
///
/// # Thread safety
/// A message is used by one thread at a time; different messages by any. Copies count as different
/// messages.
///
/// # Source
/// zmq_msg_copy(3).
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
///
/// # Parameters
/// - `msg_`: the message, which was initialised. Null is refused.
///
/// # Returns
/// A pointer to the first of zmq_msg_size() bytes, valid until the message is sent, received into,
/// moved, replaced or closed; or null on failure.
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
/// zmq_msg_data(3).
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
///
/// # Parameters
/// - `msg_`: the message, which was initialised. Null is refused.
///
/// # Returns
/// The number of bytes, or 0 on failure.
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
/// zmq_msg_size(3).
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_msg_size(msg_: *const zmq_msg_t) -> usize {
    guard_pure(|| {
        // SAFETY: the caller's contract.
        Ok(unsafe { valid(msg_) }?.size())
    })
}

/// Makes a message of a copy of the given bytes.
///
/// A part of the draft API.
///
/// # Parameters
/// - `msg_`: where the message is to be. What was there is forgotten without being freed. Null is
///   refused.
/// - `buf_`: the bytes, which are copied. Null is allowed if there are none.
/// - `size_`: how many they are.
///
/// # Returns
/// 0, or -1 on failure.
///
/// # Errors
/// - `EFAULT`: `msg_` is null, or `buf_` is null and `size_` is not 0.
/// - `ENOMEM`: there is no memory for the copy.
///
/// # Blocking
/// It never blocks.
///
/// # Thread safety
/// A message is used by one thread at a time; different messages by any.
///
/// # Source
/// zmq_msg_init_buffer(3).
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
