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
