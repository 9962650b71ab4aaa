//! Decisions, taken from a seed or from a fuzzer's octets.

/// Where decisions come from.
pub enum Choices<'a> {
    /// A generator (xorshift) that never ends.
    Seed(u64),
    /// Octets; when they are used up, every decision is the first choice.
    Octets(&'a [u8]),
}

impl<'a> Choices<'a> {
    /// Those of a seed, the same on every run.
    pub fn of_seed(seed: u64) -> Choices<'a> {
        // Neighbouring seeds shall have nothing in common, and zero would stay zero.
        let mut choices =
            Choices::Seed(seed.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        (0..8).for_each(|_| _ = choices.below(2));
        choices
    }

    /// Whether every decision from here on is the first choice.
    pub fn is_used_up(&self) -> bool {
        matches!(self, Choices::Octets([]))
    }

    /// A number below `limit`.
    pub fn below(&mut self, limit: usize) -> usize {
        let value = match self {
            Choices::Seed(state) => {
                *state ^= *state << 13;
                *state ^= *state >> 7;
                *state ^= *state << 17;
                *state >> 11
            }
            Choices::Octets(octets) => {
                let mut take = || u64::from(octets.split_off_first().copied().unwrap_or(0));
                match limit {
                    ..=256 => take(),
                    _ => take() << 16 | take() << 8 | take(),
                }
            }
        };
        (value % limit.max(1) as u64) as usize
    }

    /// True once in `n` times; never, when there are no octets left.
    pub fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == n - 1
    }

    /// One of these.
    pub fn of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())]
    }
}
