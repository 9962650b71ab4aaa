//! Polling: zmq_poll(3) and zmq_ppoll(3).

use std::{
    ffi::{c_int, c_long, c_short, c_void},
    slice,
};

#[cfg(feature = "draft")]
use libc::sigset_t;

use super::{guard::guard, handle};
use crate::{
    core::poll::{Item, What, poll},
    error::Error,
};

/// A file descriptor.
pub type zmq_fd_t = c_int;

/// What to wait for: a socket, or a file descriptor where that is null.
#[repr(C)]
pub struct zmq_pollitem_t {
    /// The socket, or null.
    pub socket: *mut c_void,
    /// The file descriptor, where there is no socket.
    pub fd: zmq_fd_t,
    /// The events to wait for.
    pub events: c_short,
    /// The events there are.
    pub revents: c_short,
}

/// Waits for events, for some milliseconds at most, or for ever with -1; returns how many items have some.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_poll(
    items_: *mut zmq_pollitem_t,
    nitems_: c_int,
    timeout_: c_long,
) -> c_int {
    guard(|| {
        if nitems_ < 0 {
            return Err(Error::EINVAL);
        }
        if nitems_ > 0 && items_.is_null() {
            return Err(Error::EFAULT);
        }
        let places: &mut [zmq_pollitem_t] = match nitems_ {
            0 => &mut [],
            // SAFETY: the caller's contract.
            _ => unsafe { slice::from_raw_parts_mut(items_, nitems_ as usize) },
        };
        let mut items = Vec::with_capacity(places.len());
        for place in places.iter() {
            let what = match place.socket.is_null() {
                true => What::Fd(place.fd),
                // SAFETY: the caller's contract.
                false => What::Socket(unsafe { handle::socket(place.socket) }?),
            };
            items.push(Item {
                what,
                events: place.events.into(),
                ready: 0,
            });
        }
        let ready = poll(&mut items, timeout_)?;
        for (place, item) in places.iter_mut().zip(&items) {
            place.revents = item.ready as c_short;
        }
        Ok(ready as c_int)
    })
}

/// As zmq_poll(), with another signal mask meanwhile.
#[cfg(feature = "draft")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_ppoll(
    items_: *mut zmq_pollitem_t,
    nitems_: c_int,
    timeout_: c_long,
    sigmask_: *const sigset_t,
) -> c_int {
    guard(|| Err(Error::ENOTSUP))
}
