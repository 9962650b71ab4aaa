//! A session: the connection's end of a pipe, over all the connections it takes.
//!
//! Who owns what: everything is behind the session's lock ([`Attended`]). The I/O thread takes the lock for as
//! long as it needs it; other threads only try, and when they fail, or find work that is not
//! theirs, they tell the I/O thread ([`Command::Wake`]), which then looks at everything. So work
//! is done by whoever has the lock, or after it, and never left.
//!
//! What wakes whom:
//! - Writing. The pipe's gauge is asleep while nobody has the duty to write. The socket's thread
//!   that publishes into it takes the duty, and either writes itself or passes it on with
//!   `Wake`. When the descriptor is full, the duty is with the poller.
//!   Answers to what has come together should go out together: a thread that has more to answer passes the duty
//!   on without hurry ([`Eagerness::Later`]), so that the I/O thread, which would interrupt it, lets it go on first.
//! - Reading. The poller watches the descriptor, unless the pipe is full (then the reader's
//!   credit wakes us) or a waiting thread has borrowed it (then that thread watches it).
//! - Errors. Whoever meets one notes it and wakes the I/O thread, which alone ends connections,
//!   makes them anew and reports events.

mod connecting;
mod driving;
mod ending;
mod greeting;
mod heartbeat;
mod steady;
#[cfg(test)]
mod tests;
mod zap;

use std::{
    ffi::c_int,
    net::Shutdown,
    os::fd::{AsFd, AsRawFd, OwnedFd, RawFd},
    sync::{Arc, Weak},
    time::{Duration, Instant},
};

use socket2::SockRef;

use self::heartbeat::Heartbeat;
use super::{
    Owner, depths,
    engine::{Engine, READ_MAX, READ_TURNS, Read, Speech, Written},
    ipc,
    poller::Interest,
    resolve::Resolved,
    socket::{self, Moved},
    tcp,
    thread::{Command, Io, Reactor, TimerId, with_signals_blocked},
    tunnel::{self, Tunnel},
};
use crate::{
    consts,
    endpoint::Endpoint,
    error::{Error, Result},
    memory,
    message::{Metadata, MetadataRef, Source},
    options::{Mechanism, Options, SocketType},
    pipe::{self, Door, End, Ends, Event, Far, Peer},
    policy::flush::{Eagerness, Flush, Flusher, HOLD},
    sync::{self, Attended, atomic::MutexGuard},
    zmtp::{
        self, Codec, Failure, Handshake, Limit, Local, Properties, Security, Step, Version,
        curve::ClientKeys,
    },
};

/// Where the session's connections come from.
enum Origin {
    /// It connects, and does so again when a connection is lost.
    Connect(Endpoint),
    /// It was accepted, and ends with its connection.
    Accept,
}

enum Phase {
    /// There is no connection: it waits to begin, for a name, or to try again.
    Rest,
    Connecting(OwnedFd),
    /// A proxy is asked for the connection.
    Tunnelling(Box<Tunnel>),
    Greeting(Box<Greeting>),
    Steady(Box<Engine>),
    Over,
}

/// A handshake under way.
struct Greeting {
    fd: OwnedFd,
    handshake: Option<Handshake>,
    out: Vec<u8>,
    out_at: usize,
    /// The pipe to the ZAP handler, while its answer is awaited.
    zap: Option<Box<End>>,
    /// It has failed, the peer was told, and will hang up.
    refused: bool,
}

/// What an alarm is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Alarm {
    /// See whether there is more to write.
    Flush,
    /// See whether the descriptor's loan is still used.
    Reclaim,
    /// Try to connect again.
    Reconnect,
    /// The connection, or the handshake, has taken too long.
    TooLong,
    /// The socket is closed and what was sent had its time.
    Linger,
    /// It is time for a PING, or the peer should have been heard by now.
    Heartbeat,
}

/// Whether the descriptor takes bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Output {
    /// It does, as far as is known.
    Open,
    /// No more for now; the poller tells when it does again.
    Full,
    /// The system had no memory for them; they are tried again a moment later.
    Paused,
    /// Never again. The connection lasts until what the peer has sent before is read.
    Dead,
}

