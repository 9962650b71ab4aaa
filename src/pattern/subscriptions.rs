//! Who has subscribed to what: on the publisher's side by pipe, on the subscriber's by count.

use std::collections::BTreeSet;

use super::topics::{Fate, Topics};
use crate::{error::Result, memory};

/// The number of a topic stands for a pipe's slot, or with this bit for a set of them.
const SET: u32 = 1 << 31;

/// What came of giving up a subscription.
#[derive(Debug, PartialEq, Eq, Clone, Copy)]
pub enum Removed {
    /// The pipe didn't have it.
    Nothing,
    /// There are others who have it.
    One,
    /// Nobody has it any more.
    Last,
}

/// The publisher's index: topics, and the pipes, named by slot, that have subscribed to them.
#[derive(Default)]
pub struct Subscriptions {
    topics: Topics,
    /// The pipes of the topics that more than one has subscribed to.
    sets: Vec<BTreeSet<u32>>,
    free: Vec<u32>,
    /// How many subscriptions each pipe has.
    counts: Vec<u32>,
}

impl Subscriptions {
    /// Has the processor fetch what finding a topic begins with.
    #[inline]
    pub fn expect(&self, topic: &[u8]) {
        self.topics.expect(topic);
    }

    /// Adds a subscription, if it isn't there. True if nobody had subscribed to the topic. ENOMEM, and nothing done.
    pub fn add(&mut self, topic: &[u8], slot: usize) -> Result<bool> {
        let pipe = slot as u32;
        if self.counts.len() <= slot {
            self.counts.try_reserve(slot + 1 - self.counts.len())?;
            self.counts.resize(slot + 1, 0);
        }
        self.sets.try_reserve(1)?;
        // All sets may come to be free.
        self.free
            .try_reserve(self.sets.len() + 1 - self.free.len())?;
        let (value, first) = self.topics.insert(topic, pipe)?;
        let new = if first {
            true
        } else if *value & SET != 0 {
            self.sets[(*value & !SET) as usize].insert(pipe)
        } else if *value != pipe {
            let set = BTreeSet::from([*value, pipe]);
            *value = SET
                | if let Some(i) = self.free.pop() {
                    self.sets[i as usize] = set;
                    i
                } else {
                    self.sets.push(set);
                    self.sets.len() as u32 - 1
                };
            true
        } else {
            false
        };
        self.counts[slot] += u32::from(new);
        Ok(first)
    }

    /// Removes a subscription.
    pub fn remove(&mut self, topic: &[u8], slot: usize) -> Removed {
        let Some(value) = self.topics.get_mut(topic) else {
            return Removed::Nothing;
        };
        let removed = remove_pipe(&mut self.sets, &mut self.free, value, slot as u32);
        if removed == Removed::Last {
            self.topics.remove(topic);
        }
        if removed != Removed::Nothing {
            self.counts[slot] -= 1;
        }
        removed
    }

    /// Removes all subscriptions of a pipe. Calls back for each, telling whether it was the last.
    pub fn remove_pipe(&mut self, slot: usize, mut gone: impl FnMut(&[u8], bool)) {
        let mut left = self.counts.get_mut(slot).map_or(0, std::mem::take);
        if left == 0 {
            return;
        }
        let (sets, free) = (&mut self.sets, &mut self.free);
        self.topics.retain(|topic, value| {
            let removed = remove_pipe(sets, free, value, slot as u32);
            if removed == Removed::Nothing {
                return if left > 0 { Fate::Keep } else { Fate::Stop };
            }
            left -= 1;
            gone(topic, removed == Removed::Last);
            match removed {
                Removed::Last => Fate::Remove,
                _ if left == 0 => Fate::Stop,
                _ => Fate::Keep,
            }
        });
    }

    /// Calls back with the slot of each pipe that has subscribed to what the message starts
    /// with, more than once if to several such topics.
    #[inline]
    pub fn matches(&self, message: &[u8], mut found: impl FnMut(usize)) {
        self.topics.prefixes_of(message, |value| {
            if value & SET == 0 {
                found(value as usize);
            } else {
                let set = self.sets[(value & !SET) as usize].iter();
                set.for_each(|&pipe| found(pipe as usize));
            }
            true
        });
    }

    /// The number of different topics.
    pub fn len(&self) -> usize {
        self.topics.len()
    }

    #[cfg(test)]
    pub fn memory(&self) -> usize {
        self.topics.memory() + self.sets.capacity() * size_of::<BTreeSet<u32>>()
    }
}

/// Takes a pipe out of what a topic's number stands for, unless it is the last.
fn remove_pipe(
    sets: &mut [BTreeSet<u32>],
    free: &mut Vec<u32>,
    value: &mut u32,
    pipe: u32,
) -> Removed {
    if *value == pipe {
        return Removed::Last;
    }
    if *value & SET == 0 {
        return Removed::Nothing;
    }
    let i = *value & !SET;
    let set = &mut sets[i as usize];
    if !set.remove(&pipe) {
        return Removed::Nothing;
    }
    if set.len() == 1
        && let Some(left) = set.pop_first()
    {
        *value = left;
        free.push(i);
    }
    Removed::One
}

