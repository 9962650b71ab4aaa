//! What belongs into a pipe and isn't bytes: a queue of typed values beside it, in the order of the marks that stand
//! for them there.
//!
//! Single producer, single consumer, any number of values. Who owns what: a slot belongs to the producer until it has
//! counted it in `published`, and to the consumer from then on. A value is published before the mark that stands for
//! it. Nobody waits here, and nobody is woken: that is the business of the queue of bytes. A mark without a value,
//! which a consumer can only meet by a bug, is answered by `None`.

use std::{mem::MaybeUninit, ptr::NonNull};

use crate::{
    error::Result,
    sync::atomic::{Arc, AtomicPtr, AtomicU64, Ordering, UnsafeCell, pointer_in},
};

/// Slots in the first chunk, and in later ones at most. Many pipes have one value, that of their peer.
const FIRST: usize = 2;
const MOST: usize = 64;

/// Some slots, and the next chunk.
struct Chunk<T> {
    slots: Box<[UnsafeCell<MaybeUninit<T>>]>,
    /// Set by the producer before it publishes what is in the next chunk.
    next: AtomicPtr<Chunk<T>>,
}

type Link<T> = NonNull<Chunk<T>>;

impl<T> Chunk<T> {
    fn allocate(slots: usize) -> Result<Link<T>> {
        let mut all = Vec::new();
        all.try_reserve_exact(slots)?;
        all.resize_with(slots, || UnsafeCell::new(MaybeUninit::uninit()));
        let chunk = Box::new(Chunk {
            slots: all.into_boxed_slice(),
            next: AtomicPtr::new(std::ptr::null_mut()),
        });
        Ok(NonNull::from(Box::leak(chunk)))
    }
}

/// A slot of a chunk.
struct Cursor<T> {
    chunk: Option<Link<T>>,
    slot: usize,
}

impl<T> Clone for Cursor<T> {
    fn clone(&self) -> Cursor<T> {
        *self
    }
}

impl<T> Copy for Cursor<T> {}

impl<T> Cursor<T> {
    /// The slot here, and the cursor goes on to the next one.
    ///
    /// # Safety
    /// There is a value here that is the caller's.
    unsafe fn advance(&mut self) -> Option<*mut MaybeUninit<T>> {
        let chunk = self.chunk?;
        // SAFETY: chunks are freed by the consumer once it is past them, which nobody is behind.
        let chunk = unsafe { chunk.as_ref() };
        if self.slot == chunk.slots.len() {
            (self.chunk, self.slot) = (NonNull::new(chunk.next.load(Ordering::Acquire)), 0);
            // SAFETY: as promised to this call; a chunk has a slot at least.
            return unsafe { self.advance() };
        }
        let slot = &chunk.slots[self.slot];
        self.slot += 1;
        Some(pointer_in(slot))
    }
}

struct Shared<T> {
    /// How many values the consumer may take, since the beginning.
    published: AtomicU64,
    /// Where the first chunk is, once there is one; and when the consumer has gone, the one that it was in.
    first: AtomicPtr<Chunk<T>>,
    /// A chunk that the consumer is done with, for the producer to use again: malloc(3) isn't made for memory that one
    /// thread takes and another gives back. Whoever swaps it out owns it.
    spare: AtomicPtr<Chunk<T>>,
    /// When the consumer has gone: in which slot of that it was, and how many values it has taken.
    left_at: AtomicU64,
    taken: AtomicU64,
}

impl<T> Shared<T> {
    fn take_spare(&self) -> Option<Link<T>> {
        let spare = NonNull::new(self.spare.swap(std::ptr::null_mut(), Ordering::AcqRel))?;
        // SAFETY: whoever swaps it out owns it.
        let next = &unsafe { spare.as_ref() }.next;
        next.store(std::ptr::null_mut(), Ordering::Relaxed);
        Some(spare)
    }

