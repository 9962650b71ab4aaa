//! What an I/O thread waits in.
//!
//! [`polling::Poller`] keeps account of what is watched. Waiting with it takes five system calls,
//! since it sets a timer, arms that, and clears and arms its notifier each time. So we wait by
//! epoll_pwait2(2) on its descriptor ourselves, which takes one; and are notified by an event
//! descriptor that is watched for edges, which need be neither read nor armed again.

use std::{
    os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd},
    time::Instant,
};

use polling::{Event, PollMode};

use crate::{
    error::{Error, Result},
    pipe::{Signal, timespec},
};

/// For what a descriptor is watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interest {
    /// Something to read.
    pub read: bool,
    /// Room to write.
    pub write: bool,
}

impl Interest {
    pub const NONE: Interest = Interest {
        read: false,
        write: false,
    };
    pub const READ: Interest = Interest {
        read: true,
        write: false,
    };
    pub const WRITE: Interest = Interest {
        read: false,
        write: true,
    };

    /// How the poller is told of it. Whatever is wanted, the system tells of hang-ups: if nothing
    /// is, then by an edge, once.
    fn event(self, token: usize) -> (Event, PollMode) {
        let mode = match self.read || self.write {
            true => PollMode::Level,
            false => PollMode::Edge,
        };
        (Event::new(token, self.read, self.write), mode)
    }
}

/// What stands for the notifier. The poller has the one above for itself.
const NOTIFIER: usize = usize::MAX - 1;
/// So many events are taken at once.
const EVENTS_MAX: usize = 1024;

/// Descriptors that are watched.
pub struct Poller {
    inner: polling::Poller,
    notifier: Signal,
}

impl Poller {
    /// Watches nothing yet. EMFILE and the like if there are no file descriptors for it.
    pub fn new() -> Result<Poller> {
        let (inner, notifier) = (polling::Poller::new()?, Signal::new()?);
        let event = Event::readable(NOTIFIER);
        // SAFETY: the poller's descriptor is closed first.
        unsafe { inner.add_with_mode(notifier.fd(), event, PollMode::Edge) }?;
        Ok(Poller { inner, notifier })
    }

    /// Ends a wait, this one or the next. From any thread.
    pub fn notify(&self) {
        self.notifier.set();
    }

    /// Watches a descriptor from now on, for what the interest says.
    pub fn watch(&self, fd: BorrowedFd, token: usize, interest: Interest) -> Result<()> {
        let (event, mode) = interest.event(token);
        // SAFETY: who watches a descriptor also ends that before closing it.
        Ok(unsafe { self.inner.add_with_mode(&fd, event, mode) }?)
    }

    /// Watches a descriptor for nothing yet, and without a token. Only this needs room in the
    /// system, so that [`Poller::rewatch`] doesn't fail for that later on.
    pub fn enroll(&self, fd: BorrowedFd) -> Result<()> {
        self.watch(fd, NOTIFIER, Interest::NONE)
    }

    /// Changes for what it is watched. For nothing, too: that takes half the time of ceasing to
    /// watch and beginning again.
    pub fn rewatch(&self, fd: BorrowedFd, token: usize, interest: Interest) -> Result<()> {
        let (event, mode) = interest.event(token);
        Ok(self.inner.modify_with_mode(fd, event, mode)?)
    }

    /// Ceases to watch a descriptor.
    pub fn unwatch(&self, fd: &OwnedFd) {
        let _ = self.inner.delete(fd.as_fd());
    }

    /// Waits until there is something to be done for a descriptor, it is notified, or the
    /// deadline has come. It may also return for no reason. ENOMEM and the like.
    pub fn wait(&self, ready: &mut Ready, deadline: Option<Instant>) -> Result<()> {
        ready.0.clear();
        let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        let timeout = left.map(timespec);
        let fd = self.inner.as_raw_fd();
        let timeout = timeout
            .as_ref()
            .map_or(std::ptr::null(), std::ptr::from_ref);
        // SAFETY: there is room for so many events, and the time is there or null.
        let mut count = unsafe {
            libc::syscall(
                libc::SYS_epoll_pwait2,
                fd,
                ready.0.as_mut_ptr(),
                EVENTS_MAX,
                timeout,
                std::ptr::null::<libc::sigset_t>(),
                0usize,
            )
        };
        // Before Linux 5.11; and sandboxes that are older than that don't let it through.
        if count == -1 && matches!(Error::last().errno(), libc::ENOSYS | libc::EPERM) {
            let timeout = left.map_or(-1, |left| {
                i32::try_from(left.as_nanos().div_ceil(1_000_000)).unwrap_or(i32::MAX)
            });
            // SAFETY: as above.
            count = unsafe {
                libc::epoll_wait(fd, ready.0.as_mut_ptr(), EVENTS_MAX as i32, timeout).into()
            };
        }
        match usize::try_from(count) {
            // SAFETY: so many were written.
            Ok(count) => unsafe { ready.0.set_len(count) },
            Err(_) if Error::last() == Error::EINTR => {}
            Err(_) => return Err(Error::last()),
        }
        Ok(())
    }
}

