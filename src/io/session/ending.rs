//! Losing the connection, and the end of the session.

use super::*;

impl State {
    /// Closes the descriptor, if there is one, and ends what belongs to the connection.
    pub(super) fn drop_connection(&mut self, reactor: &mut Reactor) {
        let phase = std::mem::replace(&mut self.phase, Phase::Rest);
        self.output = Output::Open;
        for alarm in [
            self.step_alarm.take(),
            self.flush_alarm.take(),
            self.loan.alarm.take(),
            self.heartbeat_alarm.take(),
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
                    let _ = SockRef::from(engine.owned_fd()).shutdown(Shutdown::Both);
                }
            }
            Phase::Rest | Phase::Over => {}
        }
        // Who still waits on the descriptor waits for events, too, and is to look at no other.
        self.loan = Loan::default();
    }

    pub(super) fn disconnected(&mut self, reactor: &mut Reactor) {
        let fd = match &self.phase {
            Phase::Greeting(greeting) => greeting.fd.as_raw_fd(),
            Phase::Steady(engine) => engine.fd(),
            _ => return,
        };
        self.event(consts::ZMQ_EVENT_DISCONNECTED, fd);
        self.drop_connection(reactor);
    }

    /// The connection is lost: makes it anew, or ends with it.
    pub(super) fn lose(&mut self, session: &Arc<Session>, reactor: &mut Reactor, error: Error) {
        let mut again = self.is_connecting_side();
        let mut given_up = false;
        match &self.phase {
            Phase::Greeting(greeting) => {
                given_up = greeting.refused;
                if !greeting.refused {
                    self.event(consts::ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL, error.errno());
                }
                let stop = consts::ZMQ_RECONNECT_STOP_HANDSHAKE_FAILED;
                given_up |= self.options.reconnect.stop & stop != 0;
            }
            // The peer has broken the protocol.
            Phase::Steady(_) => {
                self.refused = matches!(error, Error::EPROTO | Error::EMSGSIZE);
                again &= !self.refused;
                self.notify();
            }
            _ => {}
        }
        self.disconnected(reactor);
        if given_up {
            return self.give_up(reactor);
        }
        again &= self.options.reconnect.interval > 0;
        if !again {
            return self.finish(reactor);
        }
        if self.options.pipe.immediate {
            if let Some(mut ends) = self.ends.take() {
                ends.close();
                self.door.closed(None);
            }
        } else if let Some(ends) = &mut self.ends {
            ends.tx.rollback();
            ends.rx.rewind();
            if matches!(self.options.socket_type, SocketType::Sub | SocketType::XSub) {
                self.door.hiccup();
            }
        }
        self.retry(session, reactor);
    }

    /// No other connection is to be made.
    ///
    /// A socket that has connected keeps the pipe until it has noticed that, and a moment longer: what it sends until
    /// then is accepted, up to the high-water mark, and lost. So it is with libzmq, where the socket's threads and the
    /// I/O thread agree by messages on a pipe's end, and a thread that sends looks for these once a millisecond.
    pub(super) fn give_up(&mut self, reactor: &mut Reactor) {
        self.note_closed();
        if !self.is_connecting_side() || self.socket_closed || self.ends.is_none() {
            return self.finish(reactor);
        }
        self.given_up = true;
        self.door.give_up();
    }

    /// The socket knows that no other connection will be made, and has so much longer to send in vain.
    pub(super) fn end_soon(&mut self, session: &Arc<Session>, reactor: &mut Reactor) {
        const RESPITE: Duration = Duration::from_millis(1);
        if self.given_up && self.linger_alarm.is_none() {
            self.linger_alarm = Some(reactor.set_alarm(session.clone(), Alarm::Linger, RESPITE));
        }
    }

    /// Ends the session.
    pub(super) fn finish(&mut self, reactor: &mut Reactor) {
        self.drop_connection(reactor);
        self.phase = Phase::Over;
        reactor.cancel_alarm(self.linger_alarm.take());
        if let Some(mut ends) = self.ends.take() {
            ends.close();
            self.door.closed(None);
        }
        if let Some(token) = self.token.take() {
            reactor.remove(token);
        }
        self.owner = None;
    }
}