    /// Keeps a chunk in which there is nothing any more, and which nobody uses.
    fn put_spare(&self, chunk: Link<T>) {
        // SAFETY: nobody else uses it.
        let unwanted = match unsafe { chunk.as_ref() }.slots.len() {
            MOST => NonNull::new(self.spare.swap(chunk.as_ptr(), Ordering::AcqRel)),
            _ => Some(chunk),
        };
        if let Some(old) = unwanted {
            // SAFETY: whoever swaps it out owns it; and there is nothing in it.
            drop(unsafe { Box::from_raw(old.as_ptr()) });
        }
    }
}

/// Puts values in.
pub struct Producer<T> {
    shared: Arc<Shared<T>>,
    /// Where the next value goes.
    at: Cursor<T>,
    /// Values that were put in, and of these those that were published.
    pushed: u64,
    published: u64,
    /// Where the first one is that was not published.
    unpublished: Cursor<T>,
}

/// Takes values out.
pub struct Consumer<T> {
    shared: Arc<Shared<T>>,
    at: Cursor<T>,
    taken: u64,
}

// SAFETY: a slot is one side's at a time, and so is what is in it, which may be sent.
unsafe impl<T: Send> Send for Producer<T> {}
// SAFETY: as above.
unsafe impl<T: Send> Send for Consumer<T> {}

/// An empty queue.
pub fn queue<T>() -> (Producer<T>, Consumer<T>) {
    let shared = Arc::new(Shared {
        published: AtomicU64::new(0),
        first: AtomicPtr::new(std::ptr::null_mut()),
        spare: AtomicPtr::new(std::ptr::null_mut()),
        left_at: AtomicU64::new(0),
        taken: AtomicU64::new(0),
    });
    let start = Cursor {
        chunk: None,
        slot: 0,
    };
    (
        Producer {
            shared: shared.clone(),
            at: start,
            pushed: 0,
            published: 0,
            unpublished: start,
        },
        Consumer {
            shared,
            at: start,
            taken: 0,
        },
    )
}

impl<T> Producer<T> {
    /// Makes sure that the next value can be put in. ENOMEM.
    pub fn reserve(&mut self) -> Result<()> {
        let slots = match self.at.chunk {
            None => FIRST,
            // SAFETY: the consumer doesn't go past the chunk that is written to.
            Some(chunk) => match unsafe { chunk.as_ref() }.slots.len() {
                slots if self.at.slot < slots => return Ok(()),
                slots => (2 * slots).min(MOST),
            },
        };
        let spare = match slots {
            MOST => self.shared.take_spare(),
            _ => None,
        };
        let next = spare.map_or_else(|| Chunk::allocate(slots), Ok)?;
        match self.at.chunk {
            None => self.shared.first.store(next.as_ptr(), Ordering::Release),
            // SAFETY: as above.
            Some(chunk) => unsafe { chunk.as_ref() }
                .next
                .store(next.as_ptr(), Ordering::Release),
        }
        self.at = Cursor {
            chunk: Some(next),
            slot: 0,
        };
        if self.unpublished.chunk.is_none() {
            self.unpublished = self.at;
        }
        Ok(())
    }

    /// Puts a value in. ENOMEM, and it is dropped.
    #[inline]
    pub fn push(&mut self, value: T) -> Result<()> {
        self.reserve()?;
        // SAFETY: the slot was reserved, and isn't published.
        if let Some(slot) = unsafe { self.at.advance() } {
            // SAFETY: as above; nothing is in it.
            unsafe { (*slot).write(value) };
            self.pushed += 1;
        }
        Ok(())
    }

    /// How many values were put in since the beginning.
    #[inline]
    pub fn pushed(&self) -> u64 {
        self.pushed
    }

    /// Lets the consumer take the first so many values since the beginning.
    #[inline]
    pub fn publish(&mut self, count: u64) {
        let count = count.min(self.pushed);
        if self.published < count {
            self.publish_some(count);
        }
    }

    fn publish_some(&mut self, count: u64) {
        while self.published < count {
            // SAFETY: the value isn't published before the count is stored.
            let _ = unsafe { self.unpublished.advance() };
            self.published += 1;
        }
        self.shared.published.store(count, Ordering::Release);
    }

