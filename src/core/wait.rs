//! Sending and receiving, and the waiting for it.
//!
//! A thread that would block first drives the socket's connections itself, if they are few, or lets
//! others run who may: what it waits for may be there. Then it registers its parker in the socket's inbox, borrows the
//! connections' descriptors, leaves the socket to others, and sleeps on all of these together.
//! Awake again, it gives the descriptors back, takes its turn, reads what has come, and tries
//! again. Whatever can end the wait is either an event in the inbox, which unparks it, or input on
//! a descriptor that it watches.

use std::{
    ffi::c_short,
    os::fd::RawFd,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    time::{Duration, Instant},
};

use super::{
    lead,
    slot::{Locked, Slot},
    socket::Socket,
    spin::Spin,
};
use crate::{
    error::{Error, Result, keep_errno},
    message::{Incoming, Outgoing, Received, Sink, Source, drop_spent},
    pattern::BROKEN,
    pipe::{Far, Inbox, Parker},
    sync::OwnerGuard,
};

/// The slot of a socket.
pub type Handle = &'static Slot<Box<Socket>>;

/// A socket whose turn it is.
pub type Turn = Locked<Box<Socket>>;

/// How long the rest of a body is looked for without sleep. A signal, or another thread that wants the socket, waits so long.
const REST_MAX: Duration = Duration::from_millis(10);

/// Until when to wait: milliseconds from now; negative: forever.
pub fn deadline(timeout: i64) -> Option<Instant> {
    u64::try_from(timeout)
        .ok()
        .and_then(|timeout| Instant::now().checked_add(Duration::from_millis(timeout)))
}

/// Sends a part: zmq_send(3) with its errors.
///
/// Most calls are those of the thread that always uses the socket, when nothing has happened to
/// it and there is room; that much is done here, and all else where it is out of the way.
#[inline(always)]
pub fn send(handle: Handle, more: bool, dont_wait: bool, mut part: impl Outgoing) -> Result<()> {
    let mut failed = DISTURBED;
    if let Some(mut inside) = handle.lock_as_owner() {
        if let Some(socket) = inside.content()
            && socket.is_undisturbed()
        {
            if !more && part.may_be_copied() && socket.send_short(part.bytes()) {
                inside.leave();
                part.done();
                return Ok(());
            }
            let size = part.bytes().len();
            match socket.send_by_pattern(more, &mut part.source()) {
                Ok(()) => {
                    let ahead = lead::counts(size) && !dont_wait && socket.is_ahead(more, size);
                    inside.leave();
                    if ahead {
                        lead::nap();
                    }
                    return Ok(());
                }
                Err(error) => failed = error,
            }
        }
        inside.leave();
    }
    go_on_sending(handle, more, dont_wait, &mut part.source(), failed)
}

/// Sends a part as [`send`] does, if that is a matter of writing it and nobody has to be told: its size. None if it isn't, and
/// nothing was done. Of those that do the same again and again this is all that most calls need; nothing is called on the way,
/// so that no register has to be saved.
#[inline(always)]
pub fn send_in_full_swing(handle: Handle, part: &mut impl Outgoing) -> Option<usize> {
    let body = part.small()?;
    let size = body.size();
    let mut inside = handle.lock_as_owner()?;
    let socket = inside.content().as_mut();
    match socket.and_then(|socket| socket.send_in_full_swing(body)) {
        Some(still) => {
            part.done_small();
            match still {
                true => inside.leave(),
                false => return Some(settle(inside, size)),
            }
            Some(size)
        }
        None => {
            inside.leave();
            None
        }
    }
}

/// Tells who has fallen asleep just now. Returns what it is given. C's way to call says that nothing is thrown out of it.
#[cold]
#[inline(never)]
#[allow(improper_ctypes_definitions)]
extern "C" fn settle(mut inside: OwnerGuard<'static, Option<Box<Socket>>>, size: usize) -> usize {
    let settled = catch_unwind(AssertUnwindSafe(move || {
        if let Some(socket) = inside.content() {
            socket.settle();
        }
        inside.leave();
    }));
    // The message is in the pipe, whatever has happened. Dropping what was thrown may throw again.
    std::mem::forget(settled);
    size
}

/// What a first attempt fails with that wasn't made.
const DISTURBED: Error = Error(-2);

