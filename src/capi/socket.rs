//! Sockets: zmq_socket(3), zmq_bind(3), zmq_send(3) and their siblings.

use std::{
    ffi::{c_char, c_int, c_void},
    ptr::null_mut,
};

use libc::iovec;

use super::{
    blocking::{self, blocking},
    guard::{guard, guard_short},
    handle,
    message::{returned, zmq_msg_recv, zmq_msg_send, zmq_msg_t},
};
use crate::{
    consts::{ZMQ_DONTWAIT, ZMQ_SNDMORE},
    core::{
        host,
        slot::Slot,
        wait::{self, Asleep, Progress, Receiving, Sending},
    },
    error::{Error, Result},
    message::{Incoming, Message, Outgoing, Received, Sink},
    options::{SocketType, Value},
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
            Ok(wait::send(socket, more, dont_wait, &mut source()?)?.map(done))
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
    let (_, dont_wait) = how(flags);
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

/// Sends a part as [`wait::send_in_full_swing`] does: its size. None if it is to be sent in another way.
#[inline(always)]
pub(super) fn send_in_full_swing(
    socket: *mut c_void,
    part: &mut impl Outgoing,
    flags: c_int,
) -> Option<usize> {
    guard_short(|| {
        // SAFETY: the contract of all that call this.
        let socket = unsafe { handle::socket(socket) }.ok()?;
        match flags & ZMQ_SNDMORE {
            0 => wait::send_in_full_swing(socket, part),
            _ => None,
        }
    })
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

/// A new socket of a context; free it with zmq_close().
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_socket(context_: *mut c_void, type_: c_int) -> *mut c_void {
    guard(|| {
        // SAFETY: the caller's contract.
        let context = unsafe { handle::context(context_) }?;
        let socket_type = SocketType::from_number(type_).ok_or(Error::EINVAL)?;
        let slot = Slot::put(Box::new(context.socket(socket_type)?));
        host::open_house(slot)?;
        Ok(handle::of(slot))
    })
}

/// Closes a socket. What it has to send is sent in the background, as ZMQ_LINGER says.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_close(s_: *mut c_void) -> c_int {
    guard(|| {
        // SAFETY: the caller's contract.
        if let Some(socket) = unsafe { handle::socket(s_) }?.take()? {
            socket.close();
        }
        Ok(0)
    })
}

/// Sets an option of a socket.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_setsockopt(
    s_: *mut c_void,
    option_: c_int,
    optval_: *const c_void,
    optvallen_: usize,
) -> c_int {
    guard(|| {
        // SAFETY: the caller's contract.
        let socket = unsafe { handle::socket(s_) }?;
        let value = match optval_.is_null() {
            true => Value::Null(optvallen_),
            // SAFETY: the caller's contract.
            false => Value::Bytes(unsafe { handle::bytes(optval_, optvallen_) }?),
        };
        socket.with(|socket| {
            socket.check()?;
            socket.set_option(option_, value)?;
            Ok(0)
        })
    })
}

/// Reads an option of a socket.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_getsockopt(
    s_: *mut c_void,
    option_: c_int,
    optval_: *mut c_void,
    optvallen_: *mut usize,
) -> c_int {
    guard(|| {
        // SAFETY: the caller's contract.
        let socket = unsafe { handle::socket(s_) }?;
        socket.with(|socket| {
            socket.check()?;
            // SAFETY: the caller's contract.
            unsafe {
                let length = optvallen_.as_mut().ok_or(Error::EFAULT)?;
                let buffer = handle::buffer(optval_, *length)?;
                *length = socket.get_option(option_, buffer)?;
            }
            Ok(0)
        })
    })
}

/// Listens at an endpoint.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_bind(s_: *mut c_void, addr_: *const c_char) -> c_int {
    guard(|| {
        // SAFETY: the caller's contract.
        let (socket, address) = unsafe { (handle::socket(s_)?, handle::text(addr_)?) };
        socket.with(|socket| {
            socket.look_around()?;
            socket.bind(address)?;
            Ok(0)
        })
    })
}

/// Connects to an endpoint, now or once it is there.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_connect(s_: *mut c_void, addr_: *const c_char) -> c_int {
    guard(|| {
        // SAFETY: the caller's contract.
        let (socket, address) = unsafe { (handle::socket(s_)?, handle::text(addr_)?) };
        socket.with(|socket| {
            socket.look_around()?;
            socket.connect(address)?;
            Ok(0)
        })
    })
}

