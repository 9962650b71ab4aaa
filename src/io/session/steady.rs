//! After the handshake: driving the engine, by whoever has the lock, and heartbeats.

use super::*;

impl State {
    /// Writes what there is. By whoever has the lock.
    pub(super) fn write(&mut self, session: &Session) {
        let (Phase::Steady(engine), Some(ends)) = (&mut self.phase, &mut self.ends) else {
            return;
        };
        if self.mute {
            return;
        }
        let (result, credit) = engine.write(&mut ends.rx, self.swing.is_full());
        if credit {
            self.door.writable();
        }
        match result {
            Ok(Written::All) => self.blocked = false,
            Ok(Written::Blocked) => self.blocked = true,
            Ok(Written::More | Written::End) => session.wake(),
            // What the peer has sent before is still to be read. Reading will find the error.
            Err(_) => (self.mute, self.blocked) = (true, false),
        }
    }

    /// The I/O thread writes. When a sender is in full [swing](swing), the next look is a while later.
    pub(super) fn write_in_turn(&mut self, session: &Session) {
        if self.blocked {
            return;
        }
        let Phase::Steady(engine) = &mut self.phase else {
            return;
        };
        let sent = std::mem::take(&mut engine.sent);
        self.swing.look(Instant::now(), sent);
        self.write(session);
    }

    /// The socket's thread writes by itself.
    pub(super) fn write_at_once(&mut self, session: &Session) {
        let began = Instant::now();
        self.write(session);
        self.burst.written(began);
        self.heard = false;
        if self.blocked {
            self.watch(session);
        }
    }

    /// Reads what there is. By whoever has the lock.
    pub(super) fn read(&mut self, session: &Session) {
        let (Phase::Steady(engine), Some(ends)) = (&mut self.phase, &mut self.ends) else {
            return;
        };
        if self.failed.is_some() || self.socket_closed {
            return;
        }
        let before = ends.tx.written();
        let (result, wake) = engine.read(&mut ends.tx);
        self.heard |= ends.tx.written() != before;
        if wake {
            self.door.readable(Haste::Few(1));
        }
        match result {
            Ok(read) => {
                self.stalled = read == Read::Stalled;
                self.unread = read == Read::More;
                if self.unread {
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
        if engine.has_out() && !self.blocked {
            self.write(session);
        }
    }

    /// The I/O thread's share after driving: failures, the end, timers, the poller.
    pub(super) fn settle(&mut self, session: &Arc<Session>, reactor: &mut Reactor) {
        if let Some(error) = self.failed.take() {
            return self.lose(session, reactor, error);
        }
        if self.socket_closed && self.is_all_sent() {
            return self.finish(reactor);
        }
        if self.swing.is_full() && !self.blocked && self.flush_alarm.is_none() {
            self.flush_alarm = Some(reactor.set_alarm(session.clone(), Alarm::Flush, HOLD));
        }
        if let Phase::Steady(engine) = &mut self.phase
            && let Some(ttl @ 1..) = engine.take_ttl()
        {
            engine.take_heard();
            let ttl = Duration::from_millis(u64::from(ttl) * 100);
            let id = reactor.set_alarm(session.clone(), Alarm::Silent, ttl);
            let old = self.silent_alarm.replace(id);
            reactor.cancel_alarm(old);
        }
        self.watch(session);
    }

    pub(super) fn is_all_sent(&mut self) -> bool {
        match (&self.phase, &mut self.ends) {
            (Phase::Steady(engine), Some(ends)) => {
                self.mute || (!engine.has_out() && ends.rx.is_at_end())
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
        self.set_interest(
            session,
            Interest {
                read,
                write: self.blocked,
            },
        );
    }

    pub(super) fn set_interest(&mut self, session: &Session, wanted: Interest) {
        if self.interest == Some(wanted) {
            return;
        }
        let fd = match &self.phase {
            Phase::Connecting(fd) => fd.as_fd(),
            Phase::Tunnelling(tunnel) => tunnel.fd().as_fd(),
            Phase::Greeting(greeting) => greeting.fd.as_fd(),
            Phase::Steady(engine) => engine.as_fd(),
            _ => return,
        };
        let Some(token) = self.token else { return };
        let poller = &session.io.poller;
        let watched = match self.interest {
            Some(_) => poller.rewatch(fd, token, wanted),
            None => poller.watch(fd, token, wanted),
        };
        if watched.is_ok() {
            self.interest = Some(wanted);
        }
    }

    pub(super) fn unwatch(&mut self, reactor: &mut Reactor, fd: &OwnedFd) {
        if self.interest.take().is_some() {
            reactor.io().poller.unwatch(fd);
        }
    }

    pub(super) fn schedule_ping(&mut self, session: &Arc<Session>, reactor: &mut Reactor) {
        if let Ok(interval @ 1..) = u64::try_from(self.options.heartbeat.interval) {
            let after = Duration::from_millis(interval);
            self.ping_alarm = Some(reactor.set_alarm(session.clone(), Alarm::Ping, after));
        }
    }

    pub(super) fn ping(&mut self, session: &Arc<Session>, reactor: &mut Reactor) {
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
}
