//! A session: the connection's end of a pipe, over all the connections it takes.
//!
//! Who owns what: everything is behind the session's lock. The I/O thread takes the lock for as
//! long as it needs it; other threads only try, and when they fail, or find work that is not
//! theirs, they tell the I/O thread ([`Command::Wake`]), which then looks at everything. So work
//! is done by whoever has the lock, or after it, and never left.
//!
//! What wakes whom:
//! - Writing. The pipe's gauge is asleep while nobody has the duty to write. The socket's thread
//!   that publishes into it takes the duty, and either writes itself or passes it on with
//!   `Wake`. When the descriptor is full, the duty is with the poller.
//! - Reading. The poller watches the descriptor, unless the pipe is full (then the reader's
//!   credit wakes us) or a waiting thread has borrowed it (then that thread watches it).
//! - Errors. Whoever meets one notes it and wakes the I/O thread, which alone ends connections,
//!   makes them anew and reports events.

mod zap;

use std::{
    ffi::c_int,
    os::fd::{AsFd, AsRawFd, OwnedFd, RawFd},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, TryLockError, Weak,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use socket2::SockRef;

use super::{
    Owner, depths,
    engine::{Engine, Read, Speech, Written},
    ipc,
    resolve::Resolved,
    socket::{self, Moved},
    tcp,
    thread::{Command, Interest, Io, Reactor, TimerId, with_signals_blocked},
    tunnel::{self, Tunnel},
};
use crate::{
    consts,
    endpoint::Endpoint,
    error::{Error, Result},
    message::{Metadata, Source},
    options::{Mechanism, Options, SocketType},
    pipe::{self, Door, End, Ends, Event, Far, Peer},
    zmtp::{
        self, Codec, Failure, Handshake, Limit, Local, Security, Step, Version, curve::ClientKeys,
    },
};

/// Sends that follow each other faster than this are left to the I/O thread, which batches them.
const BURST_GAP: Duration = Duration::from_micros(10);

/// A sender that has this much (bytes) between two looks is in full swing, ..
const HOLD_MIN: usize = 2048;
/// .. and the next look is after so long.
const HOLD: Duration = Duration::from_micros(50);

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
    Tunnelling(Tunnel),
    Greeting(Greeting),
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
    /// It is time for a PING.
    Ping,
    /// The PING had no answer.
    NoPong,
    /// The peer had promised to be heard of by now.
    Silent,
}

struct State {
    owner: Option<Owner>,
    options: Arc<Options>,
    origin: Origin,
    /// The endpoint, as monitors are told.
    name: Arc<str>,
    phase: Phase,
    ends: Option<Ends>,
    door: Arc<Door>,
    token: Option<usize>,
    interest: Interest,
    /// The descriptor takes no more for now.
    blocked: bool,
    /// The descriptor takes nothing any more; the connection lives on until reading says so.
    mute: bool,
    /// The pipe is full.
    stalled: bool,
    loan: Loan,
    /// The duty to write is kept although all is written, for what a sender in full swing will
    /// have to send the next moment.
    holding: bool,
    failed: Option<Error>,
    socket_closed: bool,
    /// The interval before the last attempt to connect, in milliseconds; -1: none.
    interval: c_int,
    step_alarm: Option<TimerId>,
    linger_alarm: Option<TimerId>,
    flush_alarm: Option<TimerId>,
    ping_alarm: Option<TimerId>,
    pong_alarm: Option<TimerId>,
    silent_alarm: Option<TimerId>,
    ttl: Option<Duration>,
    /// When something was last written at once, and whether the peer was heard since.
    written: Option<Instant>,
    heard: bool,
}

/// The descriptor is lent to threads that wait, which watch it themselves.
///
/// Changing what the poller watches costs a system call each time. So a thread that comes back
/// again and again keeps the loan in between. While it does, an alarm of the I/O thread's looks
/// now and then whether it still uses it, and otherwise takes it back.
#[derive(Default)]
struct Loan {
    /// So many threads wait on the descriptor.
    waiting: u32,
    /// So many times in a row it was asked for again soon.
    streak: u32,
    /// It is kept when nobody waits.
    kept: bool,
    /// It was used since the alarm was set.
    used: bool,
    alarm: Option<TimerId>,
    returned: Option<Instant>,
}

impl Loan {
    /// After so many returns in a row it is kept.
    const STREAK: u32 = 8;
    /// What counts as soon.
    const SOON: Duration = Duration::from_millis(1);
    /// How often the alarm looks.
    const PERIOD: Duration = Duration::from_millis(2);

    fn is_out(&self) -> bool {
        self.waiting > 0 || self.kept
    }
}

