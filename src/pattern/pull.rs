//! PULL: messages come from all peers, in turn.

use super::{Pattern, Pipes, fair_queue::FairQueue};
use crate::{
    error::Result,
    message::{Received, Sink},
    pipe::PipeId,
};

#[derive(Default)]
pub struct Pull(FairQueue);

impl Pattern for Pull {
    fn attach(&mut self, _: &mut Pipes, id: PipeId, _: bool) {
        self.0.attach(id);
    }

    fn detach(&mut self, pipes: &mut Pipes, id: PipeId) {
        self.0.detach(pipes, id);
    }

    fn readable(&mut self, _: &mut Pipes, id: PipeId) {
        self.0.activated(id);
    }

    #[inline]
    fn recv(&mut self, pipes: &mut Pipes, sink: &mut Sink) -> Result<Received> {
        self.0.recv(pipes, sink)
    }

    fn is_transparent(&self, _: PipeId) -> (bool, bool) {
        (false, true)
    }

    fn can_recv(&mut self, pipes: &mut Pipes) -> bool {
        self.0.has_in(pipes)
    }
}
