//! A compact map from topics to numbers, which finds those that a message starts with.
//!
//! A hash table of whole topics. A message is looked up once for each length that any topic has,
//! shortest first, with all the hashes from one pass over its beginning. So a lookup costs as much
//! as there are lengths in use, not as topics have bytes, and is one jump into memory for each.
//! A topic of up to eleven bytes takes twenty, in a table that is at least half full.

use super::hash::{Keys, Prefixes};

const INLINE_MAX: usize = 11;
/// In the place of a size: the topic is elsewhere; there is no topic.
const OUTSIDE: u8 = 0xfe;
const EMPTY: u8 = 0xff;

#[derive(Clone, Copy)]
struct Entry {
    hash: u32,
    value: u32,
    /// The topic; or, if it is outside, where it starts (six bytes) and its size (five).
    data: [u8; INLINE_MAX],
    size: u8,
}

const NONE: Entry = Entry {
    hash: 0,
    value: 0,
    data: [0; INLINE_MAX],
    size: EMPTY,
};

impl Entry {
    fn outside(&self) -> (usize, usize) {
        let number = |bytes: &[u8]| {
            let mut all = [0; 8];
            all[..bytes.len()].copy_from_slice(bytes);
            u64::from_le_bytes(all) as usize
        };
        (number(&self.data[..6]), number(&self.data[6..]))
    }

    fn set_outside(&mut self, start: usize, size: usize) {
        self.size = OUTSIDE;
        self.data[..6].copy_from_slice(&(start as u64).to_le_bytes()[..6]);
        self.data[6..].copy_from_slice(&(size as u64).to_le_bytes()[..5]);
    }

    #[inline]
    fn topic<'a>(&'a self, bytes: &'a [u8]) -> &'a [u8] {
        if let Some(inside) = self.data.get(..usize::from(self.size)) {
            return inside;
        }
        let (start, size) = self.outside();
        &bytes[start..start + size]
    }
}

const TABLE_MIN: usize = 8;

/// What becomes of a topic that was looked at.
pub enum Fate {
    /// It stays.
    Keep,
    /// It goes.
    Remove,
    /// It stays, and the others aren't looked at.
    Stop,
}

/// The topics.
#[derive(Default)]
pub struct Topics {
    keys: Keys,
    /// Each topic stands at the place that its hash says, or as near behind it as there was
    /// room. The places follow the order of the hashes, so that growing is one pass over both.
    table: Vec<Entry>,
    len: usize,
    /// The topics that don't fit into the table, and how much of that isn't used any more.
    bytes: Vec<u8>,
    waste: usize,
    /// The sizes that topics have, and how many have them, by size.
    sizes: Vec<(usize, u32)>,
    /// How many topics start with each byte, once there are enough sizes for it to matter.
    firsts: Option<Box<[u32; 256]>>,
}

/// With more sizes it pays off to look at the first byte before all.
const SIZES_MAX: usize = 4;

impl Topics {
    /// The number of topics.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Where a hash belongs in a table.
    #[inline]
    fn home(hash: u32, table: usize) -> usize {
        ((u64::from(hash) * table as u64) >> 32) as usize
    }

    #[inline]
    fn after(place: usize, table: usize) -> usize {
        if place + 1 == table { 0 } else { place + 1 }
    }

    /// The place in the table that holds the topic.
    #[inline]
    fn find(&self, hash: u32, topic: &[u8]) -> Option<usize> {
        let mut place = Topics::home(hash, self.table.len());
        while let Some(entry) = self.table.get(place)
            && entry.size != EMPTY
        {
            if entry.hash == hash && entry.topic(&self.bytes) == topic {
                return Some(place);
            }
            place = Topics::after(place, self.table.len());
        }
        None
    }

    fn hash(&self, topic: &[u8]) -> u32 {
        (self.keys.hash(topic) >> 32) as u32
    }

    /// The topic's number, if it is there.
    pub fn get_mut(&mut self, topic: &[u8]) -> Option<&mut u32> {
        let place = self.find(self.hash(topic), topic)?;
        Some(&mut self.table[place].value)
    }

    /// The topic's number, and false; or if it isn't there yet, it is added with this number, and
    /// true. None if there can't be as many topics.
    pub fn insert(&mut self, topic: &[u8], value: u32) -> Option<(&mut u32, bool)> {
        let hash = self.hash(topic);
        if let Some(place) = self.find(hash, topic) {
            return Some((&mut self.table[place].value, false));
        }
        if self.len >= 1 << 31 {
            return None;
        }
        if (self.len + 1) * 4 > self.table.len() * 3 {
            self.resize((self.table.len() / 2 * 3).max(TABLE_MIN));
        }
        let mut entry = Entry {
            hash,
            value,
            ..NONE
        };
        if let Some(inside) = entry.data.get_mut(..topic.len()) {
            inside.copy_from_slice(topic);
            entry.size = topic.len() as u8;
        } else {
            entry.set_outside(self.bytes.len(), topic.len());
            self.bytes.extend_from_slice(topic);
        }
        let place = Topics::place(&mut self.table, entry);
        self.len += 1;
        self.count(topic.len(), topic.first().copied(), true);
        Some((&mut self.table[place].value, true))
    }

