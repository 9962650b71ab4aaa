//! Sending: zmq_send(3), zmq_msg_send(3) and their siblings.

use std::{
    ffi::{c_int, c_void},
    ptr::null_mut,
};

use libc::iovec;

use super::{
    blocking::{self, Several, blocking},
    handle,
    message::{returned, valid, zmq_msg_t},
};
use crate::{
    consts::{ZMQ_DONTWAIT, ZMQ_SNDMORE},
    core::wait::{self, Progress, Sending},
    error::{Error, Result},
    message::{Message, Outgoing},
};

/// Whether more parts follow, and whether not to wait, as the flags say.
#[inline(always)]
fn how(flags: c_int) -> (bool, bool) {
    (flags & ZMQ_SNDMORE != 0, flags & ZMQ_DONTWAIT != 0)
}

/// Sends a part that `source` gives, each time anew: the size that is returned.
///
/// # Safety
/// The socket is what the program takes for one.
#[inline(always)]
pub(super) unsafe fn send_part<P: Outgoing>(
    socket: *mut c_void,
    size: usize,
    flags: c_int,
    source: impl Fn() -> Result<P> + Copy,
) -> c_int {
    let (more, dont_wait) = how(flags);
    let done = move |()| returned(size);
    blocking::attempt(
        || {
            // SAFETY: by the contract of this function.
            let socket = unsafe { handle::socket(socket) }?;
            Ok(wait::send(socket, more, &mut source()?)?.map(done))
        },
        move |failed| {
            // SAFETY: as above.
            let socket = unsafe { handle::socket(socket) }?;
            let mut part = source()?;
            let sent = wait::send_on(socket, more, dont_wait, &mut part.source(), failed)?;
            Ok(sent.map(done))
        },
        move |call: Box<Sending>| Ok(call.wake(&mut source()?.source())?.map(done)),
    )
}

/// Sends a copy of some bytes as a message; returns their number.
///
/// # Parameters
/// - `s_`: the socket, from zmq_socket(). Null is refused.
/// - `buf_`: the bytes, which are copied. Null is allowed if there are none.
/// - `len_`: how many bytes.
/// - `flags_`: any of `ZMQ_DONTWAIT`, not to wait, and `ZMQ_SNDMORE`, if more parts of the message
///   follow.
///
/// # Returns
/// The number of bytes, at most `INT_MAX`; or -1 on failure.
///
/// # Errors
/// - `ENOTSOCK`: `s_` is null, closed, or no socket.
/// - `EFAULT`: `buf_` is null and `len_` is not 0.
/// - `EAGAIN`: there is no room for the message, or no peer yet, and `flags_` has `ZMQ_DONTWAIT` or
///   the time of `ZMQ_SNDTIMEO` is over. A call that is not to wait fails so, too, when the peer
///   has gone after a first part of the message; the parts before are then dropped.
/// - `EFSM`: the socket is a REQ that still waits for a reply and is not `ZMQ_REQ_RELAXED`, or a
///   REP without a request to answer.
/// - `EHOSTUNREACH`: the socket is a ROUTER with `ZMQ_ROUTER_MANDATORY`, or a STREAM, and no peer
///   has the routing id that is the first part of the message.
/// - `ENOTSUP`: the socket is a PULL or SUB, which only receive.
/// - `ETERM`: the context was shut down or is being terminated, before the call or while it waits.
/// - `EINTR`: a signal handler has run while the call waited, with or without `SA_RESTART`; nothing
///   was sent.
/// - `ENOMEM`: there is no memory for the message.
/// - `EMFILE`, `ENFILE`: another thread waits on this socket, and no descriptor is left for this
///   one to wait with.
///
/// # Blocking
/// A PAIR, DEALER, REQ or PUSH waits while no peer has room for the message, or there is no peer.
/// So does a PUB or XPUB with `ZMQ_XPUB_NODROP` while a peer that the message is for has no room,
/// and a ROUTER with `ZMQ_ROUTER_MANDATORY` or a STREAM while the peer that is named has none. The
/// wait ends when there is room, after `ZMQ_SNDTIMEO` with `EAGAIN`, with `ETERM`, with `EINTR`, or
/// with `ENOTSOCK` when another thread closes the socket. Other types never wait: they drop what
/// there is no room for. With `ZMQ_DONTWAIT` no type waits. A thread can be cancelled in it by
/// pthread_cancel(3).
///
/// # Thread safety
/// Safe: threads that use the same socket take turns, and one that waits leaves the socket to the
/// others. libzmq itself allows only one thread at a time to use a socket. The parts of messages
/// that several threads send at the same time may be mixed.
///
/// # Source
/// zmq_send(3). RFC 28, 29, 30 and 31 say what each socket type does.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_send(
    s_: *mut c_void,
    buf_: *const c_void,
    len_: usize,
    flags_: c_int,
) -> c_int {
    // SAFETY: the caller's contract.
    unsafe { send_part(s_, len_, flags_, move || handle::bytes(buf_, len_)) }
}

