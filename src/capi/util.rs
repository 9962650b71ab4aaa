//! What needs no context: errno and its texts, version and capabilities, stopwatch, sleep and threads.
//!
//! Answers to zmq_errno(3), zmq_strerror(3), zmq_version(3) and zmq_has(3); the rest has no manual page.

use std::{
    ffi::{CStr, c_char, c_int, c_uint, c_ulong, c_void},
    mem::MaybeUninit,
    ptr,
    time::Instant,
};

use super::guard::{self, guard};
use crate::{
    consts,
    error::{Error, Result},
    sync::cancel,
};

/// What zmq_has() affirms.
const CAPABILITIES: &[&CStr] = &[
    c"ipc",
    c"curve",
    #[cfg(feature = "draft")]
    c"draft",
];

/// The calling thread's errno.
///
/// It is errno itself, for programs that may be linked with another C library than this one.
///
/// # Parameters
/// None.
///
/// # Returns
/// The errno of the last call of this thread that has failed. A call that succeeds leaves it alone.
///
/// # Errors
/// None.
///
/// # Blocking
/// It never blocks.
///
/// # Thread safety
/// Safe: each thread has its own.
///
/// # Source
/// zmq_errno(3).
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_errno() -> c_int {
    guard::errno().errno()
}

/// The text of an errno value, in English for those of ZeroMQ; it is not to be freed.
///
/// # Parameters
/// - `errnum_`: any number.
///
/// # Returns
/// A text that ends in a zero byte, never null. For the errors of ZeroMQ, and for `EHOSTUNREACH`,
/// it is constant; else it is that of strerror(3), and good until this thread calls again.
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
/// zmq_strerror(3).
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_strerror(errnum_: c_int) -> *const c_char {
    guard(|| {
        let text = match errnum_ {
            consts::EFSM => c"Operation cannot be accomplished in current state",
            consts::ENOCOMPATPROTO => c"The protocol is not compatible with the socket type",
            consts::ETERM => c"Context was terminated",
            consts::EMTHREAD => c"No thread available",
            libc::EHOSTUNREACH => c"Host unreachable",
            // SAFETY: takes any number, and gives a text that lives until the thread asks again.
            _ => return Ok(unsafe { libc::strerror(errnum_) }.cast_const()),
        };
        Ok(text.as_ptr())
    })
}

/// The version of the library, in three numbers.
///
/// # Parameters
/// - `major_`: where the first number goes, or null.
/// - `minor_`: where the second number goes, or null.
/// - `patch_`: where the third number goes, or null.
///
/// # Returns
/// Nothing; the numbers are 4, 3 and 5.
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
/// zmq_version(3).
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_version(
    major_: *mut c_int,
    minor_: *mut c_int,
    patch_: *mut c_int,
) {
    for (place, number) in [
        (major_, consts::ZMQ_VERSION_MAJOR),
        (minor_, consts::ZMQ_VERSION_MINOR),
        (patch_, consts::ZMQ_VERSION_PATCH),
    ] {
        // SAFETY: the caller gives null or a place for a number.
        if let Some(place) = unsafe { place.as_mut() } {
            *place = number;
        }
    }
}

/// Whether the library has a transport or mechanism: 1 or 0.
///
/// # Parameters
/// - `capability_`: a name that ends in a zero byte, in lower case, such as `ipc` or `curve`. Null
///   is allowed, and names nothing.
///
/// # Returns
/// 1 for `ipc` and `curve`, and for `draft` where the draft API is built in; 0 for all else.
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
/// zmq_has(3).
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_has(capability_: *const c_char) -> c_int {
    if capability_.is_null() {
        return 0;
    }
    // SAFETY: not null, so the caller gives a string.
    let name = unsafe { CStr::from_ptr(capability_) };
    c_int::from(CAPABILITIES.contains(&name))
}

/// Starts a stopwatch; zmq_stopwatch_stop() frees it.
///
/// # Parameters
/// None.
///
/// # Returns
/// The stopwatch. It never fails.
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
/// No manual page; libzmq's `zmq_utils.h`.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_stopwatch_start() -> *mut c_void {
    guard(|| Ok(Box::into_raw(Box::new(Instant::now())).cast()))
}

/// The microseconds since the start. The stopwatch runs on.
///
/// # Parameters
/// - `watch_`: the stopwatch, from zmq_stopwatch_start(). Null is refused.
///
/// # Returns
/// Microseconds, or 0 on failure.
///
/// # Errors
/// - `EFAULT`: `watch_` is null.
///
/// # Blocking
/// It never blocks.
///
/// # Thread safety
/// Safe, as long as no other thread stops the stopwatch.
///
/// # Source
/// No manual page; libzmq's `zmq.h`.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_stopwatch_intermediate(watch_: *mut c_void) -> c_ulong {
    guard(|| {
        // SAFETY: the caller gives null or a running stopwatch.
        let start = unsafe { watch_.cast::<Instant>().as_ref() }.ok_or(Error::EFAULT)?;
        Ok(micros(start))
    })
}

