//! A lock that costs next to nothing for the one thread that takes it again and again.
//!
//! A socket is used by one thread at a time, as a rule by the same one for all its life; and the
//! two atomic operations by which a mutex is taken and left are a good part of what a small
//! message costs. So the lock becomes *biased* towards a thread that has taken it often enough
//! with nobody between: that thread then enters by plain stores and loads. Any other thread first
//! takes the mutex, takes the bias away, and waits until the favourite is outside.
//!
//! Who owns what: `favourite` is written by whoever holds the mutex; it names a thread and its seat, where that alone says
//! whether it is inside. The favourite takes its seat and then looks whether it still is the favourite; who takes the bias
//! away clears `favourite` and then looks at the seat. The barriers between these ([`super::barrier`]) see to it that not
//! both can miss the other. Nobody has to be woken: who has taken the bias away looks again and again, because calls are
//! short. (Biased locking: Kawachiya, Koseki and Onodera, OOPSLA 2002.)
//!
//! A thread may be interrupted as it goes in, and find out long afterwards that it isn't the favourite any more, and leave its
//! seat again. Were that another one's by then, it would look as if that one was outside. So nobody gets a seat that was
//! somebody else's; when all are given away, there is no new favourite.

#[cfg(loom)]
use loom::{
    cell::UnsafeCell,
    sync::{
        Mutex, MutexGuard,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};
#[cfg(not(loom))]
use std::{
    cell::UnsafeCell,
    sync::{
        Mutex, MutexGuard,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};
use std::{
    ops::{Deref, DerefMut},
    sync::PoisonError,
    time::Duration,
};

use super::barrier;

/// So many times in a row a thread has to take the lock to become the favourite; twice as many
/// each time that a favourite was disturbed.
const STREAK_MIN: u32 = if cfg!(loom) { 1 } else { 32 };
const STREAK_MAX: u32 = 1 << 20;
/// So many seats there are: a power of two, by which what names a thread can be multiplied.
const SEATS: usize = if cfg!(loom) {
    2
} else if cfg!(target_pointer_width = "64") {
    8
} else {
    1
};

/// A mutual exclusion lock around some content.
#[repr(C)]
pub struct Biased<T> {
    /// The thread that the lock is biased towards, times [`SEATS`], and its seat; zero: none.
    favourite: AtomicUsize,
    /// Whether somebody is inside, or about to find out that it can't be.
    seats: [AtomicBool; SEATS],
    /// A thread has panicked inside.
    poisoned: AtomicBool,
    content: UnsafeCell<T>,
    history: Mutex<History>,
}

/// Who has taken the mutex lately.
#[repr(C)]
struct History {
    last: usize,
    streak: u32,
    wanted: u32,
    /// Whose the seats are; zero: nobody's yet.
    seats: [usize; SEATS],
}

impl History {
    fn new() -> History {
        History {
            last: 0,
            streak: 0,
            wanted: STREAK_MIN,
            seats: [0; SEATS],
        }
    }

    /// A seat for the thread that was last, which is inside, and therefore not on its way in to an old one.
    fn give_seat(&mut self) -> Option<usize> {
        let is_its_own = |&owner: &usize| owner == self.last || owner == 0;
        let seat = self.seats.iter().position(is_its_own)?;
        self.seats[seat] = self.last;
        Some(seat)
    }
}

// SAFETY: one thread at a time gets at the content.
unsafe impl<T: Send> Sync for Biased<T> {}
// SAFETY: as for any mutex.
unsafe impl<T: Send> Send for Biased<T> {}

/// Whoever has it is inside. For the favourite the mutex stays open.
pub struct Guard<'a, T> {
    lock: &'a Biased<T>,
    way: Way<'a>,
    /// Nobody is to become or to stay the favourite by this.
    plain: bool,
}

/// How somebody has come in.
enum Way<'a> {
    /// As the favourite, who has this seat.
    Seat(usize),
    /// By the mutex. Who was the favourite before, and is to be again; zero: none.
    Mutex(MutexGuard<'a, History>, usize),
}

/// The favourite is inside, in its seat. Where this is dropped rather than left, it has panicked there.
pub struct Favour<'a, T>(&'a Biased<T>, usize);

impl<T> Biased<T> {
    /// A lock that nobody holds.
    pub fn new(content: T) -> Biased<T> {
        Biased {
            favourite: AtomicUsize::new(0),
            seats: std::array::from_fn(|_| AtomicBool::new(false)),
            poisoned: AtomicBool::new(false),
            history: Mutex::new(History::new()),
            content: UnsafeCell::new(content),
        }
    }

