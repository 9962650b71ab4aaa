//! Large bodies, which are read into memory of their own: straight to where they stay, if the next one is as large as the
//! last.

use std::ptr;

use super::{Engine, Moved, SCRATCH, socket};
use crate::{
    error::{Error, Result},
    frame::HEAD_MAX,
    memory,
    message::Message,
    pipe::Tx,
    zmtp::{self, Header},
};

/// A body is read to where it is expected if one call is worth it, but is given no more room than
/// that before it is there (bytes).
const EXPECTED_MIN: usize = SCRATCH / 2;
const EXPECTED_MAX: usize = 4 * 1024 * 1024;
/// And not if what comes before it in its message, its own header included, is longer than this (bytes).
const LEAD_MAX: usize = 256;
/// A read takes so many bytes more than there is room for in the pipe, unless that is likely enough. Once as many come at a
/// time, it gets that room there, at least (bytes).
const STREAM_MIN: usize = SCRATCH / 4;
/// Less room than this in the pipe is not enough for a small message, however small the last one was (bytes).
const ROOM_MIN: usize = 64;

/// A body that is read into memory of its own.
pub(super) struct Large {
    message: Message,
    filled: usize,
    flags: zmtp::Flags,
}

/// The large bodies of a connection.
#[derive(Default)]
#[repr(C)]
pub(super) struct Bodies {
    /// How many bytes of frames were accepted since the last such body, or since the message began.
    pub(super) before: usize,
    /// What such a body's size was last time; zero if something else came since. The next one is
    /// often as large: then it is read straight to where it stays, together with its header.
    expected: usize,
    /// How many bytes came before it in its message, with its header: REQ and REP have an empty frame there.
    lead: usize,
    /// The one that is coming.
    pub(super) current: Option<Large>,
    /// The beginning of a body that was read so, and how much of it is there.
    early: Option<(Message, usize)>,
}

impl Engine {
    /// How many bytes are still to come of a long body.
    pub fn missing(&self) -> usize {
        let large = self.bodies.current.as_ref();
        large.map_or(0, |large| large.message.size() - large.filled)
    }

    /// One read: first into what is left of a large body, then to where the next one is expected
    /// with its header, or else behind what is staged, then into the buffer. Returns what came and
    /// how much there was room for.
    pub(super) fn fill(&mut self, tx: &mut Tx, buffer: &mut Vec<u8>) -> Result<(Moved, usize)> {
        let piece = |start: *mut u8, len| libc::iovec {
            iov_base: start.cast(),
            iov_len: len,
        };
        let mut pieces = [piece(ptr::null_mut(), 0); 3];
        if let Some(large) = &mut self.bodies.current {
            let left = large.message.size() - large.filled;
            pieces[0] = piece(large.message.data().wrapping_add(large.filled), left);
        }
        let mut early = None;
        if pieces[0].iov_len >= SCRATCH {
            // It is far from done: all that comes is the body's.
        } else if self.bodies.expected > 0 && tx.staged().is_empty() {
            let mut message = Message::with_size(self.bodies.expected)?;
            let lead = match self.bodies.lead.checked_sub(self.bodies.before) {
                Some(lead @ HEAD_MAX..) => lead,
                _ => HEAD_MAX,
            };
            pieces[1] = piece(tx.room(lead)?.as_mut_ptr(), lead);
            pieces[2] = piece(message.data(), message.size());
            early = Some(message);
        } else if self.is_streaming() {
            let least = match tx.free_room().len() {
                ..STREAM_MIN => SCRATCH,
                _ => 0,
            };
            let room = tx.room(least)?;
            pieces[1] = piece(room.as_mut_ptr(), room.len());
        } else {
            let room = tx.free_room();
            pieces[1] = piece(room.as_mut_ptr(), room.len());
            // Where what comes is likely to fit, a call for one piece is cheaper.
            if self.drains || room.len() < ROOM_MIN.max(2 * self.came as usize) {
                let buffer = read_buffer(buffer)?;
                pieces[2] = piece(buffer.as_mut_ptr(), buffer.len());
            }
        }
        let wanted = pieces.iter().map(|piece| piece.iov_len).sum();
        let has_room = |piece: &libc::iovec| piece.iov_len > 0;
        let first = pieces.iter().position(has_room).unwrap_or(0);
        let last = pieces.iter().rposition(has_room).unwrap_or(0);
        // SAFETY: the rest of the body, the room in the segment, the next body and the buffer are
        // ours to write.
        let moved = unsafe { socket::receive(self.fd(), &pieces[first..=last]) }?;
        if let Moved::Bytes(bytes) = moved {
            let body = bytes.min(pieces[0].iov_len);
            let staged = (bytes - body).min(pieces[1].iov_len);
            if let Some(large) = &mut self.bodies.current {
                large.filled += body;
            }
            tx.fill(staged);
            let rest = bytes - body - staged;
            match early {
                Some(message) if rest > 0 => self.take_early(tx, message, rest)?,
                None if rest > 0 => tx.stage(&buffer[..rest])?,
                _ => {}
            }
        }
        Ok((moved, wanted))
    }

