//! REP: a request is received, then its reply sent, and so on.
//!
//! What precedes a request, up to an empty part, is copied to the pipe that it came from, as the
//! beginning of the reply; it is taken back if there is no such part.

use super::{Pattern, PatternOptions, Pipes, router::Router};
use crate::{
    error::{Error, Result},
    message::{Received, Sink, Source},
    pipe::PipeId,
};

pub struct Rep {
    router: Router,
    /// The request was received.
    sending: bool,
    /// The next part is the first of a request.
    begins: bool,
    label: Vec<u8>,
}

impl Rep {
    pub fn new() -> Rep {
        Rep {
            router: Router::new(),
            sending: false,
            begins: true,
            label: Vec::new(),
        }
    }

    /// Passes what precedes the next request.
    fn begin_request(&mut self, pipes: &mut Pipes) -> Result<()> {
        loop {
            self.router.begin_reply(pipes)?;
            match self.copy_labels(pipes) {
                Ok(true) => return Ok(()),
                Ok(false) => self.router.rollback(pipes),
                Err(error) => {
                    self.router.rollback(pipes);
                    self.router.skip_request(pipes);
                    return Err(error);
                }
            }
        }
    }

    /// Copies the parts up to an empty one. False if there is none.
    fn copy_labels(&mut self, pipes: &mut Pipes) -> Result<bool> {
        loop {
            let received = self.router.receive_label(pipes, &mut self.label)?;
            if !received.more || received.size == 0 {
                return Ok(received.more);
            }
        }
    }
}

impl Pattern for Rep {
    fn attach(&mut self, pipes: &mut Pipes, id: PipeId, local: bool) {
        self.router.attach(pipes, id, local);
    }

    fn detach(&mut self, pipes: &mut Pipes, id: PipeId) {
        self.router.detach(pipes, id);
    }

    fn readable(&mut self, pipes: &mut Pipes, id: PipeId) {
        self.router.readable(pipes, id);
    }

    fn closed(&mut self, pipes: &mut Pipes, id: PipeId) {
        self.router.closed(pipes, id);
    }

    fn send(&mut self, pipes: &mut Pipes, more: bool, part: &mut Source) -> Result<()> {
        if !self.sending {
            return Err(Error::EFSM);
        }
        self.router.send_reply(pipes, more, part)?;
        self.sending = more;
        Ok(())
    }

    fn recv(&mut self, pipes: &mut Pipes, sink: &mut Sink) -> Result<Received> {
        if self.sending {
            return Err(Error::EFSM);
        }
        if self.begins {
            self.begin_request(pipes)?;
            self.begins = false;
        }
        let received = self.router.receive_body(pipes, sink)?;
        if !received.more {
            (self.sending, self.begins) = (true, true);
        }
        Ok(received)
    }

    fn can_send(&mut self, _: &mut Pipes) -> bool {
        self.sending
    }

    fn can_recv(&mut self, pipes: &mut Pipes) -> bool {
        !self.sending && self.router.can_recv(pipes)
    }

    fn configure(&mut self, options: &PatternOptions) {
        self.router.configure(&PatternOptions {
            // The reply is always sent to where the request came from.
            router_mandatory: false,
            ..options.clone()
        });
    }

    fn set_connect_routing_id(&mut self, routing_id: &[u8]) -> Result<()> {
        self.router.set_connect_routing_id(routing_id)
    }
}
