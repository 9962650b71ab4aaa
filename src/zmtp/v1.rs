//! The framing of ZMTP 1.0 (RFC 13): a length that counts the flags octet too, the flags, the body.
//!
//! A header read here is a [`Header`] like any other, so that what follows need not care.

use super::frame::{Flags, Header, Limit};
use crate::error::{Error, Result};

/// The longest header, in octets.
pub const MAX_HEADER: usize = 10;

/// The first octet where the length follows in eight.
const LONG: u8 = 0xff;

/// Reads the header at the start of `input`; `None` if there are too few octets yet.
///
/// # Errors
/// `EPROTO` for a length that leaves no room for the flags, `EMSGSIZE` if the body is longer than `limit`.
pub fn parse(input: &[u8], limit: Limit) -> Result<Option<Header>> {
    let (length, flags_at) = match input {
        [] => return Ok(None),
        [LONG, rest @ ..] => match rest.first_chunk() {
            None => return Ok(None),
            Some(length) => (u64::from_be_bytes(*length), 9),
        },
        [length, ..] => (u64::from(*length), 1),
    };
    let body_len = limit.check(length.checked_sub(1).ok_or(Error::EPROTO)?)?;
    Ok(input.get(flags_at).map(|flags| Header {
        flags: Flags::from_bits(flags & Flags::MORE.bits()),
        header_len: flags_at + 1,
        body_len,
    }))
}

/// Writes the header of a frame with a body of `body_len` octets; returns how many octets of `to` it takes.
///
/// This version has no commands: of the flags only MORE is sent.
pub fn write_header(flags: Flags, body_len: usize, to: &mut [u8; MAX_HEADER]) -> usize {
    let length = body_len as u64 + 1;
    let more = u8::from(flags.more());
    if length < u64::from(LONG) {
        to[..2].copy_from_slice(&[length as u8, more]);
        2
    } else {
        to[0] = LONG;
        to[1..9].copy_from_slice(&length.to_be_bytes());
        to[9] = more;
        MAX_HEADER
    }
}

/// Appends a whole frame.
///
/// # Errors
/// `ENOMEM`, and nothing is done.
pub fn write(flags: Flags, body: &[u8], out: &mut Vec<u8>) -> Result<()> {
    write_parts(flags, &[body], out)
}

/// Appends a frame whose body is `parts` one after the other.
///
/// # Errors
/// `ENOMEM`, and nothing is done.
pub fn write_parts(flags: Flags, parts: &[&[u8]], out: &mut Vec<u8>) -> Result<()> {
    let body_len = parts.iter().map(|part| part.len()).sum();
    let mut header = [0; MAX_HEADER];
    let header_len = write_header(flags, body_len, &mut header);
    out.try_reserve(header_len.saturating_add(body_len))?;
    out.extend_from_slice(&header[..header_len]);
    parts.iter().for_each(|part| out.extend_from_slice(part));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_length_survives_a_round_trip() {
        for body_len in [0, 1, 253, 254, 255, 256, 1 << 40] {
            for flags in [Flags::NONE, Flags::MORE] {
                let mut header = [0; MAX_HEADER];
                let header_len = write_header(flags, body_len, &mut header);
                let header = &header[..header_len];
                assert_eq!(
                    parse(header, Limit::NONE),
                    Ok(Some(Header {
                        flags,
                        header_len,
                        body_len
                    }))
                );
                for cut in 0..header_len {
                    assert_eq!(parse(&header[..cut], Limit::NONE), Ok(None));
                }
            }
        }
    }

    #[test]
    fn the_long_form_begins_at_254_octets() {
        let mut header = [0; MAX_HEADER];
        assert_eq!(write_header(Flags::MORE, 253, &mut header), 2);
        assert_eq!(header[..2], [254, 1]);
        assert_eq!(write_header(Flags::NONE, 254, &mut header), 10);
        assert_eq!(header, [255, 0, 0, 0, 0, 0, 0, 0, 255, 0]);
    }

    #[test]
    fn bad_lengths_are_refused_before_the_flags_arrive() {
        assert_eq!(parse(&[0], Limit::NONE), Err(Error::EPROTO));
        let mut long = [255; 9];
        assert_eq!(parse(&long, Limit::NONE), Err(Error::EMSGSIZE));
        long[1..].fill(0);
        assert_eq!(parse(&long, Limit::NONE), Err(Error::EPROTO));
        assert_eq!(parse(&[12], Limit::new(10)), Err(Error::EMSGSIZE));
    }
}
