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

/// Waits for events of sockets and descriptors; returns how many items have some.
///
/// # Parameters
/// - `items_`: what to wait for, and where `revents` tells what has come. Null is allowed if there
///   are none.
/// - `nitems_`: how many items there are, from 0 on.
/// - `timeout_`: milliseconds; 0 not to wait, -1 to wait for ever.
///
/// # Returns
/// How many items have events, 0 if the time is over, or -1 on failure, when no `revents` is
/// changed.
///
/// # Errors
/// - `EINVAL`: `nitems_` is negative, or there are more descriptors than `RLIMIT_NOFILE` allows.
/// - `EFAULT`: `items_` is null and `nitems_` is not 0.
/// - `ENOTSOCK`: an item's socket is closed or none.
/// - `ETERM`: the context was shut down or is being terminated, before the call or while it waits.
/// - `EINTR`: a signal handler has run while the call waited, with or without `SA_RESTART`.
/// - `ENOMEM`: there is no memory for so many items.
/// - `EMFILE`, `ENFILE`: another thread waits on one of the sockets, and no descriptor is left for
///   this one to wait with.
///
/// # Blocking
/// It waits until an item has an event that it asks for, the time is over, or it fails with
/// `ETERM`, with `EINTR`, or with `ENOTSOCK` when another thread closes a socket. With a time of 0
/// it never waits. A thread can be cancelled in it by pthread_cancel(3).
///
/// # Thread safety
/// Safe: threads that use the same socket take turns, and one that waits leaves the socket to the
/// others. libzmq itself allows only one thread at a time to use a socket.
///
/// # Source
/// zmq_poll(3).
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
    all.try_reserve_exact(count)?;
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
/// zmq_ppoll(3).
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
