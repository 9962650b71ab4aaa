//! All interleavings of the two sides, by loom, in `make test`.

use loom::{sync::Arc, thread};

use super::*;
use crate::sync::{
    Attended,
    atomic::{AtomicBool, check, fence, join},
};

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
    check(3, || {
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
        join(writer);
        assert!(!asleep || seen == 2 || bell.has_rung());
        assert_eq!(gauge.count(), 2);
    });
}

/// As above, with one fence for what is posted to two gauges.
#[test]
fn no_post_is_missed() {
    check(3, || {
        let gauges = Arc::new([Gauge::new(), Gauge::new()]);
        let bell = Arc::new(Bell(AtomicBool::new(false)));
        let writer = {
            let (gauges, bell) = (gauges.clone(), bell.clone());
            thread::spawn(move || {
                for gauge in gauges.iter() {
                    gauge.post(1);
                }
                fence(Ordering::SeqCst);
                if gauges[0].check() | gauges[1].check() {
                    bell.ring();
                }
            })
        };
        let asleep = gauges[1].sleep(0);
        join(writer);
        assert!(!asleep || bell.has_rung());
        assert_eq!(gauges[1].count(), 1);
    });
}

/// The end is news, too.
#[test]
fn closing_wakes() {
    check(3, || {
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
        join(writer);
        assert!(!asleep || bell.has_rung());
        assert!(gauge.is_closed() && !gauge.sleep(1));
    });
}

/// A connection between two drivers, as in `io::session`: the sender's thread takes the duty
/// to write with the gauge, tries the lock, and where that fails tells the I/O thread, which
/// forgets that it was told and then takes the lock. Nothing published stays unwritten.
#[test]
fn a_connection_changes_hands_with_nothing_left_behind() {
    check(3, || {
        struct Session {
            published: Gauge,
            written: Attended<u64>,
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

            fn on_wake(&self) {
                self.write(&mut self.written.attend(|_| {}));
            }
        }
        let session = Arc::new(Session {
            published: Gauge::new_asleep(),
            written: Attended::new(0),
            commands: Bell(AtomicBool::new(false)),
        });
        let sender = {
            let session = session.clone();
            thread::spawn(move || {
                for _ in 0..2 {
                    if session.published.advance(1) {
                        match session.written.try_lock(|_| {}) {
                            Some(mut written) => session.write(&mut written),
                            None if session.written.tell() => session.commands.ring(),
                            None => {}
                        }
                    }
                }
            })
        };
        // The I/O thread comes by once on its own account, and whenever it is told.
        session.on_wake();
        join(sender);
        if session.commands.has_rung() {
            session.on_wake();
        }
        assert_eq!(*session.written.lock(|_| {}), 2);
    });
}
