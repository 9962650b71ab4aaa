//! Atomic counters: zmq_atomic_counter_new(3) and its siblings. A null counter is refused with `EFAULT`.

use std::{
    ffi::{c_int, c_void},
    sync::atomic::{AtomicI32, Ordering},
};

use super::guard::guard;
use crate::error::{Error, Result};

/// A new counter at 0; free it with zmq_atomic_counter_destroy().
///
/// # Parameters
/// None.
///
/// # Returns
/// The counter. It never fails.
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
/// zmq_atomic_counter_new(3).
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_atomic_counter_new() -> *mut c_void {
    guard(|| Ok(Box::into_raw(Box::new(AtomicI32::new(0))).cast()))
}

/// Sets the counter.
///
/// # Parameters
/// - `counter_`: the counter, from zmq_atomic_counter_new(). Null is refused.
/// - `value_`: the new value.
///
/// # Returns
/// Nothing; errno tells of failure.
///
/// # Errors
/// - `EFAULT`: `counter_` is null.
///
/// # Blocking
/// It never blocks.
///
/// # Thread safety
/// Safe: each call is one atomic step, until a thread destroys the counter.
///
/// # Source
/// zmq_atomic_counter_set(3).
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_atomic_counter_set(counter_: *mut c_void, value_: c_int) {
    guard(|| {
        // SAFETY: the caller gives null or a live counter.
        unsafe { counter(counter_) }?.store(value_, Ordering::Release);
        Ok(())
    })
}

/// Adds 1 and returns the value before.
///
/// After `INT_MAX` comes `INT_MIN`.
///
/// # Parameters
/// - `counter_`: the counter, from zmq_atomic_counter_new(). Null is refused.
///
/// # Returns
/// The value before, or -1 on failure.
///
/// # Errors
/// - `EFAULT`: `counter_` is null.
///
/// # Blocking
/// It never blocks.
///
/// # Thread safety
/// Safe: each call is one atomic step, until a thread destroys the counter.
///
/// # Source
/// zmq_atomic_counter_inc(3).
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_atomic_counter_inc(counter_: *mut c_void) -> c_int {
    // SAFETY: the caller gives null or a live counter.
    guard(|| Ok(unsafe { counter(counter_) }?.fetch_add(1, Ordering::AcqRel)))
}

/// Takes 1 off and returns 0 when that makes the counter 0, else 1.
///
/// Below 0 it goes on with -1.
///
/// # Parameters
/// - `counter_`: the counter, from zmq_atomic_counter_new(). Null is refused.
///
/// # Returns
/// 0 if the counter is 0 now, 1 if it isn't, or -1 on failure.
///
/// # Errors
/// - `EFAULT`: `counter_` is null.
///
/// # Blocking
/// It never blocks.
///
/// # Thread safety
/// Safe: each call is one atomic step, until a thread destroys the counter.
///
/// # Source
/// zmq_atomic_counter_dec(3).
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_atomic_counter_dec(counter_: *mut c_void) -> c_int {
    guard(|| {
        // SAFETY: the caller gives null or a live counter.
        let before = unsafe { counter(counter_) }?.fetch_sub(1, Ordering::AcqRel);
        Ok(c_int::from(before != 1))
    })
}

/// The value of the counter.
///
/// # Parameters
/// - `counter_`: the counter, from zmq_atomic_counter_new(). Null is refused.
///
/// # Returns
/// The value, or -1 on failure.
///
/// # Errors
/// - `EFAULT`: `counter_` is null.
///
/// # Blocking
/// It never blocks.
///
/// # Thread safety
/// Safe: each call is one atomic step, until a thread destroys the counter.
///
/// # Source
/// zmq_atomic_counter_value(3).
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_atomic_counter_value(counter_: *mut c_void) -> c_int {
    // SAFETY: the caller gives null or a live counter.
    guard(|| Ok(unsafe { counter(counter_) }?.load(Ordering::Acquire)))
}

/// Frees the counter and sets the handle to null.
///
/// # Parameters
/// - `counter_p_`: where the counter's handle is. Null is refused; a handle that is null is let be.
///
/// # Returns
/// Nothing; errno tells of failure.
///
/// # Errors
/// - `EFAULT`: `counter_p_` is null.
///
/// # Blocking
/// It never blocks.
///
/// # Thread safety
/// Safe, as long as no other thread uses the counter.
///
/// # Source
/// zmq_atomic_counter_destroy(3).
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_atomic_counter_destroy(counter_p_: *mut *mut c_void) {
    guard(|| {
        // SAFETY: the caller gives null or the place of a handle, and the handle is null or a live counter.
        unsafe {
            let handle = counter_p_.as_mut().ok_or(Error::EFAULT)?;
            if !handle.is_null() {
                drop(Box::from_raw(handle.cast::<AtomicI32>()));
                *handle = std::ptr::null_mut();
            }
        }
        Ok(())
    })
}

/// # Safety
///
/// The handle is null, or a counter that lives as long as the reference is used.
unsafe fn counter<'a>(handle: *mut c_void) -> Result<&'a AtomicI32> {
    // SAFETY: what the caller promises.
    unsafe { handle.cast::<AtomicI32>().as_ref() }.ok_or(Error::EFAULT)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capi::guard::errno;

    #[test]
    fn counts_as_the_manual_pages_say() {
        // SAFETY: the counter lives until it is destroyed at the end.
        unsafe {
            let mut counter = zmq_atomic_counter_new();
            assert_eq!(zmq_atomic_counter_inc(counter), 0);
            assert_eq!(zmq_atomic_counter_inc(counter), 1);
            assert_eq!(zmq_atomic_counter_dec(counter), 1);
            assert_eq!(zmq_atomic_counter_dec(counter), 0);
            // Below 0 is not 0.
            assert_eq!(zmq_atomic_counter_dec(counter), 1);
            assert_eq!(zmq_atomic_counter_value(counter), -1);
            zmq_atomic_counter_set(counter, c_int::MAX);
            assert_eq!(zmq_atomic_counter_inc(counter), c_int::MAX);
            assert_eq!(zmq_atomic_counter_value(counter), c_int::MIN);
            zmq_atomic_counter_destroy(&mut counter);
            assert!(counter.is_null());
            zmq_atomic_counter_destroy(&mut counter);
        }
    }

    #[test]
    fn null_is_refused() {
        // SAFETY: null is allowed.
        unsafe {
            assert_eq!(zmq_atomic_counter_inc(std::ptr::null_mut()), -1);
            assert_eq!(errno(), Error::EFAULT);
            zmq_atomic_counter_set(std::ptr::null_mut(), 1);
            zmq_atomic_counter_destroy(std::ptr::null_mut());
        }
    }
}