/// In this order in memory: first what each message needs, close together, as it is a good part of what a request among
/// thousands of connections takes to fetch that.
#[repr(C)]
struct State {
    phase: Phase,
    failed: Option<Error>,
    /// For what the poller watches the descriptor, if it does.
    interest: Option<Interest>,
    output: Output,
    /// The pipe is full.
    stalled: bool,
    /// Reading has stopped in the midst of it.
    unread: bool,
    socket_closed: bool,
    /// One side has broken the protocol, or not let the other in.
    refused: bool,
    /// There will be no other connection, but the socket still has the pipe: see [`State::give_up`].
    given_up: bool,
    /// The socket knows that there will be no other connection: see [`State::give_up`].
    gave_up_noticed: bool,
    /// The next connection is to be told of as one that was made again: the socket had no memory to prepare for it.
    hiccups: bool,
    flusher: Flusher,
    ends: Option<Ends>,
    door: Arc<Door>,
    loan: Loan,
    token: Option<usize>,
    owner: Option<Owner>,
    options: Arc<Options>,
    origin: Origin,
    /// The endpoint, as monitors are told.
    name: Arc<str>,
    /// The interval before the last attempt to connect, in milliseconds; -1: none.
    interval: c_int,
    step_alarm: Option<TimerId>,
    linger_alarm: Option<TimerId>,
    flush_alarm: Option<TimerId>,
    heartbeat: Heartbeat,
    heartbeat_alarm: Option<TimerId>,
}

/// The descriptor is lent to threads that wait, which watch it themselves.
///
/// Changing what the poller watches costs a system call each time. So a thread that comes back
/// again and again keeps the loan in between. While it does, an alarm of the I/O thread's looks
/// now and then whether it still uses it, and otherwise takes it back.
#[derive(Default)]
#[repr(C)]
struct Loan {
    /// So many threads wait on the descriptor.
    waiting: u32,
    /// It is kept when nobody waits.
    kept: bool,
    /// It was used since the alarm was set.
    used: bool,
    /// So many times in a row it was asked for again soon, and came back before the alarm.
    streak: u32,
    alarm: Option<TimerId>,
    lent: Option<Instant>,
    /// When it was last given back, or asked for in vain.
    wanted: Option<Instant>,
}

impl Loan {
    /// After so many returns in a row it is kept.
    const STREAK: u32 = 8;
    /// What counts as soon.
    const SOON: Duration = Duration::from_micros(200);
    /// How often the alarm looks.
    const PERIOD: Duration = Duration::from_millis(2);

    fn is_out(&self) -> bool {
        self.waiting > 0 || self.kept
    }
}

/// A connection's end of a pipe.
#[repr(C)]
pub struct Session {
    io: Arc<Io>,
    me: Weak<Session>,
    /// The I/O thread is the attendant.
    state: Attended<State>,
}

impl Session {
    fn new(
        origin: Origin,
        phase: Phase,
        name: Arc<str>,
        options: Arc<Options>,
        owner: Owner,
        io: Arc<Io>,
    ) -> Arc<Session> {
        let door = Door::new(owner.inbox.clone());
        let state = State {
            owner: Some(owner),
            options,
            origin,
            name,
            phase,
            ends: None,
            door,
            token: None,
            interest: None,
            output: Output::Open,
            stalled: false,
            unread: false,
            loan: Loan::default(),
            flusher: Flusher::new(Instant::now()),
            failed: None,
            socket_closed: false,
            refused: false,
            given_up: false,
            gave_up_noticed: false,
            hiccups: false,
            interval: -1,
            step_alarm: None,
            linger_alarm: None,
            flush_alarm: None,
            heartbeat: Heartbeat::default(),
            heartbeat_alarm: None,
        };
        Arc::new_cyclic(|me| Session {
            io,
            me: me.clone(),
            state: Attended::new(state),
        })
    }

    /// A session that connects to an endpoint, and the socket's end of its pipe: unless that is
    /// to come with each connection (`ZMQ_IMMEDIATE`).
    pub fn connect(
        endpoint: Endpoint,
        options: Arc<Options>,
        owner: Owner,
        io: Arc<Io>,
    ) -> (Arc<Session>, Option<End>) {
        io.add_load();
        let immediate = options.pipe.immediate;
        let name = endpoint.to_string().into();
        let session = Session::new(
            Origin::Connect(endpoint),
            Phase::Rest,
            name,
            options,
            owner,
            io.clone(),
        );
        // A pipe that comes with a connection is the peer's doing, whoever has connected.
        let end = (!immediate).then(|| {
            let mut end = session.state().make_pipe(session.clone());
            end.is_local = true;
            end
        });
        io.push(Command::Start(session.clone()));
        (session, end)
    }

