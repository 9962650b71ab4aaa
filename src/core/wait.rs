//! Sending and receiving, and the waiting for it.
//!
//! A thread that would block first drives the socket's connections itself, if they are few, or lets
//! others run who may: what it waits for may be there. Then it registers a parker in the socket's inbox, borrows the
//! connections' descriptors, leaves the socket to others, and sleeps on all of these together.
//! Awake again, it gives the descriptors back, takes its turn, reads what has come, and tries
//! again. Whatever can end the wait is either an event in the inbox, which unparks it, or input on
//! a descriptor that it watches.
//!
//! Nothing here sleeps: a thread may be cancelled in its sleep, and may then hold nothing ([`crate::sync::cancel`]). A call
//! that has to returns what it has come to, [`Progress::Asleep`], and goes on with that when the thread has slept.

use std::time::{Duration, Instant};

use super::{
    slot::{Locked, Slot},
    socket::Socket,
    waiter::{Loans, Waiter},
};
use crate::{
    error::{Error, Result},
    message::{Incoming, Outgoing, Received, Sink, Source},
    policy::wait::Spin,
};

/// The slot of a socket.
pub type Handle = &'static Slot<Box<Socket>>;

/// A socket whose turn it is.
pub type Turn = Locked<Box<Socket>>;

/// How long the rest of a body is looked for without sleep. A signal, or another thread that wants the socket, waits so long.
const REST_MAX: Duration = Duration::from_millis(10);

/// What a first attempt has come to, which is all that most calls are.
#[derive(Clone, Copy)]
pub enum Attempt<T> {
    /// It is done.
    Done(T),
    /// It could not be done in this way, or, with an error, not at once. Then there is a second way.
    Undecided(Option<Error>),
}

impl<T> Attempt<T> {
    /// With what is made of what it has come to.
    pub fn map<U>(self, done: impl FnOnce(T) -> U) -> Attempt<U> {
        match self {
            Attempt::Done(value) => Attempt::Done(done(value)),
            Attempt::Undecided(failed) => Attempt::Undecided(failed),
        }
    }
}

/// How far a call has come that may have to wait.
pub enum Progress<T, C> {
    /// It is done.
    Done(T),
    /// It goes on when the thread has [slept](Asleep::sleep).
    Asleep(Box<C>),
}

impl<T, C> Progress<T, C> {
    /// With what is made of what it has come to.
    pub fn map<U>(self, done: impl FnOnce(T) -> U) -> Progress<U, C> {
        match self {
            Progress::Done(value) => Progress::Done(done(value)),
            Progress::Asleep(call) => Progress::Asleep(call),
        }
    }
}

/// A call that has to sleep, or to do something else in which the thread may be unwound.
pub trait Asleep: 'static {
    /// Does so. There is no lock, and nothing in this function to be dropped: what is to be undone is the call's.
    fn sleep(&mut self);
}

/// Until when to wait: milliseconds from now; negative: forever.
pub fn deadline(timeout: i64) -> Option<Instant> {
    u64::try_from(timeout)
        .ok()
        .and_then(|timeout| Instant::now().checked_add(Duration::from_millis(timeout)))
}

/// Sends a part, if that is possible at once: zmq_send(3) with its errors. [`send_on`] is the second way.
///
/// Most calls are those of the thread that always uses the socket, when nothing has happened to
/// it and there is room; that much is done here, and all else where it is out of the way.
#[inline(always)]
pub fn send(handle: Handle, more: bool, part: &mut impl Outgoing) -> Result<Attempt<()>> {
    let Some(mut inside) = handle.lock_as_owner() else {
        return Ok(Attempt::Undecided(None));
    };
    let mut failed = None;
    if let Some(socket) = inside.content()
        && socket.is_undisturbed()
    {
        match socket.try_send(more, part) {
            Ok(()) => {
                inside.leave();
                return Ok(Attempt::Done(()));
            }
            Err(error) => failed = Some(error),
        }
    }
    inside.leave();
    Ok(Attempt::Undecided(failed))
}