/// What has come of a wait.
pub struct Ready(Vec<libc::epoll_event>);

impl Ready {
    /// Nothing yet. ENOMEM.
    pub fn new() -> Result<Ready> {
        let mut events = Vec::new();
        events.try_reserve_exact(EVENTS_MAX)?;
        Ok(Ready(events))
    }

    /// The descriptors that something can be done for, and what: hang-ups and errors are told by
    /// reading and by writing.
    pub fn iter(&self) -> impl Iterator<Item = (usize, Interest)> {
        let has = |event: libc::epoll_event, flags| event.events & flags as u32 != 0;
        let end = libc::EPOLLHUP | libc::EPOLLERR;
        self.0.iter().filter_map(move |&event| {
            let token = event.u64 as usize;
            let ready = Interest {
                read: has(
                    event,
                    libc::EPOLLIN | libc::EPOLLRDHUP | libc::EPOLLPRI | end,
                ),
                write: has(event, libc::EPOLLOUT | end),
            };
            (token < NOTIFIER).then_some((token, ready))
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn soon() -> Option<Instant> {
        Some(Instant::now() + Duration::from_secs(10))
    }

    /// A notification ends the wait that it comes before, or in the midst of: each of them.
    #[test]
    fn no_notification_is_lost() {
        let poller = Poller::new().unwrap();
        let mut ready = Ready::new().unwrap();
        let began = Instant::now();
        for _ in 0..3 {
            poller.notify();
            poller.wait(&mut ready, soon()).unwrap();
            assert_eq!(ready.iter().count(), 0);
        }
        std::thread::scope(|scope| {
            scope.spawn(|| {
                std::thread::sleep(Duration::from_millis(20));
                poller.notify();
            });
            poller.wait(&mut ready, soon()).unwrap();
        });
        assert!(began.elapsed() < Duration::from_secs(9));
    }

    /// A wait that nothing ends lasts until the deadline, to less than a millisecond.
    #[test]
    fn a_wait_ends_at_its_deadline() {
        let poller = Poller::new().unwrap();
        let mut ready = Ready::new().unwrap();
        let deadline = Instant::now() + Duration::from_micros(300);
        while Instant::now() < deadline {
            poller.wait(&mut ready, Some(deadline)).unwrap();
        }
        assert_eq!(ready.iter().count(), 0);
    }

    /// What is watched is told of for as long as it is so, and only for what it is watched.
    #[test]
    fn a_descriptor_is_told_of() {
        let poller = Poller::new().unwrap();
        let mut ready = Ready::new().unwrap();
        let (near, far) = std::os::unix::net::UnixStream::pair().unwrap();
        let near = OwnedFd::from(near);
        poller.watch(near.as_fd(), 7, Interest::WRITE).unwrap();
        let told = |ready: &mut Ready| {
            poller.wait(ready, soon()).unwrap();
            ready.iter().collect::<Vec<_>>()
        };
        assert_eq!(told(&mut ready), [(7, Interest::WRITE)]);
        poller.rewatch(near.as_fd(), 7, Interest::READ).unwrap();
        std::io::Write::write_all(&mut &far, b"x").unwrap();
        for _ in 0..2 {
            assert_eq!(told(&mut ready), [(7, Interest::READ)]);
        }
        let nothing_told = |ready: &mut Ready| {
            poller.notify();
            assert_eq!(told(ready), []);
        };
        poller.rewatch(near.as_fd(), 7, Interest::NONE).unwrap();
        nothing_told(&mut ready);
        let is_end = |told: &[(usize, Interest)]| matches!(told, [(7, end)] if end.read);
        drop(far);
        // The end is told of in any case, but then only once.
        assert!(is_end(&told(&mut ready)));
        nothing_told(&mut ready);
        poller.rewatch(near.as_fd(), 7, Interest::READ).unwrap();
        for _ in 0..2 {
            assert!(is_end(&told(&mut ready)));
        }
        poller.unwatch(&near);
        nothing_told(&mut ready);
    }
}
