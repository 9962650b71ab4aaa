//! A socket's endpoints: what it listens at, and what it is connected to.

use std::{ptr, sync::Arc};

use super::{Link, Socket};
use crate::{
    endpoint::Endpoint,
    error::{Error, Result},
    io::{Listener, Owner, Session},
    memory,
    options::SocketType,
};

impl Socket {
    fn owner(&self) -> Owner {
        Owner {
            inbox: self.inbox.clone(),
            host: self.host.clone(),
            observer: self.monitor.clone(),
            zap: self.names().clone(),
            live: self.live.clone(),
        }
    }

    /// Listens at an endpoint: zmq_bind(3) with its errors.
    pub fn bind(&mut self, uri: &[u8]) -> Result<()> {
        let endpoint = Endpoint::parse(uri)?;
        if let Endpoint::Inproc(name) = &endpoint {
            let uri = memory::copied(uri)?;
            self.names().bind(name, &self.inbox, &self.options)?;
            self.last_endpoint = uri;
            // Those who have waited for it are there at once.
            self.process_events();
            return Ok(());
        }
        self.links.try_reserve(1)?;
        let io = self.context.choose_io(self.options.affinity)?;
        let listener = Listener::bind(&endpoint, self.options.clone(), self.owner(), io)
            .inspect_err(|error| self.monitor.bind_failed(*error, uri))?;
        self.last_endpoint = listener.name().as_bytes().to_vec();
        self.links
            .push((self.last_endpoint.clone(), Link::Listener(listener)));
        Arc::make_mut(&mut self.options).net.use_fd = -1;
        // ZMQ_FD becomes readable with each new link; programs that wait for it then go on to look.
        self.inbox.nudge();
        Ok(())
    }

    /// Connects to an endpoint: zmq_connect(3) with its errors.
    pub fn connect(&mut self, uri: &[u8]) -> Result<()> {
        let endpoint = Endpoint::parse(uri)?;
        let (link, last_endpoint) = (memory::copied(uri)?, memory::copied(uri)?);
        self.links.try_reserve(1)?;
        if let Endpoint::Inproc(name) = &endpoint {
            let end = self.names().connect(name, &self.inbox, &self.options)?;
            let id = self.attach(Box::new(end));
            self.links.push((link, Link::Inproc(id)));
            self.last_endpoint = last_endpoint;
            self.detach_ended();
            return Ok(());
        }
        self.forget_links();
        // To these a second connection to the same place is of no use.
        use SocketType::{Dealer, Pub, Req, Sub};
        let single = matches!(self.options.socket_type, Dealer | Sub | Pub | Req);
        if single && self.links.iter().any(|(name, _)| name == uri) {
            return Ok(());
        }
        let io = self.context.choose_io(self.options.affinity)?;
        endpoint.check_connect()?;
        let (session, end) = Session::connect(endpoint, self.options.clone(), self.owner(), io);
        if let Some(end) = end {
            self.attach(Box::new(end));
        }
        self.links.push((link, Link::Session(session)));
        self.last_endpoint = last_endpoint;
        self.detach_ended();
        self.inbox.nudge();
        Ok(())
    }

    /// Ceases to listen at, or to be connected to, an endpoint: zmq_unbind(3), zmq_disconnect(3).
    /// ENOENT if it isn't, EINVAL if it is no endpoint.
    pub fn unlink(&mut self, uri: &[u8]) -> Result<()> {
        let endpoint = Endpoint::parse(uri)?;
        let mut found = false;
        if let Endpoint::Inproc(name) = &endpoint
            && self.names().unbind(name, &self.inbox).is_ok()
        {
            return Ok(());
        }
        self.forget_links();
        let name = self.canonical(&endpoint, uri)?;
        while let Some(i) = self
            .links
            .iter()
            .position(|(link, _)| *link == name || link == uri)
        {
            let (_, link) = self.links.remove(i);
            self.unmake(link);
            found = true;
        }
        if found { Ok(()) } else { Err(Error::ENOENT) }
    }

    /// Forgets the connections that have ended by themselves.
    fn forget_links(&mut self) {
        self.links
            .retain(|(_, link)| !matches!(link, Link::Session(session) if session.is_over()));
    }

    /// The name under which a listener at this endpoint is known. ENOMEM.
    fn canonical(&self, endpoint: &Endpoint, uri: &[u8]) -> Result<Vec<u8>> {
        Ok(match endpoint {
            Endpoint::Tcp(tcp) => {
                crate::io::resolve::canonical(tcp, self.options.net.ipv6).into_bytes()
            }
            _ => memory::copied(uri)?,
        })
    }

    fn unmake(&mut self, link: Link) {
        let linger = self.linger();
        match link {
            Link::Listener(listener) => {
                listener.close();
                // What it has accepted ends with it; what has come in can still be received.
                let name = listener.origin();
                for (_, end) in self.pipes.iter_mut() {
                    if end
                        .origin
                        .as_ref()
                        .is_some_and(|origin| Arc::ptr_eq(origin, name))
                    {
                        end.shut(linger);
                    }
                }
            }
            Link::Inproc(id) => self.leave_pipe(id),
            Link::Session(session) => {
                for slot in 0..self.pipes.slots() {
                    let Some(id) = self.pipes.id_at(slot) else {
                        continue;
                    };
                    let far = self.pipes.get(id).map(|end| Arc::as_ptr(end.far()));
                    if far.is_some_and(|far| ptr::addr_eq(far, Arc::as_ptr(&session))) {
                        self.close_pipe(id);
                    }
                }
                session.abandon(linger);
            }
        }
    }
}
