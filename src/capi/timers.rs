//! Timers: zmq_timers(3). A handle that is null, destroyed or none of ours is refused with `EFAULT`.

use std::{
    ffi::{c_int, c_long, c_void},
    ptr,
};

use super::{blocking::blocking, guard::guard, registry::Registry};
use crate::{
    core::{
        timers::{Execution, Timers},
        wait::{Asleep, Progress},
    },
    error::Error,
};

/// What is called when a timer is due: with its id, and the argument it was added with.
pub type zmq_timer_fn = Option<unsafe extern "C-unwind" fn(timer_id: c_int, arg: *mut c_void)>;

/// A handler and its argument.
#[derive(Clone, Copy)]
struct Handler {
    function: unsafe extern "C-unwind" fn(c_int, *mut c_void),
    argument: *mut c_void,
}

// SAFETY: the pointers are only handed back, in the thread that executes the timers, which is the caller's choice.
unsafe impl Send for Handler {}

static TIMERS: Registry<Timers<Handler>> = Registry::new();

/// A set without timers; free it with zmq_timers_destroy().
///
/// It starts no thread: the program asks by zmq_timers_timeout() how long to wait, and has the
/// handlers called by zmq_timers_execute().
///
/// # Parameters
/// None.
///
/// # Returns
/// The timers. It never fails.
///
/// # Errors
/// None.
///
/// # Blocking
/// It never blocks.
///
/// # Thread safety
/// Safe: any thread may call it at any time.
///
/// # Source
/// zmq_timers(3).
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_timers_new() -> *mut c_void {
    guard(|| Ok(TIMERS.insert(Timers::new())))
}

/// Frees the timers and sets the handle to null.
///
/// # Parameters
/// - `timers_p`: where the handle of the timers is. Null is refused, as is a handle that is null.
///
/// # Returns
/// 0, or -1 on failure.
///
/// # Errors
/// - `EFAULT`: `timers_p` is null, or what it points to is null, destroyed, or no timers.
///
/// # Blocking
/// It never blocks.
///
/// # Thread safety
/// Safe: any thread may call it at any time, a handler too. libzmq itself allows only one thread at
/// a time to use timers.
///
/// # Source
/// zmq_timers(3).
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_timers_destroy(timers_p: *mut *mut c_void) -> c_int {
    guard(|| {
        // SAFETY: the caller gives null or the place of a handle.
        let handle = unsafe { timers_p.as_mut() }.ok_or(Error::EFAULT)?;
        TIMERS.remove(*handle)?;
        *handle = ptr::null_mut();
        Ok(0)
    })
}

/// Adds a timer that is due after each interval, in milliseconds, and returns its id.
///
/// # Parameters
/// - `timers`: the timers, from zmq_timers_new(). Null is refused.
/// - `interval`: milliseconds; with 0 the timer is always due.
/// - `handler`: what is called with the id and `arg` when the timer is due. Null is refused.
/// - `arg`: anything, or null.
///
/// # Returns
/// The id, from 1 on, or -1 on failure.
///
/// # Errors
/// - `EFAULT`: `timers` is null, destroyed, or no timers, or `handler` is null.
/// - `ENOMEM`: `INT_MAX` timers were added before.
///
/// # Blocking
/// It never blocks.
///
/// # Thread safety
/// Safe: any thread may call it at any time, a handler too. libzmq itself allows only one thread at
/// a time to use timers.
///
/// # Source
/// zmq_timers(3).
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_timers_add(
    timers: *mut c_void,
    interval: usize,
    handler: zmq_timer_fn,
    arg: *mut c_void,
) -> c_int {
    guard(|| {
        let timers = TIMERS.get(timers)?;
        let function = handler.ok_or(Error::EFAULT)?;
        let handler = Handler {
            function,
            argument: arg,
        };
        timers.add(interval as u64, handler)
    })
}

/// Cancels a timer.
///
/// # Parameters
/// - `timers`: the timers, from zmq_timers_new(). Null is refused.
/// - `timer_id`: the id, from zmq_timers_add().
///
/// # Returns
/// 0, or -1 on failure.
///
/// # Errors
/// - `EFAULT`: `timers` is null, destroyed, or no timers.
/// - `EINVAL`: there is no such timer, or it was cancelled before.
///
/// # Blocking
/// It never blocks.
///
/// # Thread safety
/// Safe: any thread may call it at any time, a handler too. libzmq itself allows only one thread at
/// a time to use timers.
///
/// # Source
/// zmq_timers(3).
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_timers_cancel(timers: *mut c_void, timer_id: c_int) -> c_int {
    guard(|| TIMERS.get(timers)?.cancel(timer_id).map(|()| 0))
}

/// Gives a timer another interval, in milliseconds, which starts now.
///
/// # Parameters
/// - `timers`: the timers, from zmq_timers_new(). Null is refused.
/// - `timer_id`: the id, from zmq_timers_add().
/// - `interval`: milliseconds.
///
/// # Returns
/// 0, or -1 on failure.
///
/// # Errors
/// - `EFAULT`: `timers` is null, destroyed, or no timers.
/// - `EINVAL`: there is no such timer. A timer that was cancelled may be found until it would have
///   been due.
///
/// # Blocking
/// It never blocks.
///
/// # Thread safety
/// Safe: any thread may call it at any time, a handler too. libzmq itself allows only one thread at
/// a time to use timers.
///
/// # Source
/// zmq_timers(3).
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_timers_set_interval(
    timers: *mut c_void,
    timer_id: c_int,
    interval: usize,
) -> c_int {
    guard(|| {
        let timers = TIMERS.get(timers)?;
        timers.set_interval(timer_id, interval as u64).map(|()| 0)
    })
}

