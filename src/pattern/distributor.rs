//! Writes to many pipes at once.

use std::sync::atomic::{Ordering, fence};

use super::{Pipes, ring::Ring};
use crate::{
    error::{Error, Result},
    message::{Copies, Message, Outgoing, SLAB_MAX, Slab, Source},
    pipe::{End, PipeId},
};

/// While one pipe is written to, the processor fetches what the one so many places on will need.
const AHEAD: usize = 8;

/// So many are written to before it is looked which of them sleep.
const TOGETHER: usize = 64;

/// A body from this size on is shared by the pipes it goes to, if copies for all of them would have more bytes than this
/// together. The kernel takes many small pieces at some price each; what is copied takes many times the memory.
const SHARED_MIN: usize = 256;
const COPIES_MAX: usize = 2048;

/// Gives a message to all pipes, or to those that it matches. The pipes stand in this order:
/// *matching*, the other *active* ones, the other *eligible* ones (which have room, but not for
/// the rest of a message that began without them), and those without room.
#[derive(Default)]
pub struct Distributor {
    ring: Ring,
    matching: usize,
    active: usize,
    eligible: usize,
    /// A message was begun.
    more: bool,
    /// There was no memory for the part that is being sent, in some pipe.
    is_starved: bool,
    slab: Slab,
    /// Some pipe has led, or leads, to a socket of this process, which may keep a message as it is.
    is_kept: bool,
}

impl Distributor {
    /// Adds a pipe, which takes part from the next message on.
    pub fn attach(&mut self, pipes: &Pipes, id: PipeId) {
        self.is_kept |= pipes.get(id).is_some_and(End::is_inproc);
        self.ring.push(id);
        self.activated(id);
    }

    /// Removes a pipe.
    pub fn detach(&mut self, id: PipeId) {
        for end in [&mut self.matching, &mut self.active, &mut self.eligible] {
            if let Some(place) = self.ring.place(id)
                && place < *end
            {
                *end -= 1;
                self.ring.swap(place, *end);
            }
        }
        self.ring.remove(id);
    }

    /// The pipe has room again.
    pub fn activated(&mut self, id: PipeId) {
        let Some(place) = self.ring.place(id) else {
            return;
        };
        if place >= self.eligible {
            self.ring.swap(place, self.eligible);
            self.eligible += 1;
            if !self.more {
                self.ring.swap(self.eligible - 1, self.active);
                self.active += 1;
            }
        }
    }

    /// Whether the pipe is here.
    pub fn has(&self, id: PipeId) -> bool {
        self.ring.place(id).is_some()
    }

    /// Those that take part in the message that is being sent, or in the next one, and those without room: all but the
    /// ones that came after it had begun.
    pub fn present(&self) -> impl Iterator<Item = PipeId> {
        let pipes = self.ring.as_slice();
        let (present, late) = pipes.split_at(self.active);
        let full = &late[self.eligible - self.active..];
        present.iter().chain(full).copied()
    }

    /// The message that was begun is over.
    pub fn end_message(&mut self) {
        self.active = self.eligible;
        self.more = false;
    }

    /// The pipe in this slot matches.
    #[inline]
    pub fn mark(&mut self, slot: usize) {
        if let Some(place) = self.ring.place_of_slot(slot)
            && place >= self.matching
            && place < self.active
        {
            self.ring.swap(place, self.matching);
            self.matching += 1;
        }
    }

    /// Those that match don't, and the others do.
    pub fn invert(&mut self) {
        let matching = std::mem::take(&mut self.matching);
        for place in matching..self.active {
            self.ring.swap(place, self.matching);
            self.matching += 1;
        }
    }

    /// None matches.
    #[inline]
    pub fn unmark(&mut self) {
        self.matching = 0;
    }

    /// Whether any matches.
    #[inline]
    pub fn is_marked(&self) -> bool {
        self.matching > 0
    }

    /// Whether all pipes that match have room.
    pub fn has_room(&self, pipes: &mut Pipes) -> bool {
        self.ring.as_slice()[..self.matching].iter().all(|&id| {
            pipes
                .get_mut(id)
                .is_none_or(|end| end.is_writable() || end.is_closed())
        })
    }

    /// Sends a part to all.
    pub fn send_to_all(&mut self, pipes: &mut Pipes, more: bool, part: &mut Source) -> Result<()> {
        self.matching = self.active;
        self.send_to_matching(pipes, more, part)
    }