/// The memory of a topic that was added is kept for the next one up to this size (bytes).
const KEPT_MAX: usize = 1024;

/// The subscriber's own topics, each with how many times it was subscribed to.
#[derive(Default)]
pub struct Interests {
    topics: Topics,
    /// A topic that is yet to be added, while the processor fetches its place; its hash, if there is one.
    next: Vec<u8>,
    waiting: Option<u32>,
}

impl Interests {
    /// Subscribes once more. ENOMEM, and nothing done.
    pub fn add(&mut self, topic: &[u8]) -> Result<()> {
        let hash = self.topics.expect(topic);
        self.settle();
        memory::append(&mut self.next, topic)?;
        if let Err(error) = self.topics.reserve(topic) {
            self.next.clear();
            return Err(error);
        }
        self.waiting = Some(hash);
        Ok(())
    }

    /// Adds the topic that waits for it. There is room.
    fn settle(&mut self) {
        if let Some(hash) = self.waiting.take() {
            if let Ok((count, false)) = self.topics.insert_hashed(hash, &self.next, 1) {
                *count = count.saturating_add(1);
            }
            self.next.clear();
            if self.next.capacity() > KEPT_MAX {
                self.next = Vec::new();
            }
        }
    }

    /// Gives up one subscription. True if it was the last.
    pub fn remove(&mut self, topic: &[u8]) -> bool {
        self.settle();
        match self.topics.get_mut(topic) {
            None => false,
            Some(1) => {
                self.topics.remove(topic);
                true
            }
            Some(count) => {
                *count -= 1;
                false
            }
        }
    }

    /// Whether the message starts with any of the topics.
    #[inline]
    pub fn matches(&mut self, message: &[u8]) -> bool {
        self.settle();
        !self.topics.prefixes_of(message, |_| false)
    }

    /// Calls back with each topic, in the order of their bytes; if there is no memory for that, in no order. Ends with the
    /// first error.
    pub fn for_each(&mut self, mut look: impl FnMut(&[u8]) -> Result<()>) -> Result<()> {
        self.settle();
        let mut all = self.topics.iter().map(|(topic, _)| topic);
        let mut sorted = Vec::new();
        if sorted.try_reserve_exact(self.topics.len()).is_err() {
            return all.try_for_each(look);
        }
        sorted.extend(all);
        sorted.sort_unstable();
        sorted.into_iter().try_for_each(&mut look)
    }

