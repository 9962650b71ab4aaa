//! A vector in pieces: it grows without moving what is there, so that no memory is left behind, or needed twice.

use std::ops::{Index, IndexMut};

use crate::error::Result;

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

    /// Makes room for another item. ENOMEM.
    pub fn reserve(&mut self) -> Result<()> {
        match self.0.last_mut() {
            Some(last) if last.len() < PIECE => last.try_reserve(1)?,
            last => {
                let mut piece = Vec::new();
                // Many have a few items only.
                piece.try_reserve_exact(last.map_or(1, |_| PIECE))?;
                self.0.try_reserve(1)?;
                self.0.push(piece);
            }
        }
        Ok(())
    }

    /// Adds an item. ENOMEM.
    pub fn push(&mut self, item: T) -> Result<()> {
        self.reserve()?;
        if let Some(last) = self.0.last_mut() {
            last.push(item);
        }
        Ok(())
    }

    /// All items.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.0.iter().flatten()
    }

    /// All items.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.0.iter_mut().flatten()
    }

    /// Copies of those items that are wanted, in pieces of their own. ENOMEM.
    pub fn filter(&self, wanted: impl Fn(&T) -> bool) -> Result<Pieces<T>>
    where
        T: Copy,
    {
        let mut left = Pieces::default();
        let mut items = self.iter().filter(|item| wanted(item));
        items.try_for_each(|item| left.push(*item))?;
        Ok(left)
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
