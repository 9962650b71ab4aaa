//! How a thread sleeps and is woken: one for each thread, whatever it waits for.
//!
//! A thread that is about to wait leaves its parker where those who can end the wait will find
//! it, checks once more that there is nothing, and parks. The parker's state is NOTIFIED from the
//! moment somebody unparks it until the thread has looked, so an unpark that comes between the
//! check and the sleep is not lost: parking then returns at once. Unparking a thread that doesn't
//! sleep costs one atomic operation and no system call.

use std::{
    cell::RefCell,
    os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd},
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

use crate::{
    error::{Error, Result},
    sync::generation,
};

const AWAKE: u32 = 0;
const PARKED: u32 = 1;
const NOTIFIED: u32 = 2;

/// Puts one thread to sleep, and lets any other wake it.
pub struct Parker {
    state: AtomicU32,
    signal: Signal,
    /// Of the process that it was made in.
    generation: u32,
}

impl Parker {
    fn new() -> Result<Parker> {
        Ok(Parker {
            state: AtomicU32::new(AWAKE),
            signal: Signal::new()?,
            generation: generation(),
        })
    }

    /// The parker of this thread. EMFILE and the like if there is no file descriptor for it.
    pub fn current() -> Result<Arc<Parker>> {
        thread_local!(static CURRENT: RefCell<Option<Arc<Parker>>> = const { RefCell::new(None) });
        let fresh = || Ok(Arc::new(Parker::new()?));
        CURRENT
            .try_with(|current| {
                let mut current = current.borrow_mut();
                match &*current {
                    // A forked child shares the descriptor with its parent, and needs its own.
                    Some(parker) if parker.generation == generation() => Ok(parker.clone()),
                    _ => Ok(current.insert(fresh()?).clone()),
                }
            })
            .unwrap_or_else(|_| fresh())
    }

    /// Ends the thread's sleep, or keeps it from falling asleep next time. True if it slept.
    pub fn unpark(&self) -> bool {
        let slept = self.state.swap(NOTIFIED, Ordering::SeqCst) == PARKED;
        if slept {
            self.signal.set();
        }
        slept
    }

    /// As [`Parker::unpark`], but later, if this thread [holds back wake-ups](hold_wakes).
    pub fn unpark_soon(self: &Arc<Parker>) {
        let held = HELD.try_with(|held| {
            let Some(held) = &mut *held.borrow_mut() else {
                return false;
            };
            if !held.iter().any(|other| Arc::ptr_eq(other, self)) {
                held.push(self.clone());
            }
            true
        });
        if held != Ok(true) {
            self.unpark();
        }
    }

    /// Forgets that it was unparked.
    pub fn reset(&self) {
        self.state.store(AWAKE, Ordering::SeqCst);
    }

    /// Sleeps until it is unparked, one of the descriptors is ready, or the deadline has come.
    /// EINTR if a signal came. It may also wake up for no reason.
    ///
    /// `fds[0]` is the parker's own and set here; the others' `revents` are set on return.
    pub fn park(&self, fds: &mut [libc::pollfd], deadline: Option<Instant>) -> Result<()> {
        fds[0] = libc::pollfd {
            fd: self.signal.fd(),
            events: libc::POLLIN,
            revents: 0,
        };
        let may_sleep = self
            .state
            .compare_exchange(AWAKE, PARKED, Ordering::SeqCst, Ordering::SeqCst)
            .is_ok();
        if !may_sleep {
            // The signal is for sleepers only.
            self.state.store(AWAKE, Ordering::SeqCst);
            return Ok(());
        }
        let result = poll(fds, deadline);
        self.state.swap(AWAKE, Ordering::SeqCst);
        // Not by the state: who has set that may come to the signal only now.
        if fds[0].revents != 0 {
            self.signal.clear();
        }
        result.map(|_| ())
    }
}

thread_local! {
    /// Whom to wake up later, in a thread that does so.
    static HELD: RefCell<Option<Vec<Arc<Parker>>>> = const { RefCell::new(None) };
}

