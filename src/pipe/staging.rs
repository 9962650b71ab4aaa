//! What a peer has sent, on its way into a pipe.
//!
//! A connection reads into the room that a pipe has, and says how many bytes have come: these are staged. Then it looks at
//! them, and says what is to become of the next frame: it is accepted as a record, or passed over. It lays out none by
//! itself.

use super::{segment::Segment, tx::Tx};
use crate::{
    error::Result,
    frame::{self, Header, Limit, Walk},
    zmtp::command,
};

impl Tx {
    /// The next `size` bytes of the room are staged.
    #[inline]
    pub fn fill(&mut self, size: usize) {
        debug_assert!(size <= self.size - self.filled);
        self.filled += size.min(self.size - self.filled);
    }

    /// What is staged.
    #[inline]
    pub fn staged(&self) -> &[u8] {
        match self.segment {
            // SAFETY: alive, and the writer's own.
            Some(segment) => unsafe {
                Segment::bytes(segment, self.staged, self.filled - self.staged)
            },
            None => &[],
        }
    }

    fn staged_mut(&mut self) -> &mut [u8] {
        let staged = self.staged - self.accepted..self.filled - self.accepted;
        &mut self.own()[staged]
    }

    /// Stages bytes that were read elsewhere.
    pub fn stage(&mut self, bytes: &[u8]) -> Result<()> {
        self.room(bytes.len())?[..bytes.len()].copy_from_slice(bytes);
        self.fill(bytes.len());
        Ok(())
    }

    /// Forgets what is staged.
    pub fn unstage(&mut self) {
        (self.staged, self.filled) = (self.accepted, self.accepted);
    }

    /// Forgets the first `size` of the bytes that are staged.
    pub fn skip(&mut self, size: usize) {
        self.staged += size.min(self.filled - self.staged);
        if self.staged == self.filled {
            self.unstage();
        }
    }

    /// Moves what is staged to right behind the last record.
    pub(super) fn close_gap(&mut self) {
        let gap = self.staged - self.accepted;
        if gap > 0 {
            let staged = self.filled - self.staged;
            self.own().copy_within(gap..gap + staged, 0);
            (self.staged, self.filled) = (self.accepted, self.accepted + staged);
        }
    }

    /// Accepts the whole frames at the start of what is staged that are parts of messages and need no look, as far as there
    /// is room: which they were.
    #[inline]
    pub fn accept_parts(&mut self, limit: Limit) -> Walk {
        let walk = frame::walk(self.staged(), limit, self.known_room());
        if walk.messages > 0 {
            self.accept(walk.whole);
            self.end_messages(walk.messages);
        }
        if walk.octets > walk.whole {
            self.accept(walk.octets - walk.whole);
        }
        walk
    }

    /// Accepts the whole commands at the start of what is staged that are subscriptions, as far as there is room.
    pub fn accept_subscriptions(&mut self, limit: Limit) {
        let most = self.known_room();
        let frames = self.staged_mut();
        let (mut at, mut count) = (0, 0);
        while count < most
            && let Ok(Some(header)) = Header::parse(&frames[at..], limit)
            && header.flags.command()
            && let Some(frame) = frames[at..].get_mut(..header.frame_len())
            && command::as_subscription(&frame[header.header_len..]).is_some()
        {
            frame::clean(&mut frame[0]);
            at += frame.len();
            count += 1;
        }
        if count > 0 {
            self.accept(at);
            self.end_messages(count);
        }
    }

    /// Accepts the frame at the start of what is staged, a part of a message, if it is all there.
    pub fn accept_frame(&mut self) -> Option<Header> {
        let frame = self.staged_mut();
        let header = Header::parse(frame, Limit::NONE).ok()??;
        if header.frame_len() > frame.len() || header.flags.command() {
            return None;
        }
        frame::clean(&mut frame[0]);
        self.accept(header.frame_len());
        if !header.flags.more() {
            self.end_messages(1);
        }
        Some(header)
    }

    /// Accepts the first `size` of the bytes that are staged: whole records.
    #[inline]
    fn accept(&mut self, size: usize) {
        let gap = self.staged - self.accepted;
        if gap > 0 {
            self.own().copy_within(gap..gap + size, 0);
        }
        self.staged += size;
        self.extend(size);
        if self.staged == self.filled {
            self.unstage();
        }
    }
}
