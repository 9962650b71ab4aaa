//! STREAM: bytes to and from TCP peers, each piece preceded by the peer's routing id.

use super::{Pattern, Pipes, fair_queue::FairQueue, routes::Routes};
use crate::{
    error::{Error, Result},
    message::{Outgoing, Received, Sink, Source},
    pipe::PipeId,
};

pub struct Stream {
    routes: Routes,
    inbound: FairQueue,
    /// Where the next part goes; nowhere if none.
    target: Option<PipeId>,
    /// The routing id was sent, what follows are the bytes.
    more: bool,
}

impl Stream {
    pub fn new() -> Stream {
        Stream {
            routes: Routes::new(),
            inbound: FairQueue::default(),
            target: None,
            more: false,
        }
    }
}

impl Pattern for Stream {
    fn attach(&mut self, pipes: &mut Pipes, id: PipeId, local: bool) {
        let given = local.then(|| self.routes.take_connect_id()).flatten();
        let routing_id = given.unwrap_or_else(|| self.routes.make_up().to_vec());
        if self.routes.set(id, routing_id).is_err() {
            // Without a name it is of no use.
            pipes.end(id);
        }
        self.inbound.attach(id);
    }

    fn detach(&mut self, pipes: &mut Pipes, id: PipeId) {
        self.inbound.detach(pipes, id);
        self.routes.remove(id);
        if self.target == Some(id) {
            self.target = None;
        }
    }

    fn readable(&mut self, _: &mut Pipes, id: PipeId) {
        self.inbound.activated(id);
    }

    fn closed(&mut self, pipes: &mut Pipes, id: PipeId) {
        // Who sends to it is to know at once that it is gone.
        pipes.close(id);
    }

    fn send(&mut self, pipes: &mut Pipes, more: bool, part: &mut Source) -> Result<()> {
        if !self.more {
            if more {
                let id = self.routes.find(part.bytes());
                let id = id.ok_or(Error::EHOSTUNREACH)?;
                if !pipes.get_mut(id).is_some_and(|end| end.is_writable()) {
                    return Err(Error::EAGAIN);
                }
                self.target = Some(id);
            }
            part.done();
            self.more = true;
            return Ok(());
        }
        if let Some(id) = self.target {
            if part.bytes().is_empty() {
                // The way to close the connection.
                pipes.end(id);
            } else if let Some(end) = pipes.get_mut(id) {
                match end.write(false, part) {
                    // There was room, so the peer has gone.
                    Ok(()) | Err(Error::EAGAIN) => {}
                    Err(error) => return Err(error),
                }
            }
        }
        part.done();
        (self.target, self.more) = (None, false);
        Ok(())
    }

    fn recv(&mut self, pipes: &mut Pipes, sink: &mut Sink) -> Result<Received> {
        if !self.inbound.is_in_message() {
            return self.inbound.recv_routing_id(pipes, &mut self.routes, sink);
        }
        self.inbound.recv(pipes, sink)
    }

    fn can_send(&mut self, _: &mut Pipes) -> bool {
        true
    }

    fn can_recv(&mut self, pipes: &mut Pipes) -> bool {
        self.inbound.has_in(pipes)
    }

    fn set_connect_routing_id(&mut self, routing_id: &[u8]) -> Result<()> {
        self.routes.set_connect_id(routing_id)
    }

    fn take_made_up_routing_id(&mut self) -> Option<[u8; 5]> {
        self.routes.take_made_up()
    }
}
