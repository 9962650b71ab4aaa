//! Reads from pipes in turn.

use std::collections::VecDeque;

use super::{Pipes, ring::Ring, routes::Routes};
use crate::{
    error::{Error, Result},
    message::{Incoming, Message, Received, Sink},
    pipe::{End, PipeId},
};

/// Of more active pipes than this, what one needs may be out of the processor's cache by its turn. So the end of the pipe
/// whose turn is so many turns later is fetched meanwhile, and what that points to half as many turns before.
const MANY: usize = 16;
const AHEAD: usize = 4;

/// Takes a message from each pipe that has any in turn. Pipes that were found empty stand behind
/// the active ones until there is something to read again.
#[derive(Default)]
pub struct FairQueue {
    ring: Ring,
    active: usize,
    current: usize,
    /// The current pipe's message was begun.
    more: bool,
    /// What is left of a message whose pipe was detached.
    rest: VecDeque<Message>,
    /// There was no memory for all of that: behind it, receiving fails.
    is_rest_cut: bool,
}

impl FairQueue {
    /// Adds a pipe as the last of the active ones.
    pub fn attach(&mut self, id: PipeId) {
        self.ring.push(id);
        self.activated(id);
    }

    /// Removes a pipe. A message that was begun is kept, so that it stays whole.
    pub fn detach(&mut self, pipes: &mut Pipes, id: PipeId) {
        let Some(place) = self.ring.place(id) else {
            return;
        };
        let reading = self.more && self.rest.is_empty() && !self.is_rest_cut;
        if reading && place == self.current {
            self.rescue(pipes.get_mut(id));
        }
        if place < self.active {
            self.active -= 1;
            self.ring.swap(place, self.active);
            if self.current == self.active {
                // The current pipe has moved, or is the one that goes.
                self.current = if reading { place } else { 0 };
            }
            if self.current >= self.active {
                self.current = 0;
            }
        }
        self.ring.remove(id);
    }

    #[cold]
    fn rescue(&mut self, mut end: Option<&mut End>) {
        let mut more = true;
        while more && let Some(end) = &mut end {
            let mut message = Message::new();
            match end.read(&mut Sink::Message(&mut message)) {
                Some(Ok(received)) if self.rest.try_reserve(1).is_ok() => more = received.more,
                _ => break,
            }
            self.rest.push_back(message);
        }
        self.is_rest_cut = more;
    }

    /// The pipe has something to read again.
    pub fn activated(&mut self, id: PipeId) {
        if let Some(place) = self.ring.place(id)
            && place >= self.active
        {
            self.ring.swap(place, self.active);
            self.active += 1;
        }
    }

    fn deactivate_current(&mut self) {
        self.active -= 1;
        self.ring.swap(self.current, self.active);
        if self.current == self.active {
            self.current = 0;
        }
    }

    /// Has the processor fetch what pipes need that have their turns soon.
    #[inline(never)]
    fn prefetch(&self, pipes: &Pipes) {
        let end = |turns| {
            let place = self.current + turns;
            let around = if place < self.active { 0 } else { self.active };
            self.ring.get(place - around).and_then(|id| pipes.get(id))
        };
        if let Some(end) = end(AHEAD) {
            end.prefetch_itself();
        }
        if let Some(end) = end(AHEAD / 2) {
            end.prefetch_turn();
        }
    }

    /// Whether a message was begun.
    #[inline]
    pub fn is_in_message(&self) -> bool {
        self.more
    }

    /// The pipe that is being read, or read next.
    pub fn current(&self) -> Option<PipeId> {
        self.ring.get(self.current)
    }

    /// Receives the routing id of the peer of the next message, which counts as begun then.
    /// EAGAIN if there is none, ENOMEM.
    #[inline]
    pub fn recv_routing_id(
        &mut self,
        pipes: &mut Pipes,
        routes: &mut Routes,
        sink: &mut Sink,
    ) -> Result<Received> {
        let from = self.front(pipes).ok_or(Error::EAGAIN)?;
        let routing_id = routes.announce(from);
        sink.copy(true, routing_id, || pipes.get_mut(from)?.metadata())?;
        self.more = true;
        Ok(Received {
            size: routing_id.len(),
            more: true,
        })
    }

    /// Receives a part. EAGAIN if there is none, ENOMEM.
    #[inline]
    pub fn recv(&mut self, pipes: &mut Pipes, sink: &mut Sink) -> Result<Received> {
        if self.more && (self.is_rest_cut || !self.rest.is_empty()) {
            return self.recv_rest(sink);
        }
        if pipes.retrying && self.is_quiet(pipes) {
            return Err(Error::EAGAIN);
        }
        while self.active > 0 {
            let id = self.ring.get(self.current).ok_or(Error::EAGAIN)?;
            if let Some(end) = pipes.get_mut(id) {
                if let Some(read) = end.read(sink) {
                    let received = read?;
                    return Ok(self.received(pipes, received));
                }
                if end.is_at_end() {
                    pipes.end(id);
                }
            }
            self.more = false;
            self.deactivate_current();
        }
        Err(Error::EAGAIN)
    }

    /// Goes on to the next pipe after a whole message.
    #[inline(always)]
    fn received(&mut self, pipes: &Pipes, received: Received) -> Received {
        self.more = received.more;
        if !received.more {
            self.next();
            if self.active > MANY {
                self.prefetch(pipes);
            }
        }
        received
    }

    #[inline(always)]
    fn next(&mut self) {
        self.current += 1;
        if self.current >= self.active {
            self.current = 0;
        }
    }

    /// Whether the active pipes have nothing to read, not even that they are at their end.
    fn is_quiet(&self, pipes: &mut Pipes) -> bool {
        // From the current one on, which has something, as a rule.
        let (before, from) = self.ring.as_slice()[..self.active].split_at(self.current);
        from.iter()
            .chain(before)
            .all(|&id| pipes.get_mut(id).is_some_and(End::is_quiet))
    }

    fn recv_rest(&mut self, sink: &mut Sink) -> Result<Received> {
        let Some(message) = self.rest.pop_front() else {
            (self.more, self.is_rest_cut) = (false, false);
            return Err(Error::ENOMEM);
        };
        let received = Received {
            size: message.size(),
            more: message.more(),
        };
        let metadata = message.metadata().cloned();
        sink.put(message, || metadata);
        self.more = received.more;
        Ok(received)
    }

    /// The pipe that the next part is read from, when no message is begun.
    #[inline]
    pub fn front(&mut self, pipes: &mut Pipes) -> Option<PipeId> {
        while self.active > 0 {
            let id = self.ring.get(self.current)?;
            if let Some(end) = pipes.get_mut(id) {
                if end.is_introduced() {
                    self.next();
                    continue;
                }
                if end.is_readable() {
                    return Some(id);
                }
                if end.is_at_end() {
                    pipes.end(id);
                }
            }
            self.deactivate_current();
        }
        None
    }

    /// Whether there is a part to receive.
    pub fn has_in(&mut self, pipes: &mut Pipes) -> bool {
        self.more || self.front(pipes).is_some()
    }

    /// Passes over what is left of a message, or over the next one if none is begun.
    pub fn skip(&mut self, pipes: &mut Pipes) {
        while matches!(self.recv(pipes, &mut Sink::Nowhere), Ok(received) if received.more) {}
    }

    /// Passes over all there is.
    pub fn clear(&mut self, pipes: &mut Pipes) {
        while self.recv(pipes, &mut Sink::Nowhere).is_ok() {}
    }
}