    /// Waits until nobody is inside, and goes in.
    #[inline(always)]
    pub fn lock(&self) -> Guard<'_, T> {
        let way = match self.enter(this_thread()) {
            Some(seat) => Way::Seat(seat),
            None => Way::Mutex(self.take_turn(), 0),
        };
        Guard {
            lock: self,
            way,
            plain: false,
        }
    }

    /// Goes in if this thread is the favourite. It is to [leave](Favour::leave).
    ///
    /// There is no favourite from when a thread panics inside, or asks for that
    /// ([`Guard::forget_favourite`]), until one has gone in by [`Biased::lock`] often enough.
    #[inline(always)]
    pub fn favour(&self) -> Option<Favour<'_, T>> {
        self.enter(this_thread()).map(|seat| Favour(self, seat))
    }

    /// Waits until nobody is inside, and goes in. The favourite is the favourite again then.
    pub fn visit(&self) -> Guard<'_, T> {
        let history = self.history.lock().unwrap_or_else(PoisonError::into_inner);
        Guard {
            lock: self,
            way: Way::Mutex(history, self.keep_out_favourite()),
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

    /// Lets seats be given to others. Nobody may be on its way in that was the favourite at any time before.
    pub fn forget_seats(&self) {
        let mut history = self.history.lock().unwrap_or_else(PoisonError::into_inner);
        *history = History::new();
    }

    /// The favourite goes in, to the seat that is returned.
    #[inline(always)]
    fn enter(&self, me: usize) -> Option<usize> {
        let favourite = self.favourite.load(Ordering::Relaxed);
        let seat = favourite ^ me.wrapping_mul(SEATS);
        // A favourite that is inside already has called itself, and is to wait like anybody else.
        if seat >= SEATS || self.seats[seat].load(Ordering::Relaxed) {
            return None;
        }
        self.seats[seat].store(true, Ordering::Relaxed);
        barrier::light();
        // With what a visitor has done inside.
        if self.favourite.load(Ordering::Acquire) == favourite {
            return Some(seat);
        }
        self.seats[seat].store(false, Ordering::Release);
        None
    }

    /// Any other thread goes in, and there is no favourite any more.
    #[cold]
    fn take_turn(&self) -> MutexGuard<'_, History> {
        let mut history = self.history.lock().unwrap_or_else(PoisonError::into_inner);
        let me = this_thread();
        if self.keep_out_favourite() != 0 {
            history.wanted = (history.wanted * 2).min(STREAK_MAX);
            history.last = 0;
        }
        if history.last != me {
            (history.last, history.streak) = (me, 0);
        }
        history.streak = history.streak.saturating_add(1);
        history
    }

    /// There is no favourite any more, and it isn't inside. Returns what `favourite` was. For who has the mutex.
    fn keep_out_favourite(&self) -> usize {
        let favourite = self.favourite.load(Ordering::Acquire);
        if favourite == 0 {
            return 0;
        }
        self.favourite.store(0, Ordering::Relaxed);
        barrier::heavy();
        let mut rounds = 0u32;
        while self.seats[favourite % SEATS].load(Ordering::Acquire) {
            rounds += 1;
            if cfg!(loom) || rounds < 100 {
                yield_now();
            } else {
                std::thread::sleep(Duration::from_micros(100));
            }
        }
        favourite
    }
}

impl<T> Favour<'_, T> {
    /// What is inside.
    #[inline(always)]
    pub fn content(&mut self) -> &mut T {
        // SAFETY: we are inside, alone.
        unsafe { &mut *content(&self.0.content) }
    }

    /// Goes out.
    #[inline(always)]
    pub fn leave(self) {
        self.0.seats[self.1].store(false, Ordering::Release);
        std::mem::forget(self);
    }
}

impl<T> Drop for Favour<'_, T> {
    fn drop(&mut self) {
        self.0.poisoned.store(true, Ordering::Relaxed);
        self.0.favourite.store(0, Ordering::Release);
        self.0.seats[self.1].store(false, Ordering::Release);
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
        // SAFETY: as above.
        unsafe { &mut *content(&self.lock.content) }
    }
}

impl<T> Guard<'_, T> {
    /// From now on nobody is the favourite, until one becomes it again.
    pub fn forget_favourite(&mut self) {
        self.plain = true;
    }
}