/// Starts a timer's interval anew.
///
/// # Parameters
/// - `timers`: the timers, from zmq_timers_new(). Null is refused.
/// - `timer_id`: the id, from zmq_timers_add().
///
/// # Returns
/// 0, or -1 on failure.
///
/// # Errors
/// - `EFAULT`: `timers` is null, destroyed, or no timers.
/// - `EINVAL`: there is no such timer. A timer that was cancelled may be found until it would have
///   been due.
///
/// # Blocking
/// It never blocks.
///
/// # Thread safety
/// Safe: any thread may call it at any time, a handler too. libzmq itself allows only one thread at
/// a time to use timers.
///
/// # Source
/// zmq_timers(3).
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_timers_reset(timers: *mut c_void, timer_id: c_int) -> c_int {
    guard(|| TIMERS.get(timers)?.reset(timer_id).map(|()| 0))
}

/// The milliseconds until a timer is due, or -1 when there are no timers, which leaves errno alone.
///
/// # Parameters
/// - `timers`: the timers, from zmq_timers_new(). Null is refused.
///
/// # Returns
/// Milliseconds, 0 if a timer is due now, or -1 if there is none or the call fails.
///
/// # Errors
/// - `EFAULT`: `timers` is null, destroyed, or no timers.
///
/// # Blocking
/// It never blocks.
///
/// # Thread safety
/// Safe: any thread may call it at any time, a handler too. libzmq itself allows only one thread at
/// a time to use timers.
///
/// # Source
/// zmq_timers(3).
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_timers_timeout(timers: *mut c_void) -> c_long {
    guard(|| Ok(TIMERS.get(timers)?.timeout().unwrap_or(-1)))
}

/// Calls the handlers of the timers that are due.
///
/// Each is called once at most, and is due again an interval after that.
///
/// # Parameters
/// - `timers`: the timers, from zmq_timers_new(). Null is refused.
///
/// # Returns
/// 0, or -1 on failure.
///
/// # Errors
/// - `EFAULT`: `timers` is null, destroyed, or no timers.
///
/// # Blocking
/// It lasts as long as the handlers do, which may end the thread.
///
/// # Thread safety
/// Safe: any thread may call it at any time, a handler too. libzmq itself allows only one thread at
/// a time to use timers. The handlers run in the calling thread.
///
/// # Source
/// zmq_timers(3).
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_timers_execute(timers: *mut c_void) -> c_int {
    blocking(
        move || {
            let execution = TIMERS.get(timers)?.execution();
            Ok(Calling::next(execution))
        },
        |calling: Box<Calling>| Ok(Calling::next(calling.execution)),
    )
}

/// A call that calls a timer's handler, in which the thread may be unwound, or sleep.
struct Calling {
    execution: Execution<Handler>,
    id: c_int,
    handler: Handler,
}

impl Calling {
    fn next(mut execution: Execution<Handler>) -> Progress<c_int, Calling> {
        match execution.next() {
            None => Progress::Done(0),
            Some((id, handler)) => Progress::Asleep(Box::new(Calling {
                execution,
                id,
                handler,
            })),
        }
    }
}

impl Asleep for Calling {
    fn sleep(&mut self) {
        // SAFETY: whoever added the timer answers for its handler.
        unsafe { (self.handler.function)(self.id, self.handler.argument) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capi::guard::errno;

    #[test]
    fn foreign_and_destroyed_handles_are_refused() {
        let mut timers = ptr::null_mut();
        // SAFETY: handles are checked before anything else.
        unsafe {
            assert_eq!(zmq_timers_destroy(&mut timers), -1);
            assert_eq!(zmq_timers_destroy(ptr::null_mut()), -1);
            assert_eq!(zmq_timers_execute((&raw mut timers).cast()), -1);
            timers = zmq_timers_new();
            let stale = timers;
            assert_eq!(zmq_timers_destroy(&mut timers), 0);
            assert!(timers.is_null());
            assert_eq!(zmq_timers_timeout(stale), -1);
        }
        assert_eq!(errno(), Error::EFAULT);
    }

    #[test]
    fn timers_may_be_destroyed_by_their_own_handler() {
        unsafe extern "C-unwind" fn destroy(_: c_int, timers: *mut c_void) {
            // SAFETY: the argument is the place of the handle.
            assert_eq!(unsafe { zmq_timers_destroy(timers.cast()) }, 0);
        }
        // SAFETY: the place of the handle outlives the timers.
        unsafe {
            let mut timers = zmq_timers_new();
            assert_eq!(zmq_timers_add(timers, 0, None, ptr::null_mut()), -1);
            assert_eq!(errno(), Error::EFAULT);
            let place = (&raw mut timers).cast();
            assert_eq!(zmq_timers_add(timers, 0, Some(destroy), place), 1);
            assert_eq!(zmq_timers_execute(timers), 0);
            assert!(timers.is_null());
        }
    }
}
