//! Whether a thread that looks for something before it sleeps has to be notified of it.
//!
//! Who owns what: the thread says that it is going to sleep, and then looks a last time; whoever
//! leaves something for it leaves it first, and then asks whether to notify. Both exchange one
//! flag, so that one of them comes second: the thread, which then finds it at its last look, or
//! who has left it, who then finds that the thread is going to sleep. Of several who do, only the
//! first notifies.

use super::atomic::{AtomicBool, Ordering};

/// Set: the thread looks before it sleeps, or was notified.
pub struct Awake(AtomicBool);

impl Default for Awake {
    fn default() -> Awake {
        Awake(AtomicBool::new(false))
    }
}

impl Awake {
    /// Something was left for the thread. Whether the caller is to notify it.
    #[must_use]
    pub fn is_to_be_notified(&self) -> bool {
        !self.0.swap(true, Ordering::AcqRel)
    }

    /// The thread is going to sleep, once it has looked a last time.
    pub fn sleeps(&self) {
        self.0.swap(false, Ordering::AcqRel);
    }

    /// The thread has slept, and will look.
    pub fn rises(&self) {
        self.0.swap(true, Ordering::AcqRel);
    }
}

/// All interleavings, by loom, in `make test`.
#[cfg(all(test, loom))]
mod model {
    use loom::{sync::Arc, thread};

    use super::{
        super::atomic::{AtomicUsize, check, join},
        *,
    };

    /// The thread sleeps while something is left for it only if it was notified.
    #[test]
    fn nothing_is_left_with_a_sleeper() {
        check(2, || {
            let awake = Arc::new(Awake::default());
            let counts = Arc::new([AtomicUsize::new(0), AtomicUsize::new(0)]);
            let leave = {
                let (awake, counts) = (awake.clone(), counts.clone());
                move || {
                    let [left, notified] = &*counts;
                    left.fetch_add(1, Ordering::AcqRel);
                    if awake.is_to_be_notified() {
                        notified.fetch_add(1, Ordering::AcqRel);
                    }
                }
            };
            let leavers = [thread::spawn(leave.clone()), thread::spawn(leave)];
            let [left, notified] = &*counts;
            awake.rises();
            let taken = left.load(Ordering::Acquire);
            let heard = notified.load(Ordering::Acquire);
            awake.sleeps();
            let sleeps = left.load(Ordering::Acquire) == taken;
            for leaver in leavers {
                join(leaver);
            }
            let [left, notified] = [left, notified].map(|count| count.load(Ordering::Acquire));
            assert!(!sleeps || left == taken || notified > heard);
        });
    }
}
