//! Two barriers that are as good as one full fence on either side, but whose price is paid by one
//! side alone: membarrier(2) makes every running thread of the process pass a full fence.
//!
//! A thread that writes one thing, passes a [`light`] barrier and reads another, and a thread that
//! writes that other thing, passes a [`heavy`] barrier and reads the first: at least one of them
//! sees what the other has written.

use std::sync::atomic::{AtomicBool, Ordering};

#[cfg(not(loom))]
use super::{Mechanism, uses};

/// Whether the process may use the heavy barrier.
static REGISTERED: AtomicBool = AtomicBool::new(false);

/// The side that passes often: keeps the compiler from swapping what is before and behind it.
#[inline]
pub fn light() {
    // Of a model's threads it is nothing but this.
    std::sync::atomic::compiler_fence(Ordering::SeqCst);
}

/// The side that passes rarely: some microseconds. Only if the barriers are [`available`].
pub fn heavy() {
    #[cfg(loom)]
    super::atomic::fence_all();
    // The second is slow, milliseconds, and needs no registration; the last resort, should both
    // be forbidden by now, gives the others' stores far more time than any processor holds them.
    #[cfg(not(loom))]
    if !membarrier(libc::MEMBARRIER_CMD_PRIVATE_EXPEDITED)
        && !membarrier(libc::MEMBARRIER_CMD_GLOBAL)
    {
        std::sync::atomic::fence(Ordering::SeqCst);
        super::nap(std::time::Duration::from_millis(10));
    }
}

/// Whether light barriers may be relied on.
#[inline]
pub fn available() -> bool {
    cfg!(loom) || REGISTERED.load(Ordering::Relaxed)
}

/// Makes the barriers available, where the system has them and they are wanted (`super::switches`); to be called before there
/// are many threads, because then it takes milliseconds.
pub fn register() {
    super::switches::read();
    #[cfg(not(loom))]
    if uses(Mechanism::Membarrier) && !available() {
        let done = membarrier(libc::MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED);
        REGISTERED.store(done, Ordering::Relaxed);
    }
}

#[cfg(not(loom))]
fn membarrier(command: libc::c_int) -> bool {
    // SAFETY: takes no pointers.
    unsafe { libc::syscall(libc::SYS_membarrier, command, 0, 0) == 0 }
}