/// A connection's end of a pipe.
pub struct Session {
    io: Arc<Io>,
    me: Weak<Session>,
    /// The I/O thread was told to look after it, and hasn't yet.
    woken: AtomicBool,
    state: Mutex<State>,
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
            interest: Interest::default(),
            blocked: false,
            mute: false,
            stalled: false,
            loan: Loan::default(),
            holding: false,
            failed: None,
            socket_closed: false,
            interval: -1,
            step_alarm: None,
            linger_alarm: None,
            flush_alarm: None,
            ping_alarm: None,
            pong_alarm: None,
            silent_alarm: None,
            ttl: None,
            written: None,
            heard: true,
        };
        Arc::new_cyclic(|me| Session {
            io,
            me: me.clone(),
            woken: AtomicBool::new(false),
            state: Mutex::new(state),
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
        let end = (!immediate).then(|| session.state().make_pipe(session.clone()));
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

    /// Whether it has ended by itself.
    pub fn is_over(&self) -> bool {
        matches!(self.state().phase, Phase::Over)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn try_state(&self) -> Option<MutexGuard<'_, State>> {
        match self.state.try_lock() {
            Ok(state) => Some(state),
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }

    /// Has the I/O thread look after it.
    fn wake(&self) {
        if !self.woken.swap(true, Ordering::SeqCst)
            && let Some(me) = self.me.upgrade()
        {
            self.io.push(Command::Wake(me));
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
                    state.blocked = false;
                    state.write(self);
                }
                if readable {
                    state.read(self);
                }
                state.settle(self, reactor);
            }
            Phase::Rest | Phase::Over => {}
        }
    }

    pub(super) fn on_wake(self: &Arc<Self>, reactor: &mut Reactor) {
        self.woken.store(false, Ordering::SeqCst);
        let mut state = self.state();
        if matches!(state.phase, Phase::Steady(_)) {
            state.write_in_turn(self);
            if state.loan.waiting == 0 || state.stalled {
                state.read(self);
            }
            if state.loan.kept && state.loan.alarm.is_none() {
                state.loan.alarm =
                    Some(reactor.set_alarm(self.clone(), Alarm::Reclaim, Loan::PERIOD));
                state.loan.used = false;
            }
            state.settle(self, reactor);
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
            Some(time) => {
                let id = reactor.set_alarm(self.clone(), Alarm::Linger, time);
                let old = state.linger_alarm.replace(id);
                reactor.cancel_alarm(old);
            }
            None => {}
        }
        if matches!(state.phase, Phase::Steady(_)) {
            if !state.blocked {
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
                if matches!(state.phase, Phase::Steady(_)) {
                    state.write_in_turn(self);
                    state.settle(self, reactor);
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
                    _ => {}
                }
            }
            Alarm::Linger => {
                state.linger_alarm = None;
                state.finish(reactor);
            }
            Alarm::Ping => state.ping(self, reactor),
            Alarm::NoPong | Alarm::Silent => {
                let heard = match &mut state.phase {
                    Phase::Steady(engine) => engine.take_heard(),
                    _ => true,
                };
                match alarm {
                    Alarm::NoPong => state.pong_alarm = None,
                    _ => state.silent_alarm = None,
                }
                if !heard {
                    state.lose(self, reactor, Error::ETIMEDOUT);
                }
            }
        }
    }

    /// A bug of ours must not reach further than this connection.
    pub(super) fn on_panic(self: &Arc<Self>, reactor: &mut Reactor) {
        self.state().finish(reactor);
    }
}

/// What the socket's threads do with a session.
impl Far for Session {
    fn readable(&self, siblings: usize) {
        if siblings > 0
            && let Some(mut state) = self.try_state()
        {
            let gap = BURST_GAP * siblings as u32;
            let burst =
                !state.heard && state.written.is_some_and(|written| written.elapsed() < gap);
            if !burst && state.is_drivable() {
                state.write_at_once(self);
                return;
            }
        }
        self.wake();
    }

    fn deliver(&self) {
        match self.try_state() {
            Some(mut state) if state.is_drivable() && !state.blocked => state.write_at_once(self),
            _ => self.wake(),
        }
    }

    fn writable(&self) {
        if let Some(mut state) = self.try_state()
            && state.is_drivable()
        {
            state.read(self);
            state.watch(self);
            return;
        }
        self.wake();
    }

    fn closed(&self, linger: Option<Duration>) {
        // An end may be dropped in the midst of what the session does.
        if let Some(me) = self.me.upgrade() {
            self.io.push(Command::Closed(me, linger));
        }
    }

    fn shut(&self, linger: Option<Duration>) {
        self.state().note_closed();
        self.closed(linger);
    }

