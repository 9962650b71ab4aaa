//! Random numbers of a seed, the same on every run.

/// A generator (xorshift).
pub struct Random(u64);

impl Random {
    /// The one of this seed.
    pub fn new(seed: u64) -> Random {
        // Neighbouring seeds shall have nothing in common, and zero would stay zero.
        let mut random = Random(seed.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        (0..4).for_each(|_| _ = random.below(1));
        random
    }

    /// The next one, below `limit`.
    pub fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % limit.max(1) as u64) as usize
    }

    /// So many bytes.
    pub fn bytes(&mut self, size: usize) -> Vec<u8> {
        (0..size).map(|_| self.below(256) as u8).collect()
    }

    /// One of these.
    pub fn of<'a, T>(&mut self, choices: &'a [T]) -> &'a T {
        &choices[self.below(choices.len())]
    }
}
