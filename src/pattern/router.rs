//! ROUTER: the first part of a message says which peer it goes to, or came from.

use std::collections::HashMap;

use super::{
    Pattern, PatternOptions, Pipes, dealer::probe, fair_queue::FairQueue, hash::Keys,
    routes::Routes,
};
use crate::{
    error::{Error, Result},
    memory,
    message::{Outgoing, Received, Sink, Source},
    pipe::{End, PipeId},
};

/// Why a pipe takes no part.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stranger {
    /// Its peer hasn't told its routing id yet.
    Unknown,
    /// Another peer has the same one.
    Refused,
    /// There was no memory for it. The pipe is to be closed.
    Nameless,
}

impl From<Error> for Stranger {
    fn from(_: Error) -> Stranger {
        Stranger::Nameless
    }
}

pub struct Router {
    routes: Routes,
    strangers: HashMap<PipeId, Stranger, Keys>,
    inbound: FairQueue,
    /// Where the rest of the message goes; nowhere if none.
    target: Option<PipeId>,
    /// The routing id was sent, what follows is the message.
    more: bool,
    mandatory: bool,
    raw: bool,
    handover: bool,
    probe: bool,
}

impl Router {
    pub fn new() -> Router {
        Router {
            routes: Routes::new(),
            strangers: HashMap::default(),
            inbound: FairQueue::default(),
            target: None,
            more: false,
            mandatory: false,
            raw: false,
            handover: false,
            probe: false,
        }
    }

    /// Finds out what the peer is called, and lets it take part.
    fn identify(&mut self, pipes: &mut Pipes, id: PipeId, local: bool) {
        match self.try_identify(pipes, id, local) {
            Ok(()) => {
                self.strangers.remove(&id);
                self.inbound.attach(id);
            }
            Err(stranger) => {
                let noted = self.strangers.try_reserve(1);
                if stranger == Stranger::Nameless || noted.is_err() {
                    return pipes.end(id);
                }
                self.strangers.insert(id, stranger);
            }
        }
    }

    fn try_identify(
        &mut self,
        pipes: &mut Pipes,
        id: PipeId,
        local: bool,
    ) -> std::result::Result<(), Stranger> {
        if local && let Some(routing_id) = self.routes.take_connect_id() {
            self.routes.set(id, routing_id)?;
            // What the peer is called by itself is passed over when it is its turn, as with libzmq.
            if !self.raw
                && let Some(end) = pipes.get_mut(id)
            {
                end.wait_a_turn();
            }
            return Ok(());
        }
        let mut peer = None;
        if !self.raw {
            let end = pipes.get_mut(id).ok_or(Stranger::Unknown)?;
            // Who sends something without an introduction has no name.
            if !end.is_readable() && !end.is_identified() {
                return Err(Stranger::Unknown);
            }
            peer = Some(end.peer.clone());
        }
        let Some(peer) = peer.filter(|peer| !peer.routing_id.is_empty()) else {
            let routing_id = self.routes.make_up();
            self.routes.set(id, routing_id.to_vec())?;
            return Ok(());
        };
        if let Some(old) = self.routes.find(&peer.routing_id) {
            let end = pipes.get_mut(old);
            let gone = end.is_some_and(|end| end.is_closed() && !end.is_readable());
            if !self.handover && !gone {
                return Err(Stranger::Refused);
            }
            self.replace(pipes, old, gone);
        }
        self.routes.set(id, memory::copied(&peer.routing_id)?)?;
        Ok(())
    }

    /// Takes a peer's name away. Its connection is left open, and ignored: were it closed, the
    /// peer would make it again, and take its name back. What is being received is rescued.
    fn replace(&mut self, pipes: &mut Pipes, old: PipeId, gone: bool) {
        self.detach(pipes, old);
        self.strangers.insert(old, Stranger::Refused);
        if gone || pipes.get(old).is_some_and(End::is_inproc) {
            pipes.end(old);
        }
    }

    /// Finds the peer that a message goes to.
    #[inline]
    fn address(&mut self, pipes: &mut Pipes, routing_id: &[u8], mandatory: bool) -> Result<()> {
        self.target = self.routes.find(routing_id);
        let mut error = Error::EHOSTUNREACH;
        if let Some(end) = self.target.and_then(|id| pipes.get_mut(id)) {
            if end.is_writable() {
                self.more = true;
                return Ok(());
            }
            if !end.is_closed() {
                error = Error::EAGAIN;
            }
        }
        self.target = None;
        self.more = !mandatory;
        if mandatory { Err(error) } else { Ok(()) }
    }

