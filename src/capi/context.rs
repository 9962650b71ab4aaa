//! Contexts: zmq_ctx_new(3) and its siblings.

use std::{
    ffi::{c_int, c_void},
    sync::Arc,
};

use super::{blocking::blocking, guard::guard, handle};
use crate::{
    consts::ZMQ_IO_THREADS,
    core::{
        context::{Context, Terminating},
        slot::Slot,
        wait::{Asleep, Progress},
    },
    error::Error,
    options::Value,
};

/// A new context; end it with zmq_ctx_term().
///
/// Its I/O threads are started with its first socket.
///
/// # Parameters
/// None.
///
/// # Returns
/// The context. It never fails.
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
/// zmq_ctx_new(3).
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_ctx_new() -> *mut c_void {
    guard(|| Ok(handle::of(Slot::put(Context::create()))))
}

/// Ends a context, once its sockets are closed and what they had to send is sent or given up.
///
/// From the call on, whatever is done with its sockets fails with `ETERM`, calls that wait
/// included, but for zmq_close(). The handle is invalid when the call has succeeded.
///
/// In a forked child it returns at once if the context is one that the parent made.
///
/// # Parameters
/// - `context_`: the context, from zmq_ctx_new(). Null is refused.
///
/// # Returns
/// 0, or -1 on failure.
///
/// # Errors
/// - `EFAULT`: `context_` is null, terminated, or no context.
/// - `EINTR`: a signal handler has run while the call waited. The context is shut down, and the
///   call can be made again.
///
/// # Blocking
/// It waits until all sockets of the context are closed, by other threads, and what they had to
/// send is sent or the time of their `ZMQ_LINGER` is over. `EINTR` ends this, too. There is no
/// time-out. A thread can be cancelled in it by pthread_cancel(3).
///
/// # Thread safety
/// Safe: any number of threads may wait for the end of one context.
///
/// # Source
/// zmq_ctx_term(3).
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_ctx_term(context_: *mut c_void) -> c_int {
    blocking(
        move || {
            // SAFETY: the caller promises a handle.
            let slot = unsafe { handle::context_slot(context_) }?;
            if slot.is_inherited() {
                // Its threads don't exist here, and a thread that doesn't either may have any of its locks.
                std::mem::forget(slot.take()?);
                return Ok(Progress::Done(0));
            }
            let (generation, context) = {
                let context = slot.lock()?;
                (context.generation(), context.clone())
            };
            Ok(Ending::go_on(slot, generation, context.terminate()?))
        },
        |ending: Box<Ending>| {
            let Ending {
                slot,
                generation,
                call,
            } = *ending;
            Ok(Ending::go_on(slot, generation, call.wake()?))
        },
    )
}

/// A call that waits for the end of what is in a slot, in which there may be something else when it has ended.
struct Ending {
    slot: &'static Slot<Arc<Context>>,
    generation: u32,
    call: Box<Terminating>,
}

impl Ending {
    fn go_on(
        slot: &'static Slot<Arc<Context>>,
        generation: u32,
        progress: Progress<(), Terminating>,
    ) -> Progress<c_int, Ending> {
        match progress {
            Progress::Done(()) => {
                // The handle stands for nothing from now on, if it still stands for this.
                drop(slot.take_if_still(generation));
                Progress::Done(0)
            }
            Progress::Asleep(call) => Progress::Asleep(Box::new(Ending {
                slot,
                generation,
                call,
            })),
        }
    }
}

impl Asleep for Ending {
    fn sleep(&mut self) {
        self.call.sleep();
    }
}

/// Makes what blocks in a context fail with ETERM.
///
/// The context and its sockets are still there, to be closed and terminated. Doing it again makes
/// no difference.
///
/// # Parameters
/// - `context_`: the context, from zmq_ctx_new(). Null is refused.
///
/// # Returns
/// 0, or -1 on failure.
///
/// # Errors
/// - `EFAULT`: `context_` is null, terminated, or no context.
///
/// # Blocking
/// It never blocks.
///
/// # Thread safety
/// Safe: any thread may call it at any time.
///
/// # Source
/// zmq_ctx_shutdown(3).
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_ctx_shutdown(context_: *mut c_void) -> c_int {
    guard(|| {
        // SAFETY: the caller promises a handle.
        unsafe { handle::context(context_) }?.shutdown();
        Ok(0)
    })
}

