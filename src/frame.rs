//! The layout of a frame (RFC 15, 23, 37): a flags octet, a length of one or eight octets, the body.
//!
//! Owns the head's layout, wherever it is written or read: on the wire, in pipes, before bodies. Works on slices
//! alone. Also what a pipe has besides frames ([`Record`]): its reader meets nothing that is laid out elsewhere.
//!
//! The framing of ZMTP 1.0 is another one; [`crate::zmtp::v1`] has it.
#![forbid(unsafe_code)]

use crate::{
    error::{Error, Result},
    memory::copy,
};

/// The longest head, in octets.
pub const HEAD_MAX: usize = 9;

/// The longest body that has the short head.
pub const SHORT_MAX: usize = 255;

/// The short head: flags and one octet of length.
const SHORT_HEAD: usize = 2;

const MORE: u8 = 0b001;
/// The length has eight octets, in network order.
const LONG: u8 = 0b010;
const COMMAND: u8 = 0b100;

/// A record of a pipe that is no frame: what belongs here is kept beside the bytes. A frame can't be taken for it, as
/// the bits that the protocol reserves are cleared in every frame of a peer's that comes into a pipe.
const ASIDE: [u8; ASIDE_LEN] = [0x80, 0];

/// How many octets that record has.
pub const ASIDE_LEN: usize = 2;

/// The flags of a frame that mean something above the framing: MORE and COMMAND.
///
/// The bits are those of the wire. Reserved bits are ignored on receipt, as libzmq does, and sent as zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flags(u8);

impl Flags {
    /// A message's last frame.
    pub const NONE: Flags = Flags(0);
    /// More frames of the same message follow.
    pub const MORE: Flags = Flags(MORE);
    /// The frame is a command, no part of a message.
    pub const COMMAND: Flags = Flags(COMMAND);

    /// The flags in a frame's first octet.
    #[inline]
    pub const fn from_bits(bits: u8) -> Flags {
        Flags(bits & (MORE | COMMAND))
    }

    /// These, and MORE.
    #[inline]
    pub const fn and_more(self) -> Flags {
        Flags(self.0 | MORE)
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
        self.0 & MORE != 0
    }

    /// Whether the frame is a command.
    #[inline]
    pub const fn command(self) -> bool {
        self.0 & COMMAND != 0
    }
}

/// The most octets a frame's body may have: ZMQ_MAXMSGSIZE, or what the protocol can carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit(usize);

impl Limit {
    /// No limit but that of the wire, a little under 2^63: head and body together can be counted.
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

/// What a frame's head says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// MORE and COMMAND.
    pub flags: Flags,
    /// How many octets the head has.
    pub header_len: usize,
    /// How many octets the body has.
    pub body_len: usize,
}

