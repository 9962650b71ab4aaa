//! A compact map from topics to numbers, which finds those that a message starts with.
//!
//! A hash table of whole topics. A message is looked up once for each length that any topic has
//! that starts with the same byte, shortest first, with all the hashes from one pass over its
//! beginning. So a lookup costs as much as there are lengths in use, not as topics have bytes, and
//! for each one or two jumps into memory. The [table](super::table) is small enough for a cache; a
//! topic of up to eleven bytes takes twenty in a list beside it, and topics that come together
//! stand together there; in the table, those do that are [near] each other.
//!
//! [near]: super::hash::Prefixes::near

use super::{
    hash::{Keys, Prefixes},
    pieces::Pieces,
    table::Table,
};
use crate::{
    error::{Error, Result},
    memory,
};

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

/// The end of the list of free entries.
const END: u32 = u32::MAX;
const TOPICS_MAX: usize = 1 << 30;
/// So many entries before one is put into a new table, the processor fetches its place there.
const AHEAD: usize = 16;

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
    /// Free ones are a list by `value`, if `len` is less than there are.
    entries: Pieces<Entry>,
    free: u32,
    len: usize,
    /// Where the entries are, by the hashes of their topics.
    table: Table,
    /// The topics that don't fit into an entry, and how much of that isn't used any more.
    bytes: Vec<u8>,
    waste: usize,
    /// The entry of the empty topic, if that is there.
    empty: Option<u32>,
    /// The other topics' first bytes, in order.
    initials: Vec<Initial>,
}

/// A byte that topics start with.
struct Initial {
    byte: u8,
    /// The sizes that these topics have, and how many have them, by size.
    sizes: Vec<(usize, u32)>,
}

/// Makes room for more by a quarter rather than by doubling, once that is a lot. ENOMEM.
fn make_room(bytes: &mut Vec<u8>, more: usize) -> Result<()> {
    let len = bytes.len();
    if bytes.capacity() - len < more {
        let usual = if len < 1024 { len } else { len / 4 };
        bytes.try_reserve_exact(more.max(usual))?;
    }
    Ok(())
}

/// Whether they are the same. Those of usual sizes are compared without a call.
#[inline]
fn same(a: &[u8], b: &[u8]) -> bool {
    let ends = |bytes: &[u8]| Some((*bytes.first_chunk::<8>()?, *bytes.last_chunk::<8>()?));
    match (ends(a), ends(b)) {
        (Some(a_ends), Some(b_ends)) if a.len() <= 16 => a.len() == b.len() && a_ends == b_ends,
        _ => a == b,
    }
}

impl Topics {
    /// The number of topics.
    pub fn len(&self) -> usize {
        self.len
    }

    /// The place in the table that holds the topic.
    #[inline]
    fn find(&self, hash: u32, topic: &[u8]) -> Option<usize> {
        self.table.find(hash, |i| {
            let entry = &self.entries[i];
            entry.hash == hash && same(entry.topic(&self.bytes), topic)
        })
    }

    fn hash(&self, topic: &[u8]) -> u32 {
        self.keys.near(topic)
    }

    fn value_at(&mut self, place: usize) -> &mut u32 {
        &mut self.entries[self.table.get(place)].value
    }

    /// Has the processor fetch what looking a topic up begins with. Returns the topic's hash.
    #[inline]
    pub fn expect(&self, topic: &[u8]) -> u32 {
        let hash = self.hash(topic);
        self.table.prefetch(hash);
        hash
    }

    /// The topic's number, if it is there.
    pub fn get_mut(&mut self, topic: &[u8]) -> Option<&mut u32> {
        let place = self.find(self.hash(topic), topic)?;
        Some(self.value_at(place))
    }

    /// The topic's number, and false; or if it isn't there yet, it is added with this number, and
    /// true. ENOMEM, also if there can't be as many topics.
    pub fn insert(&mut self, topic: &[u8], value: u32) -> Result<(&mut u32, bool)> {
        self.insert_hashed(self.hash(topic), topic, value)
    }

    /// As [`Topics::insert`], with the hash that [`Topics::expect`] returned.
    pub fn insert_hashed(
        &mut self,
        hash: u32,
        topic: &[u8],
        value: u32,
    ) -> Result<(&mut u32, bool)> {
        if let Some(place) = self.find(hash, topic) {
            return Ok((self.value_at(place), false));
        }
        self.reserve(topic)?;
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
        let mut i = self.entries.len();
        if self.len == i {
            self.entries.push(entry)?;
        } else {
            i = self.free as usize;
            self.free = self.entries[i].value;
            self.entries[i] = entry;
        }
        self.len += 1;
        self.table.insert(hash, i);
        self.count(i, true);
        Ok((&mut self.entries[i].value, true))
    }

