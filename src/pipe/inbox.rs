//! What happens to a socket while nobody is in it: a list of typed events, and who to wake.
//!
//! Anybody may push, from any thread; whoever holds the socket takes. A thread that waits on the
//! socket registers its parker under the same lock under which events are pushed, and does so
//! only if there are none: so it has either seen an event or is unparked for it.
//!
//! A socket's signal is made with it. As a rule it is what the thread wakes by that waits on the socket, or what `ZMQ_FD`
//! stands for. If there are both, each has its own, as whoever unparks a thread may come to its signal late, when the
//! thread has gone on; where there is no descriptor for that, they share it.

use std::{
    sync::{Arc, OnceLock, PoisonError},
    time::Duration,
};

use super::{Eagerness, End, Far, Parker, Signal};
use crate::{
    error::Result,
    sync::{
        atomic::{AtomicBool, AtomicU64, Mutex, MutexGuard, Ordering},
        generation,
    },
};

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
    /// None for a socket that nobody waits on.
    signal: Option<Arc<Signal>>,
    /// The signal is that of `ZMQ_FD`, for which somebody has asked, and is set for that.
    is_fd: bool,
    signalled: bool,
    /// For the thread that waits next.
    parker: Option<Arc<Parker>>,
    /// The signal is, or was, what a thread wakes by.
    is_parkers: bool,
    /// A thread waits that wakes by the signal.
    is_waited_for: bool,
    closed: bool,
    /// The process that the signal was made in.
    process: u32,
}

impl State {
    fn set_signal(&mut self) {
        if self.is_fd
            && !self.signalled
            && let Some(signal) = &self.signal
        {
            signal.set();
            self.signalled = true;
        }
    }

    fn is_signal_of(&self, parker: &Parker) -> bool {
        let signal = self.signal.as_ref();
        signal.is_some_and(|signal| Arc::ptr_eq(signal, parker.signal()))
    }

    /// A forked child shares the descriptor with its parent, and needs its own.
    fn renew_in_child(&mut self) -> Result<()> {
        if self.signal.is_some() && self.process != generation() {
            self.signal = Some(Arc::new(Signal::new()?));
            self.process = generation();
            (self.is_fd, self.signalled) = (false, false);
            (self.is_parkers, self.is_waited_for) = (false, false);
            self.parker = None;
        }
        Ok(())
    }
}

/// The list of events of one socket.
#[derive(Default)]
pub struct Inbox {
    state: Mutex<State>,
    pending: AtomicBool,
    looks: AtomicU64,
    /// Threads that wait and `ZMQ_FD` have shared the signal. So it may be set for nothing.
    is_shared: AtomicBool,
}

impl Inbox {
    /// That of a socket on which threads wait. EMFILE and the like if there is no descriptor for it.
    pub fn with_signal() -> Result<Inbox> {
        let state = State {
            signal: Some(Arc::new(Signal::new()?)),
            process: generation(),
            ..State::default()
        };
        Ok(Inbox {
            state: Mutex::new(state),
            ..Inbox::default()
        })
    }

    /// Notes that the socket's owner wants to know how things stand, rather than to go on.
    pub fn look(&self) {
        // Others don't count.
        let looks = self.looks.load(Ordering::Relaxed);
        self.looks.store(looks.wrapping_add(1), Ordering::Relaxed);
        if self.is_shared.load(Ordering::Relaxed) {
            self.clear_shared();
        }
    }

