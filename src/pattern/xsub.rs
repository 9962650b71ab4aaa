//! SUB and XSUB: messages come from all peers in turn, subscriptions go to all of them.
//!
//! What was subscribed to is kept, and sent to each peer that comes, or comes again.

use super::{
    Pattern, PatternOptions, Pipes, distributor::Distributor, fair_queue::FairQueue,
    subscriptions::Interests,
};
use crate::{
    error::{Error, Result},
    message::{Outgoing, Received, Sink, Source},
    pipe::PipeId,
};

pub struct XSub {
    /// SUB: only what was subscribed to is received, and only subscriptions are sent.
    filter: bool,
    interests: Interests,
    /// How often everything was subscribed to.
    everything: usize,
    inbound: FairQueue,
    outbound: Distributor,
    /// A message was begun to be sent.
    more: bool,
    /// The parts of the message that is being sent may be subscriptions.
    subscribing: bool,
    /// Pipes that have come again while a message was sent.
    again: Vec<PipeId>,
    invert: bool,
    only_first_subscribe: bool,
    verbose_cancel: bool,
}

impl XSub {
    pub fn new(filter: bool) -> XSub {
        XSub {
            filter,
            interests: Interests::default(),
            everything: 0,
            inbound: FairQueue::default(),
            outbound: Distributor::default(),
            more: false,
            subscribing: false,
            again: Vec::new(),
            invert: false,
            only_first_subscribe: false,
            verbose_cancel: false,
        }
    }

    /// Sends all that was subscribed to.
    fn introduce(&mut self, pipes: &mut Pipes, id: PipeId) {
        if let Some(end) = pipes.get_mut(id) {
            let interests = &mut self.interests;
            let told = interests.for_each(|topic| end.write_subscription(true, topic));
            if told.is_err() {
                // It is told over the next connection, or else soon.
                match end.is_inproc() {
                    true => end.door().hiccup(),
                    false => end.far().lose(),
                }
            }
        }
    }

    /// Keeps a subscription in mind. Whether the peers are to know, for which there is memory then. ENOMEM, and nothing done.
    fn note(&mut self, pipes: &mut Pipes, subscribe: bool, topic: &[u8]) -> Result<bool> {
        for id in self.outbound.present() {
            if let Some(end) = pipes.get_mut(id) {
                end.reserve_subscription(topic)?;
            }
        }
        if subscribe {
            self.interests.add(topic)?;
        }
        if topic.is_empty() {
            self.everything = match subscribe {
                true => self.everything.saturating_add(1),
                false => self.everything.saturating_sub(1),
            };
        }
        if subscribe {
            // Those who know already are told, too: an XPUB may be verbose.
            return Ok(true);
        }
        Ok(self.interests.remove(topic) || self.verbose_cancel)
    }

    fn tell(&mut self, pipes: &mut Pipes, subscribe: bool, topic: &[u8]) -> Result<()> {
        for id in self.outbound.present() {
            if let Some(end) = pipes.get_mut(id) {
                end.write_subscription(subscribe, topic)?;
            }
        }
        self.outbound.end_message();
        Ok(())
    }

    /// Passes over the messages that were not subscribed to.
    fn seek(&mut self, pipes: &mut Pipes) -> bool {
        while let Some(id) = self.inbound.front(pipes) {
            let next = pipes.get_mut(id).and_then(|end| end.peek());
            if next.is_some_and(|(_, body, _)| self.interests.matches(body) != self.invert) {
                return true;
            }
            self.inbound.skip(pipes);
        }
        false
    }
}

impl Pattern for XSub {
    fn attach(&mut self, pipes: &mut Pipes, id: PipeId, _: bool) {
        self.inbound.attach(id);
        self.outbound.attach(pipes, id);
        self.introduce(pipes, id);
    }

    fn detach(&mut self, pipes: &mut Pipes, id: PipeId) {
        self.inbound.detach(pipes, id);
        self.outbound.detach(id);
        self.again.retain(|&other| other != id);
    }

    fn readable(&mut self, _: &mut Pipes, id: PipeId) {
        self.inbound.activated(id);
    }

    fn writable(&mut self, _: &mut Pipes, id: PipeId) {
        self.outbound.activated(id);
    }

    fn hiccup(&mut self, pipes: &mut Pipes, id: PipeId) {
        if self.more {
            self.again.push(id);
        } else {
            self.introduce(pipes, id);
        }
    }

    fn send(&mut self, pipes: &mut Pipes, more: bool, part: &mut Source) -> Result<()> {
        if self.filter {
            return Err(Error::ENOTSUP);
        }
        let first = !self.more;
        if first {
            self.subscribing = !self.only_first_subscribe;
        }
        if (first || self.subscribing)
            && let [kind @ (0 | 1), topic @ ..] = part.bytes()
        {
            self.subscribing = true;
            let tell = self.note(pipes, *kind == 1, topic)?;
            if !tell || first && !more {
                if tell {
                    self.tell(pipes, *kind == 1, topic)?;
                }
                // A part that cancels what nobody has asked for is left out of its message, too, which is then without
                // end until the next one's, if it was the last part. So it is with libzmq.
                part.done();
                self.more = more;
                return Ok(());
            }
        }
        self.outbound.send_to_all(pipes, more, part)?;
        self.more = more;
        if !more {
            while let Some(id) = self.again.pop() {
                self.introduce(pipes, id);
            }
        }
        Ok(())
    }

    #[inline]
    fn recv(&mut self, pipes: &mut Pipes, sink: &mut Sink) -> Result<Received> {
        if self.filter && !self.inbound.is_in_message() && !self.seek(pipes) {
            return Err(Error::EAGAIN);
        }
        self.inbound.recv(pipes, sink)
    }

    fn is_transparent(&self, _: PipeId) -> (bool, bool) {
        let takes_all = self.everything > 0 && !self.invert;
        (false, takes_all || !self.filter)
    }

    fn can_send(&mut self, _: &mut Pipes) -> bool {
        !self.filter
    }

    fn can_recv(&mut self, pipes: &mut Pipes) -> bool {
        if self.filter && !self.inbound.is_in_message() {
            return self.seek(pipes);
        }
        self.inbound.has_in(pipes)
    }

    fn configure(&mut self, options: &PatternOptions) {
        self.invert = options.invert_matching;
        self.only_first_subscribe = options.only_first_subscribe;
        self.verbose_cancel = options.xsub_verbose_cancel;
    }

    fn subscribe(&mut self, pipes: &mut Pipes, topic: &[u8]) -> Result<()> {
        if !self.filter {
            return Err(Error::EINVAL);
        }
        self.note(pipes, true, topic)?;
        self.tell(pipes, true, topic)
    }

    fn unsubscribe(&mut self, pipes: &mut Pipes, topic: &[u8]) -> Result<()> {
        if !self.filter {
            return Err(Error::EINVAL);
        }
        if self.note(pipes, false, topic)? {
            self.tell(pipes, false, topic)?;
        }
        Ok(())
    }

    fn topics(&mut self) -> Result<usize> {
        Ok(self.interests.len())
    }
}
