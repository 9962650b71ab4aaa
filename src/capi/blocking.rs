//! Calls that may sleep, in which the program may cancel the thread (pthread_cancel(3)), or that have functions of the
//! program's run, which may as well end it.
//!
//! A thread that is cancelled is unwound from where it sleeps, to its end. That must not meet `catch_unwind`, and Rust
//! promises nothing of destructors on the way. So a call never sleeps inside of the guard: there it comes to a
//! [`Progress`], which may be that it has to sleep, and it does so here, where no function has anything to drop. What is to be
//! undone is on the heap: of a thread that is cancelled it is found, and dropped, when the thread-local values are destroyed,
//! after the program's own handlers have run. Where threads that are cancelled aren't unwound, it is the same.

use std::{cell::RefCell, ptr::NonNull};

use super::guard::{Failure, caught, fail, guard_passage};
use crate::{
    core::wait::{Asleep, Attempt, Progress},
    error::{Error, Result, errno_at},
    message::drop_spent,
    sync::{cancel, shielded},
};

/// What this thread sleeps for, or has slept for when it was cancelled. Several, where a call has the program's function run,
/// and that calls.
struct Sleeper(RefCell<Vec<NonNull<dyn Asleep>>>);

thread_local! {
    static SLEEPER: Sleeper = const { Sleeper(RefCell::new(Vec::new())) };
}

impl Drop for Sleeper {
    fn drop(&mut self) {
        // From here nothing may be unwound.
        shielded(|| {
            while let Some(call) = self.0.get_mut().pop() {
                let _ = caught(|| {
                    // SAFETY: `sleep` has left it here, in a frame that was unwound and won't go on with it.
                    drop(unsafe { Box::from_raw(call.as_ptr()) });
                    Ok(())
                });
            }
            drop_spent();
        });
    }
}

/// Runs the body of a C function that may sleep: `begin`, and `go_on` each time that it has slept. Both capture nothing that
/// is to be dropped, which they couldn't be if the thread is cancelled.
///
/// As [`guard`](super::guard::guard) otherwise. A thread that is to be cancelled is cancelled before it begins, or where it
/// sleeps.
pub fn blocking<T: Failure, C: Asleep>(
    begin: impl FnOnce() -> Result<Progress<T, C>> + Copy,
    go_on: impl Fn(Box<C>) -> Result<Progress<T, C>> + Copy,
) -> T {
    cancel::test();
    // SAFETY: the calling thread's, here and below.
    let errno = unsafe { *errno_at() };
    let mut step = run(begin);
    loop {
        match step {
            Ok(Step::Done(value)) => {
                drop_spent();
                // SAFETY: as above.
                unsafe { *errno_at() = errno };
                return value;
            }
            Ok(Step::Asleep(call)) => {
                sleep(call);
                step = run(move || {
                    // SAFETY: `run` made it of a box, and this is the only one that takes it.
                    go_on(unsafe { Box::from_raw(call.as_ptr()) })
                });
            }
            Err(error) => {
                drop_spent();
                return fail(error);
            }
        }
    }
}

/// As [`Progress`], without a destructor.
#[derive(Clone, Copy)]
enum Step<T, C> {
    Done(T),
    Asleep(NonNull<C>),
}

/// Runs a part of a call, after which the thread may sleep: with the cancellation disabled, and panics caught.
fn run<T: Copy, C>(body: impl FnOnce() -> Result<Progress<T, C>>) -> Result<Step<T, C>> {
    shielded(|| {
        caught(|| {
            Ok(match body()? {
                Progress::Done(value) => Step::Done(value),
                Progress::Asleep(call) => Step::Asleep(NonNull::from(Box::leak(call))),
            })
        })
    })
}

/// Sleeps for a call, after what is to be given back is given back. Nothing in this frame, nor in its callers', is to be
/// dropped.
fn sleep<C: Asleep>(mut call: NonNull<C>) {
    let mut sleep = move || {
        drop_spent();
        // SAFETY: nobody else has it.
        unsafe { call.as_mut() }.sleep();
    };
    match SLEEPER.try_with(|sleeper| sleeper.0.borrow_mut().push(call)) {
        Ok(()) => {
            sleep();
            let _ = SLEEPER.try_with(|sleeper| sleeper.0.borrow_mut().pop());
        }
        // Where the thread's end won't find it, the thread can't be cancelled.
        Err(_) => shielded(sleep),
    }
}

/// A call of which most are done by a first `attempt`, and the others as by [`blocking`], where `begin` is told how the
/// attempt has failed.
#[inline(always)]
pub fn attempt<T: Failure, C: Asleep>(
    attempt: impl FnOnce() -> Result<Attempt<T>>,
    begin: impl Fn(Option<Error>) -> Result<Progress<T, C>> + Copy,
    go_on: impl Fn(Box<C>) -> Result<Progress<T, C>> + Copy,
) -> T {
    // A thread that never has to sleep is to be cancelled, too.
    cancel::test();
    match guard_passage(|| attempt().map(Some)) {
        Some(Attempt::Done(value)) => value,
        Some(Attempt::Undecided(failed)) => second(failed, begin, go_on),
        None => T::FAILURE,
    }
}

#[cold]
#[inline(never)]
fn second<T: Failure, C: Asleep>(
    failed: Option<Error>,
    begin: impl Fn(Option<Error>) -> Result<Progress<T, C>> + Copy,
    go_on: impl Fn(Box<C>) -> Result<Progress<T, C>> + Copy,
) -> T {
    blocking(move || begin(failed), go_on)
}

/// A call for several parts that has to sleep for one of them.
pub struct Several<C> {
    /// The part.
    pub part: usize,
    /// How many there are.
    pub count: usize,
    /// What it sleeps for.
    pub call: Box<C>,
}

impl<C: Asleep> Asleep for Several<C> {
    fn sleep(&mut self) {
        self.call.sleep();
    }
}
