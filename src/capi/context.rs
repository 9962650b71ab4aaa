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
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_ctx_new() -> *mut c_void {
    guard(|| Ok(handle::of(Slot::put(Context::create()))))
}

/// Ends a context, once its sockets are closed and what they had to send is sent or given up.
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
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_ctx_shutdown(context_: *mut c_void) -> c_int {
    guard(|| {
        // SAFETY: the caller promises a handle.
        unsafe { handle::context(context_) }?.shutdown();
        Ok(0)
    })
}

/// Sets an option of a context.
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
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_ctx_get(context_: *mut c_void, option_: c_int) -> c_int {
    guard(|| {
        // SAFETY: the caller promises a handle.
        unsafe { handle::context(context_) }?.get(option_)
    })
}

/// Deprecated: zmq_ctx_new() with a number of I/O threads.
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
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_term(context_: *mut c_void) -> c_int {
    // SAFETY: the caller promises the same.
    unsafe { zmq_ctx_term(context_) }
}

/// Deprecated: zmq_ctx_term().
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn zmq_ctx_destroy(context_: *mut c_void) -> c_int {
    // SAFETY: the caller promises the same.
    unsafe { zmq_ctx_term(context_) }
}

/// Sets an option of a context to a value of any type.
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
