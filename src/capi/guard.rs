//! The way out of every function: results become return values and errno, panics become errors.

use std::{
    ffi::{c_int, c_long, c_ulong},
    mem,
    panic::{AssertUnwindSafe, catch_unwind},
    ptr,
};

use crate::{
    core::wait::Attempt,
    error::{Error, Result, errno_at, keep_errno},
    message::drop_spent,
    sync::shielded,
};

/// What a function of this return type returns when it fails.
pub trait Failure: Copy {
    /// The value.
    const FAILURE: Self;
}

impl Failure for () {
    const FAILURE: () = ();
}

impl Failure for c_int {
    const FAILURE: c_int = -1;
}

impl Failure for c_long {
    const FAILURE: c_long = -1;
}

/// Routing ids and the like, where 0 stands for none.
impl Failure for u32 {
    const FAILURE: u32 = 0;
}

/// Times, where nothing measured is no time.
impl Failure for c_ulong {
    const FAILURE: c_ulong = 0;
}

/// Lengths.
impl Failure for usize {
    const FAILURE: usize = 0;
}

impl<T> Failure for *const T {
    const FAILURE: *const T = ptr::null();
}

impl<T> Failure for *mut T {
    const FAILURE: *mut T = ptr::null_mut();
}

/// What a first attempt has come to, if it has not failed for good.
impl<T: Copy> Failure for Option<Attempt<T>> {
    const FAILURE: Self = None;
}

/// Runs the body of a C function. The thread can't be cancelled meanwhile.
///
/// An error becomes the failure value, and errno says which, whatever was called on the way. Success leaves errno as it
/// was found: test_timers.cpp reads the errno of an earlier call after one that succeeds. A panic is a bug of this
/// library, but not the end of the host: the call fails with `ENOTRECOVERABLE`.
///
/// What is to be given back is, when all else is done, by functions of the program's that may unwind the thread. So nothing
/// is to be dropped then, here and in the callers, which are all `extern "C-unwind"`.
#[inline]
pub fn guard<T: Failure>(body: impl FnOnce() -> Result<T>) -> T {
    outcome(keep_errno(|| {
        let result = shielded(|| caught(body));
        drop_spent();
        result
    }))
}

/// As [`guard`], for a body that [shields](shielded) by itself what the thread might be cancelled in, and where what may change
/// errno [keeps](keep_errno) it by itself: those are the ways that a call which sends or receives takes rarely, and even the
/// look at errno counts.
#[inline]
pub fn guard_passage<T: Failure>(body: impl FnOnce() -> Result<T>) -> T {
    let result = caught(body);
    drop_spent();
    outcome(result)
}

/// As [`guard`], for a body that calls nothing which might change errno, or drops messages.
#[inline]
pub fn guard_pure<T: Failure>(body: impl FnOnce() -> Result<T>) -> T {
    outcome(caught(body))
}

#[inline(always)]
fn outcome<T: Failure>(result: Result<T>) -> T {
    match result {
        Ok(value) => value,
        Err(error) => fail(error),
    }
}

#[cold]
pub(super) fn fail<T: Failure>(error: Error) -> T {
    // SAFETY: the calling thread's.
    unsafe { *errno_at() = error.errno() };
    T::FAILURE
}

#[inline(always)]
pub(super) fn caught<T>(body: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(body)).unwrap_or_else(|payload| {
        // Dropping the payload may panic again.
        mem::forget(payload);
        Err(Error::ENOTRECOVERABLE)
    })
}

/// The calling thread's errno.
pub fn errno() -> Error {
    // SAFETY: the calling thread's.
    Error::from_errno(unsafe { *errno_at() })
}

#[cfg(test)]
fn set_errno(error: Error) {
    // SAFETY: as in `errno`.
    unsafe { *errno_at() = error.errno() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn success_keeps_the_errno_found() {
        set_errno(Error::EINVAL);
        assert_eq!(
            guard(|| {
                set_errno(Error::EAGAIN);
                Ok(7)
            }),
            7
        );
        assert_eq!(errno(), Error::EINVAL);
    }

    #[test]
    fn an_error_is_errno_whatever_is_dropped_after_it() {
        struct Noisy;
        impl Drop for Noisy {
            fn drop(&mut self) {
                set_errno(Error::EBADF);
            }
        }
        let failed: c_int = guard(|| {
            let _noisy = Noisy;
            Err(Error::ETERM)
        });
        assert_eq!((failed, errno()), (-1, Error::ETERM));
    }

    #[test]
    fn a_panic_fails_the_call_alone() {
        let failed: *mut u8 = guard(|| panic!("wanted by the test"));
        assert!(failed.is_null());
        assert_eq!(errno(), Error::ENOTRECOVERABLE);
    }

    #[test]
    fn a_panic_that_panics_again_when_dropped_fails_the_call_alone() {
        struct Bomb;
        impl Drop for Bomb {
            fn drop(&mut self) {
                panic!("wanted by the test");
            }
        }
        let failed: c_int = guard(|| std::panic::panic_any(Bomb));
        assert_eq!((failed, errno()), (-1, Error::ENOTRECOVERABLE));
    }
}
