//! Z85: bytes as printable text, four bytes in five characters (RFC 32).
//!
//! Owns the alphabet and nothing else: no lengths of keys, no terminating zero.
#![forbid(unsafe_code)]

use crate::error::{Error, Result};

const ALPHABET: &[u8; 85] =
    b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#";

const NO_DIGIT: u8 = 0xff;

/// The digit of each character, or [`NO_DIGIT`].
const DIGITS: [u8; 256] = {
    let mut digits = [NO_DIGIT; 256];
    let mut digit = 0;
    while digit < ALPHABET.len() {
        digits[ALPHABET[digit] as usize] = digit as u8;
        digit += 1;
    }
    digits
};

/// Encodes bytes as ASCII text.
///
/// # Errors
///
/// `EINVAL` where the length is no multiple of 4; `ENOMEM` where there is no room for the text.
pub fn encode(bytes: &[u8]) -> Result<Vec<u8>> {
    let (chunks, []) = bytes.as_chunks::<4>() else {
        return Err(Error::EINVAL);
    };
    let mut text = reserve(chunks.len(), 5)?;
    for chunk in chunks {
        let mut value = u32::from_be_bytes(*chunk);
        let mut digits = [0; 5];
        for digit in digits.iter_mut().rev() {
            *digit = ALPHABET[(value % 85) as usize];
            value /= 85;
        }
        text.extend_from_slice(&digits);
    }
    Ok(text)
}

/// Decodes text to bytes.
///
/// # Errors
///
/// `EINVAL` where the text is empty or its length no multiple of 5, where a character is not of the alphabet, and where
/// five characters come to more than four bytes hold; `ENOMEM` where there is no room for the bytes.
pub fn decode(text: &[u8]) -> Result<Vec<u8>> {
    let (chunks, []) = text.as_chunks::<5>() else {
        return Err(Error::EINVAL);
    };
    if chunks.is_empty() {
        return Err(Error::EINVAL);
    }
    let mut bytes = reserve(chunks.len(), 4)?;
    for chunk in chunks {
        bytes.extend_from_slice(&decode_group(chunk)?);
    }
    Ok(bytes)
}

/// Decodes five characters to four bytes.
///
/// # Errors
///
/// `EINVAL` where one is not of the alphabet, and where they come to more than four bytes hold.
pub fn decode_group(text: &[u8; 5]) -> Result<[u8; 4]> {
    let value = text.iter().try_fold(0_u32, |value, &character| {
        let digit = DIGITS[usize::from(character)];
        if digit == NO_DIGIT {
            return None;
        }
        value.checked_mul(85)?.checked_add(u32::from(digit))
    });
    value.map(u32::to_be_bytes).ok_or(Error::EINVAL)
}

/// An empty vector with room for that many chunks.
fn reserve(chunks: usize, len: usize) -> Result<Vec<u8>> {
    let mut room = Vec::new();
    let len = chunks.checked_mul(len).ok_or(Error::ENOMEM)?;
    room.try_reserve_exact(len)?;
    Ok(room)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The test vector of RFC 32.
    const BYTES: [u8; 8] = [0x86, 0x4f, 0xd2, 0x6f, 0xb5, 0x59, 0xf7, 0x5b];
    const TEXT: &[u8] = b"HelloWorld";

    #[test]
    fn the_vector_of_the_rfc() {
        assert_eq!(encode(&BYTES).unwrap(), TEXT);
        assert_eq!(decode(TEXT).unwrap(), BYTES);
    }

    #[test]
    fn the_ends_of_the_range() {
        assert_eq!(encode(&[0; 4]).unwrap(), b"00000");
        assert_eq!(encode(&[0xff; 4]).unwrap(), b"%nSc0");
        assert_eq!(decode(b"%nSc0").unwrap(), [0xff; 4]);
        assert_eq!(encode(&[]).unwrap(), b"");
    }

    #[test]
    fn what_is_no_z85_is_refused() {
        for text in [
            &b""[..],
            b"0",
            b"HelloWorl",
            // More than four bytes hold: by one, by a digit's addition, by the multiplication.
            b"%nSc1",
            b"%nSd0",
            b"#####",
            // Not of the alphabet: inside its range, beside it, and beyond ASCII.
            b"####\"",
            b"####\x20",
            b"####\x7f",
            b"0000\x80",
            b"0000\xff",
            // A later chunk counts as the first does.
            b"00000####~",
        ] {
            assert_eq!(decode(text).unwrap_err(), Error::EINVAL, "{text:?}");
        }
        for len in [1, 2, 3, 5, 42] {
            assert_eq!(encode(&vec![0; len]).unwrap_err(), Error::EINVAL);
        }
    }

    #[test]
    fn each_character_is_one_digit() {
        for (digit, character) in ALPHABET.iter().enumerate() {
            assert_eq!(usize::from(DIGITS[usize::from(*character)]), digit);
        }
        assert_eq!(
            DIGITS.iter().filter(|&&digit| digit != NO_DIGIT).count(),
            85
        );
    }
}