    /// Sends a part of the message itself.
    #[inline]
    fn forward(&mut self, pipes: &mut Pipes, more: bool, part: &mut Source) -> Result<()> {
        if let Some(end) = self.target.and_then(|id| pipes.get_mut(id)) {
            match end.write(more, part) {
                Ok(()) if more => {}
                Ok(()) => self.target = None,
                Err(Error::EAGAIN) => {
                    // There was room when the message began, so the peer has gone.
                    end.rollback();
                    self.target = None;
                }
                Err(error) => return Err(error),
            }
        }
        part.done();
        self.more = more;
        Ok(())
    }

    /// Begins a message to the pipe that the next part is received from. For REP.
    pub fn begin_reply(&mut self, pipes: &mut Pipes) -> Result<()> {
        let from = self.inbound.front(pipes).ok_or(Error::EAGAIN)?;
        let room = pipes.get_mut(from).is_some_and(|end| end.is_writable());
        (self.target, self.more) = (room.then_some(from), true);
        Ok(())
    }

    /// Moves a part from what is received to the reply, if there is more to come. For REP.
    pub fn receive_label(&mut self, pipes: &mut Pipes, label: &mut Vec<u8>) -> Result<Received> {
        if let Some(end) = self.inbound.current().and_then(|id| pipes.get_mut(id))
            && let Some((_, body, _)) = end.peek()
        {
            label.clear();
            memory::append(label, body)?;
        }
        let received = self.inbound.recv(pipes, &mut Sink::Nowhere)?;
        if received.more {
            self.forward(pipes, true, &mut Source::Bytes(label))?;
        }
        Ok(received)
    }

    /// Receives a part without its routing id. For REP.
    pub fn receive_body(&mut self, pipes: &mut Pipes, sink: &mut Sink) -> Result<Received> {
        self.inbound.recv(pipes, sink)
    }

    /// Passes over what is left of a request. For REP.
    pub fn skip_request(&mut self, pipes: &mut Pipes) {
        if self.inbound.is_in_message() {
            self.inbound.skip(pipes);
        }
    }

    /// Sends a part of the message that was begun. For REP.
    pub fn send_reply(&mut self, pipes: &mut Pipes, more: bool, part: &mut Source) -> Result<()> {
        self.forward(pipes, more, part)
    }

    /// Takes back the message that was begun. For REP.
    pub fn rollback(&mut self, pipes: &mut Pipes) {
        if let Some(end) = self.target.take().and_then(|id| pipes.get_mut(id)) {
            end.rollback();
        }
        self.more = false;
    }
}

impl Pattern for Router {
    fn attach(&mut self, pipes: &mut Pipes, id: PipeId, local: bool) {
        if self.probe {
            probe(pipes, id);
        }
        self.identify(pipes, id, local);
    }

    fn detach(&mut self, pipes: &mut Pipes, id: PipeId) {
        if self.strangers.remove(&id).is_none() {
            self.inbound.detach(pipes, id);
            self.routes.remove(id);
            if self.target == Some(id) {
                self.target = None;
            }
        }
    }

    fn readable(&mut self, pipes: &mut Pipes, id: PipeId) {
        match self.strangers.get(&id) {
            None => self.inbound.activated(id),
            Some(Stranger::Unknown) => self.identify(pipes, id, false),
            Some(Stranger::Refused | Stranger::Nameless) => {}
        }
    }

    fn closed(&mut self, pipes: &mut Pipes, id: PipeId) {
        pipes.fade(id);
        self.readable(pipes, id);
        if self.strangers.contains_key(&id) {
            pipes.end(id);
        }
    }

    fn send(&mut self, pipes: &mut Pipes, more: bool, part: &mut Source) -> Result<()> {
        if !self.more {
            // A routing id alone is no message, and ignored.
            if more {
                self.address(pipes, part.bytes(), self.mandatory)?;
            }
            part.done();
            return Ok(());
        }
        let more = more && !self.raw;
        if self.raw
            && part.bytes().is_empty()
            && let Some(id) = self.target.take()
        {
            // The way to close the connection.
            pipes.end(id);
            self.more = false;
            part.done();
            return Ok(());
        }
        self.forward(pipes, more, part)
    }

    fn recv(&mut self, pipes: &mut Pipes, sink: &mut Sink) -> Result<Received> {
        if !self.inbound.is_in_message() {
            return self.inbound.recv_routing_id(pipes, &mut self.routes, sink);
        }
        self.inbound.recv(pipes, sink)
    }

    fn can_send(&mut self, pipes: &mut Pipes) -> bool {
        !self.mandatory || self.routes.any_has_room(pipes)
    }

    fn can_recv(&mut self, pipes: &mut Pipes) -> bool {
        self.inbound.has_in(pipes)
    }

    fn configure(&mut self, options: &PatternOptions) {
        self.mandatory = options.router_mandatory;
        self.raw = options.router_raw;
        self.handover = options.router_handover;
        self.probe = options.probe_router;
    }

    fn set_connect_routing_id(&mut self, routing_id: &[u8]) -> Result<()> {
        self.routes.set_connect_id(routing_id)
    }
}