/// Sends bytes that never change or go as a message; returns their number.
///
/// # Parameters
/// - `s_`: the socket, from zmq_socket(). Null is refused.
/// - `buf_`: the bytes, which are not copied if they are many, and have to stay for ever. Null is
///   allowed if there are none.
/// - `len_`: how many bytes.
/// - `flags_`: any of `ZMQ_DONTWAIT`, not to wait, and `ZMQ_SNDMORE`, if more parts of the message
///   follow.
///
/// # Returns
/// The number of bytes, at most `INT_MAX`; or -1 on failure.
///
/// # Errors
/// - `ENOTSOCK`: `s_` is null, closed, or no socket.
/// - `EFAULT`: `buf_` is null and `len_` is not 0.
/// - `EAGAIN`: there is no room for the message, or no peer yet, and `flags_` has `ZMQ_DONTWAIT` or
///   the time of `ZMQ_SNDTIMEO` is over. A call that is not to wait fails so, too, when the peer
///   has gone after a first part of the message; the parts before are then dropped.
/// - `EFSM`: the socket is a REQ that still waits for a reply and is not `ZMQ_REQ_RELAXED`, or a
///   REP without a request to answer.
/// - `EHOSTUNREACH`: the socket is a ROUTER with `ZMQ_ROUTER_MANDATORY`, or a STREAM, and no peer
///   has the routing id that is the first part of the message.
/// - `ENOTSUP`: the socket is a PULL or SUB, which only receive.
/// - `ETERM`: the context was shut down or is being terminated, before the call or while it waits.
/// - `EINTR`: a signal handler has run while the call waited, with or without `SA_RESTART`; nothing
///   was sent.
/// - `ENOMEM`: there is no memory for the message.
/// - `EMFILE`, `ENFILE`: another thread waits on this socket, and no descriptor is left for this
///   one to wait with.
///
/// # Blocking
/// A PAIR, DEALER, REQ or PUSH waits while no peer has room for the message, or there is no peer.
/// So does a PUB or XPUB with `ZMQ_XPUB_NODROP` while a peer that the message is for has no room,
/// and a ROUTER with `ZMQ_ROUTER_MANDATORY` or a STREAM while the peer that is named has none. The
/// wait ends when there is room, after `ZMQ_SNDTIMEO` with `EAGAIN`, with `ETERM`, with `EINTR`, or
/// with `ENOTSOCK` when another thread closes the socket. Other types never wait: they drop what
/// there is no room for. With `ZMQ_DONTWAIT` no type waits. A thread can be cancelled in it by
/// pthread_cancel(3).
///
/// # Thread safety
/// Safe: threads that use the same socket take turns, and one that waits leaves the socket to the
/// others. libzmq itself allows only one thread at a time to use a socket. The parts of messages
/// that several threads send at the same time may be mixed.
///
/// # Source
/// zmq_send_const(3). RFC 28, 29, 30 and 31 say what each socket type does.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_send_const(
    s_: *mut c_void,
    buf_: *const c_void,
    len_: usize,
    flags_: c_int,
) -> c_int {
    let message = move || {
        // SAFETY: the caller's contract: the bytes stay, and stay as they are.
        unsafe {
            let bytes = handle::bytes(buf_, len_)?.as_ptr().cast_mut();
            Message::foreign(bytes, len_, None, null_mut())
        }
    };
    let done = move |()| returned(len_);
    blocking(
        move || {
            // SAFETY: the caller's contract.
            let socket = unsafe { handle::socket(s_) }?;
            let (more, dont_wait) = how(flags_);
            let mut message = message()?;
            let sent = wait::send_either_way(socket, more, dont_wait, &mut &mut message)?;
            Ok(sent.map(done))
        },
        move |call: Box<Sending>| Ok(call.wake(&mut (&mut message()?).source())?.map(done)),
    )
}

