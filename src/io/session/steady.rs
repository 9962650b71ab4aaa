//! After the handshake: driving the engine, by whoever has the lock, and heartbeats.

use super::{heartbeat::Action, *};

/// How long after the system had no memory for what was to be sent it is tried again.
const PAUSE: Duration = Duration::from_millis(10);
/// What a peer has sent before nothing could be sent to it any more is read for so long at most,
/// if there is room for it.
const LAST_WORDS: Duration = Duration::from_secs(1);
/// So many bytes of one connection the I/O thread reads before others have their turn. With six peers that flood it, a
/// handshake then takes as long as with libzmq; with four times as much, three times as long.
const READ_MAX_IN_TURN: usize = 64 * 1024;
/// With no more sessions and listeners than this there are no others: less at a time costs a seventh of the throughput
/// with messages of 1 MiB.
const ALONE: usize = 2;

impl State {
    /// Writes what there is. By whoever has the lock.
    pub(super) fn write(&mut self, session: &Session) {
        let (Phase::Steady(engine), Some(ends)) = (&mut self.phase, &mut self.ends) else {
            return;
        };
        if self.output == Output::Dead || self.failed.is_some() {
            return;
        }
        let (result, credit) = engine.write(&mut ends.rx, self.flusher.holds());
        if credit {
            self.door.writable();
        }
        match result {
            Ok(Written::All) => self.output = Output::Open,
            Ok(Written::Blocked) => self.output = Output::Full,
            Ok(Written::More | Written::End) => session.wake(),
            Err(error) => {
                self.output = match socket::is_transient(error) {
                    true => Output::Paused,
                    false => {
                        // The peer is to know, if it can be told. What it has sent before is still
                        // to be read. An error says only that it is there no more.
                        let _ = SockRef::from(engine.owned_fd()).shutdown(Shutdown::Write);
                        Output::Dead
                    }
                };
                // The alarms are the I/O thread's.
                session.wake();
            }
        }
    }

    /// Has the descriptor tried again that took no more for this reason.
    pub(super) fn try_output_again(&mut self, reason: Output) {
        if self.output == reason {
            self.output = Output::Open;
        }
    }

    /// The I/O thread writes. While a sender streams, the next look is a while later.
    pub(super) fn write_in_turn(&mut self, session: &Session) {
        if self.output != Output::Open {
            return;
        }
        let Phase::Steady(engine) = &mut self.phase else {
            return;
        };
        let sent = std::mem::take(&mut engine.sent);
        self.flusher.on_look(Instant::now(), sent);
        self.write(session);
    }

    /// The socket's thread writes by itself.
    pub(super) fn write_at_once(&mut self, session: &Session) {
        let began = Instant::now();
        self.write(session);
        let now = Instant::now();
        self.flusher.on_written(now, driving::spend(began, now));
        if self.output == Output::Full {
            self.watch(session);
        }
    }

    /// The I/O thread reads, and has others to look after.
    pub(super) fn read_in_turn(&mut self, session: &Session) {
        let max = match session.io.load() {
            ..=ALONE => READ_MAX,
            _ => READ_MAX_IN_TURN,
        };
        self.read_up_to(session, max);
    }

    /// Reads what there is. By whoever has the lock.
    pub(super) fn read(&mut self, session: &Session) {
        self.read_up_to(session, READ_MAX);
    }

