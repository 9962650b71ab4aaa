//! Waiting for several sockets and descriptors together: zmq_poll(3).

use std::{
    ffi::{c_int, c_short},
    os::fd::RawFd,
    time::Instant,
};

use super::wait::{self, Handle, Loans, Waiter};
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

/// Waits until something is ready, and returns how many items are. ETERM, ENOTSOCK, EINTR.
pub fn poll(items: &mut [Item], timeout: i64) -> Result<usize> {
    // The first look is at what is there, without a system call for the sockets.
    let ready = look(items, false)?;
    if ready > 0 {
        return Ok(ready);
    }
    let (began, deadline) = (Instant::now(), wait::deadline(timeout));
    let mut loans = match timeout {
        0 => Loans::default(),
        _ => borrow(items)?,
    };
    loop {
        let ready = look(items, true)?;
        if ready > 0 || timeout == 0 || deadline.is_some_and(|deadline| deadline <= Instant::now())
        {
            if timeout != 0 {
                learn(items, began);
            }
            return Ok(ready);
        }
        if goes_on(items, began) {
            continue;
        }
        if loans.are_used() {
            // The old ones are given back when the new ones are there.
            loans = borrow(items)?;
        }
        sleep(items, &mut loans, deadline)?;
    }
}

/// Borrows the descriptors of the sockets' connections, if they are few.
fn borrow(items: &[Item]) -> Result<Loans> {
    let mut loans = Loans::default();
    if items.iter().filter_map(Item::socket).count() <= LOANS_MAX {
        for handle in items.iter().filter_map(Item::socket) {
            loans.add(&*handle.lock()?, true);
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
            socket.learn(began);
            Ok(())
        });
    }
}

/// Looks at all items. `drive`: the sockets' connections are moved along before.
fn look(items: &mut [Item], drive: bool) -> Result<usize> {
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
    Ok(items.iter().filter(|item| item.ready != 0).count())
}

fn look_at_descriptors(items: &mut [Item]) -> Result<()> {
    let mut fds: Vec<libc::pollfd> = Vec::new();
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

/// Sleeps until something may have happened to one of the items.
fn sleep(items: &[Item], loans: &mut Loans, deadline: Option<Instant>) -> Result<()> {
    let mut waiter = Waiter::new()?;
    for item in items {
        match item.what {
            What::Fd(fd) => waiter.add_fd(fd, to_system(item.events)),
            What::Socket(handle) if item.events != 0 && !waiter.add(&*handle.lock()?) => {
                return Ok(());
            }
            What::Socket(_) => {}
        }
    }
    waiter.sleep(loans, deadline)
}