/// Sends a part where [`send`] has failed, or could not try.
pub fn send_on(
    handle: Handle,
    more: bool,
    dont_wait: bool,
    part: &mut Source,
    failed: Option<Error>,
) -> Result<Progress<(), Sending>> {
    let mut socket = handle.lock()?;
    let error = match failed {
        None => {
            socket.process()?;
            match socket.try_send(more, part) {
                Ok(()) => return Ok(Progress::Done(())),
                Err(error) => error,
            }
        }
        Some(error) => error,
    };
    let timeout = match dont_wait {
        true => 0,
        false => socket.options().send_timeout,
    };
    match error {
        Error::Broken if timeout == 0 => Err(Error::EAGAIN),
        Error::Broken => drop_part(part).map(Progress::Done),
        Error::EAGAIN if timeout != 0 => {
            let wait = Wait::new(&socket, timeout.into());
            wait_to_send(socket, more, wait, Loans::default(), part)
        }
        error => Err(error),
    }
}

/// Sends a part by either way.
pub fn send_either_way(
    handle: Handle,
    more: bool,
    dont_wait: bool,
    part: &mut impl Outgoing,
) -> Result<Progress<(), Sending>> {
    match send(handle, more, part)? {
        Attempt::Done(()) => Ok(Progress::Done(())),
        Attempt::Undecided(failed) => send_on(handle, more, dont_wait, &mut part.source(), failed),
    }
}

/// Waiting wouldn't help a message whose pipe was closed under it: what is left of it is dropped.
fn drop_part(part: &mut Source) -> Result<()> {
    part.take().map(drop)
}

fn wait_to_send(
    mut socket: Turn,
    more: bool,
    wait: Wait,
    mut loans: Loans,
    part: &mut Source,
) -> Result<Progress<(), Sending>> {
    let mut is_over = loans.are_used() && wait.is_over();
    loop {
        // What fills the pipes goes out the sooner.
        socket.pipes().drive();
        socket.process()?;
        match socket.try_send(more, part) {
            Err(Error::EAGAIN) if !is_over => {}
            result => {
                socket.spin.learn(wait.began.elapsed());
                return match result {
                    Err(Error::Broken) => drop_part(part),
                    result => result,
                }
                .map(Progress::Done);
            }
        }
        loans.renew(&socket, false);
        if goes_on(&mut socket, wait.began) {
            continue;
        }
        loans.renew(&socket, true);
        let mut waiter = Waiter::new(wait.deadline);
        if waiter.add(&socket)? {
            if waiter.is_to_sleep(loans) {
                return Ok(Progress::Asleep(Box::new(Sending { wait, more, waiter })));
            }
            loans = waiter.wake()?;
        }
        is_over = wait.is_over();
    }
}

/// A call that waits until it can send.
pub struct Sending {
    wait: Wait,
    more: bool,
    waiter: Waiter,
}

impl Sending {
    /// Goes on with the part that it was called with.
    pub fn wake(self, part: &mut Source) -> Result<Progress<(), Sending>> {
        let loans = self.waiter.wake();
        let socket = self.wait.handle.relock(self.wait.generation)?;
        wait_to_send(socket, self.more, self.wait, loans?, part)
    }
}

impl Asleep for Sending {
    fn sleep(&mut self) {
        self.waiter.sleep();
    }
}

/// Who waits on one socket, since when and until when.
struct Wait {
    handle: Handle,
    generation: u32,
    began: Instant,
    deadline: Option<Instant>,
}

impl Wait {
    /// From now on, for so many milliseconds; negative: forever.
    fn new(socket: &Turn, timeout: i64) -> Wait {
        Wait {
            handle: socket.slot(),
            generation: socket.generation(),
            began: Instant::now(),
            deadline: deadline(timeout),
        }
    }

    fn is_over(&self) -> bool {
        let deadline = self.deadline;
        deadline.is_some_and(|deadline| deadline <= Instant::now())
    }
}

/// Whether to try again rather than to sleep. Lets others run in between.
pub fn goes_on(socket: &mut Socket, began: Instant) -> bool {
    // It is the I/O thread that drives many.
    socket.pipes().are_few() && tries_again(&mut socket.spin, began)
}

