//! The framing of ZMTP 2.0, 3.0 and 3.1 (RFC 15, 23, 37): a flags octet, a length of one or eight octets, the body.
//!
//! Owns the header's layout and the limit on a body's length. Never touches bodies. This is the hot path: all of it
//! is inlined and without loops.

use crate::error::{Error, Result};

/// The longest header, in octets.
pub const MAX_HEADER: usize = 9;

/// The flag that says that the length has eight octets.
const LONG: u8 = 0b010;

/// The flags of a frame that mean something above the framing: MORE and COMMAND.
///
/// The bits are those of the wire. Reserved bits are ignored on receipt, as libzmq does, and sent as zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flags(u8);

impl Flags {
    /// A message's last frame.
    pub const NONE: Flags = Flags(0);
    /// More frames of the same message follow.
    pub const MORE: Flags = Flags(0b001);
    /// The frame is a command, no part of a message.
    pub const COMMAND: Flags = Flags(0b100);

    /// The flags in a frame's first octet.
    #[inline]
    pub const fn from_bits(bits: u8) -> Flags {
        Flags(bits & (Flags::MORE.0 | Flags::COMMAND.0))
    }

    /// These, and MORE.
    #[inline]
    pub const fn and_more(self) -> Flags {
        Flags(self.0 | Flags::MORE.0)
    }

    /// MORE if so, otherwise nothing.
    #[inline]
    pub const fn more_if(more: bool) -> Flags {
        Flags(more as u8)
    }

    /// The octet that [`Flags::from_bits`] reads.
    #[inline]
    pub const fn bits(self) -> u8 {
        self.0
    }

    /// Whether more frames of the same message follow.
    #[inline]
    pub const fn more(self) -> bool {
        self.0 & Flags::MORE.0 != 0
    }

    /// Whether the frame is a command.
    #[inline]
    pub const fn command(self) -> bool {
        self.0 & Flags::COMMAND.0 != 0
    }
}

/// The most octets a frame's body may have: ZMQ_MAXMSGSIZE, or what the protocol can carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit(usize);

impl Limit {
    /// No limit but that of the wire, a little under 2^63: header and body together can be counted.
    pub const NONE: Limit = Limit(isize::MAX as usize - 64);

    /// The limit for a value of ZMQ_MAXMSGSIZE; -1 stands for none.
    pub fn new(max_message_size: i64) -> Limit {
        usize::try_from(max_message_size).map_or(Limit::NONE, |octets| Limit::NONE.min(octets))
    }

    /// The tighter of this limit and `octets`.
    pub fn min(self, octets: usize) -> Limit {
        Limit(self.0.min(octets))
    }

    /// The length in octets as a number to count with.
    ///
    /// # Errors
    /// `EMSGSIZE` if it is over the limit.
    #[inline]
    pub fn check(self, octets: u64) -> Result<usize> {
        if octets > self.0 as u64 {
            return Err(Error::EMSGSIZE);
        }
        Ok(octets as usize)
    }
}

/// What a frame's header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// MORE and COMMAND.
    pub flags: Flags,
    /// How many octets the header has.
    pub header_len: usize,
    /// How many octets the body has.
    pub body_len: usize,
}

impl Header {
    /// Reads the header at the start of `input`; `None` if there are too few octets yet.
    ///
    /// # Errors
    /// `EMSGSIZE` if the body is longer than `limit`.
    #[inline(always)]
    pub fn parse(input: &[u8], limit: Limit) -> Result<Option<Header>> {
        let &[flags, short, ..] = input else {
            return Ok(None);
        };
        let (header_len, body_len) = if flags & LONG == 0 {
            (2, u64::from(short))
        } else {
            let Some(length) = input[1..].first_chunk() else {
                return Ok(None);
            };
            (MAX_HEADER, u64::from_be_bytes(*length))
        };
        Ok(Some(Header {
            flags: Flags::from_bits(flags),
            header_len,
            body_len: limit.check(body_len)?,
        }))
    }

    /// How many octets the whole frame has.
    #[inline]
    pub const fn frame_len(&self) -> usize {
        self.header_len + self.body_len
    }
}

/// What [`walk`] has passed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Walk {
    /// How many octets, all of them whole frames.
    pub octets: usize,
    /// How many messages ended, ..
    pub messages: u64,
    /// .. and how many octets there are up to the end of the last one.
    pub whole: usize,
}

/// Passes by whole frames in which there is nothing to look at: parts of messages, without reserved flags. Stops where
/// so many messages have ended, or before anything else: a command, a body over the limit, a frame that isn't all there.
#[inline]
pub fn walk(input: &[u8], limit: Limit, messages: u64) -> Walk {
    let mut walk = Walk::default();
    while walk.messages < messages {
        let &[flags, short, ref rest @ ..] = &input[walk.octets..] else {
            break;
        };
        let mut header_len = 2;
        let mut body_len = usize::from(short);
        if flags & !Flags::MORE.0 != 0 {
            let length = rest.first_chunk::<7>();
            let (LONG, Some(rest)) = (flags & !Flags::MORE.0, length) else {
                break;
            };
            let [a, b, c, d, e, f, g] = *rest;
            header_len = MAX_HEADER;
            body_len = u64::from_be_bytes([short, a, b, c, d, e, f, g]) as usize;
        }
        if body_len > limit.0 || input.len() - walk.octets - header_len < body_len {
            break;
        }
        walk.octets += header_len + body_len;
        if flags & Flags::MORE.0 == 0 {
            walk.messages += 1;
            walk.whole = walk.octets;
        }
    }
    walk
}

