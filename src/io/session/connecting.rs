//! Making the connection, through a proxy if need be, and again when it fails: zmq_connect(3),
//! `ZMQ_RECONNECT_IVL` and its kin.

use super::*;

impl State {
    pub(super) fn begin_connect(&mut self, session: &Arc<Session>, reactor: &mut Reactor) {
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
                // .. nor keep anything of a context that has ended meanwhile.
                let (tcp, options, session) =
                    (tcp.clone(), self.options.clone(), session.me.clone());
                let lookup = move || {
                    let resolved = tcp::resolve(&tcp, &options);
                    if let Some(session) = session.upgrade() {
                        let io = session.io.clone();
                        io.push(Command::Resolved(session, Box::new(resolved)));
                    }
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

    pub(super) fn connecting(
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
        self.phase = Phase::Connecting(fd);
        if self.set_interest(session, Interest::WRITE).is_err() {
            self.drop_connection(reactor);
            return self.retry(session, reactor);
        }
        if let Ok(timeout @ 1..) = u64::try_from(self.options.reconnect.connect_timeout) {
            let after = Duration::from_millis(timeout);
            self.step_alarm = Some(reactor.set_alarm(session.clone(), Alarm::TooLong, after));
        }
    }

    /// The descriptor is writable: it is connected, or has failed to.
    pub(super) fn finish_connect(&mut self, session: &Arc<Session>, reactor: &mut Reactor) {
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

    pub(super) fn begin_tunnelling(
        &mut self,
        session: &Arc<Session>,
        reactor: &mut Reactor,
        fd: OwnedFd,
    ) {
        let Origin::Connect(Endpoint::Tcp(peer)) = &self.origin else {
            return self.connected(session, reactor, fd);
        };
        self.phase = Phase::Tunnelling(Box::new(Tunnel::new(fd, peer, &self.options)));
        self.limit_handshake(session, reactor);
        self.go_on_tunnelling(session, reactor);
    }

    pub(super) fn go_on_tunnelling(&mut self, session: &Arc<Session>, reactor: &mut Reactor) {
        let Phase::Tunnelling(tunnel) = &mut self.phase else {
            return;
        };
        let went_on = match tunnel.go_on() {
            Err(error) if socket::is_transient(error) => {
                self.pause(session, reactor);
                Ok(Some(Interest::NONE))
            }
            went_on => went_on,
        };
        let went_on = went_on.and_then(|wanted| match wanted {
            Some(interest) => self.set_interest(session, interest).map(|()| true),
            None => Ok(false),
        });
        match went_on {
            Ok(true) => {}
            Ok(false) => {
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

    pub(super) fn connected(&mut self, session: &Arc<Session>, reactor: &mut Reactor, fd: OwnedFd) {
        self.interval = -1;
        self.event(consts::ZMQ_EVENT_CONNECTED, fd.as_raw_fd());
        self.begin_handshake(session, reactor, fd);
    }

    /// Waits, to connect again then.
    pub(super) fn retry(&mut self, session: &Arc<Session>, reactor: &mut Reactor) {
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
}

/// A number that differs from process to process and call to call.
fn random() -> u32 {
    use std::hash::{BuildHasher, RandomState};
    RandomState::new().hash_one(Instant::now()) as u32
}
