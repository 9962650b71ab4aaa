//! Messages that have to be dropped while a lock is held, but not under it: their bodies are the
//! program's, whose function to free them may call the library again.
//!
//! They are left with the thread, which drops them before it returns to the program, or sleeps:
//! who lends a buffer for a message may wait for it to come back before it calls again.

use std::{
    cell::RefCell,
    sync::atomic::{AtomicUsize, Ordering},
};

use super::Message;

thread_local! {
    static SPENT: RefCell<Vec<Message>> = const { RefCell::new(Vec::new()) };
}

/// How many threads have some. So that one look is enough when there are none, as a rule.
static THREADS: AtomicUsize = AtomicUsize::new(0);

/// Drops a message, or leaves it to [`drop_spent`] if the program would be called for it.
pub fn drop_later(message: Message) {
    if message.is_foreign() {
        // A thread that is ending drops it here.
        let _ = SPENT.try_with(move |spent| {
            let mut spent = spent.borrow_mut();
            if spent.is_empty() {
                THREADS.fetch_add(1, Ordering::Relaxed);
            }
            spent.push(message);
        });
    }
}

/// Drops what this thread has left. To be called without any lock.
#[inline]
pub fn drop_spent() {
    if THREADS.load(Ordering::Relaxed) > 0 {
        drop_some();
    }
}

#[cold]
fn drop_some() {
    // Dropping one may leave others.
    while let Ok(messages) = SPENT.try_with(RefCell::take)
        && !messages.is_empty()
    {
        THREADS.fetch_sub(1, Ordering::Relaxed);
        drop(messages);
    }
}