/// Sets an option of a context.
///
/// Options about threads count if they are set before the first socket is made, and options about
/// sockets for those that are made afterwards.
///
/// # Parameters
/// - `context_`: the context, from zmq_ctx_new(). Null is refused.
/// - `option_`: one of `ZMQ_IO_THREADS`, `ZMQ_MAX_SOCKETS`, `ZMQ_MAX_MSGSZ`, `ZMQ_BLOCKY`,
///   `ZMQ_IPV6`, `ZMQ_ZERO_COPY_RECV`, `ZMQ_THREAD_SCHED_POLICY`, `ZMQ_THREAD_PRIORITY`,
///   `ZMQ_THREAD_AFFINITY_CPU_ADD`, `ZMQ_THREAD_AFFINITY_CPU_REMOVE` and `ZMQ_THREAD_NAME_PREFIX`.
/// - `optval_`: the value: not negative, and for `ZMQ_MAX_SOCKETS` not 0. For
///   `ZMQ_THREAD_NAME_PREFIX` any number.
///
/// # Returns
/// 0, or -1 on failure.
///
/// # Errors
/// - `EFAULT`: `context_` is null, terminated, or no context.
/// - `EINVAL`: there is no such option, it can only be read, the value is none that it can have, or
///   a processor is to be removed that was not added.
///
/// # Blocking
/// It never blocks.
///
/// # Thread safety
/// Safe: any thread may call it at any time.
///
/// # Source
/// zmq_ctx_set(3).
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_ctx_set(
    context_: *mut c_void,
    option_: c_int,
    optval_: c_int,
) -> c_int {
    guard(|| {
        // SAFETY: the caller promises a handle.
        let context = unsafe { handle::context(context_) }?;
        context.set(option_, Value::Bytes(&optval_.to_ne_bytes()))?;
        Ok(0)
    })
}

/// The value of an option of a context.
///
/// # Parameters
/// - `context_`: the context, from zmq_ctx_new(). Null is refused.
/// - `option_`: one of `ZMQ_IO_THREADS`, `ZMQ_MAX_SOCKETS`, `ZMQ_SOCKET_LIMIT`, `ZMQ_MAX_MSGSZ`,
///   `ZMQ_MSG_T_SIZE`, `ZMQ_BLOCKY`, `ZMQ_IPV6`, `ZMQ_ZERO_COPY_RECV`, `ZMQ_THREAD_SCHED_POLICY`
///   and `ZMQ_THREAD_NAME_PREFIX`.
///
/// # Returns
/// The value, or -1 on failure. -1 is also the value of `ZMQ_THREAD_SCHED_POLICY` while it isn't
/// set, which leaves errno alone.
///
/// # Errors
/// - `EFAULT`: `context_` is null, terminated, or no context.
/// - `EINVAL`: there is no such option, or it can only be set. `ZMQ_THREAD_PRIORITY` has the number
///   of `ZMQ_SOCKET_LIMIT`, and reads as that.
///
/// # Blocking
/// It never blocks.
///
/// # Thread safety
/// Safe: any thread may call it at any time.
///
/// # Source
/// zmq_ctx_get(3).
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_ctx_get(context_: *mut c_void, option_: c_int) -> c_int {
    guard(|| {
        // SAFETY: the caller promises a handle.
        unsafe { handle::context(context_) }?.get(option_)
    })
}

/// Deprecated: zmq_ctx_new() with a number of I/O threads.
///
/// # Parameters
/// - `io_threads_`: the value of `ZMQ_IO_THREADS`, not negative. With 0, the context has inproc
///   alone.
///
/// # Returns
/// The context, or null on failure.
///
/// # Errors
/// - `EINVAL`: `io_threads_` is negative.
///
/// # Blocking
/// It never blocks.
///
/// # Thread safety
/// Safe: any thread may call it at any time.
///
/// # Source
/// zmq_init(3).
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_init(io_threads_: c_int) -> *mut c_void {
    guard(|| {
        if io_threads_ < 0 {
            return Err(Error::EINVAL);
        }
        let context = Context::create();
        context.set(ZMQ_IO_THREADS, Value::Bytes(&io_threads_.to_ne_bytes()))?;
        Ok(handle::of(Slot::put(context)))
    })
}