/// The microseconds since the start. The stopwatch is freed.
///
/// # Parameters
/// - `watch_`: the stopwatch, from zmq_stopwatch_start(). Null is refused. It is gone afterwards.
///
/// # Returns
/// Microseconds, or 0 on failure.
///
/// # Errors
/// - `EFAULT`: `watch_` is null.
///
/// # Blocking
/// It never blocks.
///
/// # Thread safety
/// Safe, as long as no other thread uses the stopwatch.
///
/// # Source
/// No manual page; libzmq's `zmq.h`.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_stopwatch_stop(watch_: *mut c_void) -> c_ulong {
    guard(|| {
        if watch_.is_null() {
            return Err(Error::EFAULT);
        }
        // SAFETY: not null, so the caller gives a running stopwatch, and gives it up.
        let start = unsafe { Box::from_raw(watch_.cast::<Instant>()) };
        Ok(micros(&start))
    })
}

fn micros(start: &Instant) -> c_ulong {
    start.elapsed().as_micros() as c_ulong
}

/// Sleeps for some seconds, or until a signal comes.
///
/// # Parameters
/// - `seconds_`: how many seconds. A negative number is taken as an unsigned one, and so is very
///   long.
///
/// # Returns
/// Nothing.
///
/// # Errors
/// None.
///
/// # Blocking
/// It waits until the time is over, or until a signal handler has run. A thread can be cancelled in
/// it by pthread_cancel(3).
///
/// # Thread safety
/// Safe: any thread may call it at any time.
///
/// # Source
/// No manual page; libzmq's `zmq.h`. sleep(3).
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_sleep(seconds_: c_int) {
    // SAFETY: takes any number; nothing here is to be dropped if the thread is cancelled.
    unsafe { cancel::sleep(seconds_ as c_uint) };
}

/// What a thread runs.
pub type zmq_thread_fn = Option<unsafe extern "C-unwind" fn(*mut c_void)>;

/// What a new thread starts with.
struct Start {
    function: unsafe extern "C-unwind" fn(*mut c_void),
    argument: *mut c_void,
}

/// Starts a thread with all signals blocked; zmq_threadclose() frees the handle.
///
/// # Parameters
/// - `func_`: the function that the thread runs. Null is refused.
/// - `arg_`: what the function is called with. Anything, or null.
///
/// # Returns
/// A handle of the thread, or null on failure.
///
/// # Errors
/// - `EFAULT`: `func_` is null.
/// - `EAGAIN`: the system has no room for another thread.
///
/// # Blocking
/// It never blocks.
///
/// # Thread safety
/// Safe: any thread may call it at any time.
///
/// # Source
/// No manual page; libzmq's `zmq.h`. pthread_create(3).
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_threadstart(
    func_: zmq_thread_fn,
    arg_: *mut c_void,
) -> *mut c_void {
    guard(|| {
        let function = func_.ok_or(Error::EFAULT)?;
        let start = Box::new(Start {
            function,
            argument: arg_,
        });
        let thread = with_signals_blocked(|| spawn(start))?;
        Ok(Box::into_raw(Box::new(thread)).cast())
    })
}

/// Waits for the thread's end and frees the handle.
///
/// # Parameters
/// - `thread_`: the handle, from zmq_threadstart(). Null is refused. It is gone afterwards, unless
///   this thread is cancelled meanwhile.
///
/// # Returns
/// Nothing; errno tells of failure.
///
/// # Errors
/// - `EFAULT`: `thread_` is null.
/// - `EDEADLK`: `thread_` is the calling thread itself, or a thread that waits for the calling one.
///
/// # Blocking
/// It waits until the thread has ended. Nothing else ends this. A thread can be cancelled in it by
/// pthread_cancel(3).
///
/// # Thread safety
/// Safe, if each handle is closed once.
///
/// # Source
/// No manual page; libzmq's `zmq.h`. pthread_join(3).
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_threadclose(thread_: *mut c_void) {
    // SAFETY: null, or a handle of zmq_threadstart() that was not closed. It stays one if this thread is cancelled meanwhile.
    let joined = unsafe { thread_.cast::<libc::pthread_t>().as_ref() }
        .map(|thread| unsafe { cancel::pthread_join(*thread, ptr::null_mut()) });
    guard(|| {
        let joined = joined.ok_or(Error::EFAULT)?;
        // SAFETY: not null, and the caller gives the handle up.
        drop(unsafe { Box::from_raw(thread_.cast::<libc::pthread_t>()) });
        check(joined)
    })
}

