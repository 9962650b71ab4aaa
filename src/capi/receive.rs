//! Receiving: zmq_recv(3), zmq_msg_recv(3) and their siblings.

use std::ffi::{c_int, c_void};

use libc::iovec;

use super::{
    blocking::{self, Several, blocking},
    handle,
    message::{returned, valid, zmq_msg_t},
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

/// Receives a message, as far as it fits; returns its size in bytes.
///
/// What doesn't fit is lost.
///
/// # Parameters
/// - `s_`: the socket, from zmq_socket(). Null is refused.
/// - `buf_`: where the bytes go. Null is allowed if there is no room.
/// - `len_`: for how many bytes there is room.
/// - `flags_`: `ZMQ_DONTWAIT`, not to wait, or 0.
///
/// # Returns
/// The number of bytes that the part has, at most `INT_MAX`, which may be more than `len_`; or -1
/// on failure.
///
/// # Errors
/// - `ENOTSOCK`: `s_` is null, closed, or no socket.
/// - `EFAULT`: `buf_` is null and `len_` is not 0.
/// - `EAGAIN`: there is no message, and `flags_` has `ZMQ_DONTWAIT` or the time of `ZMQ_RCVTIMEO`
///   is over.
/// - `EFSM`: the socket is a REQ that has sent no request, or a REP that has still to answer one.
/// - `ENOTSUP`: the socket is a PUSH or PUB, which only send.
/// - `ETERM`: the context was shut down or is being terminated, before the call or while it waits.
/// - `EINTR`: a signal handler has run while the call waited, with or without `SA_RESTART`; nothing
///   was received.
/// - `ENOMEM`: there is no memory for the message.
/// - `EMFILE`, `ENFILE`: another thread waits on this socket, and no descriptor is left for this
///   one to wait with.
///
/// # Blocking
/// It waits while there is no message. This ends when one comes, after `ZMQ_RCVTIMEO` with
/// `EAGAIN`, with `ETERM`, with `EINTR`, or with `ENOTSOCK` when another thread closes the socket.
/// With `ZMQ_DONTWAIT` it never waits. A thread can be cancelled in it by pthread_cancel(3).
///
/// # Thread safety
/// Safe: threads that use the same socket take turns, and one that waits leaves the socket to the
/// others. libzmq itself allows only one thread at a time to use a socket. Threads that receive at
/// the same time may each get parts of one message.
///
/// # Source
/// zmq_recv(3). RFC 28, 29, 30 and 31 say what each socket type does.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_recv(
    s_: *mut c_void,
    buf_: *mut c_void,
    len_: usize,
    flags_: c_int,
) -> c_int {
    // SAFETY: the caller's contract.
    unsafe { receive_part(s_, flags_, move || handle::buffer(buf_, len_)) }
}

/// Receives a message in place of the one there; returns its size in bytes.
///
/// # Parameters
/// - `msg_`: where the message goes, which was initialised; what it was before is freed. Null is
///   refused. It stays what it is if the call fails.
/// - `s_`: the socket, from zmq_socket(). Null is refused.
/// - `flags_`: `ZMQ_DONTWAIT`, not to wait, or 0.
///
/// # Returns
/// The number of bytes, at most `INT_MAX`; or -1 on failure.
///
/// # Errors
/// - `ENOTSOCK`: `s_` is null, closed, or no socket.
/// - `EFAULT`: `msg_` is null, closed, or no message.
/// - `EAGAIN`: there is no message, and `flags_` has `ZMQ_DONTWAIT` or the time of `ZMQ_RCVTIMEO`
///   is over.
/// - `EFSM`: the socket is a REQ that has sent no request, or a REP that has still to answer one.
/// - `ENOTSUP`: the socket is a PUSH or PUB, which only send.
/// - `ETERM`: the context was shut down or is being terminated, before the call or while it waits.
/// - `EINTR`: a signal handler has run while the call waited, with or without `SA_RESTART`; nothing
///   was received.
/// - `ENOMEM`: there is no memory for the message.
/// - `EMFILE`, `ENFILE`: another thread waits on this socket, and no descriptor is left for this
///   one to wait with.
///
/// # Blocking
/// It waits while there is no message. This ends when one comes, after `ZMQ_RCVTIMEO` with
/// `EAGAIN`, with `ETERM`, with `EINTR`, or with `ENOTSOCK` when another thread closes the socket.
/// With `ZMQ_DONTWAIT` it never waits. A thread can be cancelled in it by pthread_cancel(3).
///
/// # Thread safety
/// Safe: threads that use the same socket take turns, and one that waits leaves the socket to the
/// others. libzmq itself allows only one thread at a time to use a socket. Threads that receive at
/// the same time may each get parts of one message. A message is used by one thread at a time;
/// different messages by any.
///
/// # Source
/// zmq_msg_recv(3). RFC 28, 29, 30 and 31 say what each socket type does.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_msg_recv(
    msg_: *mut zmq_msg_t,
    s_: *mut c_void,
    flags_: c_int,
) -> c_int {
    // SAFETY: the caller's contract.
    unsafe { receive_part(s_, flags_, move || valid(msg_)) }
}