/// Writes the header of a frame with a body of `body_len` octets; returns how many octets of `to` it takes.
#[inline(always)]
pub fn write_header(flags: Flags, body_len: usize, to: &mut [u8; MAX_HEADER]) -> usize {
    if body_len <= 0xff {
        to[0] = flags.bits();
        to[1] = body_len as u8;
        2
    } else {
        to[0] = flags.bits() | LONG;
        to[1..].copy_from_slice(&(body_len as u64).to_be_bytes());
        MAX_HEADER
    }
}

/// Appends a whole frame.
pub fn write(flags: Flags, body: &[u8], out: &mut Vec<u8>) {
    let mut header = [0; MAX_HEADER];
    let header_len = write_header(flags, body.len(), &mut header);
    out.extend_from_slice(&header[..header_len]);
    out.extend_from_slice(body);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Walking stops before what has to be looked at, and counts what it has passed.
    #[test]
    fn only_whole_parts_of_messages_are_passed_by() {
        let mut frames = Vec::new();
        for (flags, body_len) in [
            (Flags::NONE, 3),
            (Flags::MORE, 0),
            (Flags::NONE, 300),
            (Flags::MORE, 1),
        ] {
            write(flags, &vec![7; body_len], &mut frames);
        }
        let (whole, octets) = (5 + 2 + 309, 5 + 2 + 309 + 3);
        let all = Walk {
            octets,
            messages: 2,
            whole,
        };
        assert_eq!(walk(&frames, Limit::NONE, u64::MAX), all);
        assert_eq!(walk(&frames, Limit::NONE, 1).octets, 5);
        assert_eq!(walk(&frames, Limit::NONE, 0), Walk::default());
        assert_eq!(walk(&frames, Limit::new(299), u64::MAX).octets, 7);
        for end in 0..frames.len() {
            let walk = walk(&frames[..end], Limit::NONE, u64::MAX);
            let ends = [0, 5, 7, 7 + 309, octets];
            assert_eq!(walk.octets, *ends.iter().rfind(|&&e| e <= end).unwrap());
        }
        for first in [0x04, 0x08, 0x40, 0x82] {
            let mut other = frames.clone();
            other.splice(..0, [first, 0, 0, 0, 0, 0, 0, 0, 0]);
            assert_eq!(walk(&other, Limit::NONE, u64::MAX), Walk::default());
        }
    }

    #[test]
    fn every_length_survives_a_round_trip() {
        for body_len in [0, 1, 254, 255, 256, 65536, 1 << 40, Limit::NONE.0] {
            for flags in [Flags::NONE, Flags::MORE, Flags::COMMAND] {
                let mut header = [0; MAX_HEADER];
                let header_len = write_header(flags, body_len, &mut header);
                let header = &header[..header_len];
                assert_eq!(
                    Header::parse(header, Limit::NONE),
                    Ok(Some(Header {
                        flags,
                        header_len,
                        body_len
                    }))
                );
                for cut in 0..header_len {
                    assert_eq!(Header::parse(&header[..cut], Limit::NONE), Ok(None));
                }
            }
        }
    }

    #[test]
    fn the_long_form_begins_at_256_octets() {
        let mut header = [0; MAX_HEADER];
        assert_eq!(write_header(Flags::MORE, 255, &mut header), 2);
        assert_eq!(header[..2], [1, 255]);
        assert_eq!(write_header(Flags::COMMAND, 256, &mut header), 9);
        assert_eq!(header, [6, 0, 0, 0, 0, 0, 0, 1, 0]);
    }

    #[test]
    fn reserved_bits_are_ignored() {
        let header = Header::parse(&[0xf9, 3], Limit::NONE).unwrap().unwrap();
        assert_eq!((header.flags, header.body_len), (Flags::MORE, 3));
    }

    #[test]
    fn a_short_length_in_the_long_form_is_taken() {
        let header = Header::parse(&[2, 0, 0, 0, 0, 0, 0, 0, 1], Limit::NONE);
        assert_eq!(header.unwrap().unwrap().frame_len(), 10);
    }

    #[test]
    fn a_body_over_the_limit_is_refused() {
        let limit = Limit::new(10);
        assert!(Header::parse(&[0, 10], limit).unwrap().is_some());
        assert_eq!(Header::parse(&[0, 11], limit), Err(Error::EMSGSIZE));
        let endless = [2, 255, 255, 255, 255, 255, 255, 255, 255];
        for limit in [Limit::NONE, Limit::new(-1), Limit::new(i64::MAX)] {
            assert_eq!(Header::parse(&endless, limit), Err(Error::EMSGSIZE));
        }
        assert_eq!(Header::parse(&[0, 1], Limit::new(0)), Err(Error::EMSGSIZE));
    }
}
