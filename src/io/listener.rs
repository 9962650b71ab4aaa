//! What zmq_bind(3) makes for tcp and ipc: it accepts connections, each a session of its own.

use std::{
    os::fd::{AsFd, AsRawFd, OwnedFd},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::{
    Owner, ipc,
    poller::Interest,
    session::Session,
    tcp,
    thread::{Command, Io, Reactor},
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
    /// listen(2) do, and as the endpoint's parts are wrong.
    pub fn bind(
        endpoint: &Endpoint,
        options: Arc<Options>,
        owner: Owner,
        io: Arc<Io>,
    ) -> Result<Arc<Listener>> {
        let (transport, (fd, name, leftover)) = match endpoint {
            Endpoint::Tcp(tcp) => {
                let (fd, name) = tcp::listen(tcp, &options)?;
                (Transport::Tcp, (fd, name, ipc::Leftover::default()))
            }
            Endpoint::Ipc(ipc) => (Transport::Ipc, ipc::listen(ipc, &options)?),
            Endpoint::Inproc(_) => return Err(Error::EPROTONOSUPPORT),
        };
        owner
            .observer
            .event(consts::ZMQ_EVENT_LISTENING, fd.as_raw_fd(), &name);
        io.add_load();
        let state = State {
            fd: Some(fd),
            leftover,
            token: None,
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
        if state.token.is_some() {
            self.io.poller.unwatch(&fd);
        }
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
                    .event(consts::ZMQ_EVENT_CLOSE_FAILED, error.0, &self.name)
            }
        }
        self.io.push(Command::Unlisten(self.clone()));
    }

    pub(super) fn token(&self) -> Option<usize> {
        self.state().token
    }

    pub(super) fn on_start(&self, reactor: &mut Reactor, token: usize) {
        let mut state = self.state();
        state.token = Some(token);
        if let Some(fd) = &state.fd {
            let _ = reactor.io().poller.watch(fd.as_fd(), token, Interest::READ);
        }
    }

    pub(super) fn on_ready(&self, reactor: &mut Reactor) {
        // Others have their turn after some connections.
        for _ in 0..16 {
            let state = self.state();
            let Some(fd) = &state.fd else { return };
            let accepted = match self.transport {
                Transport::Tcp => tcp::accept(fd, &self.options),
                Transport::Ipc => ipc::accept(fd, &self.options),
            };
            drop(state);
            match accepted {
                Ok(fd) => {
                    self.owner.observer.event(
                        consts::ZMQ_EVENT_ACCEPTED,
                        fd.as_raw_fd(),
                        &self.name,
                    );
                    reactor.io().add_load();
                    let io = reactor.io().clone();
                    let name = self.name.clone();
                    let session =
                        Session::accept(fd, name, self.options.clone(), self.owner.clone(), io);
                    session.on_start(reactor);
                }
                Err(Error::EAGAIN) => return,
                Err(error) => {
                    self.owner
                        .observer
                        .event(consts::ZMQ_EVENT_ACCEPT_FAILED, error.0, &self.name);
                    if matches!(
                        error,
                        Error::EMFILE | Error::ENFILE | Error::ENOBUFS | Error::ENOMEM
                    ) {
                        return;
                    }
                }
            }
        }
    }
}
