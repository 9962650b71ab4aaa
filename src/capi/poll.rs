//! Polling: zmq_poll(3) and zmq_ppoll(3).

use std::ffi::{c_int, c_long, c_short, c_void};

#[cfg(feature = "draft")]
use libc::sigset_t;

#[cfg(feature = "draft")]
use super::guard::guard;
use super::{blocking::blocking, handle};
use crate::{
    core::poll::{Item, Polling, What, poll},
    error::{Error, Result},
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
pub unsafe extern "C-unwind" fn zmq_poll(
    items_: *mut zmq_pollitem_t,
    nitems_: c_int,
    timeout_: c_long,
) -> c_int {
    // SAFETY: the caller's contract, here and below.
    let report = move |items: &[Item]| unsafe { report(items_, items) };
    blocking(
        move || {
            // SAFETY: as above.
            let items = unsafe { items(items_, nitems_) }?;
            Ok(poll(items, timeout_)?.map(|items| report(&items)))
        },
        move |call: Box<Polling>| Ok(call.wake()?.map(|items| report(&items))),
    )
}

/// What is to be waited for. EINVAL if the number is negative, EFAULT, ENOTSOCK, ENOMEM.
///
/// # Safety
/// There are so many items.
unsafe fn items(items: *mut zmq_pollitem_t, count: c_int) -> Result<Vec<Item>> {
    let count = usize::try_from(count).map_err(|_| Error::EINVAL)?;
    if count > 0 && items.is_null() {
        return Err(Error::EFAULT);
    }
    let mut all = Vec::new();
    all.try_reserve_exact(count).map_err(|_| Error::ENOMEM)?;
    for i in 0..count {
        // SAFETY: there are so many.
        let place = unsafe { &*items.add(i) };
        let what = match place.socket.is_null() {
            true => What::Fd(place.fd),
            // SAFETY: the caller's contract.
            false => What::Socket(unsafe { handle::socket(place.socket) }?),
        };
        all.push(Item {
            what,
            events: place.events.into(),
            ready: 0,
        });
    }
    Ok(all)
}

/// Says what has come of the items, and of how many something has.
///
/// # Safety
/// There are as many.
unsafe fn report(places: *mut zmq_pollitem_t, items: &[Item]) -> c_int {
    for (i, item) in items.iter().enumerate() {
        // SAFETY: there are as many.
        unsafe { (*places.add(i)).revents = item.ready as c_short };
    }
    items.iter().filter(|item| item.ready != 0).count() as c_int
}

/// As zmq_poll(), with another signal mask meanwhile.
#[cfg(feature = "draft")]
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_ppoll(
    items_: *mut zmq_pollitem_t,
    nitems_: c_int,
    timeout_: c_long,
    sigmask_: *const sigset_t,
) -> c_int {
    guard(|| Err(Error::ENOTSUP))
}
