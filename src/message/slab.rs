//! Bodies one behind another, each with its frame's head before it.
//!
//! Messages that go to many connections, one after the other, are then a few long pieces to be written to each. The kernel
//! takes a third longer to copy the same bytes from as many places as there are messages.
//!
//! Who owns what: a block belongs to all bodies in it, which may go on any thread, and to the slab as long as that adds more.
//! The last of them gives it back. So a body that stays keeps a block: a slab is for what goes by in the order in which it
//! came.

use std::{
    ptr::{self, NonNull},
    sync::atomic::{AtomicU32, Ordering},
};

use super::content::{Body, Content};
use crate::{
    error::Result,
    frame::{Flags, Head},
    memory,
};

/// How many bytes a block has.
const BLOCK: usize = 16 * 1024;
/// How many bytes a body in a slab has at the most.
pub const BODY_MAX: usize = 2 * 1024;

/// A block. Frames follow one another behind this; the heads of the bodies come towards them from the other end.
pub struct Block {
    /// How many bodies are in use, and one for the slab.
    owners: AtomicU32,
}

/// Makes bodies of up to [`BODY_MAX`] bytes.
#[derive(Default)]
pub struct Slab {
    block: Option<NonNull<Block>>,
    /// The room that is left in the block is from here to there (bytes).
    from: usize,
    to: usize,
}

// SAFETY: the room belongs to the slab, and what else is in the block to the bodies, which may go anywhere.
unsafe impl Send for Slab {}

impl Slab {
    /// A body with a copy of these bytes. ENOMEM if there is no memory for it.
    pub fn copy_of(&mut self, bytes: &[u8]) -> Result<Body> {
        debug_assert!(bytes.len() <= BODY_MAX);
        let head = Head::new(Flags::NONE, bytes.len());
        let head = head.as_slice();
        let frame = head.len() + bytes.len();
        let block = match self.block {
            Some(block) if self.to - self.from >= frame + size_of::<Content>() => block,
            _ => self.open()?,
        };
        // SAFETY: there is so much room, which is the slab's own; multiples of a content's size from the end are aligned for it.
        unsafe {
            let at = block.cast::<u8>().add(self.from).as_ptr();
            ptr::copy_nonoverlapping(head.as_ptr(), at, head.len());
            let data = at.add(head.len());
            ptr::copy_nonoverlapping(bytes.as_ptr(), data, bytes.len());
            self.from += frame;
            self.to -= size_of::<Content>();
            block.as_ref().owners.fetch_add(1, Ordering::Relaxed);
            let content = block.cast::<u8>().add(self.to).cast();
            Ok(Body::in_block(content, data, bytes.len(), block))
        }
    }

    /// Goes on in another block; or in the same, if all that was in it is gone.
    #[cold]
    fn open(&mut self) -> Result<NonNull<Block>> {
        let is_free = |block: &NonNull<Block>| {
            // SAFETY: alive, as the slab owns it. What others did to it they had done before they let go of it.
            unsafe { block.as_ref() }.owners.load(Ordering::Acquire) == 1
        };
        let block = match self.block.filter(is_free) {
            Some(block) => block,
            None => {
                let block = memory::BODIES.take(BLOCK)?.cast::<Block>();
                // SAFETY: taken just now, large enough and aligned.
                unsafe {
                    block.write(Block {
                        owners: AtomicU32::new(1),
                    })
                };
                drop(std::mem::take(self));
                block
            }
        };
        (self.block, self.from, self.to) = (Some(block), size_of::<Block>(), BLOCK);
        Ok(block)
    }
}

impl Drop for Slab {
    fn drop(&mut self) {
        if let Some(block) = self.block {
            // SAFETY: the slab owns it, and forgets it.
            unsafe { Block::release(block) };
        }
    }
}

impl Block {
    /// One of its owners lets go of it.
    ///
    /// # Safety
    /// Each does so once.
    pub unsafe fn release(block: NonNull<Block>) {
        // SAFETY: alive until its last owner gives it back, which has seen all that the others did.
        unsafe {
            if block.as_ref().owners.fetch_sub(1, Ordering::AcqRel) == 1 {
                memory::BODIES.give_back(block.cast(), BLOCK);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(i: usize) -> Vec<u8> {
        vec![i as u8; i * 131 % BODY_MAX]
    }

    /// Frames follow each other without a gap, as far as the block goes.
    #[test]
    fn frames_are_in_one_piece() {
        let mut slab = Slab::default();
        let bodies: Vec<Body> = (0..200).map(|i| slab.copy_of(&bytes(i)).unwrap()).collect();
        let mut gaps = 0;
        for (i, pair) in bodies.windows(2).enumerate() {
            let [one, next] = [&pair[0], &pair[1]].map(|body| body.frame().unwrap());
            assert_eq!(one[one.len() - bodies[i].size()..], bytes(i));
            assert_eq!(
                one.len() - bodies[i].size(),
                crate::frame::head_len(bodies[i].size())
            );
            gaps += usize::from(one.as_ptr_range().end != next.as_ptr());
        }
        let all: usize = (0..200).map(|i| bytes(i).len()).sum();
        assert!(gaps < all / (BLOCK - BODY_MAX - 1024), "{gaps}");
    }

    /// One that follows the other, each gone before the next one, are all in the same block.
    #[test]
    fn a_block_is_used_again() {
        let mut slab = Slab::default();
        let first = slab.copy_of(b"first").unwrap().data();
        for _ in 0..1000 {
            let body = slab.copy_of(&[7; 1000]).unwrap();
            let distance = body.data().addr().wrapping_sub(first.addr());
            assert!(distance < BLOCK, "{distance}");
        }
    }

    /// Bodies that others have outlive the slab, and stay what they are.
    #[test]
    fn bodies_may_go_in_any_order_on_any_thread() {
        let mut slab = Slab::default();
        let mut bodies: Vec<(usize, Body)> = (0..500)
            .map(|i| (i, slab.copy_of(&bytes(i)).unwrap()))
            .collect();
        drop(slab);
        let threads = [3, 7, 11].map(|step| {
            let mut mine = Vec::new();
            for i in 0..100 {
                mine.push(bodies.swap_remove(i * step % bodies.len()));
            }
            std::thread::spawn(move || {
                for (i, body) in mine {
                    let copy = body.clone();
                    drop(body);
                    assert!(copy.frame().unwrap().ends_with(&bytes(i)));
                }
            })
        });
        drop(bodies);
        threads
            .into_iter()
            .for_each(|thread| thread.join().unwrap());
    }
}
