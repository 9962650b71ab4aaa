//! Processors that are never idle, so that threads are interrupted anywhere.

use std::{
    panic::{self, AssertUnwindSafe},
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

/// Runs something while all processors are busy with something else.
pub fn among_busy_threads(run: impl FnOnce()) {
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(2, usize::from) {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    std::hint::spin_loop();
                }
            });
        }
        let result = panic::catch_unwind(AssertUnwindSafe(run));
        stop.store(true, Ordering::Relaxed);
        if let Err(panic) = result {
            panic::resume_unwind(panic);
        }
    });
}
