//! The pipes of a socket, by name.

use std::collections::VecDeque;

use crate::pipe::{End, PipeId};

/// A socket that has no more pipes than that drives their connections itself.
const FEW: usize = 4;

/// So many pipes whose far ends are gone wait for the reader to come by.
const FADING_MAX: usize = 64;

struct Slot {
    /// Of the pipe that is in the slot, or of the next one.
    generation: u32,
    end: Option<Box<End>>,
}

/// Owns the socket's ends of its pipes. A name is a slot and how often it was used, so that it
/// never names another pipe later. None of them is zero.
#[derive(Default)]
pub struct Pipes {
    slots: Vec<Slot>,
    free: Vec<u32>,
    len: usize,
    ended: Vec<PipeId>,
    fading: VecDeque<PipeId>,
    /// Whoever receives will try again in a moment if there is nothing: then empty pipes need
    /// not be made to tell when there is something.
    pub retrying: bool,
}

/// The slot that a name stands for. A pipe's alone until it is removed.
#[inline]
pub fn slot(id: PipeId) -> usize {
    (id.0 & u64::from(u32::MAX)) as usize
}

fn name(slot: usize, generation: u32) -> PipeId {
    PipeId(u64::from(generation) << 32 | slot as u64)
}

impl Pipes {
    /// Takes a pipe in.
    pub fn insert(&mut self, end: Box<End>) -> PipeId {
        let i = self.free.pop().map_or(self.slots.len(), |i| i as usize);
        if i == self.slots.len() {
            self.slots.push(Slot {
                generation: 1,
                end: None,
            });
        }
        self.slots[i].end = Some(end);
        self.len += 1;
        name(i, self.slots[i].generation)
    }

    /// A pipe, unless it was removed.
    #[inline]
    pub fn get(&self, id: PipeId) -> Option<&End> {
        let found = self.slots.get(slot(id))?;
        if u64::from(found.generation) != id.0 >> 32 {
            return None;
        }
        found.end.as_deref()
    }

    /// A pipe, unless it was removed.
    #[inline]
    pub fn get_mut(&mut self, id: PipeId) -> Option<&mut End> {
        let found = self.slots.get_mut(slot(id))?;
        if u64::from(found.generation) != id.0 >> 32 {
            return None;
        }
        found.end.as_deref_mut()
    }

    /// The pipe in this slot.
    #[inline(always)]
    pub fn at(&mut self, slot: usize) -> Option<&mut End> {
        self.slots.get_mut(slot)?.end.as_deref_mut()
    }

    /// The pipe, if there is one and no other.
    pub fn only(&self) -> Option<PipeId> {
        match self.len {
            1 => self.iter().next().map(|(id, _)| id),
            _ => None,
        }
    }

    /// Gives a pipe away.
    pub fn remove(&mut self, id: PipeId) -> Option<Box<End>> {
        self.get(id)?;
        let i = slot(id);
        let end = self.slots[i].end.take();
        self.len -= 1;
        // A slot whose names are used up is not used again.
        if let Some(next) = self.slots[i].generation.checked_add(1) {
            self.slots[i].generation = next;
            self.free.push(i as u32);
        }
        end
    }

    /// The number of pipes.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Whether they are few enough for the socket's threads to drive the connections.
    pub fn are_few(&self) -> bool {
        self.len <= FEW
    }

    /// Has the connections moved along, if they are few. How many bytes are missing of bodies that have begun to come.
    pub fn drive(&self) -> usize {
        match self.are_few() {
            true => self.iter().map(|(_, end)| end.far().drive()).sum(),
            false => 0,
        }
    }

    /// As [`Pipes::drive`], but for connections that were caught up with a moment ago. Whether there are any others.
    pub fn catch_up(&mut self) -> bool {
        let few = self.are_few();
        let drive = |any, (_, end): (_, &mut End)| end.catch_up() || any;
        few && self.iter_mut().fold(false, drive)
    }

    /// The names of all pipes.
    #[cfg(test)]
    pub fn ids(&self) -> Vec<PipeId> {
        self.iter().map(|(id, _)| id).collect()
    }

    /// How many slots there are, with a pipe or without.
    pub fn slots(&self) -> usize {
        self.slots.len()
    }

    /// The name of the pipe in this slot.
    pub fn id_at(&self, slot: usize) -> Option<PipeId> {
        let found = self.slots.get(slot)?;
        found.end.as_ref()?;
        Some(name(slot, found.generation))
    }

    /// All pipes.
    pub fn iter(&self) -> impl Iterator<Item = (PipeId, &End)> {
        let named = self.slots.iter().enumerate();
        named.filter_map(|(i, slot)| Some((name(i, slot.generation), slot.end.as_deref()?)))
    }

    /// All pipes.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (PipeId, &mut End)> {
        let named = self.slots.iter_mut().enumerate();
        named.filter_map(|(i, slot)| Some((name(i, slot.generation), slot.end.as_deref_mut()?)))
    }

    /// Asks the socket to detach a pipe and to remove it.
    pub fn end(&mut self, id: PipeId) {
        if !self.ended.contains(&id) {
            self.ended.push(id);
        }
    }

    /// Whether there are pipes that the socket is to detach.
    #[inline]
    pub fn has_ended(&self) -> bool {
        !self.ended.is_empty()
    }

    /// One of the pipes that the socket is to detach and to remove; it may be gone already.
    pub fn take_ended(&mut self) -> Option<PipeId> {
        self.ended.pop()
    }

    /// As [`Pipes::close`], but the pipe keeps its place until the reader finds it at its end, as
    /// with libzmq: whose turn it is depends on that. Of many such pipes the oldest don't.
    pub fn fade(&mut self, id: PipeId) {
        if let Some(end) = self.get_mut(id) {
            end.set_far_closed();
            self.fading.push_back(id);
        }
        if self.fading.len() > FADING_MAX
            && let Some(oldest) = self.fading.pop_front()
        {
            self.close(oldest);
        }
    }

    /// Nothing can be written any more. The pipe is to be detached if all was read.
    pub fn close(&mut self, id: PipeId) {
        if let Some(end) = self.get_mut(id) {
            end.set_far_closed();
            if !end.is_readable() {
                self.end(id);
            }
        }
    }
}
