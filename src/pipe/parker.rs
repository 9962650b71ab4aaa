//! How a thread sleeps and is woken, whatever it waits for.
//!
//! A thread that is about to wait leaves a parker where those who can end the wait will find it, checks once more that
//! there is nothing, and sleeps. The parker's state is NOTIFIED from the moment somebody unparks it until the thread has
//! looked, so an unpark that comes between the check and the sleep is not lost: there is no sleep then. Unparking a thread
//! that doesn't sleep costs one atomic operation and no system call.
//!
//! A parker is the socket's that a thread waits for ([`Inbox::parker`](super::Inbox::parker)), and is made with it: a thread
//! needs nothing of its own to wait, nor a descriptor that may not be there.

use std::{
    ffi::c_int,
    sync::Arc,
    time::{Duration, Instant},
};

use super::Signal;
use crate::{
    error::{Error, Result},
    sync::atomic::{AtomicU32, Ordering},
};

const AWAKE: u32 = 0;
const PARKED: u32 = 1;
const NOTIFIED: u32 = 2;

/// Puts one thread at a time to sleep, and lets any other wake it.
pub struct Parker {
    state: AtomicU32,
    signal: Arc<Signal>,
}

impl Parker {
    /// One that wakes by this signal, which no other parker that is in use has.
    pub fn new(signal: Arc<Signal>) -> Parker {
        Parker {
            state: AtomicU32::new(AWAKE),
            signal,
        }
    }

    /// What it wakes by.
    pub fn signal(&self) -> &Arc<Signal> {
        &self.signal
    }

    /// Ends the thread's sleep, or keeps it from falling asleep next time.
    pub fn unpark(&self) {
        if self.state.swap(NOTIFIED, Ordering::SeqCst) == PARKED {
            self.signal.set();
        }
    }

    /// Forgets that it was unparked.
    pub fn reset(&self) {
        self.state.store(AWAKE, Ordering::SeqCst);
    }

    /// The thread is going to sleep until the signal is set, and whatever else it waits for. False if it isn't to,
    /// because it was unparked meanwhile.
    #[must_use]
    pub fn park(&self) -> bool {
        let parks = self
            .state
            .compare_exchange(AWAKE, PARKED, Ordering::SeqCst, Ordering::SeqCst);
        if parks.is_err() {
            self.reset();
        }
        parks.is_ok()
    }
}

/// A time as system calls take it.
pub fn timespec(time: Duration) -> libc::timespec {
    libc::timespec {
        tv_sec: time.as_secs().try_into().unwrap_or(libc::time_t::MAX),
        tv_nsec: time.subsec_nanos().into(),
    }
}

unsafe extern "C-unwind" {
    /// A cancellation point: where the calling thread is cancelled, it unwinds from here, by no panic of Rust's.
    fn ppoll(
        fds: *mut libc::pollfd,
        count: libc::nfds_t,
        timeout: *const libc::timespec,
        mask: *const libc::sigset_t,
    ) -> c_int;
}

/// poll(2) until a deadline: how many are ready. EINTR if a signal came.
///
/// The thread may be cancelled here, and is then unwound, unless it has [disabled](crate::sync::shielded) that.
pub fn poll(fds: &mut [libc::pollfd], deadline: Option<Instant>) -> Result<usize> {
    let timeout = deadline.map(|deadline| {
        let left = deadline.saturating_duration_since(Instant::now());
        // Rounded up to a microsecond: a remainder of nanoseconds is not worth another round.
        let left = if left.is_zero() {
            left
        } else {
            left + Duration::from_nanos(999)
        };
        timespec(left)
    });
    let timeout = timeout
        .as_ref()
        .map_or(std::ptr::null(), std::ptr::from_ref);
    // SAFETY: valid for the call. Nothing here has a destructor that unwinding would skip.
    match unsafe { ppoll(fds.as_mut_ptr(), fds.len() as _, timeout, std::ptr::null()) } {
        -1 => Err(Error::last()),
        ready => Ok(ready as usize),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sync::cancel::Shield;

    /// The last one to have a signal may be a thread that was cancelled, but hasn't noticed, amid a call that isn't to be
    /// unwound: the process would end.
    #[test]
    fn no_thread_is_cancelled_in_a_signal() {
        unsafe extern "C" {
            fn pthread_cancel(thread: libc::pthread_t) -> libc::c_int;
        }
        let thread = std::thread::spawn(|| {
            let signal = Signal::new().unwrap();
            // SAFETY: this thread lives.
            unsafe { pthread_cancel(libc::pthread_self()) };
            signal.set();
            signal.clear();
            drop(signal);
            // From here on it can't be.
            std::mem::forget(Shield::raise());
        });
        thread.join().unwrap();
    }

    /// Two threads in turns: a lost wake-up would leave both asleep until the deadline.
    #[test]
    fn no_unpark_is_lost() {
        const ROUNDS: u32 = 20_000;
        let turn = AtomicU32::new(0);
        let parkers = [(); 2].map(|()| Parker::new(Arc::new(Signal::new().unwrap())));
        let deadline = Instant::now() + Duration::from_secs(60);
        std::thread::scope(|scope| {
            for me in 0..2 {
                let (turn, parkers) = (&turn, &parkers);
                scope.spawn(move || {
                    let (parker, other) = (&parkers[me as usize], &parkers[1 - me as usize]);
                    for round in 0..ROUNDS {
                        while turn.load(Ordering::SeqCst) != 2 * round + me {
                            assert!(Instant::now() < deadline, "a wake-up was lost");
                            if !parker.park() {
                                continue;
                            }
                            let fd = parker.signal.fd();
                            let events = libc::POLLIN;
                            let mut fds = [libc::pollfd {
                                fd,
                                events,
                                revents: 0,
                            }];
                            poll(&mut fds, Some(deadline)).unwrap();
                            parker.reset();
                            // Not by the state: who has set that may come to the signal only now.
                            if fds[0].revents != 0 {
                                parker.signal.clear();
                            }
                        }
                        turn.store(2 * round + me + 1, Ordering::SeqCst);
                        other.unpark();
                    }
                });
            }
        });
    }
}