    /// Keeps what was read of a body before its header was looked at, if it is what was expected: whole frames, and
    /// then its header.
    fn take_early(&mut self, tx: &mut Tx, message: Message, filled: usize) -> Result<()> {
        let mut staged = tx.staged();
        // A header that isn't allowed is an error only when the body before it is done with.
        while let Ok(Some(header)) = Header::parse(staged, self.limit) {
            if staged.len() == HEAD_MAX
                && header.header_len == HEAD_MAX
                && header.body_len == message.size()
            {
                self.bodies.early = Some((message, filled));
                return Ok(());
            }
            match staged.get(header.frame_len()..) {
                Some(rest) => staged = rest,
                None => break,
            }
        }
        self.bodies.expected = 0;
        tx.stage(&message.bytes()[..filled])
    }

    /// Goes on with a body in memory of its own: what of it has come is moved there.
    pub(super) fn begin_large(&mut self, tx: &mut Tx, header: &Header) -> Result<()> {
        let (message, filled) = match self.bodies.early.take() {
            Some(early) => early,
            None => {
                let mut message = Message::with_size(header.body_len)?;
                let here = &tx.staged()[header.header_len..];
                // SAFETY: there is room for the whole body, of which this is less, and nobody
                // else has the message yet.
                unsafe { ptr::copy_nonoverlapping(here.as_ptr(), message.data(), here.len()) };
                (message, here.len())
            }
        };
        self.bodies.lead = std::mem::take(&mut self.bodies.before) + header.header_len;
        self.bodies.expected = match header.body_len {
            size @ EXPECTED_MIN..=EXPECTED_MAX if self.bodies.lead <= LEAD_MAX => size,
            _ => 0,
        };
        tx.unstage();
        if !header.flags.command() {
            tx.begin_part()?;
        }
        self.bodies.current = Some(Large {
            message,
            filled,
            flags: header.flags,
        });
        Ok(())
    }

    /// The body is there.
    pub(super) fn complete(&mut self, tx: &mut Tx, mut large: Large) -> Result<()> {
        if large.flags.command() {
            // What has come behind it makes room for the subscription, if it is one.
            let behind = memory::copied(tx.staged())?;
            tx.unstage();
            self.deliver_command(tx, large.message.bytes())?;
            return tx.stage(&behind);
        }
        self.begin_frame(large.flags, large.message.size())?;
        match large.message.take_payload() {
            Some(payload) => tx.fill_part(self.inside, payload),
            // A body that is read so is too long to be in the message itself.
            None => Err(Error::EPROTO),
        }
    }
}

/// The buffer for what there is no room for in the pipe. ENOMEM.
fn read_buffer(buffer: &mut Vec<u8>) -> Result<&mut [u8]> {
    if buffer.is_empty() {
        *buffer = memory::zeroed(STREAM_MIN)?;
    }
    Ok(buffer)
}
