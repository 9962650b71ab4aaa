//! Where a thread of the program's may be cancelled (pthread_cancel(3)).
//!
//! A thread that is cancelled unwinds, without a panic, from the system call that it is in, or from the next one that is a
//! cancellation point. It must not do so while it has a lock, or inside of `catch_unwind`, which ends the process for it.
//! So there are two places only where it may: [`test`], and where a thread sleeps, both with nothing held. Everywhere else
//! a system call that is a cancellation point is [`shielded`].

use std::{ffi::c_int, time::Duration};

unsafe extern "C" {
    fn pthread_setcancelstate(state: c_int, old: *mut c_int) -> c_int;
}

unsafe extern "C-unwind" {
    fn pthread_testcancel();
}

/// `PTHREAD_CANCEL_DISABLE`, which is the same in all C libraries for Linux.
const DISABLE: c_int = 1;

/// The thread can't be cancelled until this is dropped, which gives it the state back that it had.
pub struct Shield(c_int);

impl Shield {
    /// Raises it. Some nanoseconds.
    #[inline]
    pub fn raise() -> Shield {
        let mut old = 0;
        // SAFETY: the place for the former state is there.
        unsafe { pthread_setcancelstate(DISABLE, &mut old) };
        Shield(old)
    }
}

impl Drop for Shield {
    #[inline]
    fn drop(&mut self) {
        let mut old = 0;
        // SAFETY: as above; this only sets the state, and cancels nothing.
        unsafe { pthread_setcancelstate(self.0, &mut old) };
    }
}

/// Runs something in which the thread can't be cancelled.
#[inline]
pub fn shielded<T>(run: impl FnOnce() -> T) -> T {
    let _shield = Shield::raise();
    run()
}

/// Sleeps for a while, in which the thread can't be cancelled.
#[cold]
pub fn nap(time: Duration) {
    shielded(|| std::thread::sleep(time));
}

/// The thread is cancelled here, if it is to be. For where it holds nothing, and no destructor is due.
#[inline]
pub fn test() {
    // SAFETY: has no preconditions but those.
    unsafe { pthread_testcancel() };
}
