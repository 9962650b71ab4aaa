//! A lock that costs next to nothing for the one thread that takes it again and again.
//!
//! A socket is used by one thread at a time, as a rule by the same one for all its life; and the
//! two atomic operations by which a mutex is taken and left are a good part of what a small
//! message costs. So the lock becomes *biased* towards a thread that has taken it often enough
//! with nobody between: that thread, the bias owner, then enters by plain stores and loads. Any
//! other thread first takes the mutex, revokes the bias, and waits until the owner is outside.
//!
//! Who owns what: `owner` is written by whoever holds the mutex, or, to give the bias up, by the owner while it is inside. It
//! points to the owner's [`Record`], to which that alone writes which lock it is inside of. The owner says that it is inside and
//! then looks whether it still is the owner; who revokes the bias clears `owner` and then looks at the record. The barriers
//! between these ([`super::barrier`]) see to it that not both can miss the other. Nobody has to be woken: who has revoked the
//! bias looks again and again, because calls are short. (Biased locking: Kawachiya, Koseki and Onodera, OOPSLA 2002.)
//!
//! A thread may be interrupted as it goes in, and find out long afterwards that it isn't the owner any more, and say that it is
//! outside. Were that said in the lock, it would be taken for the next owner's word. Said in the thread's own record, it can't
//! be; so any number of threads may own the lock in turn, and nothing is to be remembered of them.

use std::{
    ops::{Deref, DerefMut},
    ptr,
    sync::{PoisonError, TryLockError},
    time::Duration,
};

use super::{
    Mechanism,
    atomic::{
        AtomicBool, AtomicPtr, Mutex, MutexGuard, Ordering, UnsafeCell, pointer_in, yield_now,
    },
    barrier,
    cancel::nap,
    owner::{Record, record},
    uses,
};

/// So many times in a row a thread has to take the lock to become the owner; twice as many each
/// time that the bias was revoked.
const STREAK_MIN: u32 = if cfg!(loom) { 1 } else { 32 };
const STREAK_MAX: u32 = 1 << 20;

/// A mutual exclusion lock around some content.
#[repr(C)]
pub struct Biased<T> {
    /// The record of the bias owner; null: none.
    owner: AtomicPtr<Record>,
    /// A thread has panicked inside.
    poisoned: AtomicBool,
    /// The last owner has given the bias up, or panicked, inside.
    resigned: AtomicBool,
    content: UnsafeCell<T>,
    history: Mutex<History>,
}

/// Who has taken the mutex lately.
struct History {
    last: usize,
    streak: u32,
    wanted: u32,
}

// SAFETY: one thread at a time gets at the content.
unsafe impl<T: Send> Sync for Biased<T> {}
// SAFETY: as for any mutex.
unsafe impl<T: Send> Send for Biased<T> {}

/// Whoever has it is inside. For the owner the mutex stays open.
pub struct Guard<'a, T> {
    lock: &'a Biased<T>,
    way: Way<'a>,
    /// Nobody is to become or to stay the owner by this.
    plain: bool,
}

