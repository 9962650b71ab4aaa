//! Something that is looked after by whoever gets to it, or else by one thread that is told to.
//!
//! Who owns what: the content belongs to whoever has the lock. One thread, the *attendant*, may wait for it; others only try,
//! and where they fail, or find what isn't theirs to do, they [tell](Attended::tell) the attendant to look. It forgets that it
//! was told and then waits for the lock, so that what others have done before they told it is there when it looks: nothing is
//! left to nobody. Of several who tell it, the first notifies it.

use super::atomic::{AtomicBool, Mutex, MutexGuard, Ordering};
use std::sync::{PoisonError, TryLockError};

/// Something with an attendant.
pub struct Attended<T> {
    /// The attendant was told to look, and hasn't yet.
    told: AtomicBool,
    content: Mutex<T>,
}

impl<T> Attended<T> {
    /// This content, which nobody has to look after yet.
    pub fn new(content: T) -> Attended<T> {
        Attended {
            told: AtomicBool::new(false),
            content: Mutex::new(content),
        }
    }

    /// Has the attendant look. Whether the caller is to notify it.
    #[must_use]
    pub fn tell(&self) -> bool {
        !self.told.swap(true, Ordering::SeqCst)
    }

    /// The attendant looks: waits for the lock, and can be told anew from now on. Only if a thread has panicked inside,
    /// `recover` is called, once.
    pub fn attend<'a>(&'a self, recover: impl FnOnce(&mut T)) -> MutexGuard<'a, T> {
        self.told.store(false, Ordering::SeqCst);
        self.lock(recover)
    }

    /// Waits for the lock. As [`Attended::attend`] otherwise.
    pub fn lock<'a>(&'a self, recover: impl FnOnce(&mut T)) -> MutexGuard<'a, T> {
        self.content
            .lock()
            .unwrap_or_else(|poisoned| self.recover(poisoned, recover))
    }

    /// The lock, if nobody has it.
    pub fn try_lock<'a>(&'a self, recover: impl FnOnce(&mut T)) -> Option<MutexGuard<'a, T>> {
        match self.content.try_lock() {
            Ok(content) => Some(content),
            Err(TryLockError::Poisoned(poisoned)) => Some(self.recover(poisoned, recover)),
            Err(TryLockError::WouldBlock) => None,
        }
    }

    #[cold]
    fn recover<'a>(
        &self,
        poisoned: PoisonError<MutexGuard<'a, T>>,
        recover: impl FnOnce(&mut T),
    ) -> MutexGuard<'a, T> {
        self.content.clear_poison();
        let mut content = poisoned.into_inner();
        recover(&mut content);
        content
    }
}