/// A thread of the C library, and not of Rust's: the function may count on the default stack and on `pthread_exit`,
/// by which nothing here is left to be dropped.
fn spawn(start: Box<Start>) -> Result<libc::pthread_t> {
    unsafe extern "C-unwind" fn run(start: *mut c_void) -> *mut c_void {
        // SAFETY: `spawn` let go of this box for this thread.
        let Start { function, argument } = *unsafe { Box::from_raw(start.cast::<Start>()) };
        // SAFETY: the name is a string of at most 15 bytes; the caller of zmq_threadstart() answers for the function.
        unsafe {
            libc::pthread_setname_np(libc::pthread_self(), c"ZMQapp".as_ptr());
            function(argument);
        }
        ptr::null_mut()
    }
    let start = Box::into_raw(start);
    let mut thread = MaybeUninit::uninit();
    // SAFETY: `run` takes what `start` points to.
    match check(unsafe {
        cancel::pthread_create(thread.as_mut_ptr(), ptr::null(), run, start.cast())
    }) {
        // SAFETY: success has filled it in.
        Ok(()) => Ok(unsafe { thread.assume_init() }),
        Err(error) => {
            // SAFETY: no thread has been started that would own it.
            drop(unsafe { Box::from_raw(start) });
            Err(error)
        }
    }
}

/// A new thread inherits the mask: blocked here, no signal can reach it at all.
fn with_signals_blocked<T>(call: impl FnOnce() -> Result<T>) -> Result<T> {
    let mut all = MaybeUninit::uninit();
    let mut before = MaybeUninit::uninit();
    // SAFETY: the sets are filled in before they are read, and the former mask is put back.
    unsafe {
        libc::sigfillset(all.as_mut_ptr());
        check(libc::pthread_sigmask(
            libc::SIG_SETMASK,
            all.as_ptr(),
            before.as_mut_ptr(),
        ))?;
        let result = call();
        libc::pthread_sigmask(libc::SIG_SETMASK, before.as_ptr(), ptr::null_mut());
        result
    }
}

/// The POSIX thread functions return their errno.
fn check(errno: c_int) -> Result<()> {
    if errno == 0 {
        Ok(())
    } else {
        Err(Error::from_errno(errno))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capi::guard::errno;

    fn text(errno: c_int) -> &'static str {
        // SAFETY: the texts asked for are static.
        unsafe { CStr::from_ptr(zmq_strerror(errno)) }
            .to_str()
            .unwrap()
    }

    #[test]
    fn strerror_knows_the_errors_of_zeromq_and_of_the_system() {
        assert_eq!(text(consts::ETERM), "Context was terminated");
        assert_eq!(text(libc::EHOSTUNREACH), "Host unreachable");
        assert_eq!(text(libc::EINVAL), "Invalid argument");
        assert!(!text(-1).is_empty());
    }

    #[test]
    fn version_fills_in_what_it_is_given() {
        let (mut major, mut patch) = (0, 0);
        // SAFETY: the places are there, or null.
        unsafe { zmq_version(&mut major, ptr::null_mut(), &mut patch) };
        assert_eq!((major, patch), (4, 5));
    }

    #[test]
    fn has_compares_whole_names() {
        // SAFETY: these are strings, or null.
        unsafe {
            assert_eq!(zmq_has(c"ipc".as_ptr()), 1);
            assert_eq!(zmq_has(c"ip".as_ptr()), 0);
            assert_eq!(zmq_has(c"IPC".as_ptr()), 0);
            // Its transport is refused, so it is not affirmed.
            assert_eq!(zmq_has(c"tipc".as_ptr()), 0);
            assert_eq!(zmq_has(ptr::null()), 0);
        }
    }

    #[test]
    fn a_stopwatch_counts_microseconds() {
        // SAFETY: the watch lives until it is stopped.
        unsafe {
            let watch = zmq_stopwatch_start();
            std::thread::sleep(std::time::Duration::from_millis(2));
            let first = zmq_stopwatch_intermediate(watch);
            assert!((2_000..60_000_000).contains(&first));
            assert!(zmq_stopwatch_stop(watch) >= first);
            assert_eq!(zmq_stopwatch_stop(ptr::null_mut()), 0);
        }
        assert_eq!(errno(), Error::EFAULT);
    }

    #[test]
    fn a_thread_blocks_all_signals_and_its_parent_none() {
        fn blocked(signal: c_int) -> bool {
            let mut mask = MaybeUninit::uninit();
            // SAFETY: without a new set the call only fills in the present one.
            unsafe {
                libc::pthread_sigmask(libc::SIG_BLOCK, ptr::null(), mask.as_mut_ptr());
                libc::sigismember(mask.as_ptr(), signal) == 1
            }
        }
        unsafe extern "C-unwind" fn look(seen: *mut c_void) {
            // SAFETY: `seen` is what the test passed in, and waits for the thread.
            unsafe { *seen.cast::<bool>() = blocked(libc::SIGINT) && blocked(libc::SIGPROF) };
        }
        let mut seen = false;
        // SAFETY: `seen` outlives the thread.
        unsafe {
            let thread = zmq_threadstart(Some(look), (&raw mut seen).cast());
            assert!(!thread.is_null());
            zmq_threadclose(thread);
        }
        assert!(seen);
        assert!(!blocked(libc::SIGPROF));
    }

    #[test]
    fn a_thread_needs_a_function() {
        // SAFETY: null is allowed.
        assert!(unsafe { zmq_threadstart(None, ptr::null_mut()) }.is_null());
        assert_eq!(errno(), Error::EFAULT);
    }
}
