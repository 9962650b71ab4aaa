//! All interleavings, by loom, in `make test`.

use loom::{sync::Arc, thread};

use super::{
    super::atomic::{check, join},
    *,
};

/// One thread takes the lock often enough to become the owner, and another comes between.
#[test]
fn nobody_is_inside_with_another() {
    check(3, || {
        let lock = Arc::new(Biased::new(0));
        let other = {
            let lock = lock.clone();
            thread::spawn(move || *lock.lock() += 1)
        };
        for _ in 0..3 {
            *lock.lock() += 1;
        }
        join(other);
        assert_eq!(*lock.lock(), 4);
    });
}

/// A thread that has ceased to be the owner finds that out late, when another one is it, and inside.
#[test]
fn a_former_owner_does_not_let_others_in() {
    check(1, || {
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
        join(other);
        join(visitor);
        assert_eq!(*lock.lock(), 7);
    });
}

/// One thread becomes the owner, and another visits the while.
#[test]
fn a_visitor_is_never_inside_with_the_owner() {
    check(3, || {
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
        join(other);
        assert_eq!(*lock.lock(), 4);
    });
}

/// The owner gives the bias up while another visits: the visitor doesn't bring it back.
#[test]
fn a_visitor_does_not_bring_back_who_has_resigned() {
    check(3, || {
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
        join(visitor);
        assert!(lock.lock_as_owner().is_none());
        assert_eq!(*lock.lock(), 3);
    });
}

/// A thread owns two locks, and goes from one to the other, while another thread takes the bias of the first away.
#[test]
fn who_goes_from_lock_to_lock_has_left_the_first() {
    check(3, || {
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
        join(other);
        assert_eq!((*lock.lock(), *other_lock.lock()), (4, 2));
    });
}