/// Ceases to listen at an endpoint.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_unbind(s_: *mut c_void, addr_: *const c_char) -> c_int {
    guard(|| {
        // SAFETY: the caller's contract.
        let (socket, address) = unsafe { (handle::socket(s_)?, handle::text(addr_)?) };
        socket.with(|socket| {
            socket.look_around()?;
            socket.unlink(address)?;
            Ok(0)
        })
    })
}

/// Disconnects from an endpoint.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_disconnect(s_: *mut c_void, addr_: *const c_char) -> c_int {
    guard(|| {
        // SAFETY: the caller's contract.
        let (socket, address) = unsafe { (handle::socket(s_)?, handle::text(addr_)?) };
        socket.with(|socket| {
            socket.look_around()?;
            socket.unlink(address)?;
            Ok(0)
        })
    })
}

/// Sends a copy of some bytes as a message; returns their number.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_send(
    s_: *mut c_void,
    buf_: *const c_void,
    len_: usize,
    flags_: c_int,
) -> c_int {
    // SAFETY: the caller's contract.
    let bytes = unsafe { handle::bytes(buf_, len_) };
    let sent = bytes
        .ok()
        .and_then(|mut bytes| send_in_full_swing(s_, &mut bytes, flags_));
    match sent {
        Some(size) => size as c_int,
        // SAFETY: as above.
        None => unsafe { send_bytes(s_, buf_, len_, flags_) },
    }
}

/// As zmq_send(), whatever it takes.
#[inline(never)]
unsafe fn send_bytes(s_: *mut c_void, buf_: *const c_void, len_: usize, flags_: c_int) -> c_int {
    // SAFETY: the caller's contract.
    unsafe { send_part(s_, len_, flags_, move || handle::bytes(buf_, len_)) }
}

/// Sends bytes that never change or go as a message; returns their number.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_send_const(
    s_: *mut c_void,
    buf_: *const c_void,
    len_: usize,
    flags_: c_int,
) -> c_int {
    let message = move || {
        let bytes = buf_.cast_mut().cast();
        // SAFETY: the caller's contract: the bytes stay, and stay as they are.
        unsafe { Message::foreign(bytes, len_, None, null_mut()) }
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

/// Deprecated: zmq_msg_send().
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_sendmsg(
    s_: *mut c_void,
    msg_: *mut zmq_msg_t,
    flags_: c_int,
) -> c_int {
    // SAFETY: the same contract.
    unsafe { zmq_msg_send(msg_, s_, flags_) }
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

/// A call for several parts that has to sleep for one of them.
struct Several<C> {
    part: usize,
    count: usize,
    call: Box<C>,
}

impl<C: Asleep> Asleep for Several<C> {
    fn sleep(&mut self) {
        self.call.sleep();
    }
}

/// Sends each buffer as a message, or all as one with ZMQ_SNDMORE.
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

/// Receives the parts of a message, each in a buffer that free() frees.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_recviov(
    s_: *mut c_void,
    iov_: *mut iovec,
    count_: *mut usize,
    flags_: c_int,
) -> c_int {
    let (_, dont_wait) = how(flags_);
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

/// Lets a DISH receive the messages of a group.
#[cfg(feature = "draft")]
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_join(s: *mut c_void, group: *const c_char) -> c_int {
    guard(|| Err(Error::ENOTSUP))
}

/// Undoes zmq_join().
#[cfg(feature = "draft")]
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_leave(s: *mut c_void, group: *const c_char) -> c_int {
    guard(|| Err(Error::ENOTSUP))
}

/// Connects a PEER and returns the routing id of the other side, or 0.
#[cfg(feature = "draft")]
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_connect_peer(s_: *mut c_void, addr_: *const c_char) -> u32 {
    guard(|| Err(Error::ENOTSUP))
}

/// What a ROUTER could do with a peer now: ZMQ_POLLIN, ZMQ_POLLOUT.
#[cfg(feature = "draft")]
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_socket_get_peer_state(
    socket: *mut c_void,
    routing_id: *const c_void,
    routing_id_size: usize,
) -> c_int {
    guard(|| Err(Error::ENOTSUP))
}
