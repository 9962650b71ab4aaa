//! Receiving: zmq_recv(3), zmq_msg_recv(3) and their siblings.

use std::ffi::{c_int, c_void};

use libc::iovec;

use super::{
    blocking::{self, Several, blocking},
    guard::guard_short,
    handle,
    message::{place, returned, valid, zmq_msg_t},
};
use crate::{
    consts::ZMQ_DONTWAIT,
    core::wait::{self, Progress, Receiving},
    error::{Error, Result},
    message::{Incoming, Message, Received, Sink},
};

/// Receives a part to where `sink` says, each time anew: the size that is returned.
///
/// # Safety
/// The socket is what the program takes for one.
#[inline(always)]
pub(super) unsafe fn receive_part<I: Incoming>(
    socket: *mut c_void,
    flags: c_int,
    sink: impl Fn() -> Result<I> + Copy,
) -> c_int {
    let dont_wait = flags & ZMQ_DONTWAIT != 0;
    let done = |part: Received| returned(part.size);
    blocking::attempt(
        || {
            // SAFETY: by the contract of this function.
            let socket = unsafe { handle::socket(socket) }?;
            Ok(wait::receive(socket, dont_wait, &mut sink()?)?.map(done))
        },
        move |failed| {
            // SAFETY: as above.
            let socket = unsafe { handle::socket(socket) }?;
            let mut into = sink()?;
            let received = wait::receive_on(socket, dont_wait, &mut into.sink(), failed)?;
            Ok(received.map(done))
        },
        move |call: Box<Receiving>| Ok(call.wake(&mut sink()?.sink())?.map(done)),
    )
}

/// Receives a part as [`wait::receive_in_full_swing`] does: its size. None if it is to be received in another way.
#[inline(always)]
pub(super) fn receive_in_full_swing(
    socket: *mut c_void,
    into: &mut impl Incoming,
) -> Option<usize> {
    guard_short(|| {
        // SAFETY: the contract of all that call this.
        let socket = unsafe { handle::socket(socket) }.ok()?;
        wait::receive_in_full_swing(socket, into)
    })
}

/// Receives a message, as far as it fits; returns its size in bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_recv(
    s_: *mut c_void,
    buf_: *mut c_void,
    len_: usize,
    flags_: c_int,
) -> c_int {
    // SAFETY: the caller's contract.
    let buffer = unsafe { handle::buffer(buf_, len_) };
    let received = buffer
        .ok()
        .and_then(|mut buffer| receive_in_full_swing(s_, &mut buffer));
    match received {
        Some(size) => size as c_int,
        // SAFETY: as above.
        None => unsafe { receive_bytes(s_, buf_, len_, flags_) },
    }
}

/// As zmq_recv(), whatever it takes.
#[inline(never)]
unsafe fn receive_bytes(s_: *mut c_void, buf_: *mut c_void, len_: usize, flags_: c_int) -> c_int {
    // SAFETY: the caller's contract.
    unsafe { receive_part(s_, flags_, move || handle::buffer(buf_, len_)) }
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
        None => unsafe { receive_message(msg_, s_, flags_) },
    }
}

/// As zmq_msg_recv(), whatever it takes.
#[inline(never)]
unsafe fn receive_message(msg_: *mut zmq_msg_t, s_: *mut c_void, flags_: c_int) -> c_int {
    // SAFETY: the caller's contract.
    unsafe { receive_part(s_, flags_, move || valid(msg_)) }
}

/// Deprecated: zmq_msg_recv().
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_recvmsg(
    s_: *mut c_void,
    msg_: *mut zmq_msg_t,
    flags_: c_int,
) -> c_int {
    // SAFETY: the same contract.
    unsafe { zmq_msg_recv(msg_, s_, flags_) }
}

/// Receives the parts of a message, each in a buffer that free() frees.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_recviov(
    s_: *mut c_void,
    iov_: *mut iovec,
    count_: *mut usize,
    flags_: c_int,
) -> c_int {
    let dont_wait = flags_ & ZMQ_DONTWAIT != 0;
    // From this part on, for which the call may have slept.
    let receive = move |mut part: usize, count: usize, mut slept: Option<Box<Receiving>>| {
        // SAFETY: the caller's contract.
        let socket = unsafe { handle::socket(s_) }?;
        loop {
            let mut message = Message::new();
            let received = match slept.take() {
                Some(call) => call.wake(&mut Sink::Message(&mut message))?,
                None => wait::receive_either_way(socket, dont_wait, &mut &mut message)?,
            };
            let received = match received {
                Progress::Done(received) => received,
                Progress::Asleep(call) => {
                    return Ok(Progress::Asleep(Box::new(Several { part, count, call })));
                }
            };
            // SAFETY: what is allocated has so many bytes; the caller frees it, and has room for so many parts.
            unsafe {
                let data = libc::malloc(received.size.max(1));
                if data.is_null() {
                    return Err(Error::ENOMEM);
                }
                std::ptr::copy_nonoverlapping(message.bytes().as_ptr(), data.cast(), received.size);
                (*iov_.add(part)).iov_base = data;
                (*iov_.add(part)).iov_len = received.size;
                part += 1;
                *count_ = part;
            }
            if !received.more || part == count {
                return Ok(Progress::Done(returned(part)));
            }
        }
    };
    blocking(
        move || {
            // SAFETY: the caller's contract.
            let (_, place) =
                unsafe { (handle::socket(s_)?, count_.as_mut().ok_or(Error::EINVAL)?) };
            if *place == 0 || iov_.is_null() {
                return Err(Error::EINVAL);
            }
            receive(0, std::mem::take(place), None)
        },
        move |several: Box<Several<Receiving>>| {
            receive(several.part, several.count, Some(several.call))
        },
    )
}
