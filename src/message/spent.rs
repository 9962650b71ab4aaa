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
    static SPENT: RefCell<Vec<Spent>> = const { RefCell::new(Vec::new()) };
}

/// How many threads have some. So that one look is enough when there are none, as a rule.
static THREADS: AtomicUsize = AtomicUsize::new(0);

/// Leaves a body to [`drop_spent`].
#[cold]
pub fn keep(body: Spent) {
    // A thread that is ending gives it back here.
    let _ = SPENT.try_with(move |spent| {
        let mut spent = spent.borrow_mut();
        if spent.is_empty() {
            THREADS.fetch_add(1, Ordering::Relaxed);
        }
        spent.push(body);
    });
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
    while let Ok(bodies) = SPENT.try_with(RefCell::take)
        && !bodies.is_empty()
    {
        THREADS.fetch_sub(1, Ordering::Relaxed);
        drop(bodies);
    }
}
