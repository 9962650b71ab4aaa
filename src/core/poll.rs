//! Waiting for several sockets and descriptors together: zmq_poll(3). As a call that waits for one, this sleeps nowhere; it
//! returns what it has come to.

use std::{
    ffi::{c_int, c_short},
    os::fd::RawFd,
    time::Instant,
};

use super::{
    wait::{self, Asleep, Handle, Progress},
    waiter::{Loans, Waiter},
};
use crate::{
    consts::{ZMQ_POLLERR, ZMQ_POLLIN, ZMQ_POLLOUT, ZMQ_POLLPRI},
    error::Result,
    pipe,
};

/// With more sockets than this their connections are left to the I/O threads.
const LOANS_MAX: usize = 4;

/// What is waited for.
#[derive(Clone, Copy)]
pub enum What {
    /// A socket.
    Socket(Handle),
    /// A descriptor of the program's.
    Fd(RawFd),
}

/// One of the things to wait for: `ZMQ_POLL*`.
pub struct Item {
    /// The socket or descriptor.
    pub what: What,
    /// What for.
    pub events: c_int,
    /// What has come of it.
    pub ready: c_int,
}

impl Item {
    fn socket(&self) -> Option<Handle> {
        match self.what {
            What::Socket(handle) if self.events != 0 => Some(handle),
            _ => None,
        }
    }
}

const PAIRS: [(c_int, c_short); 3] = [
    (ZMQ_POLLIN, libc::POLLIN),
    (ZMQ_POLLOUT, libc::POLLOUT),
    (ZMQ_POLLPRI, libc::POLLPRI),
];

fn to_system(events: c_int) -> c_short {
    PAIRS
        .iter()
        .filter(|(ours, _)| events & ours != 0)
        .fold(0, |all, (_, theirs)| all | theirs)
}

fn from_system(events: c_short) -> c_int {
    let known = PAIRS.iter().filter(|(_, theirs)| events & theirs != 0);
    let ready = known.fold(0, |all, (ours, _)| all | ours);
    let other = events & !(libc::POLLIN | libc::POLLOUT | libc::POLLPRI);
    if other != 0 {
        ready | ZMQ_POLLERR
    } else {
        ready
    }
}

/// Waits until something is ready, or so many milliseconds (negative: forever) have passed, and returns the items, with what
/// has come of each. ETERM, ENOTSOCK, EINTR, ENOMEM.
pub fn poll(mut items: Vec<Item>, timeout: i64) -> Result<Progress<Vec<Item>, Polling>> {
    // The first look is at what is there, without a system call for the sockets.
    if look(&mut items, false)? {
        return Ok(Progress::Done(items));
    }
    if timeout == 0 {
        look(&mut items, true)?;
        return Ok(Progress::Done(items));
    }
    let (began, deadline) = (Instant::now(), wait::deadline(timeout));
    let loans = borrow(&items)?;
    go_on(items, began, deadline, loans)
}

fn go_on(
    mut items: Vec<Item>,
    began: Instant,
    deadline: Option<Instant>,
    mut loans: Loans,
) -> Result<Progress<Vec<Item>, Polling>> {
    loop {
        let is_over = |deadline: Instant| deadline <= Instant::now();
        if look(&mut items, true)? || deadline.is_some_and(is_over) {
            learn(&items, began);
            return Ok(Progress::Done(items));
        }
        if goes_on(&items, began) {
            continue;
        }
        if loans.are_used() {
            // The old ones are given back when the new ones are there.
            loans = borrow(&items)?;
        }
        let mut waiter = Waiter::new(deadline);
        if add_all(&mut waiter, &items)? {
            if waiter.is_to_sleep(loans) {
                return Ok(Progress::Asleep(Box::new(Polling {
                    items,
                    began,
                    deadline,
                    waiter,
                })));
            }
            loans = waiter.wake()?;
        }
    }
}

/// A call that waits for its items.
pub struct Polling {
    items: Vec<Item>,
    began: Instant,
    deadline: Option<Instant>,
    waiter: Waiter,
}

impl Polling {
    /// Goes on.
    pub fn wake(self) -> Result<Progress<Vec<Item>, Polling>> {
        let loans = self.waiter.wake()?;
        go_on(self.items, self.began, self.deadline, loans)
    }
}

impl Asleep for Polling {
    fn sleep(&mut self) {
        self.waiter.sleep();
    }
}

/// Borrows the descriptors of the sockets' connections, if they are few.
fn borrow(items: &[Item]) -> Result<Loans> {
    let mut loans = Loans::default();
    if items.iter().filter_map(Item::socket).count() <= LOANS_MAX {
        let wanted = ZMQ_POLLIN | ZMQ_POLLOUT;
        for item in items.iter().filter(|item| item.events & wanted != 0) {
            if let What::Socket(handle) = item.what {
                loans.add(&*handle.lock()?, true);
            }
        }
    }
    Ok(loans)
}

/// Whether to look again rather than to sleep: if the first socket is for that, and all others
/// could be driven.
fn goes_on(items: &[Item], began: Instant) -> bool {
    let mut sockets = items.iter().filter_map(Item::socket);
    sockets.next().is_some_and(|first| {
        let goes_on = first.with(|socket| Ok(wait::goes_on(socket, began)));
        goes_on == Ok(true)
    })
}

fn learn(items: &[Item], began: Instant) {
    for handle in items.iter().filter_map(Item::socket) {
        // One that is closed meanwhile has nothing to learn.
        let _ = handle.with(|socket| {
            socket.spin.learn(began.elapsed());
            Ok(())
        });
    }
}

/// Looks at all items: whether one is ready. `drive`: the sockets' connections are moved along before.
pub fn look(items: &mut [Item], drive: bool) -> Result<bool> {
    // First the descriptors: looking after a socket clears its ZMQ_FD, which may be one of them.
    look_at_descriptors(items)?;
    for item in items.iter_mut() {
        if let What::Socket(handle) = item.what {
            let ready = handle.with(|socket| {
                if drive {
                    socket.pipes().drive();
                }
                socket.look_around()?;
                Ok(socket.ready())
            })?;
            item.ready = ready & item.events;
        }
    }
    Ok(items.iter().any(|item| item.ready != 0))
}

fn look_at_descriptors(items: &mut [Item]) -> Result<()> {
    let is_descriptor = |item: &&Item| matches!(item.what, What::Fd(_));
    let mut fds: Vec<libc::pollfd> = Vec::new();
    fds.try_reserve_exact(items.iter().filter(is_descriptor).count())?;
    for item in items.iter() {
        if let What::Fd(fd) = item.what {
            fds.push(libc::pollfd {
                fd,
                events: to_system(item.events),
                revents: 0,
            });
        }
    }
    if fds.is_empty() {
        return Ok(());
    }
    pipe::poll(&mut fds, Some(Instant::now()))?;
    let descriptors = items
        .iter_mut()
        .filter(|item| matches!(item.what, What::Fd(_)));
    for (item, fd) in descriptors.zip(&fds) {
        item.ready = from_system(fd.revents);
    }
    Ok(())
}

/// Has the waiter wait for all items. False if one has something already.
fn add_all(waiter: &mut Waiter, items: &[Item]) -> Result<bool> {
    waiter.reserve(items.len())?;
    for item in items {
        match item.what {
            What::Fd(fd) => waiter.add_fd(fd, to_system(item.events)),
            What::Socket(handle) if item.events != 0 && !waiter.add(&*handle.lock()?)? => {
                return Ok(false);
            }
            What::Socket(_) => {}
        }
    }
    Ok(true)
}
