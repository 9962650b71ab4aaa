//! Vectors that grow only as far as there is memory: what the standard library grows by itself ends the process without it.
//!
//! For all that is large, or as large as a peer or the program says.

use crate::error::Result;

/// An empty vector with room for so many bytes. ENOMEM.
pub fn with_room(bytes: usize) -> Result<Vec<u8>> {
    let mut room = Vec::new();
    room.try_reserve_exact(bytes)?;
    Ok(room)
}

/// A copy of some bytes. ENOMEM.
pub fn copied(bytes: &[u8]) -> Result<Vec<u8>> {
    let mut copy = with_room(bytes.len())?;
    copy.extend_from_slice(bytes);
    Ok(copy)
}

/// A vector of so many zeros. ENOMEM.
pub fn zeroed(bytes: usize) -> Result<Vec<u8>> {
    let mut zeros = with_room(bytes)?;
    zeros.resize(bytes, 0);
    Ok(zeros)
}

/// Appends some bytes. ENOMEM, and nothing done.
pub fn append(to: &mut Vec<u8>, bytes: &[u8]) -> Result<()> {
    to.try_reserve(bytes.len())?;
    to.extend_from_slice(bytes);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;

    /// More than there can be is an error, and changes nothing.
    #[test]
    fn without_memory_nothing_is_done() {
        assert_eq!(with_room(usize::MAX / 4), Err(Error::ENOMEM));
        assert_eq!(zeroed(usize::MAX / 4), Err(Error::ENOMEM));
        let mut bytes = copied(b"abc").unwrap();
        append(&mut bytes, b"de").unwrap();
        assert_eq!(bytes, b"abcde");
        assert_eq!(zeroed(3), Ok(vec![0; 3]));
    }
}
