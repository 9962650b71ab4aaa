//! What a C program's handles point to: slots that are recycled but never given back.
//!
//! So a handle that is stale, because what it stood for was closed, points to a slot whose tag
//! says so, or in which something newer is by now. Slots are used again in the order in which
//! they were left, so that this takes long. The content is behind a lock: threads that use one
//! socket take turns, and one that waits leaves the lock meanwhile.

use std::{
    collections::VecDeque,
    ops::{Deref, DerefMut},
    sync::atomic::{AtomicU32, Ordering},
};

use crate::{
    error::{Error, Result},
    sync::{Biased, Global, Guard, OwnerGuard, generation},
};

/// What can be in a slot.
pub trait Content: Sized + Send + 'static {
    /// What a slot with such content begins with.
    const TAG: u32;
    /// What a handle that stands for nothing (any more) is answered.
    const STALE: Error;
    /// The slots of this kind that are not in use.
    fn free() -> &'static Global<Free<Self>>;
}

const DEAD: u32 = 0xdead_beef;
/// Slots that are not in use.
pub type Free<T> = VecDeque<&'static Slot<T>>;

/// So many slots are left unused before the first of them is used again.
const REST: usize = 64;

/// Something behind a handle.
#[repr(C, align(64))]
pub struct Slot<T: Content> {
    /// [`Content::TAG`] while something is in it. First, so that it can be looked at before it
    /// is known that there is a slot at all.
    tag: AtomicU32,
    /// Counts what has been in the slot.
    generation: AtomicU32,
    content: Biased<Option<T>>,
    /// The [process](generation) that has put in what is in it.
    process: AtomicU32,
}

impl<T: Content> Slot<T> {
    /// Puts something into a slot.
    pub fn put(content: T) -> &'static Slot<T> {
        let mut free = T::free().lock();
        let slot = if free.len() > REST {
            free.pop_front()
        } else {
            None
        };
        drop(free);
        let slot = slot.unwrap_or_else(|| {
            Box::leak(Box::new(Slot {
                tag: AtomicU32::new(DEAD),
                generation: AtomicU32::new(0),
                content: Biased::new(None),
                process: AtomicU32::new(0),
            }))
        });
        slot.process.store(generation(), Ordering::Relaxed);
        let mut guard = slot.content.lock();
        *guard = Some(content);
        drop(guard);
        slot.tag.store(T::TAG, Ordering::Release);
        slot
    }

    /// Goes in if this thread is the lock's bias owner, which it can be only while something is in the slot.
    #[inline(always)]
    pub fn lock_as_owner(&'static self) -> Option<OwnerGuard<'static, Option<T>>> {
        self.content.lock_as_owner()
    }

    /// Runs something with the content when it is its turn; with [`Slot::lock`]'s errors. Costs the bias owner less than that.
    #[inline(always)]
    pub fn with<R>(&'static self, run: impl FnOnce(&mut T) -> Result<R>) -> Result<R> {
        if let Some(mut inside) = self.lock_as_owner() {
            let result = inside.content().as_mut().map_or(Err(T::STALE), run);
            inside.leave();
            return result;
        }
        run(&mut *self.lock()?)
    }

    /// Whether what is in the slot is the parent's, in a forked child. A thread may have been inside that doesn't exist here.
    pub fn is_inherited(&self) -> bool {
        self.process.load(Ordering::Relaxed) != generation()
    }

    /// Waits for its turn. ENOTRECOVERABLE if an earlier call has failed on a bug of ours.
    pub fn lock(&'static self) -> Result<Locked<T>> {
        self.enter(self.lock_content().ok_or(T::STALE)?)
    }

    /// None if it is the parent's, and nobody will ever leave it.
    fn lock_content(&'static self) -> Option<Guard<'static, Option<T>>> {
        match self.is_inherited() {
            true => self.content.lock_soon(),
            false => Some(self.content.lock()),
        }
    }

    /// Waits for its turn again, if the same thing is still there.
    pub fn relock(&'static self, generation: u32) -> Result<Locked<T>> {
        self.lock()?.if_still(generation)
    }

    /// As [`Slot::relock`], without anybody's ceasing to be the lock's bias owner.
    pub fn lock_keeping_bias(&'static self, generation: u32) -> Result<Locked<T>> {
        self.enter(self.content.lock_keeping_bias())?
            .if_still(generation)
    }

    fn enter(&'static self, guard: Guard<'static, Option<T>>) -> Result<Locked<T>> {
        if self.content.is_poisoned() {
            return Err(Error::ENOTRECOVERABLE);
        }
        if guard.is_none() {
            return Err(T::STALE);
        }
        Ok(Locked { slot: self, guard })
    }

    /// As [`Slot::take`], if the same thing is still there.
    pub fn take_if_still(&'static self, generation: u32) -> Result<Option<T>> {
        self.take_if(|there| there == generation)
    }

    /// Takes the content out, whatever has happened to it. None if it is the parent's, and a thread was inside that doesn't
    /// exist here: then it is left where it is, and nothing else is ever put there.
    pub fn take(&'static self) -> Result<Option<T>> {
        self.take_if(|_| true)
    }

    fn take_if(&'static self, generation: impl Fn(u32) -> bool) -> Result<Option<T>> {
        let Some(mut guard) = self.lock_content() else {
            self.tag.store(DEAD, Ordering::Release);
            return Ok(None);
        };
        if !generation(self.generation.load(Ordering::Relaxed)) {
            return Err(T::STALE);
        }
        let content = guard.take().ok_or(T::STALE)?;
        guard.end_bias();
        self.tag.store(DEAD, Ordering::Release);
        self.generation.fetch_add(1, Ordering::Relaxed);
        self.content.clear_poison();
        drop(guard);
        T::free().lock().push_back(self);
        Ok(Some(content))
    }
}

/// The content of a slot, for as long as nobody else has its turn.
pub struct Locked<T: Content> {
    slot: &'static Slot<T>,
    guard: Guard<'static, Option<T>>,
}

impl<T: Content> Locked<T> {
    /// The slot.
    pub fn slot(&self) -> &'static Slot<T> {
        self.slot
    }

    /// Which of those that have been in the slot this is.
    pub fn generation(&self) -> u32 {
        self.slot.generation.load(Ordering::Relaxed)
    }

    fn if_still(self, generation: u32) -> Result<Locked<T>> {
        if self.generation() != generation {
            return Err(T::STALE);
        }
        Ok(self)
    }
}

impl<T: Content> Deref for Locked<T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        self.guard.as_ref().expect("checked when it was locked")
    }
}

impl<T: Content> DerefMut for Locked<T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        self.guard.as_mut().expect("checked when it was locked")
    }
}