    fn drive(&self) {
        if let Some(mut state) = self.try_state()
            && state.is_drivable()
        {
            if !state.blocked {
                state.write(self);
                if state.blocked {
                    state.watch(self);
                }
            }
            if !state.stalled {
                state.read(self);
                state.loan.used = true;
            }
        }
    }

    fn lend(&self) -> Option<RawFd> {
        let mut state = self.try_state()?;
        if !state.is_drivable() || state.stalled {
            return None;
        }
        let Phase::Steady(engine) = &state.phase else {
            return None;
        };
        let fd = engine.fd();
        let soon = state
            .loan
            .returned
            .is_some_and(|returned| returned.elapsed() < Loan::SOON);
        let loan = &mut state.loan;
        loan.streak = if soon {
            loan.streak.saturating_add(1)
        } else {
            0
        };
        (loan.waiting, loan.used) = (loan.waiting + 1, true);
        state.watch(self);
        Some(fd)
    }

    fn give_back(&self) {
        let mut state = self.state();
        let loan = &mut state.loan;
        loan.waiting = loan.waiting.saturating_sub(1);
        loan.returned = Some(Instant::now());
        loan.kept = loan.streak >= Loan::STREAK;
        if loan.kept && loan.alarm.is_none() {
            // The I/O thread sets the alarm, once; or takes the descriptor back.
            self.wake();
        }
        state.watch(self);
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
        end.is_local = self.is_connecting_side();
        end.origin = (!end.is_local).then(|| self.name.clone());
        end
    }

    // -- connecting ------------------------------------------------------------------------------

    fn begin_connect(&mut self, session: &Arc<Session>, reactor: &mut Reactor) {
        if !matches!(self.phase, Phase::Rest) {
            return;
        }
        let Origin::Connect(endpoint) = &self.origin else {
            return;
        };
        let proxy = tunnel::proxy(&self.options).map(Endpoint::Tcp);
        let endpoint = match (endpoint, &proxy) {
            (Endpoint::Tcp(_), Some(proxy)) => proxy,
            _ => endpoint,
        };
        let started = match endpoint {
            Endpoint::Ipc(ipc) => ipc::connect(ipc),
            Endpoint::Tcp(tcp) if tcp::is_numeric(tcp) => tcp::connect(tcp, &self.options),
            Endpoint::Tcp(tcp) => {
                // A name server may take its time, and must not take the I/O thread's.
                let (tcp, options, session) = (tcp.clone(), self.options.clone(), session.clone());
                let lookup = move || {
                    let resolved = tcp::resolve(&tcp, &options);
                    session
                        .io
                        .push(Command::Resolved(session.clone(), resolved));
                };
                let thread = std::thread::Builder::new().name("ZMQbg/Resolve".into());
                match with_signals_blocked(|| thread.spawn(lookup)) {
                    Ok(_) => return,
                    Err(error) => Err(error.into()),
                }
            }
            Endpoint::Inproc(_) => Err(Error::EPROTONOSUPPORT),
        };
        match started {
            Ok((fd, done)) => self.connecting(session, reactor, fd, done),
            Err(_) => self.retry(session, reactor),
        }
    }

    fn connecting(
        &mut self,
        session: &Arc<Session>,
        reactor: &mut Reactor,
        fd: OwnedFd,
        done: bool,
    ) {
        if done {
            self.phase = Phase::Connecting(fd);
            return self.finish_connect(session, reactor);
        }
        self.event(consts::ZMQ_EVENT_CONNECT_DELAYED, libc::EINPROGRESS);
        let interest = Interest {
            read: false,
            write: true,
        };
        if let Some(token) = self.token
            && reactor.io().watch(&fd, token, interest).is_ok()
        {
            self.interest = interest;
        }
        self.phase = Phase::Connecting(fd);
        if let Ok(timeout @ 1..) = u64::try_from(self.options.reconnect.connect_timeout) {
            let after = Duration::from_millis(timeout);
            self.step_alarm = Some(reactor.set_alarm(session.clone(), Alarm::TooLong, after));
        }
    }

