//! A compact map from topics to numbers, which finds those that a message starts with.
//!
//! A hash table of whole topics. A message is looked up once for each length that any topic has,
//! shortest first, with all the hashes from one pass over its beginning. So a lookup costs as much
//! as there are lengths in use, not as topics have bytes, and nothing is stored for the bytes but
//! themselves: a topic of up to twelve bytes takes twenty, and some ten to twenty in the table.

use super::hash::{Keys, Prefixes};

const INLINE_MAX: usize = 12;

struct Entry {
    value: u32,
    size: u32,
    /// The topic, or where it starts in `bytes`.
    data: [u8; INLINE_MAX],
}

/// An empty place in the table.
const EMPTY: u64 = u64::MAX;
const TABLE_MIN: usize = 8;

/// The topics.
#[derive(Default)]
pub struct Topics {
    keys: Keys,
    entries: Vec<Entry>,
    /// Half of a topic's hash and, in the lower half, its place in `entries`. Each stands at the
    /// place that its hash says or as near behind it as there was room. A power of two.
    table: Vec<u64>,
    /// The topics that don't fit into an entry, and how much of that isn't used any more.
    bytes: Vec<u8>,
    waste: usize,
    /// The sizes that topics have, and how many have them, by size.
    sizes: Vec<(u32, u32)>,
    /// How many topics start with each byte, once there are enough sizes for it to matter.
    firsts: Option<Box<[u32; 256]>>,
}

/// With so many sizes it pays off to look at the first byte before all.
const SIZES_MAX: usize = 4;

/// Makes room for one more by a quarter rather than by doubling, once that is a lot.
fn make_room<T>(items: &mut Vec<T>, more: usize) {
    if items.capacity() - items.len() < more {
        let len = items.len();
        items.reserve_exact(more.max(if len < 1024 { len } else { len / 4 }).max(4));
    }
}

