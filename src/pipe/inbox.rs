//! What happens to a socket while nobody is in it: a list of typed events, and who to wake.
//!
//! Anybody may push, from any thread; whoever holds the socket takes. A thread that waits on the
//! socket registers its parker under the same lock under which events are pushed, and does so
//! only if there are none: so it has either seen an event or is unparked for it.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use super::{End, Far, Haste, Parker, Signal};
use crate::error::Result;

/// Names a pipe within a socket, and none that took its place later.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PipeId(pub u64);

/// What a socket is told.
pub enum Event {
    /// The pipe has records again, or will never have any more.
    Readable(PipeId),
    /// The pipe has room again.
    Writable(PipeId),
    /// Here is a pipe to a new peer.
    Attach(Box<End>),
    /// The other side has closed the pipe. What it has sent before can still be read.
    Closed(PipeId),
    /// The connection behind the pipe was lost and made again.
    Hiccup(PipeId),
    /// There will be no connection behind the pipe any more. Soon after the socket has said that it knows
    /// ([`Far::gave_up_noticed`]), the pipe is closed.
    GivenUp(PipeId),
    /// The context is being terminated: everything fails from now on.
    Terminate,
}

#[derive(Default)]
struct State {
    events: Vec<Event>,
    waiters: Vec<Arc<Parker>>,
    /// The descriptor of `ZMQ_FD`, once somebody has asked for it, and whether it is set.
    signal: Option<Signal>,
    signalled: bool,
    closed: bool,
}

impl State {
    fn set_signal(&mut self) {
        if !self.signalled
            && let Some(signal) = &self.signal
        {
            signal.set();
            self.signalled = true;
        }
    }
}

/// The list of events of one socket.
#[derive(Default)]
pub struct Inbox {
    state: Mutex<State>,
    pending: AtomicBool,
    looks: AtomicU64,
}

impl Inbox {
    /// Notes that the socket's owner wants to know how things stand, rather than to go on.
    pub fn look(&self) {
        // Others don't count.
        let looks = self.looks.load(Ordering::Relaxed);
        self.looks.store(looks.wrapping_add(1), Ordering::Relaxed);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds an event, and wakes those who wait.
    pub fn push(&self, event: Event) {
        let mut state = self.state();
        if state.closed {
            // What the event owns is dropped without the lock.
            return drop((state, event));
        }
        state.events.push(event);
        self.pending.store(true, Ordering::Release);
        state.set_signal();
        // Who is woken may run at once, in our place, and would wait for the lock.
        let waiters = state.waiters.clone();
        drop(state);
        waiters.iter().for_each(Parker::unpark_soon);
    }

    /// Has the descriptor become readable until the socket has been looked after, though there is
    /// no event. Wakes nobody who waits.
    pub fn nudge(&self) {
        let mut state = self.state();
        self.pending.store(true, Ordering::Release);
        state.set_signal();
    }

    /// Whether there are events, or it was nudged.
    #[inline]
    pub fn is_pending(&self) -> bool {
        self.pending.load(Ordering::Acquire)
    }

    /// Takes all events, in their order, into an empty list.
    pub fn take(&self, events: &mut Vec<Event>) {
        let mut state = self.state();
        std::mem::swap(&mut state.events, events);
        self.pending.store(false, Ordering::Release);
        if std::mem::take(&mut state.signalled)
            && let Some(signal) = &state.signal
        {
            signal.clear();
        }
    }

    /// Has the parker unparked with each event from now on. False, and not done, if there are any.
    #[must_use]
    pub fn register(&self, parker: &Arc<Parker>) -> bool {
        let mut state = self.state();
        if !state.events.is_empty() {
            return false;
        }
        state.waiters.push(parker.clone());
        true
    }

    /// Ends what `register` began.
    pub fn unregister(&self, parker: &Arc<Parker>) {
        let mut state = self.state();
        if let Some(i) = state
            .waiters
            .iter()
            .position(|waiter| Arc::ptr_eq(waiter, parker))
        {
            state.waiters.swap_remove(i);
        }
    }

    /// The descriptor that is readable while there are events, or it was nudged (`ZMQ_FD`).
    pub fn fd(&self) -> Result<std::os::fd::RawFd> {
        let mut state = self.state();
        if state.signal.is_none() {
            state.signal = Some(Signal::new()?);
            if self.is_pending() {
                state.set_signal();
            }
        }
        Ok(state.signal.as_ref().map_or(-1, Signal::fd))
    }

    /// Drops all events, those to come, too, and wakes those who wait.
    pub fn close(&self) {
        let mut state = self.state();
        state.closed = true;
        let events = std::mem::take(&mut state.events);
        self.pending.store(true, Ordering::Release);
        for waiter in &state.waiters {
            waiter.unpark();
        }
        state.signal = None;
        drop((state, events));
    }
}

/// A socket's end of a pipe, as the other side sees it.
pub struct Door {
    /// Set when it is known whose the end is.
    inbox: OnceLock<Arc<Inbox>>,
    /// Set by the socket when it attaches the pipe. Until then it counts as awake, and is not
    /// told anything.
    id: AtomicU64,
}

impl Door {
    /// The door to a socket that has not attached the pipe yet.
    pub fn new(inbox: Arc<Inbox>) -> Arc<Door> {
        let door = Door::unknown();
        door.set_inbox(inbox);
        door
    }

    /// The door to a socket that isn't known yet. Until it is, nobody is told anything.
    pub fn unknown() -> Arc<Door> {
        Arc::new(Door {
            inbox: OnceLock::new(),
            id: AtomicU64::new(0),
        })
    }

    /// Says whose the end is.
    pub fn set_inbox(&self, inbox: Arc<Inbox>) {
        let _ = self.inbox.set(inbox);
    }

    /// Names the pipe.
    pub fn set_id(&self, id: PipeId) {
        self.id.store(id.0, Ordering::Release);
    }

    /// How often the socket's owner has wanted to know how things stand.
    pub fn looks(&self) -> u64 {
        let inbox = self.inbox.get();
        inbox.map_or(0, |inbox| inbox.looks.load(Ordering::Relaxed))
    }

    fn push(&self, event: impl FnOnce(PipeId) -> Event) {
        if let Some(inbox) = self.inbox.get() {
            inbox.push(event(PipeId(self.id.load(Ordering::Acquire))));
        }
    }

    /// Says that the connection was lost and made again.
    pub fn hiccup(&self) {
        self.push(Event::Hiccup);
    }

    /// Says that there will be no connection any more.
    pub fn give_up(&self) {
        self.push(Event::GivenUp);
    }
}

impl Far for Door {
    fn readable(&self, _: Haste) {
        self.push(Event::Readable);
    }

    fn writable(&self) {
        self.push(Event::Writable);
    }

    fn closed(&self, _: Option<Duration>) {
        self.push(Event::Closed);
    }
}