    /// A session for an accepted connection.
    pub(super) fn accept(
        fd: OwnedFd,
        name: Arc<str>,
        options: Arc<Options>,
        owner: Owner,
        io: Arc<Io>,
    ) -> Arc<Session> {
        Session::new(
            Origin::Accept,
            Phase::Connecting(fd),
            name,
            options,
            owner,
            io,
        )
    }

    /// The socket gives it up, whether it has a pipe now or not.
    pub fn abandon(&self, linger: Option<Duration>) {
        self.state().socket_closed = true;
        self.closed(linger);
    }

    /// Whether it has ended by itself, so that its endpoint is free to be connected to again. Not if it was refused.
    pub fn is_over(&self) -> bool {
        let state = self.state();
        matches!(state.phase, Phase::Over) && !state.refused
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock(|state| self.recover(state))
    }

    fn try_state(&self) -> Option<MutexGuard<'_, State>> {
        self.state.try_lock(|state| self.recover(state))
    }

    /// A thread has panicked in the midst of something. Nothing is done with what it has left but
    /// to end the session.
    fn recover(&self, state: &mut State) {
        state.failed = Some(Error::ENOTRECOVERABLE);
        self.wake();
    }

    /// Has the I/O thread look after it.
    fn wake(&self) {
        self.call(true);
    }

    /// As [`Session::wake`]. No hurry: whoever has written will write more.
    fn call(&self, hurry: bool) {
        if self.state.tell()
            && let Some(me) = self.me.upgrade()
        {
            self.io.push(Command::Wake(me, hurry));
        }
    }

    // -- in the I/O thread -----------------------------------------------------------------------

    pub(super) fn on_start(self: &Arc<Self>, reactor: &mut Reactor) {
        let mut state = self.state();
        state.token = Some(reactor.insert_session(self.clone()));
        match std::mem::replace(&mut state.phase, Phase::Rest) {
            Phase::Connecting(fd) => state.begin_handshake(self, reactor, fd),
            phase => {
                state.phase = phase;
                state.begin_connect(self, reactor);
            }
        }
    }

    pub(super) fn on_ready(
        self: &Arc<Self>,
        reactor: &mut Reactor,
        readable: bool,
        writable: bool,
    ) {
        let mut state = self.state();
        match &state.phase {
            Phase::Connecting(_) => state.finish_connect(self, reactor),
            Phase::Tunnelling(_) => state.go_on_tunnelling(self, reactor),
            Phase::Greeting(_) => state.go_on_greeting(self, reactor),
            Phase::Steady(_) => {
                if writable {
                    state.try_output_again(Output::Full);
                    state.write(self);
                }
                if readable {
                    state.read_in_turn(self);
                }
                state.settle(self, reactor);
            }
            Phase::Rest | Phase::Over => {}
        }
    }

    pub(super) fn on_wake(self: &Arc<Self>, reactor: &mut Reactor) {
        let mut state = self.state.attend(|state| self.recover(state));
        if state.failed == Some(Error::ENOTRECOVERABLE) {
            return state.finish(reactor);
        }
        if matches!(state.phase, Phase::Steady(_)) {
            state.write_in_turn(self);
            let unread = state.unread && state.loan.is_out();
            if state.stalled || unread || state.output == Output::Dead {
                state.read_in_turn(self);
            }
            if state.loan.kept && state.loan.alarm.is_none() {
                state.loan.alarm =
                    Some(reactor.set_alarm(self.clone(), Alarm::Reclaim, Loan::PERIOD));
                state.loan.used = false;
            }
            state.settle(self, reactor);
        } else if state.gave_up_noticed {
            state.end_soon(self, reactor);
        }
    }

    pub(super) fn on_closed(self: &Arc<Self>, reactor: &mut Reactor, linger: Option<Duration>) {
        let mut state = self.state();
        state.note_closed();
        if !state.socket_closed {
            return;
        }
        match linger {
            Some(Duration::ZERO) => return state.finish(reactor),
            // There is nobody to deliver it to.
            _ if state.given_up => return state.finish(reactor),
            Some(time) => {
                let id = reactor.set_alarm(self.clone(), Alarm::Linger, time);
                let old = state.linger_alarm.replace(id);
                reactor.cancel_alarm(old);
            }
            None => {}
        }
        if matches!(state.phase, Phase::Steady(_)) {
            if state.output == Output::Open {
                state.write(self);
            }
            state.settle(self, reactor);
        } else {
            state.finish_if_done(reactor);
        }
    }

    /// A listener is closed: if it is ours, we end unless the socket has our pipe.
    pub(super) fn on_unlisten(&self, reactor: &mut Reactor, listener: &Arc<str>) {
        let mut state = self.state();
        if Arc::ptr_eq(&state.name, listener) && state.ends.is_none() {
            state.finish(reactor);
        }
    }

    pub(super) fn on_resolved(self: &Arc<Self>, reactor: &mut Reactor, resolved: Result<Resolved>) {
        let mut state = self.state();
        if !matches!(state.phase, Phase::Rest) || state.step_alarm.is_some() {
            return;
        }
        match resolved.and_then(|resolved| tcp::connect_to(&resolved, &state.options)) {
            Ok((fd, done)) => state.connecting(self, reactor, fd, done),
            Err(_) => state.retry(self, reactor),
        }
    }

    pub(super) fn on_zap(self: &Arc<Self>, reactor: &mut Reactor) {
        let mut state = self.state();
        state.hear_zap(self, reactor, &[]);
        state.go_on_greeting(self, reactor);
    }

    pub(super) fn on_alarm(self: &Arc<Self>, reactor: &mut Reactor, alarm: Alarm) {
        let mut state = self.state();
        match alarm {
            Alarm::Flush => {
                state.flush_alarm = None;
                state.try_output_again(Output::Paused);
                match state.phase {
                    Phase::Tunnelling(_) => state.go_on_tunnelling(self, reactor),
                    Phase::Greeting(_) => state.go_on_greeting(self, reactor),
                    Phase::Steady(_) => {
                        state.write_in_turn(self);
                        state.settle(self, reactor);
                    }
                    _ => {}
                }
            }
            Alarm::Reclaim => {
                state.loan.alarm = None;
                if std::mem::take(&mut state.loan.used) {
                    state.loan.alarm =
                        Some(reactor.set_alarm(self.clone(), Alarm::Reclaim, Loan::PERIOD));
                } else {
                    (state.loan.kept, state.loan.streak) = (false, 0);
                    state.watch(self);
                }
            }
            Alarm::Reconnect => {
                state.step_alarm = None;
                state.begin_connect(self, reactor);
            }
            Alarm::TooLong => {
                state.step_alarm = None;
                match state.phase {
                    Phase::Connecting(_) | Phase::Tunnelling(_) => {
                        state.drop_connection(reactor);
                        state.retry(self, reactor);
                    }
                    Phase::Greeting(_) => state.lose(self, reactor, Error::EAGAIN),
                    Phase::Steady(_) if !state.stalled => state.lose(self, reactor, Error::EPIPE),
                    Phase::Steady(_) => state.settle(self, reactor),
                    _ => {}
                }
            }
            Alarm::Linger => {
                state.linger_alarm = None;
                state.finish(reactor);
            }
            Alarm::Heartbeat => {
                state.heartbeat_alarm = None;
                state.on_heartbeat(self, reactor);
            }
        }
    }

    /// A bug of ours must not reach further than this connection.
    pub(super) fn on_panic(self: &Arc<Self>, reactor: &mut Reactor) {
        self.state().finish(reactor);
    }
}

impl State {
    /// Whether threads other than the I/O thread may drive the connection now.
    fn is_drivable(&self) -> bool {
        matches!(self.phase, Phase::Steady(_)) && self.failed.is_none() && !self.socket_closed
    }

    fn event(&self, event: c_int, value: c_int) {
        if let Some(owner) = &self.owner {
            owner.observer.event(event, value, &self.name);
        }
    }

    /// Finds out whether the socket has closed the pipe: this one, and not one before it.
    fn note_closed(&mut self) {
        self.socket_closed |= self.ends.as_ref().is_some_and(|ends| ends.rx.is_closed());
    }

    fn is_connecting_side(&self) -> bool {
        matches!(self.origin, Origin::Connect(_))
    }

    /// Makes the pipe, keeps one end, and returns the socket's.
    fn make_pipe(&mut self, session: Arc<Session>) -> End {
        let (outbound, inbound) = depths(&self.options);
        let (ends, ours) = pipe::pipe(outbound, inbound);
        if let Some(owner) = &self.owner {
            self.door = Door::new(owner.inbox.clone());
        }
        self.ends = Some(ours);
        let mut end = End::new(ends, session, self.door.clone());
        end.origin = (!self.is_connecting_side()).then(|| self.name.clone());
        end
    }
}