/// How somebody has come in.
enum Way<'a> {
    /// As the owner, whose record this is.
    Owner(&'static Record),
    /// By the mutex, and the bias is revoked.
    Mutex(MutexGuard<'a, History>),
    /// By the mutex. Who was the owner before, and is to be again; null: none.
    Visit(
        #[expect(dead_code, reason = "held")] MutexGuard<'a, History>,
        *mut Record,
    ),
}

/// The owner is inside, as its record says. Where this is dropped rather than left, it has panicked there.
pub struct OwnerGuard<'a, T>(&'a Biased<T>, &'static Record);

impl<T> Biased<T> {
    /// A lock that nobody holds.
    pub fn new(content: T) -> Biased<T> {
        Biased {
            owner: AtomicPtr::new(ptr::null_mut()),
            poisoned: AtomicBool::new(false),
            resigned: AtomicBool::new(false),
            history: Mutex::new(History {
                last: 0,
                streak: 0,
                wanted: STREAK_MIN,
            }),
            content: UnsafeCell::new(content),
        }
    }

    /// Waits until nobody is inside, and goes in.
    #[inline(always)]
    pub fn lock(&self) -> Guard<'_, T> {
        let way = match self.enter(this_thread()) {
            Some(record) => Way::Owner(record),
            None => Way::Mutex(self.take_turn()),
        };
        self.guard(way)
    }

    /// Goes in if this thread is the bias owner. It is to [leave](OwnerGuard::leave).
    ///
    /// There is no owner from when a thread panics inside, or gives up the bias ([`Guard::end_bias`]), until one has gone
    /// in by [`Biased::lock`] often enough.
    #[inline(always)]
    pub fn lock_as_owner(&self) -> Option<OwnerGuard<'_, T>> {
        let record = self.enter(this_thread())?;
        Some(OwnerGuard(self, record))
    }

    /// Waits until nobody is inside, and goes in. The owner is the owner again then.
    pub fn lock_keeping_bias(&self) -> Guard<'_, T> {
        let history = self.history.lock().unwrap_or_else(PoisonError::into_inner);
        let owner = self.revoke();
        self.wait_for(owner, u32::MAX);
        // Written by the owner before it has left.
        let owner = match self.resigned.load(Ordering::Relaxed) {
            true => ptr::null_mut(),
            false => owner,
        };
        self.guard(Way::Visit(history, owner))
    }

    /// Goes in if nobody is inside, or soon leaves: where who is inside may be a thread that doesn't exist.
    pub fn lock_soon(&self) -> Option<Guard<'_, T>> {
        // Each may take as long as others keep the processor.
        const ROUNDS: u32 = 20;
        for _ in 0..ROUNDS {
            let history = match self.history.try_lock() {
                Ok(history) => history,
                Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
                Err(TryLockError::WouldBlock) => {
                    yield_now();
                    continue;
                }
            };
            let owner = self.revoke();
            if self.wait_for(owner, ROUNDS) {
                return Some(self.guard(Way::Visit(history, ptr::null_mut())));
            }
            // As it was: whoever comes next isn't to take it for nobody's.
            self.owner.store(owner, Ordering::Release);
            return None;
        }
        None
    }

    fn guard<'a>(&'a self, way: Way<'a>) -> Guard<'a, T> {
        Guard {
            lock: self,
            way,
            plain: false,
        }
    }

    /// Whether a thread has panicked inside.
    #[inline]
    pub fn is_poisoned(&self) -> bool {
        self.poisoned.load(Ordering::Relaxed)
    }

    /// Forgets that.
    pub fn clear_poison(&self) {
        self.poisoned.store(false, Ordering::Relaxed);
    }

    #[inline(always)]
    fn address(&self) -> usize {
        ptr::from_ref(self).addr()
    }

    /// The owner goes in.
    #[inline(always)]
    fn enter(&self, me: usize) -> Option<&'static Record> {
        let owner = self.owner.load(Ordering::Acquire);
        // SAFETY: null, or a record, and those are never freed.
        let record = unsafe { owner.as_ref() }?;
        // An owner that is inside already has called itself, and is to wait like anybody else. If it is inside of another
        // lock, that is what its record says.
        if record.thread != me || record.inside.load(Ordering::Relaxed) != 0 {
            return None;
        }
        // With what was done inside of the last lock: who waits for that may see this instead of zero.
        record.inside.store(self.address(), Ordering::Release);
        barrier::light();
        // With what a visitor has done inside.
        if self.owner.load(Ordering::Acquire) == owner {
            return Some(record);
        }
        record.inside.store(0, Ordering::Release);
        None
    }

    /// Any other thread goes in, and there is no owner any more.
    #[cold]
    fn take_turn(&self) -> MutexGuard<'_, History> {
        let mut history = self.history.lock().unwrap_or_else(PoisonError::into_inner);
        let me = this_thread();
        let owner = self.revoke();
        self.wait_for(owner, u32::MAX);
        if !owner.is_null() {
            history.wanted = (history.wanted * 2).min(STREAK_MAX);
            history.last = 0;
        }
        if history.last != me {
            (history.last, history.streak) = (me, 0);
        }
        history.streak = history.streak.saturating_add(1);
        history
    }

    /// There is no owner any more, but it may be inside. Returns what `owner` was. For who has the mutex.
    fn revoke(&self) -> *mut Record {
        let owner = self.owner.load(Ordering::Acquire);
        if !owner.is_null() {
            self.owner.store(ptr::null_mut(), Ordering::Relaxed);
            barrier::heavy();
        }
        owner
    }

    /// Waits until the thread with this record, if there is one, isn't inside, for so many rounds at most. Whether it is
    /// outside.
    fn wait_for(&self, owner: *mut Record, rounds: u32) -> bool {
        // SAFETY: null, or a record, and those are never freed.
        let Some(record) = (unsafe { owner.as_ref() }) else {
            return true;
        };
        let mut round = 0u32;
        while record.inside.load(Ordering::Acquire) == self.address() {
            if round == rounds {
                return false;
            }
            round = round.saturating_add(1).min(rounds);
            if cfg!(loom) || round < 100 || rounds < u32::MAX {
                yield_now();
            } else {
                nap(Duration::from_micros(100));
            }
        }
        true
    }

    /// The owner gives the bias up, from inside.
    fn resign(&self) {
        self.resigned.store(true, Ordering::Relaxed);
        // With it goes what we have done inside.
        self.owner.store(ptr::null_mut(), Ordering::Release);
    }
}

