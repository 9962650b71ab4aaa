//! Bodies of the program's that are to be given back to it. Its function to free them may call the library again, and where
//! the last reference goes there may be a lock.
//!
//! So they are left with the thread, which gives them back before it returns to the program, or sleeps: who lends a buffer
//! for a message may wait for it to come back before it calls again. The function may even end the thread, by pthread_exit(3)
//! or where it is cancelled: the others are given back when the thread-local values are destroyed.
//!
//! A thread that ends may still send and receive, in the destructors of its `pthread_key_create(3)` keys, which run when
//! thread-local values have been destroyed. So the values here have no destructor, by which they stay usable to the last.

use std::{
    cell::Cell,
    collections::VecDeque,
    sync::atomic::{AtomicUsize, Ordering},
};

use super::content::Spent;
use crate::sync::shielded;

/// Some bodies, and those that are given back when these are.
struct Batch {
    bodies: VecDeque<Spent>,
    outer: Option<&'static mut Batch>,
}

type Batches = Cell<Option<&'static mut Batch>>;

thread_local! {
    /// What this thread has left. `None` is nothing.
    static LEFT: Batches = const { Cell::new(None) };
    /// What it is giving back.
    static UNDER_WAY: Batches = const { Cell::new(None) };
}

const _: () = assert!(!std::mem::needs_drop::<Batches>());

thread_local! {
    /// The end of a thread is the latest time to give back what it has left.
    static AT_END: AtEnd = const { AtEnd };
}

struct AtEnd;

impl Drop for AtEnd {
    fn drop(&mut self) {
        // From here nothing may be unwound.
        shielded(|| {
            drop_spent();
            while UNDER_WAY.take().map(resume).is_some() {}
        });
    }
}

/// How many batches there are. So that one look is enough when there are none, as a rule.
static BATCHES: AtomicUsize = AtomicUsize::new(0);

/// Leaves a body to [`drop_spent`].
#[cold]
pub fn keep(body: Spent) {
    let batch = LEFT.take().unwrap_or_else(|| {
        BATCHES.fetch_add(1, Ordering::Relaxed);
        Box::leak(Box::new(Batch {
            bodies: VecDeque::new(),
            outer: None,
        }))
    });
    batch.bodies.push_back(body);
    LEFT.set(Some(batch));
    // A thread without thread-local values any more is in a call, at the end of which it gives back.
    let _ = AT_END.try_with(|_| ());
}

/// Gives back what this thread has left. To be called without any lock, and where nothing is to be dropped: the program's
/// functions may unwind the thread.
#[inline]
pub fn drop_spent() {
    if BATCHES.load(Ordering::Relaxed) > 0 {
        drop_some();
    }
}

#[cold]
fn drop_some() {
    // Giving one back may leave others.
    while let Some(batch) = LEFT.take() {
        batch.outer = UNDER_WAY.take();
        resume(batch);
    }
}

/// Gives back what is in a batch, which is in its place while the program's functions run.
fn resume(mut batch: &'static mut Batch) {
    while let Some(body) = batch.bodies.pop_front() {
        UNDER_WAY.set(Some(batch));
        body.give_back();
        // As it was left: what has come to be under way meanwhile is done.
        match UNDER_WAY.take() {
            Some(same) => batch = same,
            None => return,
        }
    }
    UNDER_WAY.set(batch.outer.take());
    BATCHES.fetch_sub(1, Ordering::Relaxed);
    // SAFETY: `keep` has leaked this box, and this was the only reference to it.
    drop(unsafe { Box::from_raw(batch) });
}

#[cfg(test)]
mod tests {
    use std::{ffi::c_void, ptr, thread};

    use super::*;
    use crate::message::Message;

    static FREED: AtomicUsize = AtomicUsize::new(0);

    unsafe extern "C-unwind" fn free(_: *mut c_void, _: *mut c_void) {
        FREED.fetch_add(1, Ordering::Relaxed);
    }

    /// The destructor of a thread-specific value runs after those of thread-local ones.
    unsafe extern "C" fn lend_and_give_back(data: *mut c_void) {
        // SAFETY: the byte is static.
        let lent = unsafe { Message::foreign(data.cast(), 1, Some(free), ptr::null_mut()) };
        drop(lent);
        assert_eq!(
            FREED.load(Ordering::Relaxed),
            0,
            "freed where a lock may be"
        );
        drop_spent();
    }

    /// Whatever has been destroyed already, a body waits for [`drop_spent`] and is given back by it.
    #[test]
    fn a_thread_that_ends_gives_back_when_asked() {
        static DATA: u8 = 0;
        let mut key = 0;
        // SAFETY: the place for the key is there.
        let made = unsafe { libc::pthread_key_create(&mut key, Some(lend_and_give_back)) };
        assert_eq!(made, 0);
        let ending = move || {
            // SAFETY: the key was made.
            unsafe { libc::pthread_setspecific(key, (&raw const DATA).cast()) };
        };
        thread::spawn(ending).join().unwrap();
        assert_eq!(FREED.load(Ordering::Relaxed), 1);
    }
}