/// Sends a message, and leaves an empty one; returns its size in bytes.
///
/// # Parameters
/// - `msg_`: the message, which was initialised. Null is refused. It stays what it is if the call
///   fails.
/// - `s_`: the socket, from zmq_socket(). Null is refused.
/// - `flags_`: any of `ZMQ_DONTWAIT`, not to wait, and `ZMQ_SNDMORE`, if more parts of the message
///   follow.
///
/// # Returns
/// The number of bytes, at most `INT_MAX`; or -1 on failure.
///
/// # Errors
/// - `ENOTSOCK`: `s_` is null, closed, or no socket.
/// - `EFAULT`: `msg_` is null, closed, or no message.
/// - `EAGAIN`: there is no room for the message, or no peer yet, and `flags_` has `ZMQ_DONTWAIT` or
///   the time of `ZMQ_SNDTIMEO` is over. A call that is not to wait fails so, too, when the peer
///   has gone after a first part of the message; the parts before are then dropped.
/// - `EFSM`: the socket is a REQ that still waits for a reply and is not `ZMQ_REQ_RELAXED`, or a
///   REP without a request to answer.
/// - `EHOSTUNREACH`: the socket is a ROUTER with `ZMQ_ROUTER_MANDATORY`, or a STREAM, and no peer
///   has the routing id that is the first part of the message.
/// - `ENOTSUP`: the socket is a PULL or SUB, which only receive.
/// - `ETERM`: the context was shut down or is being terminated, before the call or while it waits.
/// - `EINTR`: a signal handler has run while the call waited, with or without `SA_RESTART`; nothing
///   was sent.
/// - `ENOMEM`: there is no memory for the message.
/// - `EMFILE`, `ENFILE`: another thread waits on this socket, and no descriptor is left for this
///   one to wait with.
///
/// # Blocking
/// A PAIR, DEALER, REQ or PUSH waits while no peer has room for the message, or there is no peer.
/// So does a PUB or XPUB with `ZMQ_XPUB_NODROP` while a peer that the message is for has no room,
/// and a ROUTER with `ZMQ_ROUTER_MANDATORY` or a STREAM while the peer that is named has none. The
/// wait ends when there is room, after `ZMQ_SNDTIMEO` with `EAGAIN`, with `ETERM`, with `EINTR`, or
/// with `ENOTSOCK` when another thread closes the socket. Other types never wait: they drop what
/// there is no room for. With `ZMQ_DONTWAIT` no type waits. A thread can be cancelled in it by
/// pthread_cancel(3).
///
/// # Thread safety
/// Safe: threads that use the same socket take turns, and one that waits leaves the socket to the
/// others. libzmq itself allows only one thread at a time to use a socket. The parts of messages
/// that several threads send at the same time may be mixed. A message is used by one thread at a
/// time; different messages by any.
///
/// # Source
/// zmq_msg_send(3). RFC 28, 29, 30 and 31 say what each socket type does.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_msg_send(
    msg_: *mut zmq_msg_t,
    s_: *mut c_void,
    flags_: c_int,
) -> c_int {
    // SAFETY: the caller's contract.
    unsafe {
        let size = valid(msg_).map_or(0, |message| message.size());
        send_part(s_, size, flags_, move || valid(msg_))
    }
}

