//! Atomic values and locks as they are shipped, or, for models of hand-overs, loom's.
//!
//! What the models add to loom is the asymmetric fence (`super::barrier`): under them the light barrier is nothing but the
//! order of the program, and the heavy one has each other thread pass a full fence between two of its steps, as membarrier(2)
//! does. A thread looks before each step whether it is to pass one, and whoever has asked for it waits until all have, or have
//! ended, or wait for another thread to end. All that is kept beside loom, which takes it for no step and for no edge
//! between threads.
//!
//! So a model fails that relies on a heavy barrier which isn't there: without the one in the bias's revocation
//! ([`super::Biased`]) two threads are inside together, and without the one before a sleep (`pipe::Gauge`) a wake-up is lost.
//! What the compiler might do about a light barrier is beyond loom.

#[cfg(not(loom))]
pub use std::{
    cell::UnsafeCell,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicBool, AtomicPtr, AtomicU32, AtomicU64, AtomicUsize, Ordering, fence},
    },
    thread::yield_now,
};

#[cfg(loom)]
pub use self::model::*;

/// The content of a cell. Loom is told of each access, by which it finds two at once.
#[inline(always)]
pub fn pointer_in<T>(cell: &UnsafeCell<T>) -> *mut T {
    #[cfg(not(loom))]
    return cell.get();
    #[cfg(loom)]
    cell.with_mut(|content| content)
}

#[cfg(loom)]
#[allow(missing_docs)]
mod model {
    use std::{
        cell::{Cell, RefCell},
        ops::{Deref, DerefMut},
        sync::{LockResult, TryLockError, TryLockResult},
    };

    pub use loom::{
        cell::UnsafeCell,
        sync::{Arc, atomic::Ordering},
    };

    /// What a thread has to do with heavy barriers.
    #[derive(Clone, Copy, PartialEq, Eq)]
    enum Duty {
        /// Nothing.
        None,
        /// It is to pass a fence before its next step.
        Fence,
        /// It takes no step for now. The fences that it passed by are one, which it passes before the next.
        Away { owes: bool },
        /// It has ended.
        Over,
    }

    /// All threads of one run of a model; loom has them take turns on one thread of the system's.
    #[derive(Default)]
    struct Threads {
        duties: Vec<Duty>,
        had_barrier: bool,
    }

    thread_local!(static THREADS: RefCell<Threads> = RefCell::default());

    struct Thread(Cell<usize>);

    /// What a thread has done is there for others when it has ended.
    impl Drop for Thread {
        fn drop(&mut self) {
            loom::sync::atomic::fence(Ordering::SeqCst);
            let _ =
                THREADS.try_with(|threads| threads.borrow_mut().duties[self.0.get()] = Duty::Over);
        }
    }

    loom::thread_local!(static ME: Thread = Thread(Cell::new(register())));

    fn register() -> usize {
        THREADS.with(|threads| {
            let mut threads = threads.borrow_mut();
            if threads.duties.iter().all(|duty| *duty == Duty::Over) {
                // Another run.
                *threads = Threads::default();
            }
            // A thread that begins to run passes a fence.
            let duty = match threads.had_barrier {
                true => Duty::Fence,
                false => Duty::None,
            };
            threads.duties.push(duty);
            threads.duties.len() - 1
        })
    }

    /// Before each step of a thread's.
    fn step() {
        // A thread-local value that is destroyed at the thread's end may take steps yet.
        let owes = ME.try_with(|me| {
            THREADS.with(|threads| {
                let duty = &mut threads.borrow_mut().duties[me.0.get()];
                std::mem::replace(duty, Duty::None) == Duty::Fence
            })
        });
        if owes.unwrap_or(false) {
            loom::sync::atomic::fence(Ordering::SeqCst);
        }
    }

    pub fn fence(ordering: Ordering) {
        step();
        loom::sync::atomic::fence(ordering);
    }

    pub fn yield_now() {
        step();
        loom::thread::yield_now();
    }

    /// The heavy barrier.
    pub fn fence_all() {
        fence(Ordering::SeqCst);
        let me = ME.with(|me| me.0.get());
        THREADS.with(|threads| {
            let mut threads = threads.borrow_mut();
            threads.had_barrier = true;
            for (i, duty) in threads.duties.iter_mut().enumerate() {
                match duty {
                    Duty::None if i != me => *duty = Duty::Fence,
                    Duty::Away { owes } => *owes = true,
                    _ => {}
                }
            }
        });
        let is_awaited = || {
            THREADS.with(|threads| {
                let threads = threads.borrow();
                let mut duties = threads.duties.iter().enumerate();
                duties.any(|(i, duty)| i != me && *duty == Duty::Fence)
            })
        };
        while is_awaited() {
            yield_now();
        }
        fence(Ordering::SeqCst);
    }

    /// All interleavings in which threads are interrupted amid their steps at most so often.
    #[cfg(test)]
    pub fn check(interruptions: usize, run: impl Fn() + Sync + Send + 'static) {
        let mut model = loom::model::Builder::new();
        model.preemption_bound = Some(interruptions);
        // Those who wait for a lock look again and again.
        model.max_branches = 10_000;
        model.check(run);
    }

