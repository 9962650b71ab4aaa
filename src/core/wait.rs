//! Sending and receiving, and the waiting for it.
//!
//! A thread that would block first drives the socket's connections itself, if they are few: what
//! it waits for may be there. Then it registers its parker in the socket's inbox, borrows the
//! connections' descriptors, leaves the socket to others, and sleeps on all of these together.
//! Awake again, it gives the descriptors back, takes its turn, reads what has come, and tries
//! again. Whatever can end the wait is either an event in the inbox, which unparks it, or input on
//! a descriptor that it watches.

use std::{
    ffi::c_short,
    os::fd::RawFd,
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
    let mut loans = Loans::default();
    loop {
        if loans.is_empty() {
            loans.add(&socket);
        }
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
        if goes_on(&mut socket, began) {
            continue;
        }
        socket = Waiter::wait(socket, &loans, deadline)?;
        socket.process()?;
        if deadline.is_some_and(|deadline| deadline <= Instant::now()) {
            return socket.try_send(more, part, true);
        }
    }
}

/// Whether to try again rather than to sleep. Lets others run in between.
pub fn goes_on(socket: &mut Socket, began: Instant) -> bool {
    socket.pipes().len() <= DRIVE_MAX && socket.spin.goes_on(began)
}

/// Whether a message may be sent without waiting.
pub fn has_room(handle: Handle) -> Result<bool> {
    let mut socket = handle.lock()?;
    socket.process()?;
    Ok(socket.has_room())
}

/// Receives a part that is there already. EAGAIN if there is none, and as [`receive`].
pub fn receive_here(handle: Handle, sink: &mut Sink) -> Result<Received> {
    let mut socket = handle.lock()?;
    socket.process()?;
    socket.try_recv(sink)
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
    let mut loans = Loans::default();
    loop {
        if loans.is_empty() {
            loans.add(&socket);
        }
        drive(&socket);
        socket.process()?;
        match socket.try_recv(sink) {
            Err(Error::EAGAIN) => {}
            result => {
                socket.spin.learn(began);
                return result;
            }
        }
        if goes_on(&mut socket, began) {
            continue;
        }
        socket = Waiter::wait(socket, &loans, deadline)?;
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

/// Descriptors that are lent to a thread for as long as it waits.
#[derive(Default)]
pub struct Loans(Vec<(Arc<dyn Far>, RawFd)>);

impl Loans {
    /// Borrows the descriptors of a socket's connections, if they are few.
    pub fn add(&mut self, socket: &Socket) {
        if socket.pipes().len() <= DRIVE_MAX {
            let fars = socket.pipes().iter().map(|(_, end)| end.far());
            self.0
                .extend(fars.filter_map(|far| Some((far.clone(), far.lend()?))));
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Drop for Loans {
    fn drop(&mut self) {
        self.0.iter().for_each(|(far, _)| far.give_back());
    }
}

/// What a thread sleeps on: events in some inboxes, and input on some descriptors.
pub struct Waiter {
    parker: Arc<Parker>,
    inboxes: Vec<Arc<Inbox>>,
    /// Our own, the program's, and the borrowed ones.
    fds: Vec<libc::pollfd>,
}

impl Waiter {
    /// Waits for nothing yet. EMFILE and the like if the thread can't be put to sleep.
    pub fn new() -> Result<Waiter> {
        let parker = Parker::current()?;
        parker.reset();
        let mut waiter = Waiter {
            parker,
            inboxes: Vec::new(),
            fds: Vec::new(),
        };
        waiter.add_fd(-1, 0);
        Ok(waiter)
    }

    /// Waits for events of a socket, too. False if it has some already.
    #[must_use]
    pub fn add(&mut self, socket: &Socket) -> bool {
        if !socket.inbox().register(&self.parker) {
            return false;
        }
        self.inboxes.push(socket.inbox().clone());
        true
    }

    /// Waits for a descriptor, too.
    pub fn add_fd(&mut self, fd: RawFd, events: c_short) {
        self.fds.push(libc::pollfd {
            fd,
            events,
            revents: 0,
        });
    }

    /// Sleeps, on borrowed descriptors, too, and reads from those that have something then.
    /// EINTR if a signal came. Returns for no reason, too.
    pub fn sleep(&mut self, loans: &Loans, deadline: Option<Instant>) -> Result<()> {
        let borrowed = self.fds.len();
        loans
            .0
            .iter()
            .for_each(|(_, fd)| self.add_fd(*fd, libc::POLLIN));
        let slept = self.parker.park(&mut self.fds, deadline);
        // What is read now need not wake this thread any more.
        self.unregister();
        for ((far, _), fd) in loans.0.iter().zip(&self.fds[borrowed..]) {
            if fd.revents != 0 {
                far.drive();
            }
        }
        slept
    }

    fn unregister(&mut self) {
        self.inboxes
            .drain(..)
            .for_each(|inbox| inbox.unregister(&self.parker));
    }

    /// Waits until something may have happened to the socket, which others can use meanwhile.
    /// ENOTSOCK if it is closed, EINTR if a signal came.
    fn wait(socket: Turn, loans: &Loans, deadline: Option<Instant>) -> Result<Turn> {
        let mut waiter = Waiter::new()?;
        if !waiter.add(&socket) {
            return Ok(socket);
        }
        let (handle, generation) = (socket.slot(), socket.generation());
        drop(socket);
        drop_spent();
        let slept = waiter.sleep(loans, deadline);
        let socket = handle.relock(generation)?;
        slept.map(|()| socket)
    }
}

impl Drop for Waiter {
    fn drop(&mut self) {
        self.unregister();
    }
}