/// Sends a part where a first attempt has failed, or could not be made.
#[cold]
fn go_on_sending(
    handle: Handle,
    more: bool,
    dont_wait: bool,
    part: &mut Source,
    failed: Error,
) -> Result<()> {
    keep_errno(|| send_again(handle, more, dont_wait, part, failed))
}

fn send_again(
    handle: Handle,
    more: bool,
    dont_wait: bool,
    part: &mut Source,
    failed: Error,
) -> Result<()> {
    let mut socket = handle.lock()?;
    let error = match failed {
        DISTURBED => {
            socket.process()?;
            match socket.try_send(more, part) {
                Ok(()) => return Ok(()),
                Err(error) => error,
            }
        }
        error => error,
    };
    let timeout = match dont_wait {
        true => 0,
        false => socket.options().send_timeout,
    };
    match error {
        BROKEN if timeout == 0 => Err(Error::EAGAIN),
        BROKEN => drop_part(part),
        Error::EAGAIN if timeout != 0 => wait_to_send(socket, more, timeout, part),
        error => Err(error),
    }
}

/// Waiting wouldn't help a message whose pipe was closed under it: what is left of it is dropped.
fn drop_part(part: &mut Source) -> Result<()> {
    part.take().map(drop)
}

fn wait_to_send(mut socket: Turn, more: bool, timeout: i32, part: &mut Source) -> Result<()> {
    let (began, deadline) = (Instant::now(), deadline(timeout.into()));
    let mut loans = Loans::default();
    let mut is_over = false;
    loop {
        // What fills the pipes goes out the sooner.
        socket.pipes().drive();
        socket.process()?;
        match socket.try_send(more, part) {
            Err(Error::EAGAIN) if !is_over => {}
            result => {
                socket.learn(began);
                return match result {
                    Err(BROKEN) => drop_part(part),
                    result => result,
                };
            }
        }
        loans.renew(&socket, false);
        if goes_on(&mut socket, began) {
            continue;
        }
        loans.renew(&socket, true);
        socket = Waiter::wait(socket, &mut loans, deadline)?;
        is_over = deadline.is_some_and(|deadline| deadline <= Instant::now());
    }
}

/// Whether to try again rather than to sleep. Lets others run in between.
pub fn goes_on(socket: &mut Socket, began: Instant) -> bool {
    match socket.pipes().are_few() {
        true => socket.spin.goes_on(began),
        // It is the I/O thread that drives so many.
        false => socket.offers.make(),
    }
}

/// Whether a message may be sent without waiting.
pub fn has_room(handle: Handle) -> Result<bool> {
    handle.with(|socket| {
        socket.process()?;
        Ok(socket.has_room())
    })
}

/// Receives a part that is there already. EAGAIN if there is none, and as [`receive`].
pub fn receive_here(handle: Handle, mut into: impl Incoming) -> Result<Received> {
    let Received { size, more } = handle.with(|socket| {
        socket.process()?;
        socket.try_recv(&mut into, false)
    })?;
    // Field by field: what is moved as a whole takes the padding along, in pieces that the processor has to wait for.
    Ok(Received { size, more })
}

/// Receives a part: zmq_recv(3) with its errors. As [`send`], the common case apart.
#[inline(always)]
pub fn receive(handle: Handle, dont_wait: bool, mut into: impl Incoming) -> Result<Received> {
    let mut failed = DISTURBED;
    if let Some(mut inside) = handle.lock_as_owner() {
        if let Some(socket) = inside.content()
            && socket.is_undisturbed()
        {
            if let Some(size) = socket.recv_short(&mut into) {
                inside.leave();
                return Ok(Received { size, more: false });
            }
            match socket.recv_by_pattern(&mut into.sink(), !dont_wait) {
                Ok(received) => {
                    inside.leave();
                    return Ok(received);
                }
                Err(error) => failed = error,
            }
        }
        inside.leave();
    }
    go_on_receiving(handle, dont_wait, &mut into.sink(), failed)
}

/// Receives a part as [`receive`] does, if it is the only one of its message, and that is a matter of reading it, as
/// [`send_in_full_swing`]: its size.
#[inline(always)]
pub fn receive_in_full_swing(handle: Handle, into: &mut impl Incoming) -> Option<usize> {
    let mut inside = handle.lock_as_owner()?;
    let socket = inside.content().as_mut();
    let received = socket.and_then(|socket| socket.recv_in_full_swing(into));
    inside.leave();
    received
}

