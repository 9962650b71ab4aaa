//! Where a thread of the program's may be cancelled (pthread_cancel(3)).
//!
//! A thread that is cancelled unwinds, without a panic, from the system call that it is in, or from the next one that is a
//! cancellation point. It must not do so while it has a lock, or inside of `catch_unwind`, which ends the process for it.
//! So it may only in [`test()`], where it sleeps, and in functions of the program's, by which it may also end itself
//! (pthread_exit(3)): all with nothing held. Everywhere else a system call that is a cancellation point is [`shielded`].

use std::{
    ffi::{c_int, c_uint, c_void},
    time::Duration,
};

unsafe extern "C" {
    fn pthread_setcancelstate(state: c_int, old: *mut c_int) -> c_int;
}

// The libc crate doesn't say that a thread may be unwound in these.
unsafe extern "C-unwind" {
    fn pthread_testcancel();
    /// sleep(3).
    pub fn sleep(seconds: c_uint) -> c_uint;
    /// pthread_join(3).
    pub fn pthread_join(thread: libc::pthread_t, result: *mut *mut c_void) -> c_int;
    /// pthread_create(3). The function may end the thread.
    pub fn pthread_create(
        thread: *mut libc::pthread_t,
        attributes: *const libc::pthread_attr_t,
        run: unsafe extern "C-unwind" fn(*mut c_void) -> *mut c_void,
        argument: *mut c_void,
    ) -> c_int;
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
