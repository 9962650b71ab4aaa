//! What a thread sleeps on: events in sockets' inboxes, and input on connections that it has borrowed.

use std::{ffi::c_short, os::fd::RawFd, sync::Arc, time::Instant};

use super::socket::Socket;
use crate::{
    error::Result,
    pipe::{self, Far, Inbox, Parker},
};

/// Descriptors that are lent to a thread for as long as it waits.
///
/// A connection may end, and its descriptor be closed and stand for something else, while the
/// thread doesn't look. So the loans are good for one sleep only.
#[derive(Default)]
pub struct Loans {
    lent: Vec<(Arc<dyn Far>, RawFd)>,
    used: bool,
}

impl Loans {
    /// Borrows the descriptors of a socket's connections, if they are few, that aren't borrowed yet: for a thread that
    /// sleeps, or may do so.
    pub fn add(&mut self, socket: &Socket, sleeps: bool) {
        if !socket.pipes().are_few() {
            return;
        }
        for (_, end) in socket.pipes().iter() {
            let far = end.far();
            if !self.lent.iter().any(|(lent, _)| Arc::ptr_eq(lent, far))
                && let Some(fd) = far.lend(sleeps)
            {
                self.lent.push((far.clone(), fd));
            }
        }
    }

    /// Borrows those of this one socket that weren't borrowed since the last sleep.
    pub fn renew(&mut self, socket: &Socket, sleeps: bool) {
        // The old ones are given back when the new ones are there: meanwhile nobody else is to watch.
        let _old = self.used.then(|| std::mem::take(self));
        self.add(socket, sleeps);
    }

    /// Whether the thread has slept on them.
    pub fn are_used(&self) -> bool {
        self.used
    }
}

impl Drop for Loans {
    fn drop(&mut self) {
        self.lent.iter().for_each(|(far, _)| far.give_back());
    }
}

/// What a thread sleeps on: events in some inboxes, and input on some descriptors.
pub struct Waiter {
    deadline: Option<Instant>,
    /// What wakes the thread, and whose that is: the first one's of the inboxes.
    parker: Option<(Arc<Parker>, Arc<Inbox>)>,
    inboxes: Vec<Arc<Inbox>>,
    /// The parker's, the program's, and the borrowed ones.
    fds: Vec<libc::pollfd>,
    /// Where the borrowed ones begin.
    borrowed: usize,
    loans: Loans,
    /// How the sleep has ended.
    slept: Result<()>,
}

impl Waiter {
    /// Waits for nothing yet but the deadline.
    pub fn new(deadline: Option<Instant>) -> Waiter {
        let mut waiter = Waiter {
            deadline,
            parker: None,
            inboxes: Vec::new(),
            fds: Vec::new(),
            borrowed: 0,
            loans: Loans::default(),
            slept: Ok(()),
        };
        waiter.add_fd(-1, libc::POLLIN);
        waiter
    }

    /// Waits for events of a socket, too. False if it has some already. EMFILE and the like if the thread can't be put to
    /// sleep, because another one sleeps on the socket.
    pub fn add(&mut self, socket: &Socket) -> Result<bool> {
        let inbox = socket.inbox();
        let parker = match &self.parker {
            Some((parker, _)) => parker,
            None => {
                let parker = inbox.parker()?;
                self.fds[0].fd = parker.signal().fd();
                &self.parker.insert((parker, inbox.clone())).0
            }
        };
        if !inbox.register(parker) {
            return Ok(false);
        }
        self.inboxes.push(inbox.clone());
        Ok(true)
    }

    /// Makes room for so many sockets and descriptors. ENOMEM.
    pub fn reserve(&mut self, items: usize) -> Result<()> {
        self.fds.try_reserve(items)?;
        Ok(self.inboxes.try_reserve(items)?)
    }

    /// Waits for a descriptor, too.
    pub fn add_fd(&mut self, fd: RawFd, events: c_short) {
        self.fds.push(libc::pollfd {
            fd,
            events,
            revents: 0,
        });
    }

    /// Waits on borrowed descriptors, too. False if the thread isn't to sleep, because it was woken meanwhile.
    #[must_use]
    pub fn is_to_sleep(&mut self, loans: Loans) -> bool {
        self.borrowed = self.fds.len();
        self.loans = loans;
        self.loans.used = true;
        for i in 0..self.loans.lent.len() {
            self.add_fd(self.loans.lent[i].1, libc::POLLIN);
        }
        let parker = self.parker.as_ref();
        parker.is_none_or(|(parker, _)| parker.park())
    }

    /// Sleeps. Returns for no reason, too.
    ///
    /// The thread may be cancelled here. It has no lock, and there is nothing in this function to be dropped: what is to be
    /// undone, this waiter, is its owner's.
    pub fn sleep(&mut self) {
        self.slept = pipe::poll(&mut self.fds, self.deadline).map(|_| ());
    }

    /// Reads from those descriptors that have something, and gives the borrowed ones back with the next ones. EINTR if the
    /// sleep was ended by a signal.
    pub fn wake(mut self) -> Result<Loans> {
        // What is read now need not wake this thread any more.
        self.unregister();
        for ((far, _), fd) in self.loans.lent.iter().zip(&self.fds[self.borrowed..]) {
            if fd.revents != 0 {
                far.drive();
            }
        }
        self.slept?;
        Ok(std::mem::take(&mut self.loans))
    }

    fn unregister(&mut self) {
        let Some((parker, owner)) = self.parker.take() else {
            return;
        };
        parker.reset();
        for inbox in self.inboxes.drain(..) {
            inbox.unregister(&parker);
        }
        // Not by the parker's state: who has set that may come to the signal only now.
        owner.return_parker(parker, self.fds[0].revents != 0);
    }
}

impl Drop for Waiter {
    fn drop(&mut self) {
        self.unregister();
    }
}
