//! What zmq_bind(3) makes for tcp and ipc: it accepts connections, each a session of its own.

use std::{
    os::fd::{AsFd, AsRawFd, OwnedFd},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use super::{
    Owner, ipc,
    poller::Interest,
    session::Session,
    tcp,
    thread::{Command, Io, Reactor, TimerId},
};
use crate::{
    consts,
    endpoint::Endpoint,
    error::{Error, Result},
    options::Options,
};

/// What accepting one connection needs: the transport.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Transport {
    Tcp,
    Ipc,
}

struct State {
    fd: Option<OwnedFd>,
    leftover: ipc::Leftover,
    token: Option<usize>,
    pauses: Pauses,
    /// When accepting goes on, if it doesn't now.
    pause: Option<TimerId>,
}

/// How long nothing is accepted after the system had no descriptor or no memory for a connection,
/// which is there to be accepted all the time: twice as long each time.
#[derive(Debug, Default)]
struct Pauses {
    last: Option<Duration>,
}

impl Pauses {
    const FIRST: Duration = Duration::from_millis(100);
    const MAX: Duration = Duration::from_secs(1);

    fn next(&mut self) -> Duration {
        let next = self.last.map_or(Pauses::FIRST, |last| 2 * last);
        *self.last.insert(next.min(Pauses::MAX))
    }

    /// One was accepted.
    fn end(&mut self) {
        self.last = None;
    }
}

/// A socket that listens.
pub struct Listener {
    io: Arc<Io>,
    owner: Owner,
    options: Arc<Options>,
    transport: Transport,
    name: Arc<str>,
    state: Mutex<State>,
}

impl Listener {
    /// Listens at an endpoint, and has an I/O thread accept what comes. Fails as bind(2) and
    /// listen(2) do, and as the endpoint's parts are wrong; ENOSPC or ENOMEM if the I/O thread can't
    /// watch any more.
    pub fn bind(
        endpoint: &Endpoint,
        options: Arc<Options>,
        owner: Owner,
        io: Arc<Io>,
    ) -> Result<Arc<Listener>> {
        let (transport, (fd, name, mut leftover)) = match endpoint {
            Endpoint::Tcp(tcp) => {
                let (fd, name) = tcp::listen(tcp, &options)?;
                (Transport::Tcp, (fd, name, ipc::Leftover::default()))
            }
            Endpoint::Ipc(ipc) => (Transport::Ipc, ipc::listen(ipc, &options)?),
            Endpoint::Inproc(_) => return Err(Error::EPROTONOSUPPORT),
        };
        if let Err(error) = io.poller.enroll(fd.as_fd()) {
            // That what it has left is in nobody's way is all that can be done about it.
            let _ = leftover.remove();
            return Err(error);
        }
        owner
            .observer
            .event(consts::ZMQ_EVENT_LISTENING, fd.as_raw_fd(), &name);
        io.add_load();
        let state = State {
            fd: Some(fd),
            leftover,
            token: None,
            pauses: Pauses::default(),
            pause: None,
        };
        let listener = Arc::new(Listener {
            io: io.clone(),
            owner,
            options,
            transport,
            name: name.into(),
            state: Mutex::new(state),
        });
        io.push(Command::Listen(listener.clone()));
        Ok(listener)
    }