    fn read_up_to(&mut self, session: &Session, max: usize) {
        let (Phase::Steady(engine), Some(ends)) = (&mut self.phase, &mut self.ends) else {
            return;
        };
        if self.failed.is_some() || self.socket_closed {
            return;
        }
        let before = ends.tx.written();
        engine.read_max = max;
        let (result, wake) = engine.read(&mut ends.tx);
        if ends.tx.written() != before {
            self.flusher.on_heard();
        }
        if wake {
            self.door.readable(Eagerness::Few(1));
        }
        match result {
            Ok(read) => {
                let was_stalled = std::mem::replace(&mut self.stalled, read == Read::Stalled);
                if was_stalled && !self.stalled {
                    self.heartbeat.on_reading_again(Instant::now());
                }
                self.unread = read == Read::More;
                if self.unread && self.loan.is_out() {
                    // Else the poller tells of what is left.
                    session.wake();
                }
                if read == Read::All && self.output == Output::Dead {
                    self.failed = Some(Error::EPIPE);
                    session.wake();
                }
            }
            Err(error) => {
                self.failed = Some(error);
                session.wake();
            }
        }
        if engine.has_ttl() {
            session.wake();
        }
        if engine.has_out() && self.output == Output::Open {
            self.write(session);
        }
    }

    /// The I/O thread's share after driving: failures, the end, timers, the poller.
    pub(super) fn settle(&mut self, session: &Arc<Session>, reactor: &mut Reactor) {
        if self.failed == Some(Error::ENOTRECOVERABLE) {
            return self.finish(reactor);
        }
        if let Some(error) = self.failed.take() {
            return self.lose(session, reactor, error);
        }
        if self.socket_closed && self.is_all_sent() {
            return self.finish(reactor);
        }
        match self.output {
            Output::Open if self.flusher.holds() => self.flush_later(session, reactor, HOLD),
            Output::Paused => self.flush_later(session, reactor, PAUSE),
            Output::Dead if self.step_alarm.is_none() => {
                let id = reactor.set_alarm(session.clone(), Alarm::TooLong, LAST_WORDS);
                self.step_alarm = Some(id);
            }
            _ => {}
        }
        self.tell_heartbeat(session, reactor);
        self.watch(session);
    }

    /// Has [`Alarm::Flush`] ring, unless it will sooner or later.
    pub(super) fn flush_later(
        &mut self,
        session: &Arc<Session>,
        reactor: &mut Reactor,
        after: Duration,
    ) {
        if self.flush_alarm.is_none() {
            self.flush_alarm = Some(reactor.set_alarm(session.clone(), Alarm::Flush, after));
        }
    }

    /// As [`State::flush_later`], since the system has no memory for what is to be sent.
    pub(super) fn pause(&mut self, session: &Arc<Session>, reactor: &mut Reactor) {
        self.output = Output::Paused;
        self.flush_later(session, reactor, PAUSE);
    }

    pub(super) fn is_all_sent(&mut self) -> bool {
        match (&self.phase, &mut self.ends) {
            (Phase::Steady(engine), Some(ends)) => {
                self.output == Output::Dead || (!engine.has_out() && ends.rx.is_at_end())
            }
            (_, Some(ends)) => ends.rx.is_at_end(),
            _ => true,
        }
    }

    pub(super) fn finish_if_done(&mut self, reactor: &mut Reactor) {
        if self.socket_closed && self.is_all_sent() {
            self.finish(reactor);
        }
    }

    /// Has the poller watch the descriptor for what is wanted now.
    pub(super) fn watch(&mut self, session: &Session) {
        if !matches!(self.phase, Phase::Steady(_)) {
            return;
        }
        let wanted = self.failed.is_none() && !self.socket_closed;
        let read = wanted && !self.stalled && !self.loan.is_out();
        let watched = self.set_interest(
            session,
            Interest {
                read,
                write: self.output == Output::Full,
            },
        );
        if let Err(error) = watched {
            // Nobody would look at it any more.
            self.failed.get_or_insert(error);
            session.wake();
        }
    }

    /// Has the poller watch the descriptor. ENOSPC, ENOMEM.
    pub(super) fn set_interest(&mut self, session: &Session, wanted: Interest) -> Result<()> {
        if self.interest == Some(wanted) {
            return Ok(());
        }
        let fd = match &self.phase {
            Phase::Connecting(fd) => fd.as_fd(),
            Phase::Tunnelling(tunnel) => tunnel.fd().as_fd(),
            Phase::Greeting(greeting) => greeting.fd.as_fd(),
            Phase::Steady(engine) => engine.as_fd(),
            Phase::Rest | Phase::Over => return Ok(()),
        };
        let Some(token) = self.token else {
            return Ok(());
        };
        let poller = &session.io.poller;
        match self.interest {
            Some(_) => poller.rewatch(fd, token, wanted),
            None => poller.watch(fd, token, wanted),
        }?;
        self.interest = Some(wanted);
        Ok(())
    }