    /// The number of different topics.
    pub fn len(&mut self) -> usize {
        self.settle();
        self.topics.len()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;

    /// A small generator of reproducible noise.
    struct Noise(u64);

    impl Noise {
        fn below(&mut self, limit: usize) -> usize {
            self.0 = self
                .0
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            (self.0 >> 33) as usize % limit
        }

        /// Few letters, so that topics are often prefixes of each other, and some long ones.
        fn topic(&mut self) -> Vec<u8> {
            let size = match self.below(4) {
                0 => self.below(3),
                1 | 2 => self.below(14),
                _ => self.below(40),
            };
            (0..size).map(|_| b'a' + self.below(2) as u8).collect()
        }
    }

    fn matches(subscriptions: &Subscriptions, message: &[u8]) -> BTreeSet<usize> {
        let mut found = BTreeSet::new();
        subscriptions.matches(message, |slot| {
            found.insert(slot);
        });
        found
    }

    #[test]
    fn the_index_does_what_a_plain_map_does() {
        let (mut noise, mut index) = (Noise(1), Subscriptions::default());
        let mut model: BTreeMap<Vec<u8>, BTreeSet<usize>> = BTreeMap::new();
        for round in 0..60_000 {
            // It grows, and shrinks again.
            let adding = if round % 20_000 < 12_000 { 70 } else { 20 };
            let (topic, slot) = (noise.topic(), noise.below(9));
            if noise.below(100) < adding {
                let first = !model.contains_key(&topic);
                assert_eq!(index.add(&topic, slot), Ok(first));
                model.entry(topic).or_default().insert(slot);
            } else if noise.below(500) == 0 {
                let (mut gone, mut expected) = (Vec::new(), Vec::new());
                index.remove_pipe(slot, |topic, last| gone.push((topic.to_vec(), last)));
                model.retain(|topic, slots| {
                    if slots.remove(&slot) {
                        expected.push((topic.clone(), slots.is_empty()));
                    }
                    !slots.is_empty()
                });
                gone.sort_unstable();
                assert_eq!(gone, expected);
            } else {
                let mut expected = Removed::Nothing;
                if let Some(slots) = model.get_mut(&topic)
                    && slots.remove(&slot)
                {
                    expected = Removed::One;
                    if slots.is_empty() {
                        model.remove(&topic);
                        expected = Removed::Last;
                    }
                }
                assert_eq!(index.remove(&topic, slot), expected);
            }
            assert_eq!(index.len(), model.len());
            if round % 16 == 0 {
                let message = noise.topic();
                let prefixes = model.iter().filter(|(topic, _)| message.starts_with(topic));
                let expected = prefixes.flat_map(|(_, slots)| slots.clone()).collect();
                assert_eq!(matches(&index, &message), expected);
            }
        }
        for slot in 0..9 {
            index.remove_pipe(slot, |_, _| {});
        }
        assert_eq!((index.len(), index.sets.len()), (0, index.free.len()));
    }

    #[test]
    fn few_topics_that_keep_changing_are_found_where_there_were_many() {
        let mut index = Subscriptions::default();
        let topic = |i: usize| format!("{i:06}").into_bytes();
        (0..1000).for_each(|i| assert_eq!(index.add(&topic(i), i), Ok(true)));
        (0..800).for_each(|i| assert_eq!(index.remove(&topic(i), i), Removed::Last));
        for i in 1000..20_000 {
            assert_eq!(index.add(&topic(i), i), Ok(true));
            assert_eq!(matches(&index, &topic(i - 100)), BTreeSet::from([i - 100]));
            assert_eq!(index.remove(&topic(i - 200), i - 200), Removed::Last);
        }
        assert_eq!(index.len(), 200);
        assert!(index.topics.memory() < 40_000);
    }

    #[test]
    fn interests_are_counted() {
        let mut interests = Interests::default();
        interests.add(b"b").unwrap();
        interests.add(b"b").unwrap();
        interests.add(b"ab").unwrap();
        let mut all = Vec::new();
        let listed = interests.for_each(|topic| {
            all.push(topic.to_vec());
            Ok(())
        });
        assert_eq!((listed, all), (Ok(()), vec![b"ab".to_vec(), b"b".to_vec()]));
        assert!(interests.matches(b"bc") && interests.matches(b"ab"));
        assert!(!interests.matches(b"a") && !interests.matches(b""));
        assert!(!interests.remove(b"b") && interests.matches(b"b"));
        assert!(interests.remove(b"b") && !interests.matches(b"b"));
        assert!(!interests.remove(b"b"));
        interests.add(b"").unwrap();
        assert!(interests.matches(b"") && interests.matches(b"anything"));
    }

    #[test]
    fn a_topic_costs_few_bytes() {
        for count in [10_000, 100_000, 1_000_000] {
            let mut index = Subscriptions::default();
            for i in 0..count {
                index.add(format!("t{i:08}").as_bytes(), 0).unwrap();
            }
            let each = index.memory() / count;
            assert!(each < 45, "{each} bytes for each of {count} topics");
        }
    }

    /// Prints nanoseconds for each operation.
    #[test]
    #[ignore = "a measurement; run it in release mode"]
    fn how_long_it_takes() {
        use std::time::Instant;
        for count in [10_000, 100_000, 1_000_000] {
            let topic = |i| format!("t{i:08}").into_bytes().try_into().unwrap();
            let topics: Vec<[u8; 9]> = (0..count).map(topic).collect();
            let mut noise = Noise(3);
            let order: Vec<usize> = (0..count).map(|_| noise.below(count)).collect();
            let mut index = Subscriptions::default();
            let mut timed = |name: &str, run: &mut dyn FnMut(&mut Subscriptions)| {
                let start = Instant::now();
                run(&mut index);
                let each = start.elapsed().as_secs_f64() * 1e9 / count as f64;
                println!(
                    "{count} {name}: {each:.1} ns, {} bytes each",
                    index.memory() / count
                );
            };
            timed("add", &mut |index| {
                topics
                    .iter()
                    .for_each(|t| assert!(index.add(t, 0).unwrap()))
            });
            let in_order: Vec<usize> = (0..count).collect();
            for (name, order) in [("match in order", &in_order), ("match at random", &order)] {
                timed(name, &mut |index| {
                    let mut found = 0;
                    let mut message = *b"t00000000 and a body";
                    for &i in order {
                        message[..9].copy_from_slice(&topics[i]);
                        index.matches(&message, |_| found += 1);
                    }
                    assert_eq!(found, count);
                });
            }
            timed("remove", &mut |index| {
                topics
                    .iter()
                    .for_each(|t| assert_eq!(index.remove(t, 0), Removed::Last));
            });
            timed("add", &mut |index| {
                topics
                    .iter()
                    .for_each(|t| assert!(index.add(t, 0).unwrap()))
            });
            timed("remove pipe", &mut |index| index.remove_pipe(0, |_, _| {}));
        }
    }

    #[test]
    fn many_subscribers_of_one_topic_and_many_sizes_stay_sane() {
        let mut index = Subscriptions::default();
        for slot in (0..100_000).rev() {
            assert_eq!(index.add(b"all", slot), Ok(slot == 99_999));
        }
        assert_eq!(matches(&index, b"all of them").len(), 100_000);
        let long = vec![b'x'; 5000];
        for size in 0..long.len() {
            index.add(&long[..size], 7).unwrap();
        }
        let mut found = 0;
        index.matches(&long, |_| found += 1);
        assert_eq!(found, 5000);
        // What doesn't even start like any topic is matched by the empty one alone.
        assert_eq!(matches(&index, b"yes"), BTreeSet::from([7]));
        index.remove_pipe(7, |_, _| {});
        assert_eq!(index.len(), 1);
        assert!(index.topics.memory() < 1_000_000);
    }
}
