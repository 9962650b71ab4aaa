//! The memory of large bodies and of pipes, kept for the next ones.
//!
//! What malloc(3) is given back in large pieces it gives back to the system at once, and the
//! system has to make the pages anew, zeroed, for the next message: that costs more than to copy
//! it. Smaller ones mostly are given back by another thread than took them, which malloc(3) isn't
//! made for. So some memory is kept, in lists by size, and is given out again last in, first out,
//! while it is still in the processor's cache. Contexts empty the pool when they end.
//!
//! Nobody waits for the lock: a thread that doesn't get it soon does without the pool.

mod copy;
mod grow;

use std::{
    alloc::{Layout, alloc, alloc_zeroed, dealloc},
    hint,
    ptr::NonNull,
    sync::{MutexGuard, TryLockError},
};

pub use self::{
    copy::copy,
    grow::{append, copied, with_room, zeroed},
};

use crate::{
    error::{Error, Result},
    sync::Global,
};

/// Blocks from this to that size (bytes) are kept, and in a pool of all together no more than so much. What is smaller malloc(3) keeps
/// for each thread.
const MIN: usize = 2 * 1024;
const MAX: usize = 4 * 1024 * 1024;
const KEPT_MAX: usize = 16 * 1024 * 1024;

/// There are so many sizes from one power of two to the next.
const STEPS: usize = 8;
const SIZES: usize = (MAX / MIN).ilog2() as usize * STEPS + 1;

const ALIGNMENT: usize = align_of::<u128>();

/// A block that is kept. The link to the next one is in the block itself.
type Link = Option<NonNull<Block>>;
struct Block(Link);

/// What a pool keeps, all of it of one kind.
pub struct Pool {
    kept: Global<Kept>,
    /// How a block is allocated: with its bytes set, or not.
    allocate: unsafe fn(Layout) -> *mut u8,
}

struct Kept {
    lists: [Link; SIZES],
    bytes: usize,
}

impl Kept {
    const fn new() -> Kept {
        Kept {
            lists: [None; SIZES],
            bytes: 0,
        }
    }
}

// SAFETY: what is kept belongs to the pool alone.
unsafe impl Send for Kept {}

/// Memory of bodies, whose bytes aren't set.
pub static BODIES: Pool = Pool::new(alloc);
/// Memory of pipes, whose bytes are set: zero, or what somebody has written before.
pub static SEGMENTS: Pool = Pool::new(alloc_zeroed);

/// The list for blocks of at least so many bytes, and how many these have.
fn list(bytes: usize) -> Option<(usize, usize)> {
    if !(MIN..=MAX).contains(&bytes) {
        return None;
    }
    let octave = bytes.ilog2();
    let step = (1 << octave) / STEPS;
    let steps = (bytes - (1 << octave)).div_ceil(step);
    let i = (octave - MIN.ilog2()) as usize * STEPS + steps;
    Some((i, (1 << octave) + steps * step))
}

fn layout(bytes: usize) -> Result<Layout> {
    Layout::from_size_align(bytes, ALIGNMENT).map_err(|_| Error::ENOMEM)
}

impl Pool {
    const fn new(allocate: unsafe fn(Layout) -> *mut u8) -> Pool {
        Pool {
            kept: Global::new(Kept::new(), Kept::new),
            allocate,
        }
    }