    /// Sends a part to those that match; it passes by those without room, or without memory for it. ENOMEM if there is none
    /// for it at all: of a message that wasn't begun nothing is done then.
    #[inline]
    pub fn send_to_matching(
        &mut self,
        pipes: &mut Pipes,
        more: bool,
        part: &mut Source,
    ) -> Result<()> {
        self.is_starved = false;
        match self.matching {
            0 => {}
            1 => self.write(0, pipes, |end| end.write(more, part)),
            matching if !part.is_lent() && !is_to_be_shared(part.bytes().len(), matching) => {
                let bytes = part.bytes();
                self.post_to_each(pipes, more, |this, pipes, place| {
                    this.prefetch(place + AHEAD, pipes, bytes.len());
                    this.write(place, pipes, |end| {
                        end.post(more, &mut Source::Bytes(bytes))
                    });
                });
            }
            matching => {
                let message = self.shareable(more, part)?;
                let mut copies = Copies::new(message, matching as u32);
                self.post_to_each(pipes, more, |this, pipes, place| {
                    this.prefetch(place + AHEAD, pipes, 0);
                    this.write(place, pipes, |end| {
                        end.post(more, &mut Source::Copy(&mut copies))
                    });
                });
            }
        }
        if self.is_starved && self.matching == 0 {
            if !self.more {
                self.end_message();
            }
            return Err(Error::ENOMEM);
        }
        part.done();
        self.more = more;
        if !more {
            self.end_message();
        }
        Ok(())
    }

    /// A message with the part's body, which is to be shared. What all connections get, message after message, is one piece.
    fn shareable(&mut self, more: bool, part: &mut Source) -> Result<Message> {
        let is_whole = !self.more && !more && !part.is_lent();
        let bytes = part.bytes();
        match is_whole && self.matching == self.active && !self.is_kept && bytes.len() <= SLAB_MAX {
            true => Ok(self.slab.copy_of(bytes)?.into()),
            false => part.take(),
        }
    }

    /// Posts to some, and then tells those of them that sleep, and so on: one fence for many, each of which would wait until
    /// what was just written has left the processor.
    #[inline]
    fn post_to_each(
        &mut self,
        pipes: &mut Pipes,
        more: bool,
        mut post: impl FnMut(&mut Distributor, &mut Pipes, usize),
    ) {
        let mut place = 0;
        while place < self.matching {
            let first = place;
            while place < self.matching.min(first + TOGETHER) {
                let before = self.matching;
                post(self, pipes, place);
                // One that has failed has changed places with one that is still to come.
                place += usize::from(self.matching == before);
            }
            if more {
                continue;
            }
            fence(Ordering::SeqCst);
            for &id in &self.ring.as_slice()[first..place] {
                if let Some(end) = pipes.get_mut(id) {
                    end.check();
                }
            }
        }
    }

    #[inline]
    fn prefetch(&self, place: usize, pipes: &Pipes, size: usize) {
        if let Some(end) = self.ring.get(place).and_then(|id| pipes.get(id)) {
            end.prefetch(size);
        }
    }

    #[inline]
    fn write(
        &mut self,
        place: usize,
        pipes: &mut Pipes,
        write: impl FnOnce(&mut End) -> Result<()>,
    ) {
        let end = self.ring.get(place).and_then(|id| pipes.get_mut(id));
        match end.map_or(Err(Error::EAGAIN), write) {
            Ok(()) => {}
            Err(Error::EAGAIN) => {
                let mut place = place;
                for end in [&mut self.matching, &mut self.active, &mut self.eligible] {
                    *end -= 1;
                    self.ring.swap(place, *end);
                    place = *end;
                }
            }
            Err(_) => self.give_up(place, pipes),
        }
    }

    /// The pipe gets nothing of this message.
    #[cold]
    fn give_up(&mut self, place: usize, pipes: &mut Pipes) {
        if let Some(end) = self.ring.get(place).and_then(|id| pipes.get_mut(id)) {
            end.rollback();
        }
        let mut place = place;
        // It gets none of the parts that follow, either.
        for end in [&mut self.matching, &mut self.active] {
            *end -= 1;
            self.ring.swap(place, *end);
            place = *end;
        }
        self.is_starved = true;
    }
}

#[inline]
fn is_to_be_shared(size: usize, pipes: usize) -> bool {
    size >= SHARED_MIN && size * pipes > COPIES_MAX
}
