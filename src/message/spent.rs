//! Bodies of the program's that are to be given back to it. Its function to free them may call the library again, and where
//! the last reference goes there may be a lock.
//!
//! So they are left with the thread, which gives them back before it returns to the program, or sleeps: who lends a buffer
//! for a message may wait for it to come back before it calls again.

use std::{
    cell::RefCell,
    sync::atomic::{AtomicUsize, Ordering},
};

use super::content::Spent;

thread_local! {
    static LEFT: Left = const { Left(RefCell::new(Vec::new())) };
}

/// How many threads have some. So that one look is enough when there are none, as a rule.
static THREADS: AtomicUsize = AtomicUsize::new(0);

/// What a thread has left. The end of the thread is the latest time to give it back.
struct Left(RefCell<Vec<Spent>>);

impl Left {
    fn keep(&self, body: Spent) {
        let mut bodies = self.0.borrow_mut();
        if bodies.is_empty() {
            THREADS.fetch_add(1, Ordering::Relaxed);
        }
        bodies.push(body);
    }

    fn take(&self) -> Vec<Spent> {
        let bodies = self.0.take();
        if !bodies.is_empty() {
            THREADS.fetch_sub(1, Ordering::Relaxed);
        }
        bodies
    }
}

impl Drop for Left {
    fn drop(&mut self) {
        drop(self.take());
    }
}

/// Leaves a body to [`drop_spent`].
#[cold]
pub fn keep(body: Spent) {
    // A thread that is ending gives it back here.
    let _ = LEFT.try_with(move |left| left.keep(body));
}

/// Gives back what this thread has left. To be called without any lock.
#[inline]
pub fn drop_spent() {
    if THREADS.load(Ordering::Relaxed) > 0 {
        drop_some();
    }
}

#[cold]
fn drop_some() {
    // Giving one back may leave others.
    while let Ok(bodies) = LEFT.try_with(Left::take)
        && !bodies.is_empty()
    {
        drop(bodies);
    }
}
