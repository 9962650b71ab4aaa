//! REQ: a request, its reply, and so on.
//!
//! A request is preceded by an empty part, and before that by its number if it is to be
//! correlated. It goes to one peer, and only a reply from there, with the same beginning, counts.

use super::{Pattern, PatternOptions, Pipes, dealer::Dealer, hash::random};
use crate::{
    error::{Error, Result},
    message::{Received, Sink, Source},
    pipe::PipeId,
};

pub struct Req {
    dealer: Dealer,
    /// The request was sent.
    receiving: bool,
    /// The next part is the first of a request, or of a reply.
    begins: bool,
    /// Where the request went; none if the pipe is gone: then any reply counts.
    peer: Option<PipeId>,
    number: u32,
    correlate: bool,
    relaxed: bool,
}

impl Req {
    pub fn new() -> Req {
        Req {
            dealer: Dealer::default(),
            receiving: false,
            begins: true,
            peer: None,
            number: random() as u32,
            correlate: false,
            relaxed: false,
        }
    }

    /// Sends what precedes a request: all of it, or nothing.
    fn begin_request(&mut self, pipes: &mut Pipes) -> Result<()> {
        let outbound = &mut self.dealer.outbound;
        let mut send = |body: &[u8]| {
            let sent = outbound.send(pipes, true, &mut Source::Bytes(body));
            sent.map_err(|error| match error {
                Error::Broken => Error::EAGAIN,
                error => {
                    outbound.roll_back(pipes);
                    error
                }
            })
        };
        self.peer = None;
        if self.correlate {
            self.number = self.number.wrapping_add(1);
            send(&self.number.to_ne_bytes())?;
        }
        self.peer = send(&[])?;
        self.begins = false;
        // Late replies to earlier requests are not to be taken for the one to this.
        self.dealer.inbound.clear(pipes);
        Ok(())
    }

    /// Looks for a message that begins as the reply does, and passes over its beginning.
    fn begin_reply(&mut self, pipes: &mut Pipes) -> Result<()> {
        let inbound = &mut self.dealer.inbound;
        loop {
            let from = inbound.front(pipes).ok_or(Error::EAGAIN)?;
            let mut good = self.peer.is_none_or(|peer| peer == from);
            let mut more = true;
            if good && self.correlate {
                let mut number = [0; 4];
                let received = inbound.recv(pipes, &mut Sink::Buffer(&mut number))?;
                more = received.more;
                good = more && received.size == 4 && number == self.number.to_ne_bytes();
            }
            if good {
                let received = inbound.recv(pipes, &mut Sink::Nowhere)?;
                more = received.more;
                good = more && received.size == 0;
            }
            if good {
                return Ok(());
            }
            if more {
                inbound.skip(pipes);
            }
        }
    }
}

impl Pattern for Req {
    fn attach(&mut self, pipes: &mut Pipes, id: PipeId, local: bool) {
        self.dealer.attach(pipes, id, local);
    }

    fn detach(&mut self, pipes: &mut Pipes, id: PipeId) {
        if self.peer == Some(id) {
            self.peer = None;
        }
        self.dealer.detach(pipes, id);
    }

    fn readable(&mut self, pipes: &mut Pipes, id: PipeId) {
        self.dealer.readable(pipes, id);
    }

    fn writable(&mut self, pipes: &mut Pipes, id: PipeId) {
        self.dealer.writable(pipes, id);
    }

    fn send(&mut self, pipes: &mut Pipes, more: bool, part: &mut Source) -> Result<()> {
        if self.receiving {
            if !self.relaxed {
                return Err(Error::EFSM);
            }
            (self.receiving, self.begins) = (false, true);
        }
        if self.begins {
            self.begin_request(pipes)?;
        }
        self.dealer.send(pipes, more, part)?;
        if !more {
            (self.receiving, self.begins) = (true, true);
        }
        Ok(())
    }

    fn recv(&mut self, pipes: &mut Pipes, sink: &mut Sink) -> Result<Received> {
        if !self.receiving {
            return Err(Error::EFSM);
        }
        if self.begins {
            self.begin_reply(pipes)?;
            self.begins = false;
        }
        let received = self.dealer.recv(pipes, sink)?;
        if !received.more {
            (self.receiving, self.begins) = (false, true);
        }
        Ok(received)
    }

    fn can_send(&mut self, pipes: &mut Pipes) -> bool {
        (!self.receiving || self.relaxed) && self.dealer.can_send(pipes)
    }

    fn can_recv(&mut self, pipes: &mut Pipes) -> bool {
        self.receiving && self.dealer.can_recv(pipes)
    }

    fn configure(&mut self, options: &PatternOptions) {
        self.dealer.configure(options);
        self.correlate = options.req_correlate;
        self.relaxed = options.req_relaxed;
    }
}
