//! How a target takes its decisions off the octets that it is given.

/// What is left of a target's input. One that is used up goes on as zeros and nothing.
#[derive(Clone, Copy)]
pub struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    pub fn new(octets: &'a [u8]) -> Input<'a> {
        Input(octets)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn octet(&mut self) -> u8 {
        self.0.split_off_first().copied().unwrap_or(0)
    }

    /// A number below `limit`, which is no more than 256.
    pub fn below(&mut self, limit: usize) -> usize {
        usize::from(self.octet()) % limit
    }

    pub fn flag(&mut self) -> bool {
        self.octet() & 1 != 0
    }

    pub fn u64(&mut self) -> u64 {
        u64::from_be_bytes(self.array())
    }

    pub fn array<const N: usize>(&mut self) -> [u8; N] {
        let mut array = [0; N];
        let octets = self.take(N);
        array[..octets.len()].copy_from_slice(octets);
        array
    }

    /// Up to `len` octets.
    pub fn take(&mut self, len: usize) -> &'a [u8] {
        self.0
            .split_off(..len.min(self.0.len()))
            .unwrap_or_default()
    }

    /// Some octets, with their length before them.
    pub fn counted(&mut self) -> &'a [u8] {
        let len = self.octet();
        self.take(len.into())
    }

    /// All that is left.
    pub fn rest(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.0)
    }
}

/// A way to cut a stream into pieces: single octets, a few, many.
#[derive(Clone)]
pub struct Cuts(u64);

impl Cuts {
    /// The way that an input asks for; without a word from it, all in one piece.
    pub fn of(input: &mut Input) -> Cuts {
        Cuts(u64::from_be_bytes([
            0,
            0,
            0,
            0,
            0,
            0,
            input.octet(),
            input.octet(),
        ]))
    }

    fn next(&mut self) -> usize {
        if self.0 == 0 {
            return usize::MAX;
        }
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        let size = self.0 >> 8;
        1 + match self.0 % 8 {
            0..3 => 0,
            3..6 => size % 16,
            6 => size % 300,
            _ => size % 70_000,
        } as usize
    }

    /// The pieces of a stream.
    pub fn pieces(mut self, stream: &[u8]) -> impl Iterator<Item = &[u8]> {
        let mut rest = stream;
        std::iter::from_fn(move || {
            let size = self.next().min(rest.len());
            rest.split_off(..size).filter(|piece| !piece.is_empty())
        })
    }
}
