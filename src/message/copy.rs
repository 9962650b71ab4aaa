//! Copying few bytes: most bodies are so small that calling memcpy(3) costs more than the copy.

use std::ptr;

/// A body that is copied without any call.
#[derive(Clone, Copy)]
pub struct Small<'a>(&'a [u8]);

impl<'a> Small<'a> {
    /// The most bytes that it can have.
    pub const MAX: usize = 64;

    /// None if there are too many.
    #[inline(always)]
    pub fn new(bytes: &'a [u8]) -> Option<Small<'a>> {
        (bytes.len() <= Small::MAX).then_some(Small(bytes))
    }

    /// Its size in bytes.
    #[inline(always)]
    pub fn size(self) -> usize {
        self.0.len()
    }

    /// Copies it.
    ///
    /// # Safety
    /// As for [`ptr::copy_nonoverlapping`].
    #[inline(always)]
    pub unsafe fn copy_to(self, to: *mut u8) {
        // SAFETY: as promised; it has no more bytes.
        unsafe { copy_small(self.0.as_ptr(), to, self.0.len()) };
    }
}

/// Copies so many bytes.
///
/// # Safety
/// As for [`ptr::copy_nonoverlapping`].
#[inline(always)]
pub unsafe fn copy(from: *const u8, to: *mut u8, size: usize) {
    // SAFETY: as promised.
    unsafe {
        match size {
            0..=Small::MAX => copy_small(from, to, size),
            _ => ptr::copy_nonoverlapping(from, to, size),
        }
    }
}

/// As [`copy`], of at most [`Small::MAX`] bytes.
#[inline(always)]
unsafe fn copy_small(from: *const u8, to: *mut u8, size: usize) {
    /// Two copies of a type's size that may overlap: one from the start, one up to the end.
    #[inline(always)]
    unsafe fn both_ends<T: Copy>(from: *const u8, to: *mut u8, size: usize) {
        let last = size - size_of::<T>();
        // SAFETY: as for `copy`, if at least one and at most two of the type make up the size.
        unsafe {
            let (head, tail) = (
                from.cast::<T>().read_unaligned(),
                from.add(last).cast::<T>().read_unaligned(),
            );
            to.cast::<T>().write_unaligned(head);
            to.add(last).cast::<T>().write_unaligned(tail);
        }
    }
    debug_assert!(size <= Small::MAX);
    // SAFETY: as promised, and each is called for the sizes that it is for.
    unsafe {
        match size {
            33.. => {
                let last = size - 32;
                both_ends::<u128>(from, to, 32);
                both_ends::<u128>(from.add(last), to.add(last), 32);
            }
            16.. => both_ends::<u128>(from, to, size),
            8.. => both_ends::<u64>(from, to, size),
            4.. => both_ends::<u32>(from, to, size),
            2.. => both_ends::<u16>(from, to, size),
            1 => to.write(from.read()),
            0 => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_size_is_copied_and_nothing_else() {
        let from: Vec<u8> = (1..=200).collect();
        for size in 0..=from.len() {
            let mut to = vec![0; size + 2];
            // SAFETY: there are so many bytes in both.
            unsafe { copy(from.as_ptr(), to.as_mut_ptr().add(1), size) };
            assert_eq!(to[1..=size], from[..size]);
            assert_eq!((to[0], to[size + 1]), (0, 0));
        }
    }
}
