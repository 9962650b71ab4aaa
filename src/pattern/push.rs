//! PUSH: each message goes to one of the peers, in turn.

use super::{Pattern, Pipes, load_balancer::LoadBalancer};
use crate::{error::Result, message::Source, pipe::PipeId};

#[derive(Default)]
pub struct Push(LoadBalancer);

impl Pattern for Push {
    fn attach(&mut self, _: &mut Pipes, id: PipeId, _: bool) {
        self.0.attach(id);
    }

    fn detach(&mut self, _: &mut Pipes, id: PipeId) {
        self.0.detach(id);
    }

    fn writable(&mut self, _: &mut Pipes, id: PipeId) {
        self.0.activated(id);
    }

    fn closed(&mut self, pipes: &mut Pipes, id: PipeId) {
        // Nobody would ever read what may be left in it.
        pipes.close(id);
        pipes.end(id);
    }

    #[inline]
    fn send(&mut self, pipes: &mut Pipes, more: bool, part: &mut Source) -> Result<()> {
        self.0.send(pipes, more, part).map(drop)
    }

    fn is_transparent(&self, _: PipeId) -> (bool, bool) {
        (true, false)
    }

    fn can_send(&mut self, pipes: &mut Pipes) -> bool {
        self.0.has_out(pipes)
    }
}