    fn place(table: &mut [Entry], entry: Entry) -> usize {
        let mut place = Topics::home(entry.hash, table.len());
        while table[place].size != EMPTY {
            place = Topics::after(place, table.len());
        }
        table[place] = entry;
        place
    }

    fn resize(&mut self, size: usize) {
        let old = std::mem::replace(&mut self.table, vec![NONE; size]);
        for entry in old.into_iter().filter(|entry| entry.size != EMPTY) {
            Topics::place(&mut self.table, entry);
        }
    }

    fn count(&mut self, size: usize, first: Option<u8>, added: bool) {
        match self.sizes.binary_search_by_key(&size, |&(size, _)| size) {
            Ok(i) if added => self.sizes[i].1 += 1,
            Ok(i) => {
                self.sizes[i].1 -= 1;
                if self.sizes[i].1 == 0 {
                    self.sizes.remove(i);
                }
            }
            Err(i) => self.sizes.insert(i, (size, 1)),
        }
        if let Some(firsts) = &mut self.firsts {
            if let Some(first) = first {
                let count = &mut firsts[usize::from(first)];
                *count = if added { *count + 1 } else { *count - 1 };
            }
        } else if self.sizes.len() > SIZES_MAX {
            let mut firsts = Box::new([0; 256]);
            for (topic, _) in self.iter() {
                if let Some(&first) = topic.first() {
                    firsts[usize::from(first)] += 1;
                }
            }
            self.firsts = Some(firsts);
        }
    }

    /// Removes a topic.
    pub fn remove(&mut self, topic: &[u8]) {
        if let Some(place) = self.find(self.hash(topic), topic) {
            self.remove_at(place);
            self.shrink();
        }
    }

    fn remove_at(&mut self, place: usize) {
        let topic = self.table[place].topic(&self.bytes);
        let (size, first) = (topic.len(), topic.first().copied());
        self.close_gap(place);
        self.len -= 1;
        self.count(size, first, false);
        if size > INLINE_MAX {
            self.waste += size;
        }
    }

    /// Empties a place in the table, and moves those behind it up that would not be found else.
    fn close_gap(&mut self, mut gap: usize) {
        let size = self.table.len();
        let distance = |from: usize, to: usize| {
            if to >= from {
                to - from
            } else {
                to + size - from
            }
        };
        let mut place = gap;
        loop {
            place = Topics::after(place, size);
            let entry = self.table[place];
            if entry.size == EMPTY {
                break;
            }
            let home = Topics::home(entry.hash, size);
            if distance(home, place) >= distance(gap, place) {
                self.table[gap] = entry;
                gap = place;
            }
        }
        self.table[gap] = NONE;
    }

    /// Gives memory back.
    fn shrink(&mut self) {
        if self.table.len() > TABLE_MIN && self.len < self.table.len() / 8 {
            self.resize((self.len * 2).max(TABLE_MIN));
        }
        if self.waste > 4096 && self.waste > self.bytes.len() / 2 {
            let mut bytes = Vec::with_capacity(self.bytes.len() - self.waste);
            for entry in self.table.iter_mut().filter(|entry| entry.size == OUTSIDE) {
                let (start, size) = entry.outside();
                entry.set_outside(bytes.len(), size);
                bytes.extend_from_slice(&self.bytes[start..start + size]);
            }
            (self.bytes, self.waste) = (bytes, 0);
        }
    }

    /// Calls back with the number of each topic that the message starts with, shortest first,
    /// until that returns false. False if it did.
    #[inline]
    pub fn prefixes_of(&self, message: &[u8], mut found: impl FnMut(u32) -> bool) -> bool {
        let mut prefixes = Prefixes::new(&self.keys, message);
        let longest = match (&self.firsts, message.first()) {
            (Some(firsts), Some(&first)) if firsts[usize::from(first)] == 0 => 0,
            _ => message.len(),
        };
        for &(size, _) in &self.sizes {
            if size > longest {
                break;
            }
            let hash = (prefixes.hash(size) >> 32) as u32;
            if let Some(place) = self.find(hash, &message[..size])
                && !found(self.table[place].value)
            {
                return false;
            }
        }
        true
    }

    /// All topics with their numbers, in no order.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], u32)> {
        let entries = self.table.iter().filter(|entry| entry.size != EMPTY);
        entries.map(|entry| (entry.topic(&self.bytes), entry.value))
    }

    /// Looks at all topics and their numbers, which may be changed, at few of them twice.
    pub fn retain(&mut self, mut look: impl FnMut(&[u8], &mut u32) -> Fate) {
        let mut place = 0;
        while place < self.table.len() {
            let entry = &mut self.table[place];
            if entry.size != EMPTY {
                let mut value = entry.value;
                let fate = look(entry.topic(&self.bytes), &mut value);
                entry.value = value;
                match fate {
                    Fate::Keep => {}
                    // Another may have taken its place.
                    Fate::Remove => {
                        self.remove_at(place);
                        continue;
                    }
                    Fate::Stop => break,
                }
            }
            place += 1;
        }
        self.shrink();
    }

    /// Bytes of memory in use.
    #[cfg(test)]
    pub fn memory(&self) -> usize {
        self.table.capacity() * size_of::<Entry>()
            + self.bytes.capacity()
            + self.sizes.capacity() * size_of::<(usize, u32)>()
    }
}

#[cfg(test)]
const _: () = assert!(size_of::<Entry>() == 20);
