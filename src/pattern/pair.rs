//! PAIR: one peer, and no other as long as it is there.

use super::{Pattern, Pipes, fair_queue::FairQueue};
use crate::{
    error::{Error, Result},
    message::{Received, Sink, Source},
    pipe::{End, PipeId},
};

#[derive(Default)]
pub struct Pair {
    pipe: Option<PipeId>,
    inbound: FairQueue,
}

impl Pattern for Pair {
    fn attach(&mut self, pipes: &mut Pipes, id: PipeId, _: bool) {
        if self.pipe.is_some() {
            // Another peer's connection is left open, and ignored: were it closed, the peer
            // would make it again and again. Within the process there is nothing to be made again.
            if pipes.get(id).is_some_and(End::is_inproc) {
                pipes.end(id);
            }
            return;
        }
        self.pipe = Some(id);
        self.inbound.attach(id);
    }

    fn detach(&mut self, pipes: &mut Pipes, id: PipeId) {
        if self.pipe == Some(id) {
            self.pipe = None;
            self.inbound.detach(pipes, id);
        }
    }

    fn readable(&mut self, _: &mut Pipes, id: PipeId) {
        self.inbound.activated(id);
    }

    fn closed(&mut self, pipes: &mut Pipes, id: PipeId) {
        if self.pipe == Some(id) {
            pipes.close(id);
        } else {
            pipes.end(id);
        }
    }

    fn send(&mut self, pipes: &mut Pipes, more: bool, part: &mut Source) -> Result<()> {
        let end = self.pipe.and_then(|id| pipes.get_mut(id));
        end.ok_or(Error::EAGAIN)?.write(more, part)
    }

    fn recv(&mut self, pipes: &mut Pipes, sink: &mut Sink) -> Result<Received> {
        self.inbound.recv(pipes, sink)
    }

    fn is_transparent(&self, only: PipeId) -> (bool, bool) {
        let is_peer = self.pipe == Some(only);
        (is_peer, is_peer)
    }

    fn can_send(&mut self, pipes: &mut Pipes) -> bool {
        let end = self.pipe.and_then(|id| pipes.get_mut(id));
        end.is_some_and(|end| end.is_writable())
    }

    fn can_recv(&mut self, pipes: &mut Pipes) -> bool {
        self.inbound.has_in(pipes)
    }
}
