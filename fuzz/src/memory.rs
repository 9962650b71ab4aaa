//! How much memory a target takes.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
};

thread_local! {
    static TAKEN: Cell<isize> = const { Cell::new(0) };
    static PEAK: Cell<isize> = const { Cell::new(0) };
}

/// The system's allocator, with a count for each thread.
struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn count(bytes: isize) {
    // A thread that ends may free what it has no count for any more.
    let _ = TAKEN.try_with(|taken| {
        taken.set(taken.get().wrapping_add(bytes));
        let _ = PEAK.try_with(|peak| peak.set(peak.get().max(taken.get())));
    });
}

/// Counts what was taken, if there was enough: a peer may name any size.
fn taken(layout: Layout, at: *mut u8) -> *mut u8 {
    if !at.is_null() {
        count(layout.size() as isize);
    }
    at
}

// SAFETY: the system's allocator does it all.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promise.
        taken(layout, unsafe { System.alloc(layout) })
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        count(-(layout.size() as isize));
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(at, layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promise.
        taken(layout, unsafe { System.alloc_zeroed(layout) })
    }

    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: the caller's promise.
        let at = unsafe { System.realloc(at, layout, size) };
        if !at.is_null() {
            count(size as isize - layout.size() as isize);
        }
        at
    }
}

/// Runs `act`, and fails if it takes more than `limit` bytes at any time.
pub fn within<T>(limit: usize, act: impl FnOnce() -> T) -> T {
    let before = TAKEN.get();
    PEAK.set(before);
    let result = act();
    let taken = PEAK.get() - before;
    assert!(taken <= limit as isize, "{taken} bytes, not {limit}");
    result
}