impl<T> OwnerGuard<'_, T> {
    /// What is inside.
    #[inline(always)]
    pub fn content(&mut self) -> &mut T {
        // SAFETY: we are inside, alone.
        unsafe { &mut *pointer_in(&self.0.content) }
    }

    /// Goes out.
    #[inline(always)]
    pub fn leave(self) {
        self.1.inside.store(0, Ordering::Release);
        std::mem::forget(self);
    }
}

impl<T> Drop for OwnerGuard<'_, T> {
    fn drop(&mut self) {
        self.0.poisoned.store(true, Ordering::Relaxed);
        self.0.resign();
        self.1.inside.store(0, Ordering::Release);
    }
}

impl<T> Deref for Guard<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: we are inside, alone.
        unsafe { &*pointer_in(&self.lock.content) }
    }
}

impl<T> DerefMut for Guard<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: we are inside, alone.
        unsafe { &mut *pointer_in(&self.lock.content) }
    }
}

impl<T> Guard<'_, T> {
    /// Nobody is the owner afterwards.
    pub fn end_bias(&mut self) {
        self.plain = true;
    }
}

impl<T> Drop for Guard<'_, T> {
    #[inline]
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.lock.poisoned.store(true, Ordering::Relaxed);
            self.plain = true;
        }
        match &mut self.way {
            Way::Owner(record) => {
                if self.plain {
                    self.lock.resign();
                }
                record.inside.store(0, Ordering::Release);
            }
            // Only now, so that a thread that calls itself doesn't get in a second time.
            Way::Visit(_, owner) if !self.plain => {
                self.lock.owner.store(*owner, Ordering::Release);
            }
            Way::Mutex(history)
                if !self.plain
                    && history.streak >= history.wanted
                    && barrier::available()
                    && uses(Mechanism::Bias) =>
            {
                self.lock.resigned.store(false, Ordering::Relaxed);
                let owner = record(history.last);
                self.lock.owner.store(owner, Ordering::Release);
            }
            Way::Mutex(_) | Way::Visit(..) => {}
        }
    }
}

/// What tells threads apart that run at the same time; never zero. One that comes after another
/// has ended may be the same to us: it will find nobody inside.
#[cfg(not(loom))]
#[inline(always)]
fn this_thread() -> usize {
    // What pthread_self(3) returns, without the call.
    #[cfg(target_arch = "x86_64")]
    {
        let me: usize;
        // SAFETY: by the ABI of x86-64 the first word at %fs is its own address, and it is set once.
        unsafe {
            std::arch::asm!(
                "mov {}, qword ptr fs:[0]",
                out(reg) me,
                options(pure, readonly, nostack, preserves_flags)
            );
        }
        me
    }
    // SAFETY: has no preconditions.
    #[cfg(not(target_arch = "x86_64"))]
    unsafe {
        libc::pthread_self() as usize
    }
}
#[cfg(loom)]
fn this_thread() -> usize {
    loom::thread_local!(static ME: u8 = 0);
    ME.with(|me| std::ptr::from_ref(me) as usize)
}

#[cfg(all(test, not(loom)))]
mod tests;

#[cfg(all(test, loom))]
mod model;