    fn kept(&'static self) -> Option<MutexGuard<'static, Kept>> {
        for _ in 0..100 {
            match self.kept.try_lock() {
                Ok(kept) => return Some(kept),
                Err(TryLockError::Poisoned(_)) => return None,
                Err(TryLockError::WouldBlock) => hint::spin_loop(),
            }
        }
        None
    }

    /// A block of at least so many bytes, at least one. ENOMEM.
    pub fn take(&'static self, bytes: usize) -> Result<NonNull<u8>> {
        debug_assert!(bytes > 0);
        let mut size = bytes;
        if let Some((i, of_list)) = list(bytes) {
            size = of_list;
            if let Some(mut kept) = self.kept()
                && let Some(block) = kept.lists[i]
            {
                // SAFETY: a block in the list has its link in it.
                kept.lists[i] = unsafe { block.read() }.0;
                kept.bytes -= size;
                return Ok(block.cast());
            }
        }
        // SAFETY: the size isn't zero.
        NonNull::new(unsafe { (self.allocate)(layout(size)?) }).ok_or(Error::ENOMEM)
    }

    /// Gives a block back.
    ///
    /// # Safety
    /// It comes from [`Pool::take`] of this pool for so many bytes, and is not used any more.
    pub unsafe fn give_back(&'static self, block: NonNull<u8>, bytes: usize) {
        let mut bytes = bytes;
        if let Some((i, size)) = list(bytes) {
            bytes = size;
            if let Some(mut kept) = self.kept()
                && kept.bytes + size <= KEPT_MAX
            {
                let block = block.cast::<Block>();
                // SAFETY: large enough and aligned for a link, and ours now.
                unsafe { block.write(Block(kept.lists[i])) };
                kept.lists[i] = Some(block);
                kept.bytes += size;
                return;
            }
        }
        if let Ok(layout) = layout(bytes) {
            // SAFETY: allocated by `take` with this layout.
            unsafe { dealloc(block.as_ptr(), layout) };
        }
    }

    fn clear(&'static self) {
        let Some(mut kept) = self.kept() else { return };
        let lists = std::mem::replace(&mut kept.lists, [None; SIZES]);
        kept.bytes = 0;
        drop(kept);
        for (i, mut list) in lists.into_iter().enumerate() {
            let size = (MIN << (i / STEPS)) + (MIN << (i / STEPS)) / STEPS * (i % STEPS);
            while let Some(block) = list {
                // SAFETY: as in `take` and `give_back`.
                unsafe {
                    list = block.read().0;
                    if let Ok(layout) = layout(size) {
                        dealloc(block.cast().as_ptr(), layout);
                    }
                }
            }
        }
    }
}

/// Gives all that is kept back to the system.
// By this name the thread sanitizer is told of it.
#[inline(never)]
pub fn clear() {
    BODIES.clear();
    SEGMENTS.clear();
}

/// Has the processor fetch a line of memory that is going to be written to, while it goes on.
/// Any address will do.
#[inline(always)]
pub fn prefetch(at: *const u8) {
    // The intrinsic would fetch it for reading, unless built for newer processors only. The older
    // ones take this for no operation.
    #[cfg(target_arch = "x86_64")]
    // SAFETY: changes nothing.
    unsafe {
        std::arch::asm!("prefetchw [{}]", in(reg) at, options(nostack, preserves_flags, readonly));
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = at;
}

/// As [`prefetch`], the lines of so many bytes.
#[inline(always)]
pub fn prefetch_lines(at: *const u8, bytes: usize) {
    for line in (0..bytes).step_by(64) {
        prefetch(at.wrapping_add(line));
    }
    prefetch(at.wrapping_add(bytes));
}

/// Which of the numbers have these bits as wanted, a bit for each.
#[inline]
pub fn alike(numbers: &[u32; 8], bits: u32, wanted: u32) -> u32 {
    // All at once: compilers make a loop of it that takes longer than to look at one after the other.
    #[cfg(target_arch = "x86_64")]
    // SAFETY: all of these processors have SSE2.
    unsafe {
        use std::arch::x86_64::*;
        let [a, b, c, d, e, f, g, h] = numbers.map(|number| (number & bits ^ wanted) as i32);
        let [low, high] = [_mm_set_epi32(d, c, b, a), _mm_set_epi32(h, g, f, e)]
            .map(|differences| _mm_cmpeq_epi32(differences, _mm_setzero_si128()));
        let alike = _mm_packs_epi16(_mm_packs_epi32(low, high), _mm_setzero_si128());
        _mm_movemask_epi8(alike) as u32
    }
    #[cfg(not(target_arch = "x86_64"))]
    (0..8).fold(0, |alike, i| {
        alike | u32::from(numbers[i] & bits == wanted) << i
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_large_enough_and_not_much_larger() {
        let mut last = None;
        for bytes in (MIN..=MAX).step_by(997).chain([MAX]) {
            let (i, size) = list(bytes).unwrap();
            assert!(i < SIZES && size >= bytes && size <= bytes + bytes / STEPS);
            assert_eq!(list(size), Some((i, size)));
            assert!(last <= Some(i));
            last = Some(i);
        }
        assert_eq!((list(MIN - 1), list(MAX + 1)), (None, None));
    }

    /// Threads that take blocks and give them back to each other: each block is one's alone.
    #[test]
    fn no_block_is_given_out_twice() {
        let threads = [1u8, 2, 3].map(|me| {
            std::thread::spawn(move || {
                let mut mine = Vec::new();
                for round in 0..2000 {
                    let bytes = MIN + (round * 7919) % (4 * MIN);
                    let block = BODIES.take(bytes).unwrap();
                    // SAFETY: so many bytes are there.
                    unsafe { block.write_bytes(me, bytes) };
                    mine.push((block, bytes));
                    if mine.len() > 5 {
                        let (block, bytes) = mine.swap_remove(round % 5);
                        // SAFETY: written above, and used by nobody else.
                        unsafe {
                            let all = std::slice::from_raw_parts(block.as_ptr(), bytes);
                            assert!(all.iter().all(|&byte| byte == me));
                            BODIES.give_back(block, bytes);
                        }
                    }
                }
                for (block, bytes) in mine {
                    // SAFETY: as above.
                    unsafe { BODIES.give_back(block, bytes) };
                }
            })
        });
        threads
            .into_iter()
            .for_each(|thread| thread.join().unwrap());
        assert!(BODIES.kept.lock().bytes <= KEPT_MAX);
        clear();
    }
}
