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

#[cfg(loom)]
use loom::{
    cell::UnsafeCell,
    sync::{
        Mutex, MutexGuard,
        atomic::{AtomicBool, AtomicPtr, Ordering},
    },
};
#[cfg(not(loom))]
use std::{
    cell::UnsafeCell,
    sync::{
        Mutex, MutexGuard,
        atomic::{AtomicBool, AtomicPtr, Ordering},
    },
};
use std::{
    ops::{Deref, DerefMut},
    ptr,
    sync::{PoisonError, TryLockError},
    time::Duration,
};

use super::{
    barrier,
    cancel::nap,
    owner::{Record, record},
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
        unsafe { &mut *content(&self.0.content) }
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
        unsafe { &*content(&self.lock.content) }
    }
}

impl<T> DerefMut for Guard<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: we are inside, alone.
        unsafe { &mut *content(&self.lock.content) }
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
                if !self.plain && history.streak >= history.wanted && barrier::available() =>
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

#[cfg(not(loom))]
#[inline]
fn content<T>(cell: &UnsafeCell<T>) -> *mut T {
    cell.get()
}
/// Loom is told of each access, by which it finds two at once.
#[cfg(loom)]
fn content<T>(cell: &UnsafeCell<T>) -> *mut T {
    cell.with_mut(|content| content)
}

#[cfg(loom)]
use loom::thread::yield_now;
#[cfg(not(loom))]
use std::thread::yield_now;

#[cfg(all(test, not(loom)))]
mod tests {
    use std::{
        panic::{AssertUnwindSafe, catch_unwind},
        sync::{Arc, atomic::AtomicU64},
        time::Instant,
    };

    use super::*;

    /// A thread keeps the lock busy as its owner; others come by at random. Both count.
    #[test]
    fn an_owner_and_passers_by_are_never_inside_together() {
        barrier::register();
        let until = Instant::now() + Duration::from_millis(500);
        let lock = Arc::new(Biased::new((0u64, 0u64)));
        let count = |pause: u64| {
            let lock = lock.clone();
            move || {
                let mut mine = 0;
                while Instant::now() < until {
                    for _ in 0..200 {
                        let mut both = lock.lock();
                        assert_eq!(both.0, both.1);
                        both.0 += 1;
                        std::hint::black_box(&mut both);
                        both.1 += 1;
                        mine += 1;
                        if pause > 0 {
                            break;
                        }
                    }
                    if pause > 0 {
                        std::thread::sleep(Duration::from_micros(pause));
                    }
                }
                mine
            }
        };
        let threads = [0, 50, 700].map(|pause| std::thread::spawn(count(pause)));
        let total: u64 = threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .sum();
        assert_eq!(*lock.lock(), (total, total));
    }

    /// Threads that come one after the other each become the owner, after a while.
    #[test]
    fn the_bias_follows_the_user() {
        barrier::register();
        let lock = Arc::new(Biased::new(0));
        for _ in 0..3 {
            let lock = lock.clone();
            let user = move || {
                for _ in 0..STREAK_MIN * 16 {
                    *lock.lock() += 1;
                }
                is_owner(&lock)
            };
            let owned = std::thread::spawn(user).join().unwrap();
            assert_eq!(owned, barrier::available());
        }
        assert_eq!(*lock.lock(), 3 * STREAK_MIN * 16);
    }

    fn is_owner<T>(lock: &Biased<T>) -> bool {
        // SAFETY: null, or a record, and those are never freed.
        let owner = unsafe { lock.owner.load(Ordering::Relaxed).as_ref() };
        owner.is_some_and(|owner| owner.thread == this_thread())
    }

    fn become_owner<T>(lock: &Biased<T>) -> bool {
        (0..STREAK_MIN * 4).for_each(|_| drop(lock.lock()));
        assert_eq!(is_owner(lock), barrier::available());
        is_owner(lock)
    }

    /// However many threads have owned the lock before, and whether or not they have ended.
    #[test]
    fn any_number_of_threads_own_it_in_turn() {
        barrier::register();
        let lock = Biased::new(());
        let is_over = std::sync::Barrier::new(41);
        std::thread::scope(|scope| {
            for _ in 0..40 {
                let (lock, is_over) = (&lock, &is_over);
                let (done, wait) = std::sync::mpsc::channel();
                scope.spawn(move || {
                    lock.history.lock().unwrap().wanted = STREAK_MIN;
                    become_owner(lock);
                    done.send(()).unwrap();
                    is_over.wait();
                });
                wait.recv().unwrap();
            }
            is_over.wait();
        });
    }

    /// The owner of one lock may be inside of it when it takes another one that it owns.
    #[test]
    fn an_owner_of_two_locks_is_inside_of_both() {
        barrier::register();
        let (one, other) = (Biased::new(1), Biased::new(2));
        become_owner(&one);
        become_owner(&other);
        let both = (one.lock(), other.lock());
        assert_eq!((*both.0, *both.1), (1, 2));
    }

    /// An owner that panics, or that gives the bias up, while a visitor waits for it to leave: the visitor doesn't bring it
    /// back.
    #[test]
    fn a_visitor_does_not_bring_back_who_has_resigned() {
        barrier::register();
        for panics in [false, true] {
            let lock = Biased::new(());
            if !become_owner(&lock) {
                return;
            }
            std::thread::scope(|scope| {
                let mut inside = lock.lock();
                let visitor = scope.spawn(|| drop(lock.lock_keeping_bias()));
                while !lock.owner.load(Ordering::Relaxed).is_null() {
                    std::thread::yield_now();
                }
                if panics {
                    let panicking = AssertUnwindSafe(|| {
                        let _inside = inside;
                        std::panic::resume_unwind(Box::new(()));
                    });
                    assert!(catch_unwind(panicking).is_err());
                } else {
                    inside.end_bias();
                    drop(inside);
                }
                visitor.join().unwrap();
            });
            assert!(!is_owner(&lock));
            assert_eq!(lock.is_poisoned(), panics);
            // Nor does the next one, who finds no owner.
            drop(lock.lock_keeping_bias());
            assert!(!is_owner(&lock));
            become_owner(&lock);
        }
    }