    /// Takes back the values that aren't published.
    pub fn rollback(&mut self) {
        let mut at = self.unpublished;
        while self.pushed > self.published {
            // SAFETY: put in and not published: the producer's own.
            if let Some(slot) = unsafe { at.advance() } {
                // SAFETY: as above; nobody takes it any more.
                unsafe { (*slot).assume_init_drop() };
            }
            self.pushed -= 1;
        }
        let mut behind = None;
        if let Some(chunk) = self.unpublished.chunk {
            // SAFETY: the consumer doesn't go past the chunk of what isn't published, which is the producer's to write to.
            let next = &unsafe { chunk.as_ref() }.next;
            behind = NonNull::new(next.swap(std::ptr::null_mut(), Ordering::AcqRel));
        }
        free_all(behind);
        self.at = self.unpublished;
    }
}

impl<T> Drop for Producer<T> {
    fn drop(&mut self) {
        self.rollback();
    }
}

impl<T> Consumer<T> {
    #[inline]
    fn is_empty(&self) -> bool {
        self.shared.published.load(Ordering::Acquire) <= self.taken
    }

    /// Takes the first value out.
    #[inline]
    pub fn take(&mut self) -> Option<T> {
        if self.is_empty() {
            return None;
        }
        let start = self.start();
        let mut at = start;
        // SAFETY: a published value that wasn't taken.
        let slot = unsafe { at.advance() }?;
        // SAFETY: as above; it is counted as taken.
        let value = unsafe { (*slot).assume_init_read() };
        self.taken += 1;
        self.at = at;
        if let Some(old) = start.chunk
            && at.chunk != start.chunk
        {
            self.shared.put_spare(old);
        }
        Some(value)
    }

    /// The values from the first one on, without taking them.
    pub fn iter(&self) -> Iter<'_, T> {
        Iter {
            at: self.start(),
            left: self.shared.published.load(Ordering::Acquire) - self.taken,
            consumer: std::marker::PhantomData,
        }
    }

    fn start(&self) -> Cursor<T> {
        match self.at.chunk {
            Some(_) => self.at,
            None => Cursor {
                chunk: NonNull::new(self.shared.first.load(Ordering::Acquire)),
                slot: 0,
            },
        }
    }
}

impl<T> Drop for Consumer<T> {
    fn drop(&mut self) {
        let at = self.start();
        if let Some(chunk) = at.chunk {
            self.shared.left_at.store(at.slot as u64, Ordering::Relaxed);
            self.shared.taken.store(self.taken, Ordering::Relaxed);
            self.shared.first.store(chunk.as_ptr(), Ordering::Release);
        }
    }
}

impl<T> Drop for Shared<T> {
    fn drop(&mut self) {
        // Both sides are gone. What the consumer did last comes with the pointer that it has left.
        let first = NonNull::new(self.first.load(Ordering::Acquire));
        let mut at = Cursor {
            chunk: first,
            slot: self.left_at.load(Ordering::Relaxed) as usize,
        };
        let left = self.published.load(Ordering::Acquire) - self.taken.load(Ordering::Relaxed);
        for _ in 0..left {
            // SAFETY: published and not taken.
            if let Some(slot) = unsafe { at.advance() } {
                // SAFETY: as above, and nobody takes it any more.
                unsafe { (*slot).assume_init_drop() };
            }
        }
        free_all(first);
        free_all(self.take_spare());
    }
}

/// Frees a chunk and those behind it, which nobody uses any more.
fn free_all<T>(mut chunk: Option<Link<T>>) {
    while let Some(link) = chunk {
        // SAFETY: allocated by `Chunk::allocate`, and freed here or where it is taken empty, once.
        let old = unsafe { Box::from_raw(link.as_ptr()) };
        chunk = NonNull::new(old.next.load(Ordering::Acquire));
    }
}

/// See [`Consumer::iter`].
pub struct Iter<'a, T> {
    at: Cursor<T>,
    left: u64,
    consumer: std::marker::PhantomData<&'a Consumer<T>>,
}

impl<'a, T> Iterator for Iter<'a, T> {
    type Item = &'a T;

