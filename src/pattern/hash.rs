//! A keyed hash of short byte strings, which also hashes each prefix of one in a single pass.
//!
//! Each eight bytes are folded into the state by a multiplication to 128 bits. The keys are drawn
//! for each table, so that a peer can't choose topics or routing ids that collide.

use std::{
    collections::hash_map::RandomState,
    hash::{BuildHasher, Hasher},
};

/// The keys of a table.
#[derive(Clone)]
pub struct Keys {
    start: u64,
    step: u64,
    end: u64,
}

/// How many bits of strings that were counted up don't take their hashes far from each other.
const NEAR: u32 = 2;

/// A random number, good enough for keys and to start counting from.
pub fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}

#[inline]
fn fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    product as u64 ^ (product >> 64) as u64
}

/// The eight bytes from `at` on, with zeros for those behind the end.
#[inline]
fn word(bytes: &[u8], at: usize) -> u64 {
    let rest = &bytes[at.min(bytes.len())..];
    if let Some(whole) = rest.first_chunk::<8>() {
        return u64::from_le_bytes(*whole);
    }
    if rest.is_empty() {
        return 0;
    }
    if let Some(last) = bytes.last_chunk::<8>() {
        return u64::from_le_bytes(*last) >> (8 * (8 - rest.len()));
    }
    let mut whole = [0; 8];
    whole[..rest.len()].copy_from_slice(rest);
    u64::from_le_bytes(whole)
}

impl Default for Keys {
    fn default() -> Keys {
        Keys {
            start: random(),
            step: random() | 1,
            end: random() | 1,
        }
    }
}

impl Keys {
    /// Hashes the whole.
    #[inline]
    pub fn hash(&self, bytes: &[u8]) -> u64 {
        Prefixes::new(self, bytes).hash(bytes.len())
    }

    /// Hashes the whole, see [`Prefixes::near`].
    #[inline]
    pub fn near(&self, bytes: &[u8]) -> u32 {
        Prefixes::new(self, bytes).near(bytes.len())
    }
}

/// Hashes prefixes of a string, each longer than the one before.
pub struct Prefixes<'a> {
    keys: &'a Keys,
    bytes: &'a [u8],
    done: usize,
    state: u64,
}

impl<'a> Prefixes<'a> {
    #[inline]
    pub fn new(keys: &'a Keys, bytes: &'a [u8]) -> Prefixes<'a> {
        Prefixes {
            keys,
            bytes,
            done: 0,
            state: keys.start,
        }
    }

    /// The hash of the first `size` bytes.
    #[inline]
    pub fn hash(&mut self, size: usize) -> u64 {
        let (tail, _) = self.tail(size);
        self.end(size, tail)
    }

    /// A hash of the first `size` bytes, of which strings that differ in nothing but their last `NEAR` bits share all but
    /// the last `NEAR`.
    #[inline]
    pub fn near(&mut self, size: usize) -> u32 {
        let (tail, last) = self.tail(size);
        let own = tail & ((1 << NEAR) - 1) << last;
        (self.end(size, tail ^ own) >> 32) as u32 ^ (own >> last) as u32
    }

    /// Folds all but the last one to eight bytes into the state. Those, and at which bit the last one starts.
    #[inline]
    fn tail(&mut self, size: usize) -> (u64, usize) {
        while self.done + 8 < size {
            self.state = fold(self.state ^ word(self.bytes, self.done), self.keys.step);
            self.done += 8;
        }
        let bits = 8 * (size - self.done);
        match bits.checked_sub(8) {
            None => (0, 0),
            Some(last) => (word(self.bytes, self.done) & u64::MAX >> (64 - bits), last),
        }
    }

    #[inline]
    fn end(&self, size: usize, tail: u64) -> u64 {
        let size = (size as u64).rotate_right(8);
        fold(self.state ^ tail, self.keys.end ^ size)
    }
}

/// For a `HashMap`.
pub struct Keyed {
    keys: Keys,
    state: u64,
}

impl Hasher for Keyed {
    fn write(&mut self, bytes: &[u8]) {
        self.state = fold(self.state ^ self.keys.hash(bytes), self.keys.step);
    }

    fn write_usize(&mut self, i: usize) {
        self.write_u64(i as u64);
    }

    fn write_u64(&mut self, i: u64) {
        self.state = fold(self.state ^ i, self.keys.step);
    }

    fn finish(&self) -> u64 {
        self.state
    }
}

impl BuildHasher for Keys {
    type Hasher = Keyed;

    fn build_hasher(&self) -> Keyed {
        Keyed {
            keys: self.clone(),
            state: self.start,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_counted_up_is_near_each_other() {
        let keys = Keys::default();
        for start in ["", "t", "1234567", "12345678", "long before it comes "] {
            let near = |last: char| keys.near(format!("{start}{last}").as_bytes());
            let mut ends: Vec<u32> = ('4'..='7').map(|last| near(last) ^ near('4')).collect();
            ends.sort_unstable();
            assert_eq!(ends, [0, 1, 2, 3]);
            assert_ne!(near('4') >> NEAR, near('8') >> NEAR);
        }
    }
}