    /// The descriptor is writable: it is connected, or has failed to.
    fn finish_connect(&mut self, session: &Arc<Session>, reactor: &mut Reactor) {
        let Phase::Connecting(fd) = std::mem::replace(&mut self.phase, Phase::Rest) else {
            return;
        };
        reactor.cancel_alarm(self.step_alarm.take());
        let is_tcp = matches!(self.origin, Origin::Connect(Endpoint::Tcp(_)));
        let connected = match SockRef::from(&fd).take_error() {
            Ok(None) if is_tcp => tcp::tune(&fd, &self.options),
            Ok(None) => Ok(()),
            Ok(Some(error)) | Err(error) => Err(error.into()),
        };
        match connected {
            Ok(()) if tunnel::proxy(&self.options).is_some() => {
                self.begin_tunnelling(session, reactor, fd)
            }
            Ok(()) => self.connected(session, reactor, fd),
            Err(error) => {
                self.unwatch(reactor, &fd);
                self.event(consts::ZMQ_EVENT_CLOSED, fd.as_raw_fd());
                drop(fd);
                let stop = consts::ZMQ_RECONNECT_STOP_CONN_REFUSED;
                if error == Error::ECONNREFUSED && self.options.reconnect.stop & stop != 0 {
                    return self.finish(reactor);
                }
                self.retry(session, reactor);
            }
        }
    }

    fn begin_tunnelling(&mut self, session: &Arc<Session>, reactor: &mut Reactor, fd: OwnedFd) {
        let Origin::Connect(Endpoint::Tcp(peer)) = &self.origin else {
            return self.connected(session, reactor, fd);
        };
        self.phase = Phase::Tunnelling(Tunnel::new(fd, peer, &self.options));
        self.limit_handshake(session, reactor);
        self.go_on_tunnelling(session, reactor);
    }

    fn go_on_tunnelling(&mut self, session: &Arc<Session>, reactor: &mut Reactor) {
        let Phase::Tunnelling(tunnel) = &mut self.phase else {
            return;
        };
        match tunnel.go_on() {
            Ok(Some(interest)) => self.set_interest(session, interest),
            Ok(None) => {
                if let Phase::Tunnelling(tunnel) = std::mem::replace(&mut self.phase, Phase::Rest) {
                    reactor.cancel_alarm(self.step_alarm.take());
                    self.connected(session, reactor, tunnel.into_fd());
                }
            }
            Err(_) => {
                self.drop_connection(reactor);
                self.retry(session, reactor);
            }
        }
    }

    fn connected(&mut self, session: &Arc<Session>, reactor: &mut Reactor, fd: OwnedFd) {
        self.interval = -1;
        self.event(consts::ZMQ_EVENT_CONNECTED, fd.as_raw_fd());
        self.begin_handshake(session, reactor, fd);
    }

    /// Waits, to connect again then.
    fn retry(&mut self, session: &Arc<Session>, reactor: &mut Reactor) {
        self.phase = Phase::Rest;
        let base = self.options.reconnect.interval;
        if base <= 0 {
            return;
        }
        let max = self.options.reconnect.interval_max;
        let wait = if max > 0 {
            self.interval = if self.interval < 0 {
                base
            } else {
                self.interval.saturating_mul(2)
            }
            .min(max);
            self.interval
        } else {
            // A random part keeps peers from coming back all at once.
            base.saturating_add((random() % base as u32) as c_int)
        };
        let after = Duration::from_millis(wait as u64);
        self.step_alarm = Some(reactor.set_alarm(session.clone(), Alarm::Reconnect, after));
        self.event(consts::ZMQ_EVENT_CONNECT_RETRIED, wait);
        self.finish_if_done(reactor);
    }

    // -- handshake -------------------------------------------------------------------------------

    fn begin_handshake(&mut self, session: &Arc<Session>, reactor: &mut Reactor, fd: OwnedFd) {
        (self.blocked, self.mute, self.stalled, self.failed) = (false, false, false, None);
        self.holding = false;
        if self.options.raw_transport {
            let engine = Engine::new(fd, Speech::Bare, Version::V1, Limit::NONE);
            let peer = Peer {
                routing_id: Vec::new(),
                metadata: self.metadata(engine.fd(), &[]),
            };
            return self.begin_steady(session, reactor, engine, peer, false, &[]);
        }
        let mut out = Vec::new();
        let handshake = Handshake::new(self.local(&fd), &mut out);
        self.limit_handshake(session, reactor);
        let greeting = Greeting {
            fd,
            handshake: Some(handshake),
            out,
            out_at: 0,
            zap: None,
            refused: false,
        };
        self.phase = Phase::Greeting(greeting);
        self.go_on_greeting(session, reactor);
    }

    fn limit_handshake(&mut self, session: &Arc<Session>, reactor: &mut Reactor) {
        if let Ok(timeout @ 1..) = u64::try_from(self.options.limits.handshake) {
            let after = Duration::from_millis(timeout);
            self.step_alarm = Some(reactor.set_alarm(session.clone(), Alarm::TooLong, after));
        }
    }

