//! A vector in pieces: it grows without moving what is there, so that no memory is left behind, or needed twice.

use std::ops::{Index, IndexMut};

/// Items in each piece but the last.
const PIECE: usize = 1024;

/// Items by number.
pub struct Pieces<T>(Vec<Vec<T>>);

impl<T> Default for Pieces<T> {
    fn default() -> Pieces<T> {
        Pieces(Vec::new())
    }
}

impl<T> Pieces<T> {
    /// The number of items.
    #[inline]
    pub fn len(&self) -> usize {
        match self.0.last() {
            Some(last) => (self.0.len() - 1) * PIECE + last.len(),
            None => 0,
        }
    }

    /// Adds an item.
    pub fn push(&mut self, item: T) {
        match self.0.last_mut() {
            Some(last) if last.len() < PIECE => last.push(item),
            Some(_) => {
                let mut piece = Vec::with_capacity(PIECE);
                piece.push(item);
                self.0.push(piece);
            }
            // Many have a few items only.
            None => self.0.push(vec![item]),
        }
    }

    /// All items.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.0.iter().flatten()
    }

    /// All items.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.0.iter_mut().flatten()
    }

    /// Those of the items that are wanted, in pieces of their own.
    pub fn filter(self, mut wanted: impl FnMut(&T) -> bool) -> Pieces<T> {
        let mut left = Pieces::default();
        for item in self.0.into_iter().flatten() {
            if wanted(&item) {
                left.push(item);
            }
        }
        left
    }

    /// Bytes of memory in use.
    #[cfg(test)]
    pub fn memory(&self) -> usize {
        let items: usize = self.0.iter().map(Vec::capacity).sum();
        items * size_of::<T>() + self.0.capacity() * size_of::<Vec<T>>()
    }
}

impl<T> Index<usize> for Pieces<T> {
    type Output = T;

    #[inline]
    fn index(&self, i: usize) -> &T {
        &self.0[i / PIECE][i % PIECE]
    }
}

impl<T> IndexMut<usize> for Pieces<T> {
    #[inline]
    fn index_mut(&mut self, i: usize) -> &mut T {
        &mut self.0[i / PIECE][i % PIECE]
    }
}
