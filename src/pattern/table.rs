//! A hash table of numbers, in lines: the places of one lie side by side in memory, and are looked at together.
//!
//! A number is looked for in the line that its hash asks for, and goes on to the next if that is full. So a search is one
//! jump into memory, mostly, and one comparison of eight places at a time: there is nothing in it that a processor can
//! guess wrong but whether it finds what it looks for. Each place has four bytes, the number and as much of the hash as there
//! are bits left, so that other numbers are hardly ever asked for.

use crate::{error::Result, memory};

/// The places of a line; two to the power of `WIDTH_BITS`.
const WIDTH: usize = 8;
const WIDTH_BITS: u32 = 3;
/// A place that was never used, and one that is not used any more.
const FREE: u32 = 0;
const GONE: u32 = 1;
/// How many sixteenths of the places may be taken.
const FULL: usize = 13;

#[derive(Clone, Copy)]
#[repr(align(32))]
struct Line([u32; WIDTH]);

impl Line {
    /// The places where these bits are as wanted, a bit for each.
    #[inline]
    fn places(&self, bits: u32, wanted: u32) -> u32 {
        memory::alike(&self.0, bits, wanted)
    }
}

/// The table.
#[derive(Default)]
pub struct Table {
    lines: Vec<Line>,
    /// There are two to this power places, and the numbers have as many bits.
    bits: u32,
    /// How many places aren't free.
    used: usize,
}

impl Table {
    /// An empty table with room for so many numbers and a quarter more, which are all below that. ENOMEM.
    pub fn new(numbers: usize) -> Result<Table> {
        let mut bits = WIDTH_BITS;
        while (numbers + 1) * 20 > (1 << bits) * FULL {
            bits += 1;
        }
        let count = (1 << bits) / WIDTH;
        let mut lines = Vec::new();
        lines.try_reserve_exact(count)?;
        lines.resize(count, Line([FREE; WIDTH]));
        Ok(Table {
            lines,
            bits,
            used: 0,
        })
    }

    /// Whether there is no room for another number.
    #[inline]
    pub fn is_full(&self) -> bool {
        (self.used + 1) * 16 > self.lines.len() * WIDTH * FULL
    }

    /// The line where to look for it first.
    #[inline]
    fn line(&self, hash: u32) -> usize {
        (u64::from(hash) >> (32 + WIDTH_BITS - self.bits)) as usize
    }

    /// What stands in a place: the rest of the hash above two plus the number.
    #[inline]
    fn item(&self, hash: u32, number: usize) -> u32 {
        debug_assert!(number + 2 < 1 << self.bits);
        hash << self.bits | (number as u32 + 2)
    }

    /// The number in a place.
    #[inline]
    pub fn get(&self, place: usize) -> usize {
        let item = self.lines[place / WIDTH].0[place % WIDTH];
        (item & !(u32::MAX << self.bits)) as usize - 2
    }

    /// The place of a number with this hash, of which the caller says whether it is the one.
    #[inline]
    pub fn find(&self, hash: u32, mut is_it: impl FnMut(usize) -> bool) -> Option<usize> {
        let rest = u32::MAX << self.bits;
        let mut line = self.line(hash);
        loop {
            let mask = self.lines.len().checked_sub(1)?;
            let items = &self.lines[line & mask];
            let mut places = items.places(rest, hash << self.bits);
            while places != 0 {
                let place = places.trailing_zeros() as usize;
                // A place without a number is no more than another one to be ruled out.
                if let Some(number) = (items.0[place] & !rest).checked_sub(2)
                    && is_it(number as usize)
                {
                    return Some((line & mask) * WIDTH + place);
                }
                places &= places - 1;
            }
            if items.places(u32::MAX, FREE) != 0 {
                return None;
            }
            line += 1;
        }
    }

    /// Adds a number that isn't there, where there is room.
    pub fn insert(&mut self, hash: u32, number: usize) {
        let mask = self.lines.len() - 1;
        let item = self.item(hash, number);
        let mut line = self.line(hash);
        loop {
            let items = &mut self.lines[line & mask];
            let places = items.places(!GONE, FREE);
            if places != 0 {
                let place = &mut items.0[places.trailing_zeros() as usize];
                self.used += usize::from(*place == FREE);
                *place = item;
                return;
            }
            line += 1;
        }
    }

    /// Removes the number in a place.
    pub fn remove(&mut self, place: usize) {
        let items = &mut self.lines[place / WIDTH];
        // Where no search goes on behind the line it needn't be remembered.
        if items.places(u32::MAX, FREE) != 0 {
            items.0[place % WIDTH] = FREE;
            self.used -= 1;
        } else {
            items.0[place % WIDTH] = GONE;
        }
    }

    /// Has the processor fetch what a search begins with.
    #[inline]
    pub fn prefetch(&self, hash: u32) {
        if let Some(line) = self.lines.get(self.line(hash)) {
            memory::prefetch(std::ptr::from_ref(line).cast());
        }
    }

    /// Bytes of memory in use.
    #[cfg(test)]
    pub fn memory(&self) -> usize {
        self.lines.capacity() * size_of::<Line>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers come and go, most of them in lines that are full, and each is found as long as it is there.
    #[test]
    fn what_was_inserted_is_found_until_it_is_removed() {
        let hash =
            |number: usize| (number as u32 / 24).wrapping_mul(0x9e37_79b9) ^ number as u32 & 3;
        let is_there = |table: &Table, number| {
            let place = table.find(hash(number), |found| found == number);
            place.inspect(|&place| assert_eq!(table.get(place), number))
        };
        let mut table = Table::default();
        assert!(table.is_full() && table.find(1, |_| true).is_none());
        table.prefetch(1);
        table = Table::new(1000).unwrap();
        for round in 0..20 {
            for number in 0..1000 {
                assert!(is_there(&table, number).is_none());
                if table.is_full() {
                    table = Table::new(1000).unwrap();
                    (0..number).for_each(|number| table.insert(hash(number), number));
                }
                table.insert(hash(number), number);
            }
            assert!((0..1000).all(|number| is_there(&table, number).is_some()));
            for i in 0..1000 {
                let number = (i * (2 * round + 1) * 3) % 1000;
                if let Some(place) = is_there(&table, number) {
                    table.remove(place);
                }
                assert!(is_there(&table, number).is_none());
            }
            for number in 0..1000 {
                if let Some(place) = is_there(&table, number) {
                    table.remove(place);
                }
            }
        }
    }
}