    /// A thread that is inside for good, as one is in a forked child in which it doesn't exist, is not waited for.
    #[test]
    fn who_never_leaves_is_not_waited_for() {
        barrier::register();
        for is_owner in [true, false] {
            let lock = Biased::new(());
            if is_owner {
                become_owner(&lock);
            }
            let inside = lock.lock();
            let came_in = std::thread::scope(|scope| {
                let twice = || [lock.lock_soon().is_some(), lock.lock_soon().is_some()];
                scope.spawn(twice).join().unwrap()
            });
            assert_eq!(came_in, [false, false]);
            drop(inside);
            assert!(lock.lock_soon().is_some());
        }
    }

    /// A panic inside poisons the lock, whichever way the thread went in.
    #[test]
    fn a_panic_inside_is_remembered() {
        barrier::register();
        for before in [0, 2 * STREAK_MIN] {
            let lock = Arc::new(Biased::new(AtomicU64::new(0)));
            let user = {
                let lock = lock.clone();
                move || {
                    (0..before).for_each(|_| drop(lock.lock()));
                    let _inside = lock.lock();
                    std::panic::resume_unwind(Box::new(()));
                }
            };
            assert!(std::thread::spawn(user).join().is_err());
            assert!(lock.is_poisoned());
            drop(lock.lock());
        }
    }
}

/// All interleavings, by loom, in `make test`. The barriers are full fences there.
#[cfg(all(test, loom))]
mod model {
    use loom::{sync::Arc, thread};

    use super::*;

    fn check(run: impl Fn() + Sync + Send + 'static) {
        let mut model = loom::model::Builder::new();
        model.preemption_bound = Some(3);
        model.check(run);
    }

    /// One thread takes the lock often enough to become the owner, and another comes between.
    #[test]
    fn nobody_is_inside_with_another() {
        check(|| {
            let lock = Arc::new(Biased::new(0));
            let other = {
                let lock = lock.clone();
                thread::spawn(move || *lock.lock() += 1)
            };
            for _ in 0..3 {
                *lock.lock() += 1;
            }
            other.join().unwrap();
            assert_eq!(*lock.lock(), 4);
        });
    }

    /// A thread that has ceased to be the owner finds that out late, when another one is it, and inside.
    #[test]
    fn a_former_owner_does_not_let_others_in() {
        check(|| {
            let lock = Arc::new(Biased::new(0));
            *lock.lock() += 1;
            *lock.lock() += 1;
            let other = {
                let lock = lock.clone();
                thread::spawn(move || {
                    for _ in 0..3 {
                        *lock.lock() += 1;
                    }
                    // The owner by now, unless somebody came between.
                    *lock.lock() += 1;
                })
            };
            let visitor = {
                let lock = lock.clone();
                thread::spawn(move || *lock.lock_keeping_bias() += 1)
            };
            if let Some(mut inside) = lock.lock_as_owner() {
                *inside.content() += 0;
                inside.leave();
            }
            other.join().unwrap();
            visitor.join().unwrap();
            assert_eq!(*lock.lock(), 7);
        });
    }

    /// One thread becomes the owner, and another visits the while.
    #[test]
    fn a_visitor_is_never_inside_with_the_owner() {
        check(|| {
            let lock = Arc::new(Biased::new(0));
            let other = {
                let lock = lock.clone();
                thread::spawn(move || *lock.lock_keeping_bias() += 1)
            };
            for _ in 0..2 {
                *lock.lock() += 1;
            }
            let mut inside = loop {
                match lock.lock_as_owner() {
                    Some(inside) => break inside,
                    None => *lock.lock() += 0,
                }
            };
            *inside.content() += 1;
            inside.leave();
            other.join().unwrap();
            assert_eq!(*lock.lock(), 4);
        });
    }

    /// The owner gives the bias up while another visits: the visitor doesn't bring it back.
    #[test]
    fn a_visitor_does_not_bring_back_who_has_resigned() {
        check(|| {
            let lock = Arc::new(Biased::new(0));
            *lock.lock() += 1;
            let visitor = {
                let lock = lock.clone();
                thread::spawn(move || *lock.lock_keeping_bias() += 1)
            };
            let mut inside = lock.lock();
            *inside += 1;
            inside.end_bias();
            drop(inside);
            visitor.join().unwrap();
            assert!(lock.lock_as_owner().is_none());
            assert_eq!(*lock.lock(), 3);
        });
    }

    /// A thread owns two locks, and goes from one to the other, while another thread takes the bias of the first away.
    #[test]
    fn who_goes_from_lock_to_lock_has_left_the_first() {
        check(|| {
            let (lock, other_lock) = (Arc::new(Biased::new(0)), Biased::new(0));
            *lock.lock() += 1;
            *other_lock.lock() += 1;
            let other = {
                let lock = lock.clone();
                thread::spawn(move || *lock.lock() += 1)
            };
            *lock.lock() += 1;
            *other_lock.lock() += 1;
            *lock.lock() += 1;
            other.join().unwrap();
            assert_eq!((*lock.lock(), *other_lock.lock()), (4, 2));
        });
    }
}