    /// The endpoint as `ZMQ_LAST_ENDPOINT` tells it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The same, as the ends of what was accepted have it.
    pub fn origin(&self) -> &Arc<str> {
        &self.name
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ceases to listen, at once: the address is free when this returns.
    pub fn close(self: &Arc<Self>) {
        let mut state = self.state();
        let Some(fd) = state.fd.take() else { return };
        self.io.poller.unwatch(&fd);
        let number = fd.as_raw_fd();
        drop(fd);
        let removed = state.leftover.remove();
        drop(state);
        match removed {
            Ok(()) => self
                .owner
                .observer
                .event(consts::ZMQ_EVENT_CLOSED, number, &self.name),
            Err(error) => {
                self.owner
                    .observer
                    .event(consts::ZMQ_EVENT_CLOSE_FAILED, error.errno(), &self.name)
            }
        }
        self.io.push(Command::Unlisten(self.clone()));
    }

    pub(super) fn token(&self) -> Option<usize> {
        self.state().token
    }

    /// The pause that is not over, to be cancelled.
    pub(super) fn take_pause(&self) -> Option<TimerId> {
        self.state().pause.take()
    }

    pub(super) fn on_start(self: &Arc<Self>, reactor: &mut Reactor, token: usize) {
        self.state().token = Some(token);
        self.resume(reactor);
    }

    pub(super) fn on_pause_over(self: &Arc<Self>, reactor: &mut Reactor) {
        self.state().pause = None;
        self.resume(reactor);
    }

    /// Has the poller watch the descriptor.
    fn resume(self: &Arc<Self>, reactor: &mut Reactor) {
        if self.watch(reactor, Interest::READ).is_err() {
            self.pause(reactor);
        }
    }

    fn watch(&self, reactor: &Reactor, interest: Interest) -> Result<()> {
        match &*self.state() {
            State {
                fd: Some(fd),
                token: Some(token),
                ..
            } => reactor.io().poller.rewatch(fd.as_fd(), *token, interest),
            _ => Ok(()),
        }
    }

    /// Accepts nothing for a while.
    fn pause(self: &Arc<Self>, reactor: &mut Reactor) {
        let pause = self.state().pauses.next();
        let id = reactor.pause_listener(self.clone(), pause);
        let old = self.state().pause.replace(id);
        reactor.cancel_alarm(old);
        // If even this fails, it is told of more often than need be.
        let _ = self.watch(reactor, Interest::NONE);
    }

    pub(super) fn on_ready(self: &Arc<Self>, reactor: &mut Reactor) {
        // Others have their turn after some connections.
        for _ in 0..16 {
            if reactor.reserve().is_err() {
                return self.pause(reactor);
            }
            let mut state = self.state();
            let Some(fd) = &state.fd else { return };
            let accepted = match self.transport {
                Transport::Tcp => tcp::accept(fd, &self.options),
                Transport::Ipc => ipc::accept(fd, &self.options),
            };
            match accepted {
                Ok(_) => state.pauses.end(),
                Err(Error::EAGAIN) => return,
                Err(_) => {}
            }
            drop(state);
            match accepted {
                Ok(fd) => self.welcome(reactor, fd),
                Err(error) => {
                    self.owner.observer.event(
                        consts::ZMQ_EVENT_ACCEPT_FAILED,
                        error.errno(),
                        &self.name,
                    );
                    if is_lasting(error) {
                        return self.pause(reactor);
                    }
                }
            }
        }
    }

    /// Begins a session for a connection.
    fn welcome(&self, reactor: &mut Reactor, fd: OwnedFd) {
        self.owner
            .observer
            .event(consts::ZMQ_EVENT_ACCEPTED, fd.as_raw_fd(), &self.name);
        reactor.io().add_load();
        let io = reactor.io().clone();
        let (options, owner) = (self.options.clone(), self.owner.clone());
        let session = Session::accept(fd, self.name.clone(), options, owner, io);
        session.on_start(reactor);
    }
}

/// Whether accept(2) would fail for the same reason at once, as it is not the connection's.
fn is_lasting(error: Error) -> bool {
    matches!(
        error,
        Error::EMFILE | Error::ENFILE | Error::ENOBUFS | Error::ENOMEM
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// While there is no room for a connection it is looked for ever more rarely, and at once again
    /// after there was some.
    #[test]
    fn pauses_grow_until_something_is_accepted() {
        let mut pauses = Pauses::default();
        let mut next = || pauses.next().as_millis();
        assert_eq!([next(), next(), next()], [100, 200, 400]);
        assert_eq!([next(), next(), next()], [800, 1000, 1000]);
        pauses.end();
        assert_eq!(pauses.next().as_millis(), 100);
    }
}