/// Deprecated: zmq_msg_send().
///
/// It is the same in all but the order of the parameters.
///
/// # Parameters
/// - `s_`: the socket, from zmq_socket(). Null is refused.
/// - `msg_`: the message, which was initialised. Null is refused. It stays what it is if the call
///   fails.
/// - `flags_`: any of `ZMQ_DONTWAIT`, not to wait, and `ZMQ_SNDMORE`, if more parts of the message
///   follow.
///
/// # Returns
/// The number of bytes, at most `INT_MAX`; or -1 on failure.
///
/// # Errors
/// - `ENOTSOCK`: `s_` is null, closed, or no socket.
/// - `EFAULT`: `msg_` is null, closed, or no message.
/// - `EAGAIN`: there is no room for the message, or no peer yet, and `flags_` has `ZMQ_DONTWAIT` or
///   the time of `ZMQ_SNDTIMEO` is over. A call that is not to wait fails so, too, when the peer
///   has gone after a first part of the message; the parts before are then dropped.
/// - `EFSM`: the socket is a REQ that still waits for a reply and is not `ZMQ_REQ_RELAXED`, or a
///   REP without a request to answer.
/// - `EHOSTUNREACH`: the socket is a ROUTER with `ZMQ_ROUTER_MANDATORY`, or a STREAM, and no peer
///   has the routing id that is the first part of the message.
/// - `ENOTSUP`: the socket is a PULL or SUB, which only receive.
/// - `ETERM`: the context was shut down or is being terminated, before the call or while it waits.
/// - `EINTR`: a signal handler has run while the call waited, with or without `SA_RESTART`; nothing
///   was sent.
/// - `ENOMEM`: there is no memory for the message.
/// - `EMFILE`, `ENFILE`: another thread waits on this socket, and no descriptor is left for this
///   one to wait with.
///
/// # Blocking
/// A PAIR, DEALER, REQ or PUSH waits while no peer has room for the message, or there is no peer.
/// So does a PUB or XPUB with `ZMQ_XPUB_NODROP` while a peer that the message is for has no room,
/// and a ROUTER with `ZMQ_ROUTER_MANDATORY` or a STREAM while the peer that is named has none. The
/// wait ends when there is room, after `ZMQ_SNDTIMEO` with `EAGAIN`, with `ETERM`, with `EINTR`, or
/// with `ENOTSOCK` when another thread closes the socket. Other types never wait: they drop what
/// there is no room for. With `ZMQ_DONTWAIT` no type waits. A thread can be cancelled in it by
/// pthread_cancel(3).
///
/// # Thread safety
/// Safe: threads that use the same socket take turns, and one that waits leaves the socket to the
/// others. libzmq itself allows only one thread at a time to use a socket. The parts of messages
/// that several threads send at the same time may be mixed. A message is used by one thread at a
/// time; different messages by any.
///
/// # Source
/// zmq_sendmsg(3). RFC 28, 29, 30 and 31 say what each socket type does.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_sendmsg(
    s_: *mut c_void,
    msg_: *mut zmq_msg_t,
    flags_: c_int,
) -> c_int {
    // SAFETY: the same contract.
    unsafe { zmq_msg_send(msg_, s_, flags_) }
}