    /// What we bring to the handshake.
    fn local(&self, fd: &OwnedFd) -> Local {
        let options = &self.options;
        let security = &options.security;
        let mut local = Local::new(options.socket_type);
        local.routing_id = options.routing_id.to_vec();
        local.metadata = options
            .metadata
            .iter()
            .map(|(name, value)| (name.to_vec(), value.to_vec()))
            .collect();
        local.security = match (security.mechanism, security.server) {
            (Mechanism::Plain, true) => Security::PlainServer,
            (Mechanism::Plain, false) => Security::PlainClient {
                username: security.plain_username.to_vec(),
                password: security.plain_password.to_vec().into(),
            },
            (Mechanism::Curve, true) => Security::CurveServer {
                secret_key: (*security.curve_secret.bytes()).into(),
            },
            (Mechanism::Curve, false) => Security::CurveClient(ClientKeys {
                server: *security.curve_server.bytes(),
                public: *security.curve_public.bytes(),
                secret: (*security.curve_secret.bytes()).into(),
            }),
            (Mechanism::Null, _) => Security::Null,
        };
        local.zap_domain = security.zap_domain.to_vec();
        local.zap_enforce_domain = security.enforce_zap_domain;
        local.peer_address = peer_address(fd);
        local.limit = Limit::new(options.limits.max_message_size);
        local
    }

    fn go_on_greeting(&mut self, session: &Arc<Session>, reactor: &mut Reactor) {
        let mut buffer = [0; 4096];
        loop {
            let Phase::Greeting(greeting) = &mut self.phase else {
                return;
            };
            if let Err(error) = greeting.flush() {
                return self.lose(session, reactor, error);
            }
            let piece = libc::iovec {
                iov_base: buffer.as_mut_ptr().cast(),
                iov_len: buffer.len(),
            };
            // SAFETY: the buffer is there to be written to.
            let bytes = match unsafe { socket::receive(greeting.fd.as_raw_fd(), &[piece]) } {
                Ok(Moved::Bytes(bytes)) => bytes,
                Ok(Moved::Blocked) => {
                    let write = greeting.out_at < greeting.out.len();
                    return self.set_interest(session, Interest { read: true, write });
                }
                Ok(Moved::End) => return self.lose(session, reactor, Error::EPIPE),
                Err(error) => return self.lose(session, reactor, error),
            };
            self.hear(session, reactor, &buffer[..bytes]);
        }
    }

    /// Takes in what the peer says in the handshake.
    fn hear(&mut self, session: &Arc<Session>, reactor: &mut Reactor, mut input: &[u8]) {
        while !input.is_empty() {
            let Phase::Greeting(greeting) = &mut self.phase else {
                return;
            };
            // One that was refused may say what it likes.
            let Some(handshake) = greeting.handshake.take() else {
                return;
            };
            match handshake.on(input, &mut greeting.out) {
                Ok((step, taken)) => {
                    input = &input[taken..];
                    self.step(session, reactor, step, input);
                }
                Err(failure) => return self.refuse(session, reactor, failure),
            }
        }
    }

    fn step(&mut self, session: &Arc<Session>, reactor: &mut Reactor, step: Step, rest: &[u8]) {
        let Phase::Greeting(greeting) = &mut self.phase else {
            return;
        };
        match step {
            Step::More(handshake) => greeting.handshake = Some(handshake),
            Step::AskZap(handshake, request) => {
                self.ask_zap(session, reactor, handshake, request, rest);
            }
            Step::Refused(_, failure) => {
                greeting.refused = true;
                if let Some((event, value)) = failure.event() {
                    self.event(event, value);
                }
            }
            Step::Done(peer) => {
                let _ = greeting.flush();
                let Phase::Greeting(greeting) = std::mem::replace(&mut self.phase, Phase::Rest)
                else {
                    return;
                };
                reactor.cancel_alarm(self.step_alarm.take());
                if peer.version >= Version::V3_0 {
                    self.event(consts::ZMQ_EVENT_HANDSHAKE_SUCCEEDED, 0);
                }
                let limit = Limit::new(self.options.limits.max_message_size);
                let metadata = self.metadata(
                    greeting.fd.as_raw_fd(),
                    &peer
                        .properties
                        .iter()
                        .map(|(n, v)| (n.as_slice(), v.as_slice()))
                        .collect::<Vec<_>>(),
                );
                let speech = match peer.codec {
                    Codec::Clear if !self.options.conflates() => Speech::Plain,
                    codec => Speech::Coded(codec),
                };
                let mut engine = Engine::new(greeting.fd, speech, peer.version, limit);
                engine.send_first(&greeting.out[greeting.out_at..]);
                let known = Peer {
                    routing_id: peer.routing_id,
                    metadata,
                };
                self.begin_steady(session, reactor, engine, known, peer.wants_everything, rest);
            }
        }
    }