impl Topics {
    /// The number of topics.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    fn topic<'a>(bytes: &'a [u8], entry: &'a Entry) -> &'a [u8] {
        let size = entry.size as usize;
        if size <= INLINE_MAX {
            return &entry.data[..size];
        }
        let start = entry.data.first_chunk().copied().map(u64::from_le_bytes);
        let start = start.unwrap_or(0) as usize;
        &bytes[start..start + size]
    }

    /// The place in the table that holds the topic.
    #[inline]
    fn find(&self, hash: u64, topic: &[u8]) -> Option<usize> {
        let mask = self.table.len().checked_sub(1)?;
        let half = hash >> 32;
        let mut place = half as usize & mask;
        loop {
            let found = self.table[place];
            if found == EMPTY {
                return None;
            }
            if found >> 32 == half {
                let entry = &self.entries[found as u32 as usize];
                if entry.size as usize == topic.len() && Topics::topic(&self.bytes, entry) == topic
                {
                    return Some(place);
                }
            }
            place = (place + 1) & mask;
        }
    }

    fn entry(&mut self, place: usize) -> &mut Entry {
        let i = self.table[place] as u32 as usize;
        &mut self.entries[i]
    }

    /// The topic's number, if it is there.
    pub fn get_mut(&mut self, topic: &[u8]) -> Option<&mut u32> {
        let place = self.find(self.keys.hash(topic), topic)?;
        Some(&mut self.entry(place).value)
    }

    /// The topic's number, and false; or if it isn't there yet, it is added with this number, and
    /// true. None if there can't be as many topics, or as long ones.
    pub fn insert(&mut self, topic: &[u8], value: u32) -> Option<(&mut u32, bool)> {
        let hash = self.keys.hash(topic);
        if let Some(place) = self.find(hash, topic) {
            return Some((&mut self.entry(place).value, false));
        }
        let i = u32::try_from(self.entries.len())
            .ok()
            .filter(|&i| i != u32::MAX)?;
        let size = u32::try_from(topic.len()).ok()?;
        if (self.entries.len() + 1) * 16 > self.table.len() * 13 {
            self.resize((2 * self.table.len()).max(TABLE_MIN));
        }
        let mut data = [0; INLINE_MAX];
        if topic.len() <= INLINE_MAX {
            data[..topic.len()].copy_from_slice(topic);
        } else {
            data[..8].copy_from_slice(&(self.bytes.len() as u64).to_le_bytes());
            make_room(&mut self.bytes, topic.len());
            self.bytes.extend_from_slice(topic);
        }
        make_room(&mut self.entries, 1);
        self.entries.push(Entry { value, size, data });
        Topics::place(&mut self.table, hash >> 32 << 32 | u64::from(i));
        self.count(size, topic.first(), true);
        let entry = self.entries.last_mut()?;
        Some((&mut entry.value, true))
    }

    fn place(table: &mut [u64], item: u64) {
        let mask = table.len() - 1;
        let mut place = (item >> 32) as usize & mask;
        while table[place] != EMPTY {
            place = (place + 1) & mask;
        }
        table[place] = item;
    }

    fn resize(&mut self, size: usize) {
        let old = std::mem::take(&mut self.table);
        self.table = vec![EMPTY; size];
        for item in old.into_iter().filter(|&item| item != EMPTY) {
            Topics::place(&mut self.table, item);
        }
    }

    fn count(&mut self, size: u32, first: Option<&u8>, added: bool) {
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
        if let (Some(firsts), Some(&first)) = (&mut self.firsts, first) {
            let count = &mut firsts[usize::from(first)];
            *count = if added { *count + 1 } else { *count - 1 };
        } else if self.firsts.is_none() && self.sizes.len() > SIZES_MAX {
            let mut firsts = Box::new([0; 256]);
            for entry in &self.entries {
                if let Some(&first) = Topics::topic(&self.bytes, entry).first() {
                    firsts[usize::from(first)] += 1;
                }
            }
            self.firsts = Some(firsts);
        }
    }

    /// Removes a topic.
    pub fn remove(&mut self, topic: &[u8]) {
        if let Some(place) = self.find(self.keys.hash(topic), topic) {
            self.remove_at(place);
        }
    }

    fn remove_at(&mut self, place: usize) {
        let i = self.table[place] as u32 as usize;
        self.close_gap(place);
        let entry = &self.entries[i];
        let (size, first) = (
            entry.size,
            Topics::topic(&self.bytes, entry).first().copied(),
        );
        // The last entry takes the place of the one that goes.
        let last = self.entries.len() - 1;
        if i != last {
            let half = self
                .keys
                .hash(Topics::topic(&self.bytes, &self.entries[last]))
                >> 32;
            let mask = self.table.len() - 1;
            let mut place = half as usize & mask;
            while self.table[place] as u32 as usize != last {
                place = (place + 1) & mask;
            }
            self.table[place] = half << 32 | i as u64;
        }
        self.entries.swap_remove(i);
        self.count(size, first.as_ref(), false);
        if size as usize > INLINE_MAX {
            self.waste += size as usize;
            if self.waste > 4096 && self.waste > self.bytes.len() / 2 {
                self.compact();
            }
        }
        if self.table.len() > TABLE_MIN && self.entries.len() < self.table.len() / 8 {
            self.resize(self.table.len() / 4);
            self.entries.shrink_to(2 * self.entries.len());
        }
    }

    /// Empties a place in the table, and moves those behind it up that would not be found else.
    fn close_gap(&mut self, mut gap: usize) {
        let mask = self.table.len() - 1;
        let mut place = gap;
        loop {
            place = (place + 1) & mask;
            let item = self.table[place];
            if item == EMPTY {
                break;
            }
            let home = (item >> 32) as usize & mask;
            if place.wrapping_sub(home) & mask >= place.wrapping_sub(gap) & mask {
                self.table[gap] = item;
                gap = place;
            }
        }
        self.table[gap] = EMPTY;
    }

    fn compact(&mut self) {
        let mut bytes = Vec::with_capacity(self.bytes.len() - self.waste);
        for entry in &mut self.entries {
            if entry.size as usize > INLINE_MAX {
                let start = bytes.len() as u64;
                bytes.extend_from_slice(Topics::topic(&self.bytes, entry));
                entry.data[..8].copy_from_slice(&start.to_le_bytes());
            }
        }
        (self.bytes, self.waste) = (bytes, 0);
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
            let size = size as usize;
            if size > longest {
                break;
            }
            if let Some(place) = self.find(prefixes.hash(size), &message[..size])
                && !found(self.entries[self.table[place] as u32 as usize].value)
            {
                return false;
            }
        }
        true
    }

    /// All topics with their numbers, in no order.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], u32)> {
        let entries = self.entries.iter();
        entries.map(|entry| (Topics::topic(&self.bytes, entry), entry.value))
    }

    /// Looks at all topics and their numbers, which may be changed, until told to stop.
    pub fn for_each(&mut self, mut look: impl FnMut(&[u8], &mut u32) -> bool) {
        for i in 0..self.entries.len() {
            let mut value = self.entries[i].value;
            let topic = Topics::topic(&self.bytes, &self.entries[i]);
            let go_on = look(topic, &mut value);
            self.entries[i].value = value;
            if !go_on {
                break;
            }
        }
    }

    /// Removes the topics with this number.
    pub fn remove_all(&mut self, value: u32) {
        let mut i = self.entries.len();
        while i > 0 {
            i -= 1;
            if self.entries[i].value == value {
                let hash = self.keys.hash(Topics::topic(&self.bytes, &self.entries[i]));
                let mask = self.table.len() - 1;
                let mut place = (hash >> 32) as usize & mask;
                while self.table[place] as u32 as usize != i {
                    place = (place + 1) & mask;
                }
                self.remove_at(place);
            }
        }
    }

    /// Bytes of memory in use.
    #[cfg(test)]
    pub fn memory(&self) -> usize {
        self.entries.capacity() * size_of::<Entry>()
            + self.table.capacity() * 8
            + self.bytes.capacity()
            + self.sizes.capacity() * 8
    }
}