/// From now on this thread wakes others when it [releases the wake-ups](release_wakes), which it
/// has to do often, and before it sleeps. So who is told of several things in a row is woken once.
pub fn hold_wakes() {
    // Where that can't be, they are woken at once.
    let _ = HELD.try_with(|held| held.replace(Some(Vec::new())));
}

/// Wakes those up that are to be woken. True if one of them slept.
pub fn release_wakes() -> bool {
    let released = HELD.try_with(|held| {
        let mut held = held.borrow_mut();
        let held = held.iter_mut().flat_map(|held| held.drain(..));
        held.filter(|parker| parker.unpark()).count()
    });
    released.is_ok_and(|slept| slept > 0)
}

/// A time as system calls take it.
pub fn timespec(time: Duration) -> libc::timespec {
    libc::timespec {
        tv_sec: time.as_secs().try_into().unwrap_or(libc::time_t::MAX),
        tv_nsec: time.subsec_nanos().into(),
    }
}

/// poll(2) until a deadline. EINTR if a signal came.
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
    // SAFETY: valid for the call.
    match unsafe { libc::ppoll(fds.as_mut_ptr(), fds.len() as _, timeout, std::ptr::null()) } {
        -1 => Err(Error::last()),
        ready => Ok(ready as usize),
    }
}

/// An event file descriptor: readable from when it is set until it is cleared.
pub struct Signal(OwnedFd);

impl Signal {
    /// A signal that isn't set. EMFILE or ENFILE if there is no file descriptor for it.
    pub fn new() -> Result<Signal> {
        // SAFETY: a plain system call.
        match unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) } {
            -1 => Err(Error::last()),
            // SAFETY: just opened, and nobody else's.
            fd => Ok(Signal(unsafe { OwnedFd::from_raw_fd(fd) })),
        }
    }

    /// The descriptor, for poll(2).
    pub fn fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }

    /// Makes it readable.
    pub fn set(&self) {
        let one = 1u64;
        // SAFETY: eight bytes are there to be read. It fails only if it is set already, 2^64 times.
        unsafe { libc::write(self.fd(), (&raw const one).cast(), 8) };
    }

    /// Makes it not readable.
    pub fn clear(&self) {
        let mut count = 0u64;
        // SAFETY: there is room for eight bytes. It fails if it isn't set, which is as good.
        unsafe { libc::read(self.fd(), (&raw mut count).cast(), 8) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two threads in turns: a lost wake-up would leave both asleep until the deadline.
    #[test]
    fn no_unpark_is_lost() {
        const ROUNDS: u32 = 20_000;
        let turn = AtomicU32::new(0);
        let parkers = std::sync::Mutex::new(Vec::new());
        let barrier = std::sync::Barrier::new(2);
        let deadline = Instant::now() + Duration::from_secs(60);
        std::thread::scope(|scope| {
            for me in 0..2 {
                let (turn, parkers, barrier) = (&turn, &parkers, &barrier);
                scope.spawn(move || {
                    let parker = Parker::current().unwrap();
                    parkers.lock().unwrap().push((me, parker.clone()));
                    barrier.wait();
                    let other = parkers
                        .lock()
                        .unwrap()
                        .iter()
                        .find(|p| p.0 != me)
                        .unwrap()
                        .1
                        .clone();
                    for round in 0..ROUNDS {
                        while turn.load(Ordering::SeqCst) != 2 * round + me {
                            assert!(Instant::now() < deadline, "a wake-up was lost");
                            parker
                                .park(
                                    &mut [libc::pollfd {
                                        fd: -1,
                                        events: 0,
                                        revents: 0,
                                    }],
                                    Some(deadline),
                                )
                                .unwrap();
                        }
                        turn.store(2 * round + me + 1, Ordering::SeqCst);
                        other.unpark();
                    }
                });
            }
        });
    }
}