    /// What messages of this connection can tell.
    fn metadata(&self, fd: RawFd, properties: &[(&[u8], &[u8])]) -> Option<Arc<Metadata>> {
        // SAFETY: the descriptor is open: its owner is asking.
        let address = peer_address(&unsafe { std::os::fd::BorrowedFd::borrow_raw(fd) });
        let mut all: Vec<(&str, &[u8])> = Vec::new();
        if !address.is_empty() {
            all.push(("Peer-Address", address.as_bytes()));
        }
        let named = |&(name, value): &(_, _)| Some((std::str::from_utf8(name).ok()?, value));
        all.extend(
            properties
                .iter()
                .filter_map(|property: &(&[u8], &[u8])| named(&(property.0, property.1))),
        );
        Some(Arc::new(Metadata::new(all, Some(fd))))
    }

    /// The handshake has failed: no use to try again.
    fn refuse(&mut self, session: &Arc<Session>, reactor: &mut Reactor, failure: Failure) {
        if let Phase::Greeting(greeting) = &mut self.phase {
            let _ = greeting.flush();
        }
        if let Some((event, value)) = failure.event() {
            self.event(event, value);
        }
        self.disconnected(reactor);
        let _ = session;
        self.finish(reactor);
    }

    fn begin_steady(
        &mut self,
        session: &Arc<Session>,
        reactor: &mut Reactor,
        mut engine: Engine,
        peer: Peer,
        wants_everything: bool,
        rest: &[u8],
    ) {
        let heartbeats = engine.has_heartbeats();
        if self.ends.is_none() {
            if self.socket_closed {
                return self.finish(reactor);
            }
            let mut end = self.make_pipe(session.clone());
            end.wants_everything = wants_everything;
            if let Some(owner) = &self.owner {
                owner.inbox.push(Event::Attach(Box::new(end)));
            }
        }
        if let Some(ends) = &mut self.ends {
            let taken = ends
                .tx
                .queue()
                .peer(Arc::new(peer))
                .and_then(|()| engine.take_in(&mut ends.tx, rest));
            if ends.tx.publish() {
                self.door.readable(1);
            }
            if let Err(error) = taken {
                self.failed = Some(error);
            }
        }
        self.notify();
        self.phase = Phase::Steady(Box::new(engine));
        (self.written, self.heard) = (None, true);
        self.write(session);
        self.read(session);
        if heartbeats {
            self.schedule_ping(session, reactor);
        }
        self.settle(session, reactor);
    }

    /// Tells the socket of a bare connection that begins or ends, by an empty message
    /// (`ZMQ_STREAM_NOTIFY`).
    fn notify(&mut self) {
        if self.options.raw_transport
            && self.options.stream.notify
            && let Some(ends) = &mut self.ends
        {
            // Without memory for it there is nobody to be told of that.
            let _ = ends.tx.write(0, &mut Source::Bytes(&[]));
            if ends.tx.publish() {
                self.door.readable(1);
            }
        }
    }

    // -- steady ----------------------------------------------------------------------------------

    /// Writes what there is. By whoever has the lock.
    fn write(&mut self, session: &Session) {
        let (Phase::Steady(engine), Some(ends)) = (&mut self.phase, &mut self.ends) else {
            return;
        };
        if self.mute {
            return;
        }
        match engine.write(&mut ends.rx, self.holding) {
            Ok((written, credit)) => {
                if credit {
                    self.door.writable();
                }
                match written {
                    Written::All => self.blocked = false,
                    Written::Blocked => self.blocked = true,
                    Written::More | Written::End => session.wake(),
                }
            }
            // What the peer has sent before is still to be read. Reading will find the error.
            Err(_) => (self.mute, self.blocked) = (true, false),
        }
    }

    /// The I/O thread writes. When a sender is in full swing, it will have more the next moment:
    /// then the duty is kept, and the next look is a while later, so that what is written is
    /// worth the call.
    fn write_in_turn(&mut self, session: &Session) {
        if self.blocked {
            return;
        }
        let Phase::Steady(engine) = &mut self.phase else {
            return;
        };
        let before = std::mem::take(&mut engine.sent);
        self.holding = before >= HOLD_MIN || (self.holding && before > 0);
        self.write(session);
        if let Phase::Steady(engine) = &mut self.phase {
            self.holding |= engine.sent >= HOLD_MIN;
        }
    }

    /// The socket's thread writes by itself.
    fn write_at_once(&mut self, session: &Session) {
        self.write(session);
        self.written = Some(Instant::now());
        self.heard = false;
        if self.blocked {
            self.watch(session);
        }
    }