    #[inline]
    fn next(&mut self) -> Option<&'a T> {
        self.left = self.left.checked_sub(1)?;
        // SAFETY: a published value, which stays as long as the consumer is borrowed.
        let slot = unsafe { self.at.advance() }?;
        // SAFETY: as above.
        Some(unsafe { (*slot).assume_init_ref() })
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    /// Values come out as they went in, but for those that were taken back; and none is lost or dropped twice.
    #[test]
    fn values_come_out_in_order_and_are_dropped_once() {
        let counted = Arc::new(());
        let (mut producer, mut consumer) = queue();
        let mut expected = 0;
        for round in 0..200u64 {
            for i in 0..round % 7 {
                producer.push((round * 10 + i, counted.clone())).unwrap();
            }
            match round % 3 {
                0 => producer.rollback(),
                _ => producer.publish(producer.pushed()),
            }
            let wanted = if round % 3 == 0 { 0 } else { round % 7 };
            if round % 4 > 0 {
                let seen: Vec<u64> = consumer.iter().map(|(value, _)| *value).collect();
                assert_eq!(seen.len() as u64, wanted + expected);
                for value in seen {
                    assert_eq!(consumer.take().map(|(value, _)| value), Some(value));
                }
                assert!(consumer.take().is_none());
                expected = 0;
            } else {
                expected += wanted;
            }
        }
        producer.push((0, counted.clone())).unwrap();
        producer.publish(producer.pushed());
        producer.push((1, counted.clone())).unwrap();
        drop(consumer);
        producer.push((2, counted.clone())).unwrap();
        producer.publish(producer.pushed());
        drop(producer);
        assert_eq!(Arc::strong_count(&counted), 1);
    }

    /// A part of what was put in is published, as when a message is followed by the beginning of another.
    #[test]
    fn what_is_not_published_is_not_seen() {
        let (mut producer, mut consumer) = queue();
        for i in 0..10 {
            producer.push(i).unwrap();
            if i % 3 == 2 {
                producer.publish(i - 1);
            }
        }
        assert_eq!(
            consumer.iter().copied().collect::<Vec<_>>(),
            [0, 1, 2, 3, 4, 5, 6]
        );
        producer.rollback();
        producer.push(77).unwrap();
        producer.publish(producer.pushed());
        let all: Vec<u64> = std::iter::from_fn(|| consumer.take()).collect();
        assert_eq!(all, [0, 1, 2, 3, 4, 5, 6, 77]);
    }

    #[test]
    fn two_threads_pass_on_each_value_once() {
        const COUNT: u64 = if cfg!(miri) { 300 } else { 100_000 };
        let (mut producer, mut consumer) = queue();
        std::thread::scope(|scope| {
            scope.spawn(move || {
                for i in 0..COUNT {
                    producer.push(Box::new(i)).unwrap();
                    if i % 5 != 0 {
                        producer.publish(producer.pushed());
                    }
                }
                producer.publish(producer.pushed());
            });
            let mut next = 0;
            while next < COUNT {
                match consumer.take() {
                    Some(value) => {
                        assert_eq!(*value, next);
                        next += 1;
                    }
                    None => std::thread::yield_now(),
                }
            }
        });
    }
}

/// All interleavings, by loom, in `make test`.
#[cfg(all(test, loom))]
mod model {
    use loom::thread;

    use super::*;
    use crate::sync::atomic::{check, join};

    #[test]
    fn a_value_is_one_sides_at_a_time() {
        check(2, || {
            let (mut producer, mut consumer) = queue();
            let writer = thread::spawn(move || {
                for i in 0..3u64 {
                    producer.push(Box::new(i)).unwrap();
                    producer.publish(producer.pushed());
                }
                producer.push(Box::new(9)).unwrap();
            });
            let mut next = 0;
            for _ in 0..3 {
                let seen = consumer.iter().count();
                let value = consumer.take();
                assert!(value.is_some() || seen == 0);
                if let Some(value) = value {
                    assert_eq!(*value, next);
                    next += 1;
                }
            }
            drop(consumer);
            join(writer);
        });
    }
}