/// Deprecated: zmq_ctx_term().
///
/// It is the same in all.
///
/// # Parameters
/// - `context_`: the context, from zmq_ctx_new(). Null is refused.
///
/// # Returns
/// 0, or -1 on failure.
///
/// # Errors
/// - `EFAULT`: `context_` is null, terminated, or no context.
/// - `EINTR`: a signal handler has run while the call waited. The call can be made again.
///
/// # Blocking
/// It waits as zmq_ctx_term() does. A thread can be cancelled in it by pthread_cancel(3).
///
/// # Thread safety
/// Safe: any number of threads may wait for the end of one context.
///
/// # Source
/// zmq_term(3).
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_term(context_: *mut c_void) -> c_int {
    // SAFETY: the caller promises the same.
    unsafe { zmq_ctx_term(context_) }
}

/// Deprecated: zmq_ctx_term().
///
/// It is the same in all.
///
/// # Parameters
/// - `context_`: the context, from zmq_ctx_new(). Null is refused.
///
/// # Returns
/// 0, or -1 on failure.
///
/// # Errors
/// - `EFAULT`: `context_` is null, terminated, or no context.
/// - `EINTR`: a signal handler has run while the call waited. The call can be made again.
///
/// # Blocking
/// It waits as zmq_ctx_term() does. A thread can be cancelled in it by pthread_cancel(3).
///
/// # Thread safety
/// Safe: any number of threads may wait for the end of one context.
///
/// # Source
/// zmq_ctx_destroy(3).
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_ctx_destroy(context_: *mut c_void) -> c_int {
    // SAFETY: the caller promises the same.
    unsafe { zmq_ctx_term(context_) }
}

/// Sets an option of a context to a value of any type.
///
/// A part of the draft API.
///
/// # Parameters
/// - `context_`: the context, from zmq_ctx_new(). Null is refused.
/// - `option_`: as for zmq_ctx_set().
/// - `optval_`: the value: an int, or for `ZMQ_THREAD_NAME_PREFIX` up to 16 bytes of text. Null is
///   refused unless the length is 0, which no option takes.
/// - `optvallen_`: its length in bytes.
///
/// # Returns
/// 0, or -1 on failure.
///
/// # Errors
/// - `EFAULT`: `context_` is no context, or `optval_` is null with a length.
/// - `EINVAL`: as for zmq_ctx_set(), or the length is none for the option.
///
/// # Blocking
/// It never blocks.
///
/// # Thread safety
/// Safe: any thread may call it at any time.
///
/// # Source
/// zmq_ctx_set_ext(3).
#[cfg(feature = "draft")]
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_ctx_set_ext(
    context_: *mut c_void,
    option_: c_int,
    optval_: *const c_void,
    optvallen_: usize,
) -> c_int {
    guard(|| {
        // SAFETY: the caller promises a handle and a value of this length.
        let (context, value) = unsafe {
            (
                handle::context(context_)?,
                handle::bytes(optval_, optvallen_)?,
            )
        };
        context.set(option_, Value::Bytes(value))?;
        Ok(0)
    })
}

/// Reads an option of a context of any type.
///
/// A part of the draft API.
///
/// # Parameters
/// - `context_`: the context, from zmq_ctx_new(). Null is refused.
/// - `option_`: as for zmq_ctx_get().
/// - `optval_`: where the value goes. Null is refused unless the length is 0.
/// - `optvallen_`: the length of that in bytes: of an int, or for `ZMQ_THREAD_NAME_PREFIX` as much
///   as the text takes. It stays as it is. Null is refused.
///
/// # Returns
/// 0, or -1 on failure.
///
/// # Errors
/// - `EFAULT`: `context_` is no context, `optvallen_` is null, or `optval_` is null with a length.
/// - `EINVAL`: as for zmq_ctx_get(), or the length is none for the option.
///
/// # Blocking
/// It never blocks.
///
/// # Thread safety
/// Safe: any thread may call it at any time.
///
/// # Source
/// zmq_ctx_get_ext(3).
#[cfg(feature = "draft")]
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_ctx_get_ext(
    context_: *mut c_void,
    option_: c_int,
    optval_: *mut c_void,
    optvallen_: *mut usize,
) -> c_int {
    guard(|| {
        // SAFETY: the caller promises a handle, and a buffer of the length that is there.
        unsafe {
            let context = handle::context(context_)?;
            let length = optvallen_.as_ref().ok_or(Error::EFAULT)?;
            context.get_ext(option_, handle::buffer(optval_, *length)?)?;
        }
        Ok(0)
    })
}