/// Whether to try again rather than to sleep, in a wait that has begun then. Lets others run.
fn tries_again(spin: &mut Spin, began: Instant) -> bool {
    let waited = began.elapsed();
    if !spin.goes_on(waited) {
        return false;
    }
    std::thread::yield_now();
    spin.on_yield(began.elapsed() - waited);
    true
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

/// Receives a part, if there is one: zmq_recv(3) with its errors. As [`send`], the common case; [`receive_on`] is the second
/// way.
#[inline(always)]
pub fn receive(
    handle: Handle,
    dont_wait: bool,
    into: &mut impl Incoming,
) -> Result<Attempt<Received>> {
    let Some(mut inside) = handle.lock_as_owner() else {
        return Ok(Attempt::Undecided(None));
    };
    let mut failed = None;
    if let Some(socket) = inside.content()
        && socket.is_undisturbed()
    {
        match socket.try_recv(into, !dont_wait) {
            Ok(received) => {
                inside.leave();
                return Ok(Attempt::Done(received));
            }
            Err(error) => failed = Some(error),
        }
    }
    inside.leave();
    Ok(Attempt::Undecided(failed))
}

/// Receives a part by either way.
pub fn receive_either_way(
    handle: Handle,
    dont_wait: bool,
    into: &mut impl Incoming,
) -> Result<Progress<Received, Receiving>> {
    match receive(handle, dont_wait, into)? {
        Attempt::Done(received) => Ok(Progress::Done(received)),
        Attempt::Undecided(failed) => receive_on(handle, dont_wait, &mut into.sink(), failed),
    }
}

/// Receives a part where [`receive`] has failed, or could not try.
pub fn receive_on(
    handle: Handle,
    dont_wait: bool,
    sink: &mut Sink,
    failed: Option<Error>,
) -> Result<Progress<Received, Receiving>> {
    let mut socket = handle.lock()?;
    let result = match failed {
        Some(error) => Err(error),
        None => receive_now(&mut socket, sink, !dont_wait),
    };
    if result != Err(Error::EAGAIN) {
        return result.map(Progress::Done);
    }
    if dont_wait || socket.options().receive_timeout == 0 {
        socket.pipes().drive();
        return receive_now(&mut socket, sink, false).map(Progress::Done);
    }
    let wait = Wait::new(&socket, socket.options().receive_timeout.into());
    wait_to_receive(socket, wait, Rest::default(), Loans::default(), sink)
}

fn wait_to_receive(
    mut socket: Turn,
    wait: Wait,
    mut rest: Rest,
    mut loans: Loans,
    sink: &mut Sink,
) -> Result<Progress<Received, Receiving>> {
    // As far as the descriptors had something when the sleep ended.
    let mut has_read = loans.are_used();
    let mut is_over = has_read && wait.is_over();
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
            let late = wait.began + REST_MAX;
            let late = wait.deadline.map_or(late, |deadline| late.min(deadline));
            if rest.comes_soon(missing, &mut socket.spin_for_rest) && Instant::now() < late {
                continue;
            }
            // Only now: what has come already needs no loan.
            loans.renew(&socket, false);
            if goes_on(&mut socket, wait.began) {
                continue;
            }
            loans.renew(&socket, true);
            result = receive_now(&mut socket, sink, false);
        }
        if result != Err(Error::EAGAIN) || is_over {
            socket.spin.learn(wait.began.elapsed());
            return result.map(Progress::Done);
        }
        let mut waiter = Waiter::new(wait.deadline);
        if waiter.add(&socket)? {
            if waiter.is_to_sleep(loans) {
                let call = Receiving { wait, rest, waiter };
                return Ok(Progress::Asleep(Box::new(call)));
            }
            loans = waiter.wake()?;
            has_read = true;
        }
        is_over = wait.is_over();
    }
}

/// A call that waits until it can receive.
pub struct Receiving {
    wait: Wait,
    rest: Rest,
    waiter: Waiter,
}

impl Receiving {
    /// Goes on, to receive to where it was called with.
    pub fn wake(self, sink: &mut Sink) -> Result<Progress<Received, Receiving>> {
        let loans = self.waiter.wake();
        let socket = self.wait.handle.relock(self.wait.generation)?;
        wait_to_receive(socket, self.wait, self.rest, loans?, sink)
    }
}

impl Asleep for Receiving {
    fn sleep(&mut self) {
        self.waiter.sleep();
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
            return missing > 0 && self.since.is_some_and(|since| tries_again(spin, since));
        }
        self.missing = missing;
        if let Some(since) = self.since.replace(Instant::now()) {
            spin.learn(since.elapsed());
        }
        missing > 0
    }
}

/// As [`Socket::try_recv`], after what has happened.
fn receive_now(socket: &mut Socket, sink: &mut Sink, retrying: bool) -> Result<Received> {
    socket.process()?;
    socket.try_recv(sink, retrying)
}