/// Receives a part where a first attempt has failed, or could not be made.
#[cold]
fn go_on_receiving(
    handle: Handle,
    dont_wait: bool,
    sink: &mut Sink,
    failed: Error,
) -> Result<Received> {
    keep_errno(|| receive_again(handle, dont_wait, sink, failed))
}

fn receive_again(
    handle: Handle,
    dont_wait: bool,
    sink: &mut Sink,
    failed: Error,
) -> Result<Received> {
    let mut socket = handle.lock()?;
    let mut result = Err(failed);
    if failed == DISTURBED {
        socket.process()?;
        result = socket.try_recv(sink, !dont_wait);
    }
    match result {
        Err(Error::EAGAIN) => wait_to_receive(socket, dont_wait, sink),
        result => result,
    }
}

fn wait_to_receive(mut socket: Turn, dont_wait: bool, sink: &mut Sink) -> Result<Received> {
    if dont_wait || socket.options().receive_timeout == 0 {
        socket.pipes().drive();
        return receive_now(&mut socket, sink, false);
    }
    let (began, deadline) = (
        Instant::now(),
        deadline(socket.options().receive_timeout.into()),
    );
    let mut loans = Loans::default();
    let mut is_over = false;
    let mut has_read = false;
    let mut rest = Rest::default();
    loop {
        let mut result = Err(Error::EAGAIN);
        if std::mem::take(&mut has_read) {
            result = receive_now(&mut socket, sink, true);
        }
        let mut missing = 0;
        if result == Err(Error::EAGAIN) {
            missing = socket.pipes().drive();
            result = receive_now(&mut socket, sink, !is_over);
        }
        if result == Err(Error::EAGAIN) && !is_over {
            let late = began + REST_MAX;
            let late = deadline.map_or(late, |deadline| late.min(deadline));
            if rest.comes_soon(missing, &mut socket.spin_for_rest) && Instant::now() < late {
                continue;
            }
            // Only now: what has come already needs no loan.
            loans.renew(&socket, false);
            if goes_on(&mut socket, began) {
                continue;
            }
            loans.renew(&socket, true);
            result = receive_now(&mut socket, sink, false);
        }
        if result != Err(Error::EAGAIN) || is_over {
            socket.learn(began);
            return result;
        }
        socket = Waiter::wait(socket, &mut loans, deadline)?;
        is_over = deadline.is_some_and(|deadline| deadline <= Instant::now());
        // As far as the descriptors had something when the sleep ended.
        has_read = true;
    }
}

/// A body that comes in pieces. The next one may follow soon even if a whole message takes long.
#[derive(Default)]
struct Rest {
    missing: usize,
    /// When the last piece came.
    since: Option<Instant>,
}

impl Rest {
    /// Whether to look for the next piece rather than to sleep.
    fn comes_soon(&mut self, missing: usize, spin: &mut Spin) -> bool {
        if missing == self.missing {
            return missing > 0 && self.since.is_some_and(|since| spin.goes_on(since));
        }
        self.missing = missing;
        if let Some(since) = self.since.replace(Instant::now()) {
            spin.learn(since);
        }
        missing > 0
    }
}

/// As [`Socket::try_recv`], after what has happened.
fn receive_now(socket: &mut Socket, sink: &mut Sink, retrying: bool) -> Result<Received> {
    socket.process()?;
    socket.try_recv(sink, retrying)
}

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
    fn renew(&mut self, socket: &Socket, sleeps: bool) {
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
    pub fn sleep(&mut self, loans: &mut Loans, deadline: Option<Instant>) -> Result<()> {
        let borrowed = self.fds.len();
        loans.used = true;
        loans
            .lent
            .iter()
            .for_each(|(_, fd)| self.add_fd(*fd, libc::POLLIN));
        let slept = self.parker.park(&mut self.fds, deadline);
        // What is read now need not wake this thread any more.
        self.unregister();
        for ((far, _), fd) in loans.lent.iter().zip(&self.fds[borrowed..]) {
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
    fn wait(socket: Turn, loans: &mut Loans, deadline: Option<Instant>) -> Result<Turn> {
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