impl Header {
    /// Reads the head at the start of `input`; `None` if there are too few octets yet.
    ///
    /// # Errors
    /// `EMSGSIZE` if the body is longer than `limit`.
    #[inline(always)]
    pub fn parse(input: &[u8], limit: Limit) -> Result<Option<Header>> {
        let &[flags, short, ..] = input else {
            return Ok(None);
        };
        let (header_len, body_len) = if flags & LONG == 0 {
            (SHORT_HEAD, u64::from(short))
        } else {
            let Some(length) = input[1..].first_chunk() else {
                return Ok(None);
            };
            (HEAD_MAX, u64::from_be_bytes(*length))
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

/// The head of a frame, ready to be sent.
#[derive(Clone, Copy, Debug)]
pub struct Head {
    octets: [u8; HEAD_MAX],
    len: u8,
}

impl Head {
    /// The head of a frame with a body of `body_len` octets.
    pub fn new(flags: Flags, body_len: usize) -> Head {
        let mut octets = [0; HEAD_MAX];
        let len = put_head(flags, body_len, &mut octets) as u8;
        Head { octets, len }
    }

    /// Its octets.
    #[inline]
    pub fn as_slice(&self) -> &[u8] {
        &self.octets[..usize::from(self.len)]
    }
}

/// How many octets the head of a frame takes that has such a body.
#[inline(always)]
pub const fn head_len(body_len: usize) -> usize {
    if body_len <= SHORT_MAX {
        SHORT_HEAD
    } else {
        HEAD_MAX
    }
}

/// How many octets a frame takes that has such a body. `ENOMEM` if there can be no such frame.
#[inline(always)]
pub fn frame_len(body_len: usize) -> Result<usize> {
    body_len
        .checked_add(head_len(body_len))
        .ok_or(Error::ENOMEM)
}

/// Writes the head of a frame at the start of `to`, which has room for it; returns how many octets that are.
#[inline(always)]
pub fn put_head(flags: Flags, body_len: usize, to: &mut [u8]) -> usize {
    if body_len <= SHORT_MAX {
        to[..SHORT_HEAD].copy_from_slice(&[flags.bits(), body_len as u8]);
        SHORT_HEAD
    } else {
        to[0] = flags.bits() | LONG;
        to[1..HEAD_MAX].copy_from_slice(&(body_len as u64).to_be_bytes());
        HEAD_MAX
    }
}

/// Writes a frame at the start of `to`, which has room for it.
#[inline(always)]
pub fn put(flags: Flags, body: &[u8], to: &mut [u8]) {
    let head = put_head(flags, body.len(), to);
    copy(body, &mut to[head..]);
}

/// Writes the mark of what is kept beside a pipe's bytes at the start of `to`, which has room for it.
#[inline(always)]
pub fn put_aside(to: &mut [u8]) {
    to[..ASIDE_LEN].copy_from_slice(&ASIDE);
}

/// Appends a whole frame. ENOMEM, and nothing done.
pub fn write(flags: Flags, body: &[u8], out: &mut Vec<u8>) -> Result<()> {
    write_parts(flags, &[body], out)
}

/// Appends a frame whose body is `parts` one after the other. ENOMEM, and nothing done.
pub fn write_parts(flags: Flags, parts: &[&[u8]], out: &mut Vec<u8>) -> Result<()> {
    let body_len = parts.iter().map(|part| part.len()).sum();
    out.try_reserve(frame_len(body_len)?)?;
    out.extend_from_slice(Head::new(flags, body_len).as_slice());
    for part in parts {
        out.extend_from_slice(part);
    }
    Ok(())
}

/// Makes the first octet of a peer's frame what it is in a pipe: reserved bits say nothing, and a command is no part of
/// a message.
#[inline]
pub fn clean(first: &mut u8) {
    *first &= match *first & COMMAND {
        0 => MORE | LONG,
        _ => COMMAND | LONG,
    };
}

/// What a pipe's bytes begin with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Record<'a> {
    /// A frame.
    Frame(Flags, &'a [u8]),
    /// The next one of what is kept beside the bytes.
    Aside,
}

impl<'a> Record<'a> {
    /// The record at the start of a pipe's bytes, and how many of them it has. `None` if there is no whole one.
    #[inline(always)]
    pub fn first(bytes: &'a [u8]) -> Option<(Record<'a>, usize)> {
        if bytes.starts_with(&ASIDE) {
            return Some((Record::Aside, ASIDE_LEN));
        }
        let header = Header::parse(bytes, Limit::NONE).ok()??;
        if bytes[0] & !(MORE | LONG | COMMAND) != 0 {
            return None;
        }
        let len = header.frame_len();
        let frame = bytes.get(..len)?;
        Some((
            Record::Frame(header.flags, &frame[header.header_len..]),
            len,
        ))
    }
}

/// Whether a pipe's bytes begin with a message that has one part and the short head.
#[inline(always)]
pub fn is_message(bytes: &[u8]) -> bool {
    bytes.first() == Some(&Flags::NONE.bits())
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

impl Walk {
    /// Over one record, which ends a message or doesn't.
    #[inline]
    pub fn of(octets: usize, more: bool) -> Walk {
        match more {
            true => Walk {
                octets,
                ..Walk::default()
            },
            false => Walk {
                octets,
                messages: 1,
                whole: octets,
            },
        }
    }
}

/// Passes by whole frames in which there is nothing to look at: parts of messages, without reserved flags. Stops where
/// so many messages have ended, or before anything else: a command, a body over the limit, a frame that isn't all there.
#[inline]
pub fn walk(input: &[u8], limit: Limit, messages: u64) -> Walk {
    walk_all::<0>(input, limit, messages)
}

/// As [`walk`], over commands as well, each of which counts as a message.
#[inline]
pub fn walk_with_commands(input: &[u8], limit: Limit, messages: u64) -> Walk {
    walk_all::<COMMAND>(input, limit, messages)
}

#[inline(always)]
fn walk_all<const ALSO: u8>(input: &[u8], limit: Limit, messages: u64) -> Walk {
    let mut walk = Walk::default();
    while walk.messages < messages {
        let &[flags, short, ref rest @ ..] = &input[walk.octets..] else {
            break;
        };
        let mut header_len = SHORT_HEAD;
        let mut body_len = usize::from(short);
        if flags & !(MORE | ALSO) != 0 {
            let length = rest.first_chunk::<7>();
            let (LONG, Some(rest)) = (flags & !(MORE | ALSO), length) else {
                break;
            };
            let [a, b, c, d, e, f, g] = *rest;
            header_len = HEAD_MAX;
            body_len = u64::from_be_bytes([short, a, b, c, d, e, f, g]) as usize;
        }
        if body_len > limit.0 || input.len() - walk.octets - header_len < body_len {
            break;
        }
        walk.octets += header_len + body_len;
        if flags & MORE == 0 {
            walk.messages += 1;
            walk.whole = walk.octets;
        }
    }
    walk
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
            write(flags, &vec![7; body_len], &mut frames).unwrap();
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
        for first in [0x04, 0x08, 0x40, 0x80, 0x82] {
            let mut other = frames.clone();
            other.splice(..0, [first, 0, 0, 0, 0, 0, 0, 0, 0]);
            assert_eq!(walk(&other, Limit::NONE, u64::MAX), Walk::default());
            let passed = walk_with_commands(&other, Limit::NONE, 1).octets;
            assert_eq!(passed, if first == COMMAND { 2 } else { 0 });
        }
    }

    #[test]
    fn every_length_survives_a_round_trip() {
        for body_len in [0, 1, 254, 255, 256, 65536, 1 << 40, Limit::NONE.0] {
            for flags in [Flags::NONE, Flags::MORE, Flags::COMMAND] {
                let header = Head::new(flags, body_len);
                let header = header.as_slice();
                let header_len = header.len();
                assert_eq!(header_len, head_len(body_len));
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
        assert_eq!(Head::new(Flags::MORE, 255).as_slice(), [1, 255]);
        let long = Head::new(Flags::COMMAND, 256);
        assert_eq!(long.as_slice(), [6, 0, 0, 0, 0, 0, 0, 1, 0]);
    }

    /// Every body that a pipe may have, with what comes behind it.
    #[test]
    fn every_frame_is_a_record_of_its_own_size() {
        let body: Vec<u8> = (0..70_000).map(|i| (i % 251) as u8).collect();
        let mut bytes = vec![0xee; 70_000 + HEAD_MAX + ASIDE_LEN];
        for size in 0..=body.len() {
            for flags in [Flags::NONE, Flags::MORE, Flags::COMMAND] {
                let len = frame_len(size).unwrap();
                put(flags, &body[..size], &mut bytes);
                put_aside(&mut bytes[len..]);
                let (record, end) = Record::first(&bytes).unwrap();
                let Record::Frame(read, read_body) = record else {
                    panic!("{record:?}");
                };
                // Most bodies by their ends: all of all would take long.
                let few = if size % 997 < 3 { size } else { size.min(9) };
                assert_eq!((read, read_body.len(), end), (flags, size, len));
                assert!(read_body[..few] == body[..few]);
                assert!(read_body[size - few..] == body[size - few..size]);
                assert_eq!(
                    Record::first(&bytes[len..]),
                    Some((Record::Aside, ASIDE_LEN))
                );
                assert_eq!(Record::first(&bytes[..len - 1]), None);
                let is_short = flags == Flags::NONE && size <= SHORT_MAX;
                assert_eq!(is_message(&bytes), is_short);
            }
        }
    }

    /// What a peer says is never taken for the mark, and no other record of ours can be made of it.
    #[test]
    fn reserved_bits_make_no_record() {
        for bits in 0..=255u8 {
            let bytes = [bits, 0, 0, 0, 0, 0, 0, 0, 0];
            let is_aside = bits == ASIDE[0];
            let known = bits & !(MORE | LONG | COMMAND) == 0;
            assert_eq!(Record::first(&bytes).is_some(), known || is_aside);
            let mut first = bits;
            clean(&mut first);
            let bytes = [first, 0, 0, 0, 0, 0, 0, 0, 0];
            let record = Record::first(&bytes).unwrap().0;
            let command = bits & COMMAND != 0;
            let flags = Flags(bits & if command { COMMAND } else { MORE });
            assert_eq!(record, Record::Frame(flags, &[]));
        }
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
