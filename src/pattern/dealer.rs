//! DEALER: messages go to and come from the peers in turn, both ways.

use super::{Pattern, PatternOptions, Pipes, fair_queue::FairQueue, load_balancer::LoadBalancer};
use crate::{
    error::Result,
    message::{Received, Sink, Source},
    pipe::PipeId,
};

#[derive(Default)]
pub struct Dealer {
    pub inbound: FairQueue,
    pub outbound: LoadBalancer,
    probe: bool,
}

/// Sends the empty message that makes a ROUTER at the other side know us.
pub fn probe(pipes: &mut Pipes, id: PipeId) {
    if let Some(end) = pipes.get_mut(id) {
        // A peer that there is no room for isn't told.
        let _ = end.write(false, &mut Source::Bytes(&[]));
    }
}

impl Pattern for Dealer {
    fn attach(&mut self, pipes: &mut Pipes, id: PipeId, _: bool) {
        if self.probe {
            probe(pipes, id);
        }
        self.inbound.attach(id);
        self.outbound.attach(id);
    }

    fn detach(&mut self, pipes: &mut Pipes, id: PipeId) {
        self.inbound.detach(pipes, id);
        self.outbound.detach(id);
    }

    fn readable(&mut self, _: &mut Pipes, id: PipeId) {
        self.inbound.activated(id);
    }

    fn writable(&mut self, _: &mut Pipes, id: PipeId) {
        self.outbound.activated(id);
    }

    #[inline]
    fn send(&mut self, pipes: &mut Pipes, more: bool, part: &mut Source) -> Result<()> {
        self.outbound.send(pipes, more, part).map(drop)
    }

    #[inline]
    fn recv(&mut self, pipes: &mut Pipes, sink: &mut Sink) -> Result<Received> {
        self.inbound.recv(pipes, sink)
    }

    fn is_transparent(&self, _: PipeId) -> (bool, bool) {
        (true, true)
    }

    fn can_send(&mut self, pipes: &mut Pipes) -> bool {
        self.outbound.has_out(pipes)
    }

    fn can_recv(&mut self, pipes: &mut Pipes) -> bool {
        self.inbound.has_in(pipes)
    }

    fn configure(&mut self, options: &PatternOptions) {
        self.probe = options.probe_router;
    }
}