    /// Reads what there is. By whoever has the lock.
    fn read(&mut self, session: &Session) {
        let (Phase::Steady(engine), Some(ends)) = (&mut self.phase, &mut self.ends) else {
            return;
        };
        if self.failed.is_some() || self.socket_closed {
            return;
        }
        let (result, wake) = engine.read(&mut ends.tx);
        if wake {
            self.heard = true;
            self.door.readable(1);
        }
        match result {
            Ok(read) => {
                self.stalled = read == Read::Stalled;
                if read == Read::More {
                    session.wake();
                }
            }
            Err(error) => {
                self.failed = Some(error);
                session.wake();
            }
        }
        if let Some(ttl) = engine.take_ttl() {
            self.ttl = Some(Duration::from_millis(u64::from(ttl) * 100));
            session.wake();
        }
        if engine.has_out() && !self.blocked {
            self.write(session);
        }
    }

    /// The I/O thread's share after driving: failures, the end, timers, the poller.
    fn settle(&mut self, session: &Arc<Session>, reactor: &mut Reactor) {
        if let Some(error) = self.failed.take() {
            return self.lose(session, reactor, error);
        }
        if self.socket_closed && self.is_all_sent() {
            return self.finish(reactor);
        }
        if self.holding && !self.blocked && self.flush_alarm.is_none() {
            self.flush_alarm = Some(reactor.set_alarm(session.clone(), Alarm::Flush, HOLD));
        }
        if let Some(ttl) = self.ttl.take()
            && !ttl.is_zero()
        {
            if let Phase::Steady(engine) = &mut self.phase {
                engine.take_heard();
            }
            let id = reactor.set_alarm(session.clone(), Alarm::Silent, ttl);
            let old = self.silent_alarm.replace(id);
            reactor.cancel_alarm(old);
        }
        self.watch(session);
    }

    fn is_all_sent(&mut self) -> bool {
        match (&self.phase, &mut self.ends) {
            (Phase::Steady(engine), Some(ends)) => {
                self.mute || (!engine.has_out() && ends.rx.is_at_end())
            }
            (_, Some(ends)) => ends.rx.is_at_end(),
            _ => true,
        }
    }

    fn finish_if_done(&mut self, reactor: &mut Reactor) {
        if self.socket_closed && self.is_all_sent() {
            self.finish(reactor);
        }
    }

    /// Has the poller watch the descriptor for what is wanted now.
    fn watch(&mut self, session: &Session) {
        if !matches!(self.phase, Phase::Steady(_)) {
            return;
        }
        let wanted = self.failed.is_none() && !self.socket_closed;
        let read = wanted && !self.stalled && !self.loan.is_out();
        self.set_interest(
            session,
            Interest {
                read,
                write: self.blocked,
            },
        );
    }

    fn set_interest(&mut self, session: &Session, wanted: Interest) {
        let fd = match &self.phase {
            Phase::Tunnelling(tunnel) => tunnel.fd().as_fd(),
            Phase::Greeting(greeting) => greeting.fd.as_fd(),
            Phase::Steady(engine) => engine.as_fd(),
            _ => return,
        };
        if let Some(token) = self.token
            && session.io.rewatch(fd, token, self.interest, wanted).is_ok()
        {
            self.interest = wanted;
        }
    }

    fn unwatch(&mut self, reactor: &mut Reactor, fd: &OwnedFd) {
        if std::mem::take(&mut self.interest).any() {
            reactor.io().unwatch(fd);
        }
    }

    // -- heartbeats ------------------------------------------------------------------------------

    fn schedule_ping(&mut self, session: &Arc<Session>, reactor: &mut Reactor) {
        if let Ok(interval @ 1..) = u64::try_from(self.options.heartbeat.interval) {
            let after = Duration::from_millis(interval);
            self.ping_alarm = Some(reactor.set_alarm(session.clone(), Alarm::Ping, after));
        }
    }

    fn ping(&mut self, session: &Arc<Session>, reactor: &mut Reactor) {
        self.ping_alarm = None;
        let heartbeat = self.options.heartbeat.clone();
        let Phase::Steady(engine) = &mut self.phase else {
            return;
        };
        engine.command(&zmtp::Command::Ping {
            ttl: heartbeat.ttl,
            context: b"",
        });
        let timeout = if heartbeat.timeout < 0 {
            heartbeat.interval
        } else {
            heartbeat.timeout
        };
        if timeout > 0 && self.pong_alarm.is_none() {
            engine.take_heard();
            let after = Duration::from_millis(timeout as u64);
            self.pong_alarm = Some(reactor.set_alarm(session.clone(), Alarm::NoPong, after));
        }
        if !self.blocked {
            self.write(session);
        }
        self.schedule_ping(session, reactor);
        self.settle(session, reactor);
    }

    // -- the end ---------------------------------------------------------------------------------

