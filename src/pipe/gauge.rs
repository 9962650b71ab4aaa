//! A counter that one thread advances and another waits on: the only hand-over inside a pipe.
//!
//! Two of them make a pipe safe: one counts the bytes that the writer has published, the other
//! the messages for which the reader has returned credit. The side that waits marks the gauge as
//! *asleep* in the same atomic step that checks that nothing has come; the side that advances
//! learns in the same atomic step whether the other sleeps. So either the waiter sees the
//! advance, or the advancer sees the sleeper, whichever comes first: no wake-up is lost, and none
//! is sent to somebody who is awake.

#[cfg(loom)]
use loom::sync::atomic::{AtomicU64, Ordering};
#[cfg(not(loom))]
use std::sync::atomic::{AtomicU64, Ordering};

/// A monotone count, with one side that advances it and one that waits for that.
pub struct Gauge(AtomicU64);

impl Default for Gauge {
    fn default() -> Gauge {
        Gauge(AtomicU64::new(0))
    }
}

const ASLEEP: u64 = 1;
const CLOSED: u64 = 2;
const ONE: u64 = 4;

impl Gauge {
    /// A gauge at zero with nobody asleep.
    pub fn new() -> Gauge {
        Gauge::default()
    }

    /// A gauge at zero whose waiter is asleep.
    #[cfg(all(test, loom))]
    fn new_asleep() -> Gauge {
        Gauge(AtomicU64::new(ASLEEP))
    }

    /// Advances the count. True if the waiter slept: the caller is then the one to wake it.
    #[inline]
    #[must_use]
    pub fn advance(&self, by: u64) -> bool {
        let before = self.0.fetch_add(by * ONE, Ordering::AcqRel);
        before & ASLEEP != 0 && self.rouse()
    }

    /// Says that there will be no more. True as with [`Gauge::advance`].
    #[must_use]
    pub fn close(&self) -> bool {
        let before = self.0.fetch_or(CLOSED, Ordering::AcqRel);
        before & ASLEEP != 0 && self.rouse()
    }

    /// Of several that see the sleeper, one is to wake it.
    #[cold]
    fn rouse(&self) -> bool {
        self.0.fetch_and(!ASLEEP, Ordering::AcqRel) & ASLEEP != 0
    }

    /// The count. What was written before it was advanced so far is visible.
    #[inline]
    pub fn count(&self) -> u64 {
        self.0.load(Ordering::Acquire) / ONE
    }

    /// Whether it was closed.
    pub fn is_closed(&self) -> bool {
        self.0.load(Ordering::Acquire) & CLOSED != 0
    }

    /// Whether somebody sleeps, and the next advance will have to wake it.
    pub fn is_asleep(&self) -> bool {
        self.0.load(Ordering::Acquire) & ASLEEP != 0
    }

    /// Goes to sleep unless the count has passed `seen` or the gauge was closed: then false.
    #[must_use]
    pub fn sleep(&self, seen: u64) -> bool {
        let still = seen * ONE;
        match self
            .0
            .compare_exchange(still, still | ASLEEP, Ordering::AcqRel, Ordering::Acquire)
        {
            Ok(_) => true,
            Err(now) => now == still | ASLEEP,
        }
    }
}

/// All interleavings of the two sides, by loom: `make loom`.
#[cfg(all(test, loom))]
mod model {
    use loom::{
        sync::{Arc, Mutex, atomic::AtomicBool},
        thread,
    };

    use super::*;

    /// What a notification is: somebody is told, once, and finds out later.
    struct Bell(AtomicBool);

    impl Bell {
        fn ring(&self) {
            self.0.store(true, Ordering::SeqCst);
        }

        fn has_rung(&self) -> bool {
            self.0.swap(false, Ordering::SeqCst)
        }
    }

    /// The reader sleeps only if nothing has come, and whatever comes after that rings.
    #[test]
    fn no_advance_is_missed() {
        loom::model(|| {
            let gauge = Arc::new(Gauge::new());
            let bell = Arc::new(Bell(AtomicBool::new(false)));
            let writer = {
                let (gauge, bell) = (gauge.clone(), bell.clone());
                thread::spawn(move || {
                    for _ in 0..2 {
                        if gauge.advance(1) {
                            bell.ring();
                        }
                    }
                })
            };
            let mut seen = 0;
            let mut asleep = false;
            for _ in 0..2 {
                seen = gauge.count();
                asleep = gauge.sleep(seen);
            }
            writer.join().unwrap();
            assert!(!asleep || seen == 2 || bell.has_rung());
            assert_eq!(gauge.count(), 2);
        });
    }

    /// The end is news, too.
    #[test]
    fn closing_wakes() {
        loom::model(|| {
            let gauge = Arc::new(Gauge::new());
            let bell = Arc::new(Bell(AtomicBool::new(false)));
            let writer = {
                let (gauge, bell) = (gauge.clone(), bell.clone());
                thread::spawn(move || {
                    if gauge.advance(1) | gauge.close() {
                        bell.ring();
                    }
                })
            };
            let seen = gauge.count();
            let asleep = gauge.sleep(seen);
            writer.join().unwrap();
            assert!(!asleep || bell.has_rung());
            assert!(gauge.is_closed() && !gauge.sleep(1));
        });
    }

    /// A connection between two drivers, as in `io::session`: the sender's thread takes the duty
    /// to write with the gauge, tries the lock, and where that fails tells the I/O thread, which
    /// forgets that it was told and then takes the lock. Nothing published stays unwritten.
    #[test]
    fn a_connection_changes_hands_with_nothing_left_behind() {
        loom::model(|| {
            struct Session {
                published: Gauge,
                written: Mutex<u64>,
                woken: AtomicBool,
                commands: Bell,
            }
            impl Session {
                fn write(&self, written: &mut u64) {
                    loop {
                        *written = self.published.count();
                        if self.published.sleep(*written) {
                            break;
                        }
                    }
                }

                fn wake(&self) {
                    if !self.woken.swap(true, Ordering::SeqCst) {
                        self.commands.ring();
                    }
                }

                fn on_wake(&self) {
                    self.woken.store(false, Ordering::SeqCst);
                    self.write(&mut self.written.lock().unwrap());
                }
            }
            let session = Arc::new(Session {
                published: Gauge::new_asleep(),
                written: Mutex::new(0),
                woken: AtomicBool::new(false),
                commands: Bell(AtomicBool::new(false)),
            });
            let sender = {
                let session = session.clone();
                thread::spawn(move || {
                    for _ in 0..2 {
                        if session.published.advance(1) {
                            match session.written.try_lock() {
                                Ok(mut written) => session.write(&mut written),
                                Err(_) => session.wake(),
                            }
                        }
                    }
                })
            };
            // The I/O thread comes by once on its own account, and whenever it is told.
            session.on_wake();
            sender.join().unwrap();
            if session.commands.has_rung() {
                session.on_wake();
            }
            assert_eq!(*session.written.lock().unwrap(), 2);
        });
    }
}
