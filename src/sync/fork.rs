//! What a forked child makes of what its parent's other threads were doing at the time.
//!
//! Those threads don't exist in the child. What they had locked stays locked, and what they were about to write is half
//! written. So state of the whole process is behind a [`Global`], which a child finds usable: as it is if nobody was at
//! it, and empty otherwise. What belongs to one object notes the [`generation`] of its process, by which a child tells
//! what it has inherited.

use std::{
    cell::UnsafeCell,
    ptr,
    sync::{
        Mutex, MutexGuard, PoisonError, TryLockError, TryLockResult,
        atomic::{AtomicBool, AtomicPtr, AtomicU32, Ordering},
    },
};

/// How often this process and its ancestors were forked since the library was first used.
static FORKS: AtomicU32 = AtomicU32::new(0);
static WATCHED: AtomicBool = AtomicBool::new(false);

/// As good as the process's id, without a system call.
pub fn generation() -> u32 {
    watch();
    FORKS.load(Ordering::Relaxed)
}

/// Has forks counted from now on.
fn watch() {
    // Neither a lock nor `Once`, which a child would find locked for ever. Two threads that come here at once only have
    // each fork counted twice.
    if !WATCHED.load(Ordering::Acquire) {
        // SAFETY: the function may be called in a forked child.
        unsafe { libc::pthread_atfork(None, None, Some(in_child)) };
        WATCHED.store(true, Ordering::Release);
    }
}

extern "C" fn in_child() {
    FORKS.fetch_add(1, Ordering::Relaxed);
    let mut node = GLOBALS.load(Ordering::Acquire);
    // SAFETY: nodes are never freed.
    while let Some(known) = unsafe { node.as_ref() } {
        // SAFETY: a child begins with one thread, which has called fork(2) and so holds no lock of ours.
        unsafe { known.global.restore() };
        node = known.next;
    }
}

/// The list of all that was ever locked. Only ever prepended to, so that it is whole at any time.
static GLOBALS: AtomicPtr<Node> = AtomicPtr::new(ptr::null_mut());

struct Node {
    global: &'static dyn Restore,
    next: *mut Node,
}

trait Restore: Sync {
    /// Makes it usable if a thread that doesn't exist any more has locked it.
    ///
    /// # Safety
    /// No other thread exists, and this one hasn't locked it.
    unsafe fn restore(&self);
}

/// Takes a lock if nobody has it, or who has it soon gives it back: where that may be a thread which doesn't exist.
pub fn lock_soon<T>(mutex: &Mutex<T>) -> Option<MutexGuard<'_, T>> {
    // Each may take as long as others keep the processor.
    const ROUNDS: u32 = 20;
    for _ in 0..ROUNDS {
        match mutex.try_lock() {
            Ok(guard) => return Some(guard),
            Err(TryLockError::Poisoned(poisoned)) => return Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => std::thread::yield_now(),
        }
    }
    None
}

/// State of the whole process, behind a lock.
pub struct Global<T> {
    content: UnsafeCell<Mutex<T>>,
    empty: fn() -> T,
    known: AtomicBool,
}

// SAFETY: the cell is written to only while there is one thread.
unsafe impl<T: Send> Sync for Global<T> {}

impl<T: Send> Global<T> {
    /// With some content, and what a child begins with that finds it locked.
    pub const fn new(content: T, empty: fn() -> T) -> Global<T> {
        Global {
            content: UnsafeCell::new(Mutex::new(content)),
            empty,
            known: AtomicBool::new(false),
        }
    }

    /// Waits for the lock.
    pub fn lock(&'static self) -> MutexGuard<'static, T> {
        self.mutex().lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the lock if it is free.
    pub fn try_lock(&'static self) -> TryLockResult<MutexGuard<'static, T>> {
        self.mutex().try_lock()
    }

    #[inline]
    fn mutex(&'static self) -> &'static Mutex<T> {
        if !self.known.load(Ordering::Acquire) {
            self.make_known();
        }
        // SAFETY: written to only in `restore`, when nobody holds a reference.
        unsafe { &*self.content.get() }
    }

    #[cold]
    fn make_known(&'static self) {
        watch();
        let node = Box::leak(Box::new(Node {
            global: self,
            next: GLOBALS.load(Ordering::Acquire),
        }));
        // If two threads do this at once it is in the list twice, which does no harm.
        while let Err(first) =
            GLOBALS.compare_exchange(node.next, node, Ordering::AcqRel, Ordering::Acquire)
        {
            node.next = first;
        }
        self.known.store(true, Ordering::Release);
    }
}

impl<T: Send> Restore for Global<T> {
    unsafe fn restore(&self) {
        // SAFETY: shared as by any lock.
        let mutex = unsafe { &*self.content.get() };
        if let Err(TryLockError::WouldBlock) = mutex.try_lock() {
            // SAFETY: no other thread exists that could use it. What it held is left as it is: it may be half written.
            unsafe { self.content.get().write(Mutex::new((self.empty)())) };
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::mpsc, thread, time::Duration};

    use super::*;

    /// Whether this holds in a forked child.
    fn holds_in_child(run: impl FnOnce() -> bool) -> bool {
        // SAFETY: the child does what may be done in one, and ends.
        match unsafe { libc::fork() } {
            0 => {
                // SAFETY: alarm(2) bounds the child's time; _exit(2) ends it without running what is the parent's.
                unsafe {
                    libc::alarm(20);
                    libc::_exit(i32::from(!run()))
                }
            }
            child => {
                let mut status = 1;
                // SAFETY: the place for the status is there.
                let waited = unsafe { libc::waitpid(child, &mut status, 0) };
                (waited, status) == (child, 0)
            }
        }
    }

    /// A child finds what another thread of the parent had locked unlocked and empty, and all else as it was.
    #[test]
    fn a_child_waits_for_no_thread_of_its_parent() {
        static LOCKED: Global<u32> = Global::new(1, || 7);
        static FREE: Global<u32> = Global::new(2, || 7);
        assert_eq!(*FREE.lock(), 2);
        let before = generation();
        let (is_locked, locked) = mpsc::channel();
        let (done, may_end) = mpsc::channel::<()>();
        let holder = thread::spawn(move || {
            let _held = LOCKED.lock();
            is_locked.send(()).unwrap();
            let _ = may_end.recv_timeout(Duration::from_secs(60));
        });
        locked.recv().unwrap();
        assert!(holds_in_child(|| {
            (*LOCKED.lock(), *FREE.lock()) == (7, 2) && generation() != before
        }));
        drop(done);
        holder.join().unwrap();
        assert_eq!((*LOCKED.lock(), generation()), (1, before));
    }
}