impl<T> Drop for Guard<'_, T> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.lock.poisoned.store(true, Ordering::Relaxed);
            self.plain = true;
        }
        match &mut self.way {
            Way::Seat(seat) => {
                if self.plain {
                    // With it goes what we have done inside.
                    self.lock.favourite.store(0, Ordering::Release);
                }
                self.lock.seats[*seat].store(false, Ordering::Release);
            }
            Way::Mutex(_, favourite @ 1..) if !self.plain => {
                self.lock.favourite.store(*favourite, Ordering::Release);
            }
            // Only now, so that a thread that calls itself doesn't get in a second time.
            Way::Mutex(history, _)
                if !self.plain && history.streak >= history.wanted && barrier::available() =>
            {
                if let Some(seat) = history.give_seat() {
                    let favourite = history.last.wrapping_mul(SEATS) | seat;
                    self.lock.favourite.store(favourite, Ordering::Relaxed);
                }
            }
            Way::Mutex(..) => {}
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
        sync::{
            Arc,
            atomic::{AtomicU64, AtomicUsize},
        },
        time::Instant,
    };

    use super::*;

    /// A thread keeps the lock busy as its favourite; others come by at random. Both count.
    #[test]
    fn a_favourite_and_passers_by_are_never_inside_together() {
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

    /// Threads that come one after the other each become the favourite, after a while.
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
                is_favourite(&lock)
            };
            let favoured = std::thread::spawn(user).join().unwrap();
            assert_eq!(favoured, barrier::available());
        }
        assert_eq!(*lock.lock(), 3 * STREAK_MIN * 16);
    }

    fn is_favourite<T>(lock: &Biased<T>) -> bool {
        lock.favourite.load(Ordering::Relaxed) / SEATS == this_thread()
    }

    /// Each of many threads takes the lock often enough, and none of them has ended when the next one begins.
    #[test]
    fn no_seat_is_given_twice() {
        barrier::register();
        let (lock, turn) = (Biased::new(()), AtomicUsize::new(0));
        let (lock, turn) = (&lock, &turn);
        let often = || (0..STREAK_MIN << (SEATS + 2)).for_each(|_| drop(lock.lock()));
        let favoured = std::thread::scope(|scope| {
            let user = |number: usize| {
                let wait = move |until| {
                    while turn.load(Ordering::Acquire) < until {
                        std::thread::yield_now();
                    }
                };
                move || {
                    wait(number);
                    often();
                    let favoured = is_favourite(lock);
                    turn.fetch_add(1, Ordering::Release);
                    wait(SEATS + 1);
                    favoured
                }
            };
            let users: Vec<_> = (0..=SEATS).map(|i| scope.spawn(user(i))).collect();
            let favoured = users.into_iter().map(|user| user.join().unwrap());
            favoured.filter(|&favoured| favoured).count()
        });
        assert_eq!(favoured, if barrier::available() { SEATS } else { 0 });
        lock.forget_seats();
        often();
        assert_eq!(is_favourite(lock), barrier::available());
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

    /// One thread takes the lock often enough to become the favourite, and another comes between.
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

    /// A thread that has ceased to be the favourite finds that out late, when another one is it, and inside.
    #[test]
    fn a_former_favourite_does_not_let_others_in() {
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
                    // The favourite by now, unless somebody came between.
                    *lock.lock() += 1;
                })
            };
            let visitor = {
                let lock = lock.clone();
                thread::spawn(move || *lock.visit() += 1)
            };
            if let Some(mut favour) = lock.favour() {
                *favour.content() += 0;
                favour.leave();
            }
            other.join().unwrap();
            visitor.join().unwrap();
            assert_eq!(*lock.lock(), 7);
        });
    }

    /// One thread becomes the favourite, and another visits the while.
    #[test]
    fn a_visitor_is_never_inside_with_the_favourite() {
        check(|| {
            let lock = Arc::new(Biased::new(0));
            let other = {
                let lock = lock.clone();
                thread::spawn(move || *lock.visit() += 1)
            };
            for _ in 0..2 {
                *lock.lock() += 1;
            }
            let mut favour = loop {
                match lock.favour() {
                    Some(favour) => break favour,
                    None => *lock.lock() += 0,
                }
            };
            *favour.content() += 1;
            favour.leave();
            other.join().unwrap();
            assert_eq!(*lock.lock(), 4);
        });
    }
}