    /// Closes the descriptor, if there is one, and ends what belongs to the connection.
    fn drop_connection(&mut self, reactor: &mut Reactor) {
        let phase = std::mem::replace(&mut self.phase, Phase::Rest);
        for alarm in [
            self.step_alarm.take(),
            self.flush_alarm.take(),
            self.loan.alarm.take(),
            self.ping_alarm.take(),
            self.pong_alarm.take(),
            self.silent_alarm.take(),
        ] {
            reactor.cancel_alarm(alarm);
        }
        match phase {
            Phase::Connecting(fd) => {
                self.unwatch(reactor, &fd);
                self.event(consts::ZMQ_EVENT_CLOSED, fd.as_raw_fd());
            }
            Phase::Tunnelling(tunnel) => {
                self.unwatch(reactor, tunnel.fd());
                self.event(consts::ZMQ_EVENT_CLOSED, tunnel.fd().as_raw_fd());
            }
            Phase::Greeting(greeting) => self.unwatch(reactor, &greeting.fd),
            Phase::Steady(mut engine) => {
                self.unwatch(reactor, engine.owned_fd());
                engine.discard_input();
                if self.loan.waiting > 0 {
                    // A thread that polls a descriptor keeps it open; the peer is to know.
                    let _ = SockRef::from(engine.owned_fd()).shutdown(std::net::Shutdown::Both);
                }
            }
            Phase::Rest | Phase::Over => {}
        }
        // Who still waits on the descriptor waits for events, too, and is to look at no other.
        self.loan = Loan::default();
    }

    fn disconnected(&mut self, reactor: &mut Reactor) {
        let fd = match &self.phase {
            Phase::Greeting(greeting) => greeting.fd.as_raw_fd(),
            Phase::Steady(engine) => engine.fd(),
            _ => return,
        };
        self.event(consts::ZMQ_EVENT_DISCONNECTED, fd);
        self.drop_connection(reactor);
    }

    /// The connection is lost: makes it anew, or ends with it.
    fn lose(&mut self, session: &Arc<Session>, reactor: &mut Reactor, error: Error) {
        let mut again = self.is_connecting_side();
        match &self.phase {
            Phase::Greeting(greeting) => {
                again &= !greeting.refused;
                if !greeting.refused {
                    self.event(consts::ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL, error.0);
                }
                let stop = consts::ZMQ_RECONNECT_STOP_HANDSHAKE_FAILED;
                again &= self.options.reconnect.stop & stop == 0;
            }
            // The peer has broken the protocol.
            Phase::Steady(_) => {
                again &= !matches!(error, Error::EPROTO | Error::EMSGSIZE);
                self.notify();
            }
            _ => {}
        }
        self.disconnected(reactor);
        again &= self.options.reconnect.interval > 0;
        if !again {
            return self.finish(reactor);
        }
        if self.options.pipe.immediate {
            if let Some(ends) = self.ends.take() {
                ends.close();
                self.door.closed(None);
            }
        } else if let Some(ends) = &mut self.ends {
            ends.tx.rollback();
            ends.rx.queue().rewind();
            if matches!(self.options.socket_type, SocketType::Sub | SocketType::XSub) {
                self.door.hiccup();
            }
        }
        self.retry(session, reactor);
    }

    /// Ends the session.
    fn finish(&mut self, reactor: &mut Reactor) {
        self.drop_connection(reactor);
        self.phase = Phase::Over;
        reactor.cancel_alarm(self.linger_alarm.take());
        if let Some(ends) = self.ends.take() {
            ends.close();
            self.door.closed(None);
        }
        if let Some(token) = self.token.take() {
            reactor.remove(token);
        }
        self.owner = None;
    }
}

impl Greeting {
    /// Writes what is to be written, as far as the descriptor takes it.
    fn flush(&mut self) -> Result<()> {
        while self.out_at < self.out.len() {
            match socket::send_bytes(self.fd.as_raw_fd(), &self.out[self.out_at..])? {
                Moved::Bytes(bytes) => self.out_at += bytes,
                Moved::Blocked | Moved::End => break,
            }
        }
        Ok(())
    }
}

/// Where the peer is, as messages and the ZAP handler are told; empty if unknown.
fn peer_address(fd: &impl AsFd) -> String {
    tcp::peer_address(fd)
        .or_else(|| {
            let peer = ipc::credentials(fd)?;
            Some(format!("localhost:{}:{}:{}", peer.uid, peer.gid, peer.pid))
        })
        .unwrap_or_default()
}

/// A number that differs from process to process and call to call.
fn random() -> u32 {
    use std::hash::{BuildHasher, RandomState};
    RandomState::new().hash_one(Instant::now()) as u32
}
