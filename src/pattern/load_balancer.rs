//! Writes to pipes in turn.

use super::{Pipes, ring::Ring};
use crate::{
    error::{Error, Result},
    message::{Outgoing, Source},
    pipe::PipeId,
};

/// Gives a message to each pipe that has room in turn. Pipes that were found full stand behind
/// the active ones until there is room again.
#[derive(Default)]
pub struct LoadBalancer {
    ring: Ring,
    active: usize,
    current: usize,
    /// A message was begun on the current pipe.
    more: bool,
    /// The pipe of the message that was begun is gone.
    dropping: bool,
}

impl LoadBalancer {
    /// Adds a pipe as the last of the active ones.
    pub fn attach(&mut self, id: PipeId) {
        self.ring.push(id);
        self.activated(id);
    }

    /// Removes a pipe. What is still to come of a message that was begun on it is dropped.
    pub fn detach(&mut self, id: PipeId) {
        let Some(place) = self.ring.place(id) else {
            return;
        };
        if self.more && place == self.current {
            self.dropping = true;
        }
        if place < self.active {
            self.active -= 1;
            self.ring.swap(place, self.active);
            if self.current == self.active {
                // The current pipe has moved, or is the one that goes.
                self.current = if self.more && !self.dropping {
                    place
                } else {
                    0
                };
            }
        }
        self.ring.remove(id);
    }

    /// The pipe has room again.
    pub fn activated(&mut self, id: PipeId) {
        if let Some(place) = self.ring.place(id)
            && place >= self.active
        {
            self.ring.swap(place, self.active);
            self.active += 1;
        }
    }

    /// Sends a part. The pipe that it went to, if it wasn't dropped. EAGAIN, [`Error::Broken`], ENOMEM.
    #[inline]
    pub fn send(
        &mut self,
        pipes: &mut Pipes,
        more: bool,
        part: &mut Source,
    ) -> Result<Option<PipeId>> {
        if self.dropping {
            (self.more, self.dropping) = (more, more);
            part.done();
            return Ok(None);
        }
        while self.active > 0 {
            let id = self.ring.get(self.current).ok_or(Error::EAGAIN)?;
            if let Some(end) = pipes.get_mut(id) {
                match end.write(more, part) {
                    Ok(()) => {
                        self.sent(more);
                        return Ok(Some(id));
                    }
                    Err(Error::EAGAIN) => {}
                    Err(error) => return Err(error),
                }
                if self.more {
                    end.rollback();
                }
            }
            if self.more {
                (self.more, self.dropping) = (false, more);
                return Err(Error::Broken);
            }
            self.deactivate_current();
        }
        Err(Error::EAGAIN)
    }

    /// Goes on to the next pipe after a whole message.
    #[inline(always)]
    fn sent(&mut self, more: bool) {
        self.more = more;
        if !more {
            self.current += 1;
            if self.current >= self.active {
                self.current = 0;
            }
        }
    }

    /// Takes back the parts of a message that was begun.
    pub fn roll_back(&mut self, pipes: &mut Pipes) {
        if std::mem::take(&mut self.more)
            && let Some(end) = self.ring.get(self.current).and_then(|id| pipes.get_mut(id))
        {
            end.rollback();
        }
    }

    fn deactivate_current(&mut self) {
        self.active -= 1;
        self.ring.swap(self.current, self.active);
        if self.current == self.active {
            self.current = 0;
        }
    }

    /// Whether a part can be sent.
    pub fn has_out(&mut self, pipes: &mut Pipes) -> bool {
        if self.more {
            return true;
        }
        while self.active > 0 {
            let current = self.ring.get(self.current);
            if let Some(end) = current.and_then(|id| pipes.get_mut(id))
                && end.is_writable()
            {
                return true;
            }
            self.deactivate_current();
        }
        false
    }
}