/// Deprecated: zmq_msg_recv().
///
/// It is the same in all but the order of the parameters.
///
/// # Parameters
/// - `s_`: the socket, from zmq_socket(). Null is refused.
/// - `msg_`: where the message goes, which was initialised; what it was before is freed. Null is
///   refused. It stays what it is if the call fails.
/// - `flags_`: `ZMQ_DONTWAIT`, not to wait, or 0.
///
/// # Returns
/// The number of bytes, at most `INT_MAX`; or -1 on failure.
///
/// # Errors
/// - `ENOTSOCK`: `s_` is null, closed, or no socket.
/// - `EFAULT`: `msg_` is null, closed, or no message.
/// - `EAGAIN`: there is no message, and `flags_` has `ZMQ_DONTWAIT` or the time of `ZMQ_RCVTIMEO`
///   is over.
/// - `EFSM`: the socket is a REQ that has sent no request, or a REP that has still to answer one.
/// - `ENOTSUP`: the socket is a PUSH or PUB, which only send.
/// - `ETERM`: the context was shut down or is being terminated, before the call or while it waits.
/// - `EINTR`: a signal handler has run while the call waited, with or without `SA_RESTART`; nothing
///   was received.
/// - `ENOMEM`: there is no memory for the message.
/// - `EMFILE`, `ENFILE`: another thread waits on this socket, and no descriptor is left for this
///   one to wait with.
///
/// # Blocking
/// It waits while there is no message. This ends when one comes, after `ZMQ_RCVTIMEO` with
/// `EAGAIN`, with `ETERM`, with `EINTR`, or with `ENOTSOCK` when another thread closes the socket.
/// With `ZMQ_DONTWAIT` it never waits. A thread can be cancelled in it by pthread_cancel(3).
///
/// # Thread safety
/// Safe: threads that use the same socket take turns, and one that waits leaves the socket to the
/// others. libzmq itself allows only one thread at a time to use a socket. Threads that receive at
/// the same time may each get parts of one message. A message is used by one thread at a time;
/// different messages by any.
///
/// # Source
/// zmq_recvmsg(3). RFC 28, 29, 30 and 31 say what each socket type does.
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
///
/// With fewer places than parts, the next call goes on with the part that follows.
///
/// # Parameters
/// - `s_`: the socket, from zmq_socket(). Null is refused.
/// - `iov_`: where the buffers and their lengths in bytes are noted. Null is refused.
/// - `count_`: for how many parts there is room, at least 1, and afterwards how many have come,
///   which are the caller's even if the call fails. Null is refused.
/// - `flags_`: `ZMQ_DONTWAIT`, not to wait, or 0.
///
/// # Returns
/// The number of parts, or -1 on failure.
///
/// # Errors
/// - `ENOTSOCK`: `s_` is null, closed, or no socket.
/// - `EINVAL`: `iov_` or `count_` is null, or there is room for no part.
/// - `EAGAIN`: there is no message, and `flags_` has `ZMQ_DONTWAIT` or the time of `ZMQ_RCVTIMEO`
///   is over.
/// - `EFSM`: the socket is a REQ that has sent no request, or a REP that has still to answer one.
/// - `ENOTSUP`: the socket is a PUSH or PUB, which only send.
/// - `ETERM`: the context was shut down or is being terminated, before the call or while it waits.
/// - `EINTR`: a signal handler has run while the call waited, with or without `SA_RESTART`; nothing
///   was received.
/// - `ENOMEM`: there is no memory for the message.
/// - `EMFILE`, `ENFILE`: another thread waits on this socket, and no descriptor is left for this
///   one to wait with.
///
/// # Blocking
/// It waits while there is no message. This ends when one comes, after `ZMQ_RCVTIMEO` with
/// `EAGAIN`, with `ETERM`, with `EINTR`, or with `ENOTSOCK` when another thread closes the socket.
/// With `ZMQ_DONTWAIT` it never waits. A thread can be cancelled in it by pthread_cancel(3).
///
/// # Thread safety
/// Safe: threads that use the same socket take turns, and one that waits leaves the socket to the
/// others. libzmq itself allows only one thread at a time to use a socket. Threads that receive at
/// the same time may each get parts of one message.
///
/// # Source
/// No manual page; libzmq's `zmq.h`. RFC 28, 29, 30 and 31 say what each socket type does.
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
