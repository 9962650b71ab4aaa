//! Sending and receiving, and the waiting for it.
//!
//! A thread that would block first drives the socket's connections itself, if they are few: what
//! it waits for may be there. Then it registers its parker in the socket's inbox, borrows the
//! connections' descriptors, leaves the socket to others, and sleeps on all of these together.
//! Awake again, it gives the descriptors back, takes its turn, reads what has come, and tries
//! again. Whatever can end the wait is either an event in the inbox, which unparks it, or input on
//! a descriptor that it watches.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use super::{
    slot::{Locked, Slot},
    socket::Socket,
};
use crate::{
    error::{Error, Result},
    io::drop_spent,
    message::{Received, Sink, Source},
    pipe::{Far, Inbox, Parker},
};

/// The slot of a socket.
pub type Handle = &'static Slot<Box<Socket>>;

/// A socket whose turn it is.
pub type Turn = Locked<Box<Socket>>;

/// A waiting thread drives so many connections by itself, at most.
const DRIVE_MAX: usize = 4;

/// Until when to wait: milliseconds from now; negative: forever.
pub fn deadline(timeout: i64) -> Option<Instant> {
    u64::try_from(timeout)
        .ok()
        .and_then(|timeout| Instant::now().checked_add(Duration::from_millis(timeout)))
}

/// Sends a part: zmq_send(3) with its errors.
#[inline]
pub fn send(handle: Handle, more: bool, dont_wait: bool, part: &mut Source) -> Result<()> {
    let mut socket = handle.lock()?;
    socket.process()?;
    let timeout = if dont_wait {
        0
    } else {
        socket.options().send_timeout
    };
    match socket.try_send(more, part, timeout != 0) {
        Err(Error::EAGAIN) if timeout != 0 => {}
        result => return result,
    }
    let result = wait_to_send(socket, more, timeout, part);
    drop_spent();
    result
}

#[cold]
fn wait_to_send(mut socket: Turn, more: bool, timeout: i32, part: &mut Source) -> Result<()> {
    let (began, deadline) = (Instant::now(), deadline(timeout.into()));
    loop {
        // What fills the pipes goes out the sooner.
        drive(&socket);
        socket.process()?;
        match socket.try_send(more, part, true) {
            Err(Error::EAGAIN) => {}
            result => {
                socket.spin.learn(began);
                return result;
            }
        }
        if goes_on(&socket, began) {
            std::thread::yield_now();
            continue;
        }
        socket = Waiter::wait(socket, deadline)?;
        socket.process()?;
        if deadline.is_some_and(|deadline| deadline <= Instant::now()) {
            return socket.try_send(more, part, true);
        }
    }
}

/// Whether to try again rather than to sleep.
pub fn goes_on(socket: &Socket, began: Instant) -> bool {
    socket.pipes().len() <= DRIVE_MAX && socket.spin.goes_on(began.elapsed())
}

/// Receives a part: zmq_recv(3) with its errors.
#[inline]
pub fn receive(handle: Handle, dont_wait: bool, sink: &mut Sink) -> Result<Received> {
    let mut socket = handle.lock()?;
    socket.process()?;
    match socket.try_recv(sink) {
        Err(Error::EAGAIN) => {}
        result => return result,
    }
    let result = wait_to_receive(socket, dont_wait, sink);
    drop_spent();
    result
}

#[cold]
fn wait_to_receive(mut socket: Turn, dont_wait: bool, sink: &mut Sink) -> Result<Received> {
    if dont_wait || socket.options().receive_timeout == 0 {
        drive(&socket);
        socket.process()?;
        return socket.try_recv(sink);
    }
    let (began, deadline) = (
        Instant::now(),
        deadline(socket.options().receive_timeout.into()),
    );
    loop {
        drive(&socket);
        socket.process()?;
        match socket.try_recv(sink) {
            Err(Error::EAGAIN) => {}
            result => {
                socket.spin.learn(began);
                return result;
            }
        }
        if goes_on(&socket, began) {
            std::thread::yield_now();
            continue;
        }
        socket = Waiter::wait(socket, deadline)?;
        socket.process()?;
        if deadline.is_some_and(|deadline| deadline <= Instant::now()) {
            return socket.try_recv(sink);
        }
    }
}

/// Has the socket's connections moved along, if they are few.
pub fn drive(socket: &Socket) {
    if socket.pipes().len() <= DRIVE_MAX {
        socket.pipes().iter().for_each(|(_, end)| end.far().drive());
    }
}

/// What a thread waits for: events in some inboxes, and input on some descriptors.
pub struct Waiter {
    parker: Arc<Parker>,
    inboxes: Vec<Arc<Inbox>>,
    lent: Vec<Arc<dyn Far>>,
    fds: Vec<libc::pollfd>,
}

impl Waiter {
    /// Waits for nothing yet. EMFILE and the like if the thread can't be put to sleep.
    pub fn new() -> Result<Waiter> {
        let parker = Parker::current()?;
        parker.reset();
        let own = libc::pollfd {
            fd: -1,
            events: 0,
            revents: 0,
        };
        Ok(Waiter {
            parker,
            inboxes: Vec::new(),
            lent: Vec::new(),
            fds: vec![own],
        })
    }

    /// Waits for a socket, too. False if it has events already.
    #[must_use]
    pub fn add(&mut self, socket: &Socket) -> bool {
        if !socket.inbox().register(&self.parker) {
            return false;
        }
        self.inboxes.push(socket.inbox().clone());
        if socket.pipes().len() <= DRIVE_MAX {
            for (_, end) in socket.pipes().iter() {
                if let Some(fd) = end.far().lend() {
                    self.lent.push(end.far().clone());
                    self.fds.push(libc::pollfd {
                        fd,
                        events: libc::POLLIN,
                        revents: 0,
                    });
                }
            }
        }
        true
    }

    /// Waits for a descriptor of the program's, too. Returns where its results will be.
    pub fn add_fd(&mut self, fd: libc::pollfd) {
        // Before the lent ones, which are added when all else is known.
        self.fds.push(fd);
    }

    /// Sleeps. EINTR if a signal came. Returns for no reason, too.
    pub fn sleep(&mut self, deadline: Option<Instant>) -> Result<()> {
        self.parker.park(&mut self.fds, deadline)
    }

    /// What came of descriptors: the first is our own.
    pub fn fds(&self) -> &[libc::pollfd] {
        &self.fds
    }

    /// Reads what has come on borrowed descriptors.
    pub fn drive(&self) {
        let first = self.fds.len() - self.lent.len();
        for (far, fd) in self.lent.iter().zip(&self.fds[first..]) {
            if fd.revents != 0 {
                far.drive();
            }
        }
    }

    /// Waits until something may have happened to the socket, which others can use meanwhile.
    /// ENOTSOCK if it is closed, EINTR if a signal came.
    fn wait(socket: Turn, deadline: Option<Instant>) -> Result<Turn> {
        let mut waiter = Waiter::new()?;
        if !waiter.add(&socket) {
            return Ok(socket);
        }
        let (handle, generation) = (socket.slot(), socket.generation());
        drop(socket);
        drop_spent();
        let slept = waiter.sleep(deadline);
        let socket = handle.relock(generation)?;
        waiter.drive();
        drop(waiter);
        slept.map(|()| socket)
    }
}

impl Drop for Waiter {
    fn drop(&mut self) {
        self.inboxes
            .iter()
            .for_each(|inbox| inbox.unregister(&self.parker));
        self.lent.iter().for_each(|far| far.give_back());
    }
}