    /// What has set the signal for a thread that waited may have come late.
    #[cold]
    fn clear_shared(&self) {
        let state = self.state();
        if !state.signalled
            && let Some(signal) = &state.signal
        {
            signal.clear();
        }
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
        waiters.iter().for_each(|waiter| waiter.unpark());
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

    /// A parker for the thread that is going to wait, to be [returned](Inbox::return_parker). EMFILE and the like, if another
    /// thread has it and there is no descriptor for a second one.
    pub fn parker(&self) -> Result<Arc<Parker>> {
        let mut state = self.state();
        state.renew_in_child()?;
        if let Some(parker) = state.parker.take() {
            state.is_waited_for |= state.is_signal_of(&parker);
            parker.reset();
            return Ok(parker);
        }
        let signal = match &state.signal {
            Some(signal) if !state.is_fd && !state.is_waited_for => signal.clone(),
            signal => match (Signal::new(), signal) {
                (Ok(other), _) => Arc::new(other),
                (Err(_), Some(signal)) if !state.is_waited_for => signal.clone(),
                (Err(error), _) => return Err(error),
            },
        };
        let parker = Arc::new(Parker::new(signal));
        if state.is_signal_of(&parker) {
            (state.is_parkers, state.is_waited_for) = (true, true);
            self.note_shared(&state);
        }
        Ok(parker)
    }

    /// The thread waits no longer. `woken`: its signal was set.
    pub fn return_parker(&self, parker: Arc<Parker>, woken: bool) {
        let mut state = self.state();
        let is_own = state.is_signal_of(&parker);
        if woken && !(is_own && state.signalled) {
            parker.signal().clear();
        }
        if is_own {
            state.is_waited_for = false;
        }
        if !(state.closed || is_own && state.is_fd) {
            state.parker = Some(parker);
        }
    }

    fn note_shared(&self, state: &State) {
        if state.is_fd && state.is_parkers {
            self.is_shared.store(true, Ordering::Relaxed);
        }
    }

    /// The descriptor that is readable while there are events, or it was nudged (`ZMQ_FD`).
    pub fn fd(&self) -> Result<std::os::fd::RawFd> {
        self.fd_of(Signal::new)
    }

    fn fd_of(&self, make: impl Fn() -> Result<Signal>) -> Result<std::os::fd::RawFd> {
        let mut state = self.state();
        state.renew_in_child()?;
        if state.signal.is_none() {
            state.signal = Some(Arc::new(make()?));
            state.process = generation();
        }
        if !state.is_fd {
            if state.is_parkers
                && let Ok(signal) = make()
            {
                state.signal = Some(Arc::new(signal));
                (state.is_parkers, state.is_waited_for) = (false, false);
            }
            state.is_fd = true;
            self.note_shared(&state);
            // The next thread that waits gets one with another signal.
            state.parker = None;
            if self.is_pending() {
                state.set_signal();
            }
        }
        Ok(state.signal.as_ref().map_or(-1, |signal| signal.fd()))
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
        (state.signal, state.parker) = (None, None);
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
    fn readable(&self, _: Eagerness) {
        self.push(Event::Readable);
    }

    fn writable(&self) {
        self.push(Event::Writable);
    }

    fn closed(&self, _: Option<Duration>) {
        self.push(Event::Closed);
    }

    fn lose(&self) {
        self.hiccup();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;

    fn is_readable(fd: std::os::fd::RawFd) -> bool {
        let mut fds = [libc::pollfd {
            fd,
            events: libc::POLLIN,
            revents: 0,
        }];
        super::super::poll(&mut fds, Some(std::time::Instant::now())) == Ok(1)
    }

    /// Who has begun to unpark a thread may come to the signal only when the thread has gone on, and has asked for the
    /// descriptor.
    #[test]
    fn who_unparks_late_does_not_disturb_the_descriptor() {
        let inbox = Inbox::with_signal().unwrap();
        let parker = inbox.parker().unwrap();
        let signal = parker.signal().clone();
        inbox.return_parker(parker, false);
        let fd = inbox.fd().unwrap();
        signal.set();
        assert!(!is_readable(fd));
        inbox.nudge();
        assert!(is_readable(fd));
    }

    /// One thread after the other waits by the signal that was made with the socket, and no descriptor is opened for it.
    #[test]
    fn threads_that_wait_in_turn_need_no_other_descriptor() {
        let inbox = Inbox::with_signal().unwrap();
        let first = inbox.parker().unwrap();
        let signal = first.signal().clone();
        // Two at once are each woken by its own.
        let second = inbox.parker().unwrap();
        assert!(!Arc::ptr_eq(second.signal(), &signal));
        drop(second);
        inbox.return_parker(first, false);
        let next = inbox.parker().unwrap();
        assert!(Arc::ptr_eq(next.signal(), &signal));
    }

    /// What wakes a thread isn't taken for an event by who waits for `ZMQ_FD`, nor the other way round.
    #[test]
    fn who_waits_does_not_disturb_the_descriptor() {
        let inbox = Inbox::with_signal().unwrap();
        let parker = inbox.parker().unwrap();
        inbox.return_parker(parker, false);
        let fd = inbox.fd().unwrap();
        let parker = inbox.parker().unwrap();
        assert!(parker.park());
        parker.unpark();
        assert!(!is_readable(fd) && is_readable(parker.signal().fd()));
        inbox.nudge();
        inbox.return_parker(parker, true);
        assert!(is_readable(fd));
        inbox.take(&mut Vec::new());
        assert!(!is_readable(fd));
    }

    /// Where they share the signal because there is no other: an event stays, and what has woken the thread goes.
    #[test]
    fn a_shared_signal_tells_of_events() {
        let inbox = Inbox::with_signal().unwrap();
        let parker = inbox.parker().unwrap();
        let fd = inbox.fd_of(|| Err(Error::EMFILE)).unwrap();
        assert_eq!(parker.signal().fd(), fd);
        inbox.nudge();
        inbox.return_parker(parker.clone(), true);
        assert!(is_readable(fd));
        inbox.take(&mut Vec::new());
        assert!(!is_readable(fd));
        // Who unparks may come to the signal when the thread has long gone on.
        assert!(parker.park());
        parker.unpark();
        assert!(is_readable(fd));
        inbox.look();
        assert!(!is_readable(fd));
    }
}

/// All interleavings, by loom, in `make test`.
#[cfg(all(test, loom))]
mod model {
    use loom::thread;

    use super::*;
    use crate::sync::atomic::{check, join};

    /// A thread has slept, goes on for whatever reason, and asks for the descriptor, while somebody unparks it for an event,
    /// and may come to its signal only then. In the end the descriptor is readable if there is an event, and only then.
    #[test]
    fn the_descriptor_is_not_left_readable() {
        check(3, || {
            let inbox = Arc::new(Inbox::with_signal().unwrap());
            let parker = inbox.parker().unwrap();
            assert!(inbox.register(&parker));
            let pushes = {
                let inbox = inbox.clone();
                thread::spawn(move || inbox.push(Event::Terminate))
            };
            let woken = parker.park() && parker.signal().is_set();
            parker.reset();
            inbox.unregister(&parker);
            inbox.return_parker(parker, woken);
            inbox.take(&mut Vec::new());
            inbox.fd().unwrap();
            join(pushes);
            inbox.look();
            let signal = inbox.state().signal.clone().unwrap();
            assert_eq!(signal.is_set(), inbox.is_pending());
        });
    }
}