/// Sends each buffer as a message, or all as one with ZMQ_SNDMORE.
///
/// # Parameters
/// - `s_`: the socket, from zmq_socket(). Null is refused.
/// - `iov_`: the buffers, which are copied. Null is refused, as is a buffer that is null and has a
///   length.
/// - `count_`: how many there are, at least 1.
/// - `flags_`: any of `ZMQ_DONTWAIT`, not to wait, and `ZMQ_SNDMORE`, to send the buffers as the
///   parts of one message.
///
/// # Returns
/// The number of bytes in the last buffer, at most `INT_MAX`; or -1 on failure, when buffers before
/// the one that failed are sent.
///
/// # Errors
/// - `ENOTSOCK`: `s_` is null, closed, or no socket.
/// - `EINVAL`: `iov_` is null or `count_` is 0.
/// - `EFAULT`: a buffer is null and its length is not 0.
/// - `EAGAIN`: there is no room for the message, or no peer yet, and `flags_` has `ZMQ_DONTWAIT` or
///   the time of `ZMQ_SNDTIMEO` is over. A call that is not to wait fails so, too, when the peer
///   has gone after a first part of the message; the parts before are then dropped.
/// - `EFSM`: the socket is a REQ that still waits for a reply and is not `ZMQ_REQ_RELAXED`, or a
///   REP without a request to answer.
/// - `EHOSTUNREACH`: the socket is a ROUTER with `ZMQ_ROUTER_MANDATORY`, or a STREAM, and no peer
///   has the routing id that is the first part of the message.
/// - `ENOTSUP`: the socket is a PULL or SUB, which only receive.
/// - `ETERM`: the context was shut down or is being terminated, before the call or while it waits.
/// - `EINTR`: a signal handler has run while the call waited, with or without `SA_RESTART`; nothing
///   was sent.
/// - `ENOMEM`: there is no memory for the message.
/// - `EMFILE`, `ENFILE`: another thread waits on this socket, and no descriptor is left for this
///   one to wait with.
///
/// # Blocking
/// A PAIR, DEALER, REQ or PUSH waits while no peer has room for the message, or there is no peer.
/// So does a PUB or XPUB with `ZMQ_XPUB_NODROP` while a peer that the message is for has no room,
/// and a ROUTER with `ZMQ_ROUTER_MANDATORY` or a STREAM while the peer that is named has none. The
/// wait ends when there is room, after `ZMQ_SNDTIMEO` with `EAGAIN`, with `ETERM`, with `EINTR`, or
/// with `ENOTSOCK` when another thread closes the socket. Other types never wait: they drop what
/// there is no room for. With `ZMQ_DONTWAIT` no type waits. A thread can be cancelled in it by
/// pthread_cancel(3).
///
/// # Thread safety
/// Safe: threads that use the same socket take turns, and one that waits leaves the socket to the
/// others. libzmq itself allows only one thread at a time to use a socket. The parts of messages
/// that several threads send at the same time may be mixed.
///
/// # Source
/// No manual page; libzmq's `zmq.h`. RFC 28, 29, 30 and 31 say what each socket type does.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_sendiov(
    s_: *mut c_void,
    iov_: *mut iovec,
    count_: usize,
    flags_: c_int,
) -> c_int {
    let (more, dont_wait) = how(flags_);
    // From this part on, for which the call may have slept.
    let send = move |mut part: usize, mut slept: Option<Box<Sending>>| {
        // SAFETY: the caller's contract.
        let socket = unsafe { handle::socket(s_) }?;
        loop {
            // SAFETY: as above: there are so many.
            let mut bytes = unsafe {
                let iovec { iov_base, iov_len } = *iov_.add(part);
                handle::bytes(iov_base, iov_len)
            }?;
            let is_last = part + 1 == count_;
            let sent = match slept.take() {
                Some(call) => call.wake(&mut bytes.source())?,
                None => wait::send_either_way(socket, more && !is_last, dont_wait, &mut bytes)?,
            };
            match sent {
                Progress::Done(()) if is_last => {
                    return Ok(Progress::Done(returned(bytes.len())));
                }
                Progress::Done(()) => part += 1,
                Progress::Asleep(call) => {
                    let count = count_;
                    return Ok(Progress::Asleep(Box::new(Several { part, count, call })));
                }
            }
        }
    };
    blocking(
        move || {
            // SAFETY: the caller's contract.
            unsafe { handle::socket(s_) }?;
            if count_ == 0 || iov_.is_null() {
                return Err(Error::EINVAL);
            }
            send(0, None)
        },
        move |several: Box<Several<Sending>>| send(several.part, Some(several.call)),
    )
}
