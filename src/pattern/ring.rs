//! An order of pipes in which each knows its place.

use super::pipes::slot;
use crate::pipe::PipeId;

const NOWHERE: u32 = u32::MAX;

/// Pipes in an order that is changed by swapping two of them.
#[derive(Default)]
pub struct Ring {
    pipes: Vec<PipeId>,
    /// By slot.
    places: Vec<u32>,
}

impl Ring {
    #[inline]
    pub fn get(&self, place: usize) -> Option<PipeId> {
        self.pipes.get(place).copied()
    }

    pub fn as_slice(&self) -> &[PipeId] {
        &self.pipes
    }

    /// Where the pipe is.
    pub fn place(&self, id: PipeId) -> Option<usize> {
        self.place_of_slot(slot(id))
            .filter(|&place| self.pipes[place] == id)
    }

    #[inline]
    pub fn place_of_slot(&self, slot: usize) -> Option<usize> {
        let place = *self.places.get(slot)?;
        (place != NOWHERE).then_some(place as usize)
    }

    #[inline]
    pub fn swap(&mut self, a: usize, b: usize) {
        if a != b && a < self.pipes.len() && b < self.pipes.len() {
            self.pipes.swap(a, b);
            self.places[slot(self.pipes[a])] = a as u32;
            self.places[slot(self.pipes[b])] = b as u32;
        }
    }

    /// Adds a pipe as the last one.
    pub fn push(&mut self, id: PipeId) {
        if self.places.len() <= slot(id) {
            self.places.resize(slot(id) + 1, NOWHERE);
        }
        self.places[slot(id)] = self.pipes.len() as u32;
        self.pipes.push(id);
    }

    /// Removes a pipe; the last one takes its place.
    pub fn remove(&mut self, id: PipeId) {
        if let Some(place) = self.place(id) {
            self.pipes.swap_remove(place);
            self.places[slot(id)] = NOWHERE;
            if let Some(&moved) = self.pipes.get(place) {
                self.places[slot(moved)] = place as u32;
            }
        }
    }
}
