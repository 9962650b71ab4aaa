//! Copying few bytes: most bodies are so small that calling memcpy(3) costs more than the copy.

/// Up to this size (bytes) a body is copied without a call.
const SMALL_MAX: usize = 64;

/// Copies bytes to the start of `to`, which has room for them.
#[inline(always)]
pub fn copy(from: &[u8], to: &mut [u8]) {
    let to = &mut to[..from.len()];
    match from.len() {
        0..=SMALL_MAX => copy_small(from, to),
        _ => to.copy_from_slice(from),
    }
}

/// Copies at most [`SMALL_MAX`] bytes, as many as there are in both.
#[inline(always)]
fn copy_small(from: &[u8], to: &mut [u8]) {
    /// Two copies of so many bytes that may overlap: one from the start, one up to the end.
    #[inline(always)]
    fn both_ends<const N: usize>(from: &[u8], to: &mut [u8]) {
        if let (Some(head), Some(tail)) = (from.first_chunk::<N>(), from.last_chunk::<N>()) {
            if let Some(to) = to.first_chunk_mut() {
                *to = *head;
            }
            if let Some(to) = to.last_chunk_mut() {
                *to = *tail;
            }
        }
    }
    match from.len() {
        33.. => both_ends::<32>(from, to),
        16.. => both_ends::<16>(from, to),
        8.. => both_ends::<8>(from, to),
        4.. => both_ends::<4>(from, to),
        2.. => both_ends::<2>(from, to),
        1 => both_ends::<1>(from, to),
        0 => {}
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
            copy(&from[..size], &mut to[1..]);
            assert_eq!(to[1..=size], from[..size]);
            assert_eq!((to[0], to[size + 1]), (0, 0));
        }
    }
}
