//! What wakes a thread that polls.

use std::os::fd::RawFd;

#[cfg(loom)]
pub use self::model::Signal;
#[cfg(not(loom))]
use crate::error::Error;
use crate::error::Result;

/// An event file descriptor: readable from when it is set until it is cleared.
///
/// What is done with it may be done with a lock held, and by whoever has it last in any call. So it isn't done by the C
/// library's read(2), write(2) and close(2), where a thread may be cancelled.
#[cfg(not(loom))]
pub struct Signal(RawFd);

#[cfg(not(loom))]
impl Signal {
    /// A signal that isn't set. EMFILE or ENFILE if there is no file descriptor for it.
    pub fn new() -> Result<Signal> {
        // SAFETY: a plain system call.
        match unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) } {
            -1 => Err(Error::last()),
            fd => Ok(Signal(fd)),
        }
    }

    /// The descriptor, for poll(2).
    pub fn fd(&self) -> RawFd {
        self.0
    }

    /// Makes it readable.
    pub fn set(&self) {
        let one = 1u64;
        // SAFETY: eight bytes are there to be read. It fails only if it is set already, 2^64 times.
        unsafe { libc::syscall(libc::SYS_write, self.fd(), &raw const one, 8usize) };
    }

    /// Makes it not readable.
    pub fn clear(&self) {
        let mut count = 0u64;
        // SAFETY: there is room for eight bytes. It fails if it isn't set, which is as good.
        unsafe { libc::syscall(libc::SYS_read, self.fd(), &raw mut count, 8usize) };
    }
}

#[cfg(not(loom))]
impl Drop for Signal {
    fn drop(&mut self) {
        // SAFETY: it was opened for this alone, and nobody has it any more.
        unsafe { libc::syscall(libc::SYS_close, self.0) };
    }
}

/// A signal that is only read by who looks at it, for models.
#[cfg(loom)]
#[allow(missing_docs)]
mod model {
    use super::*;
    use crate::sync::atomic::{AtomicBool, Ordering};

    pub struct Signal(AtomicBool);

    impl Signal {
        pub fn new() -> Result<Signal> {
            Ok(Signal(AtomicBool::new(false)))
        }

        pub fn fd(&self) -> RawFd {
            -1
        }

        pub fn set(&self) {
            self.0.store(true, Ordering::SeqCst);
        }

        pub fn clear(&self) {
            self.0.store(false, Ordering::SeqCst);
        }

        #[cfg(test)]
        pub fn is_set(&self) -> bool {
            self.0.load(Ordering::SeqCst)
        }
    }
}