    /// Makes room for a topic, so that it can be [inserted](Topics::insert). ENOMEM, also if there can't be as many topics.
    pub fn reserve(&mut self, topic: &[u8]) -> Result<()> {
        if self.len >= TOPICS_MAX {
            return Err(Error::ENOMEM);
        }
        if self.table.is_full() {
            // Free entries count, since each has a number, too.
            let table = Table::new(self.entries.len())?;
            self.fill(table);
        }
        if topic.len() > INLINE_MAX {
            make_room(&mut self.bytes, topic.len())?;
        }
        if self.len == self.entries.len() {
            self.entries.reserve()?;
        }
        if let Some(byte) = topic.first() {
            match self.initials.binary_search_by_key(byte, |i| i.byte) {
                Ok(place) => self.initials[place].sizes.try_reserve(1)?,
                Err(_) => self.initials.try_reserve(1)?,
            }
        }
        Ok(())
    }

    /// Has this table, which is empty, take the place of the one that there is.
    fn fill(&mut self, table: Table) {
        self.table = table;
        let mut ahead = self.entries.iter().skip(AHEAD);
        for (i, entry) in self.entries.iter().enumerate() {
            if let Some(ahead) = ahead.next() {
                self.table.prefetch(ahead.hash);
            }
            if entry.size != EMPTY {
                self.table.insert(entry.hash, i);
            }
        }
    }

    /// Notes that the topic of an entry was added, or is being removed.
    fn count(&mut self, i: usize, added: bool) {
        let topic = self.entries[i].topic(&self.bytes);
        let (Some(&byte), size) = (topic.first(), topic.len()) else {
            self.empty = added.then_some(i as u32);
            return;
        };
        let found = self.initials.binary_search_by_key(&byte, |i| i.byte);
        let place = found.unwrap_or_else(|place| {
            let sizes = Vec::new();
            self.initials.insert(place, Initial { byte, sizes });
            place
        });
        let sizes = &mut self.initials[place].sizes;
        match sizes.binary_search_by_key(&size, |&(size, _)| size) {
            Ok(i) if added => sizes[i].1 += 1,
            Ok(i) => {
                sizes[i].1 -= 1;
                if sizes[i].1 == 0 {
                    sizes.remove(i);
                }
            }
            Err(i) => sizes.insert(i, (size, 1)),
        }
        if sizes.is_empty() {
            self.initials.remove(place);
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
        let i = self.table.get(place);
        self.count(i, false);
        if self.entries[i].size == OUTSIDE {
            self.waste += self.entries[i].outside().1;
        }
        if self.len == self.entries.len() {
            self.free = END;
        }
        self.entries[i] = Entry {
            value: self.free,
            ..NONE
        };
        self.free = i as u32;
        self.len -= 1;
        self.table.remove(place);
    }

    /// Gives memory back, if there is enough of it to move what is left.
    fn shrink(&mut self) {
        if self.entries.len() > 64
            && self.len < self.entries.len() / 8
            && let Ok(entries) = self.entries.filter(|entry| entry.size != EMPTY)
            && let Ok(table) = Table::new(entries.len())
        {
            self.entries = entries;
            if self.empty.is_some() {
                let empty = self.entries.iter().position(|entry| entry.size == 0);
                self.empty = empty.map(|i| i as u32);
            }
            self.fill(table);
        }
        if self.waste > 4096
            && self.waste > self.bytes.len() / 2
            && let Ok(mut bytes) = memory::with_room(self.bytes.len() - self.waste)
        {
            let entries = self.entries.iter_mut();
            for entry in entries.filter(|entry| entry.size == OUTSIDE) {
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
        if let Some(i) = self.empty
            && !found(self.entries[i as usize].value)
        {
            return false;
        }
        let Some(byte) = message.first() else {
            return true;
        };
        let Ok(place) = self.initials.binary_search_by_key(byte, |i| i.byte) else {
            return true;
        };
        let mut prefixes = Prefixes::new(&self.keys, message);
        for &(size, _) in &self.initials[place].sizes {
            if size > message.len() {
                break;
            }
            if let Some(place) = self.find(prefixes.near(size), &message[..size])
                && !found(self.entries[self.table.get(place)].value)
            {
                return false;
            }
        }
        true
    }

    /// All topics with their numbers, in no order.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], u32)> {
        let entries = self.entries.iter().filter(|entry| entry.size != EMPTY);
        entries.map(|entry| (entry.topic(&self.bytes), entry.value))
    }

    /// Looks at all topics and their numbers, which may be changed.
    pub fn retain(&mut self, mut look: impl FnMut(&[u8], &mut u32) -> Fate) {
        for i in 0..self.entries.len() {
            let entry = &mut self.entries[i];
            if entry.size == EMPTY {
                continue;
            }
            let mut value = entry.value;
            let fate = look(entry.topic(&self.bytes), &mut value);
            entry.value = value;
            match fate {
                Fate::Keep => {}
                Fate::Remove => {
                    if let Some(place) = self.table.find(entry.hash, |found| found == i) {
                        self.remove_at(place);
                    }
                }
                Fate::Stop => break,
            }
        }
        self.shrink();
    }

    /// Bytes of memory in use.
    #[cfg(test)]
    pub fn memory(&self) -> usize {
        self.entries.memory()
            + self.table.memory()
            + self.bytes.capacity()
            + self
                .initials
                .iter()
                .map(|i| size_of::<Initial>() + i.sizes.capacity() * size_of::<(usize, u32)>())
                .sum::<usize>()
    }
}

#[cfg(test)]
const _: () = assert!(size_of::<Entry>() == 20);