    /// Waits until the thread has ended.
    pub fn join<T>(thread: loom::thread::JoinHandle<T>) -> T {
        fence(Ordering::SeqCst);
        let me = ME.with(|me| me.0.get());
        let set = |duty| {
            THREADS.with(|threads| std::mem::replace(&mut threads.borrow_mut().duties[me], duty))
        };
        // A fence that is asked for just now is the one above.
        set(Duty::Away { owes: false });
        let result = thread.join().unwrap();
        if set(Duty::None) == (Duty::Away { owes: true }) {
            loom::sync::atomic::fence(Ordering::SeqCst);
        }
        result
    }

    /// A lock. Loom's own has a thread wait that only tries.
    #[derive(Default)]
    pub struct Mutex<T> {
        is_held: loom::sync::atomic::AtomicBool,
        content: UnsafeCell<T>,
    }

    // SAFETY: one thread at a time gets at the content.
    unsafe impl<T: Send> Sync for Mutex<T> {}
    // SAFETY: as for any lock.
    unsafe impl<T: Send> Send for Mutex<T> {}

    pub struct MutexGuard<'a, T>(&'a Mutex<T>);

    impl<T> Mutex<T> {
        pub fn new(content: T) -> Mutex<T> {
            Mutex {
                is_held: loom::sync::atomic::AtomicBool::new(false),
                content: UnsafeCell::new(content),
            }
        }

        pub fn lock(&self) -> LockResult<MutexGuard<'_, T>> {
            loop {
                match self.try_lock() {
                    Ok(guard) => return Ok(guard),
                    Err(_) => yield_now(),
                }
            }
        }

        pub fn try_lock(&self) -> TryLockResult<MutexGuard<'_, T>> {
            step();
            let (free, held) = (false, true);
            let taken =
                self.is_held
                    .compare_exchange(free, held, Ordering::Acquire, Ordering::Relaxed);
            match taken {
                Ok(_) => Ok(MutexGuard(self)),
                Err(_) => Err(TryLockError::WouldBlock),
            }
        }

        pub fn clear_poison(&self) {}
    }

    impl<T> Deref for MutexGuard<'_, T> {
        type Target = T;

        fn deref(&self) -> &T {
            // SAFETY: the lock is held.
            self.0.content.with(|content| unsafe { &*content })
        }
    }

    impl<T> DerefMut for MutexGuard<'_, T> {
        fn deref_mut(&mut self) -> &mut T {
            // SAFETY: the lock is held.
            self.0.content.with_mut(|content| unsafe { &mut *content })
        }
    }

    impl<T> Drop for MutexGuard<'_, T> {
        fn drop(&mut self) {
            step();
            self.0.is_held.store(false, Ordering::Release);
        }
    }

    /// Makes all steps that concern a value depend on each other. Loom remembers only who came to it last, so that of a thread
    /// which reads it and then writes it, it would overlook that the second step might come before another's.
    #[derive(Default)]
    struct Order(loom::sync::atomic::AtomicUsize);

    impl Order {
        fn step(&self) {
            step();
            // No edge between threads.
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    macro_rules! atomics {
        ($($name:ident($value:ty)),*) => {$(
            #[derive(Default)]
            pub struct $name {
                value: loom::sync::atomic::$name,
                order: Order,
            }

            impl $name {
                pub fn new(value: $value) -> $name {
                    $name {
                        value: loom::sync::atomic::$name::new(value),
                        order: Order::default(),
                    }
                }
                atomics!(methods $value);
                pub fn fetch_or(&self, value: $value, ordering: Ordering) -> $value {
                    self.order.step();
                    self.value.fetch_or(value, ordering)
                }
                pub fn fetch_and(&self, value: $value, ordering: Ordering) -> $value {
                    self.order.step();
                    self.value.fetch_and(value, ordering)
                }
            }
        )*};
        (counts $($name:ident($value:ty)),*) => {$(
            impl $name {
                pub fn fetch_add(&self, value: $value, ordering: Ordering) -> $value {
                    self.order.step();
                    self.value.fetch_add(value, ordering)
                }
                pub fn fetch_sub(&self, value: $value, ordering: Ordering) -> $value {
                    self.order.step();
                    self.value.fetch_sub(value, ordering)
                }
            }
        )*};
        (methods $value:ty) => {
            pub fn load(&self, ordering: Ordering) -> $value {
                self.order.step();
                self.value.load(ordering)
            }
            pub fn store(&self, value: $value, ordering: Ordering) {
                self.order.step();
                self.value.store(value, ordering);
            }
            pub fn swap(&self, value: $value, ordering: Ordering) -> $value {
                self.order.step();
                self.value.swap(value, ordering)
            }
            pub fn compare_exchange(
                &self,
                old: $value,
                new: $value,
                success: Ordering,
                failure: Ordering,
            ) -> Result<$value, $value> {
                self.order.step();
                self.value.compare_exchange(old, new, success, failure)
            }
        };
    }

    atomics!(
        AtomicBool(bool),
        AtomicU32(u32),
        AtomicU64(u64),
        AtomicUsize(usize)
    );
    atomics!(counts AtomicU32(u32), AtomicU64(u64), AtomicUsize(usize));

    pub struct AtomicPtr<T> {
        value: loom::sync::atomic::AtomicPtr<T>,
        order: Order,
    }

    impl<T> AtomicPtr<T> {
        pub fn new(value: *mut T) -> AtomicPtr<T> {
            AtomicPtr {
                value: loom::sync::atomic::AtomicPtr::new(value),
                order: Order::default(),
            }
        }
        atomics!(methods *mut T);
    }
}