    pub(super) fn unwatch(&mut self, reactor: &mut Reactor, fd: &OwnedFd) {
        if self.interest.take().is_some() {
            reactor.io().poller.unwatch(fd);
        }
    }

    // -- heartbeats ------------------------------------------------------------------------------

    /// The connection has begun.
    pub(super) fn begin_heartbeat(&mut self, session: &Arc<Session>, reactor: &mut Reactor) {
        self.heartbeat = match &self.phase {
            Phase::Steady(engine) if engine.has_heartbeats() => {
                Heartbeat::new(&self.options.heartbeat, Instant::now())
            }
            _ => Heartbeat::default(),
        };
        self.set_heartbeat_alarm(session, reactor);
    }

    /// Says what has happened meanwhile, whoever has driven the connection.
    fn tell_heartbeat(&mut self, session: &Arc<Session>, reactor: &mut Reactor) {
        let Phase::Steady(engine) = &mut self.phase else {
            return;
        };
        // While the output is full, only the I/O thread writes, and it then comes here.
        let is_written = self.heartbeat.ping_waits() && !engine.has_out();
        let ttl = engine.take_ttl();
        if !is_written && ttl.is_none() {
            return;
        }
        let (now, heard) = (Instant::now(), engine.heard());
        if is_written {
            self.heartbeat.on_ping_written(now, heard);
        }
        if let Some(ttl) = ttl {
            self.heartbeat.on_peer_ping(ttl, now, heard);
        }
        self.set_heartbeat_alarm(session, reactor);
    }

    /// An alarm that is set already may ring too soon, which does no harm.
    fn set_heartbeat_alarm(&mut self, session: &Arc<Session>, reactor: &mut Reactor) {
        let Some(deadline) = self.heartbeat.deadline() else {
            return;
        };
        if self
            .heartbeat_alarm
            .is_none_or(|id| deadline < id.deadline())
        {
            let id = reactor.set_alarm_at(session.clone(), Alarm::Heartbeat, deadline);
            let old = self.heartbeat_alarm.replace(id);
            reactor.cancel_alarm(old);
        }
    }

    /// It is time for a PING, or the peer should have been heard by now.
    pub(super) fn on_heartbeat(&mut self, session: &Arc<Session>, reactor: &mut Reactor) {
        let now = Instant::now();
        if let Phase::Steady(engine) = &self.phase
            && self.heartbeat.is_suspect(now, engine.heard())
        {
            // We may be late ourselves, and it may have said something that wasn't read yet.
            self.read(session);
        }
        let Phase::Steady(engine) = &mut self.phase else {
            return;
        };
        let is_read = !self.stalled && !self.socket_closed;
        let is_full = self.output == Output::Full;
        let fd = engine.fd();
        let is_excused = |limit| !is_read || socket::is_peer_full(fd, limit).unwrap_or(is_full);
        match self.heartbeat.on_deadline(now, engine.heard(), is_excused) {
            Action::Lose if self.failed.is_none() => {
                return self.lose(session, reactor, Error::ETIMEDOUT);
            }
            Action::Ping => {
                let ping = zmtp::Command::Ping {
                    ttl: self.options.heartbeat.ttl,
                    context: b"",
                };
                if let Err(error) = engine.command(&ping) {
                    self.failed.get_or_insert(error);
                }
                if self.output == Output::Open {
                    self.write(session);
                }
            }
            Action::Lose | Action::Wait => {}
        }
        self.settle(session, reactor);
        self.set_heartbeat_alarm(session, reactor);
    }
}
