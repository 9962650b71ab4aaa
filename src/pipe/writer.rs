//! The writing end of the byte queue.
//!
//! Bytes pass through three states: *staged* (read from a peer, not looked at yet), *accepted*
//! (whole records), *published* (whole messages, for the reader to see). Positions only ever
//! move on, except that what is not published can be rolled back.

use std::{ptr, slice, sync::Arc, sync::atomic::Ordering};

use super::{
    queue::Shared,
    record::{self, Peer},
    segment::{Link, Segment},
};
use crate::{
    error::Result,
    memory,
    message::{Copies, INLINE_MAX, Message, Small, Source},
};

const SEGMENT_MIN: usize = 256;
/// Segments grow up to this with the traffic. Two of them are kept per queue at the most.
pub const SEGMENT_MAX: usize = 32 * 1024;

/// Writes records, and publishes them message by message.
pub struct Writer {
    shared: Arc<Shared>,
    segment: Option<Link>,
    /// How many bytes the segment can hold.
    size: usize,
    /// Where the last record ends, in `segment`; what is staged follows, up to `filled`.
    accepted: usize,
    filled: usize,
    /// How many bytes the records that are not published have, and where they end that make up
    /// whole messages.
    unpublished: u64,
    complete: u64,
    complete_at: (Option<Link>, usize),
    /// Where the first record that is not published starts, if there is any.
    published: (Option<Link>, usize),
    capacity: usize,
}

// SAFETY: a queue has one writer, and what it points to is its own until published.
unsafe impl Send for Writer {}

/// When it is noticed that the reader sleeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notice {
    /// As it is published.
    Now,
    /// By [`Writer::check`], which the caller owes after a full fence (SeqCst): one does for many queues.
    Later,
}

/// A record to be completed before its message is published.
pub struct Placeholder(*mut u8);

// SAFETY: points into memory that is the writer's own until published.
unsafe impl Send for Placeholder {}

impl Writer {
    pub(super) fn new(shared: Arc<Shared>) -> Writer {
        Writer {
            shared,
            segment: None,
            size: 0,
            accepted: 0,
            filled: 0,
            unpublished: 0,
            complete: 0,
            complete_at: (None, 0),
            published: (None, 0),
            capacity: SEGMENT_MIN / 2,
        }
    }

    /// At least `size` bytes of room in one piece behind what is staged: the start, and how many.
    ///
    /// ENOMEM if there is no memory for it.
    #[inline]
    pub fn room(&mut self, size: usize) -> Result<(*mut u8, usize)> {
        let room = self.size - self.filled;
        if let Some(segment) = self.segment
            && room >= size
        {
            // SAFETY: alive; the writer is in it, and within its capacity.
            return Ok((unsafe { Segment::at(segment, self.filled) }, room));
        }
        self.grow(size)
    }

    /// Goes on in another segment, taking along what is staged.
    #[cold]
    fn grow(&mut self, size: usize) -> Result<(*mut u8, usize)> {
        let staged = self.filled - self.accepted;
        self.capacity = (2 * self.capacity).min(SEGMENT_MAX);
        let needed = staged
            .checked_add(size)
            .ok_or(crate::error::Error::ENOMEM)?;
        let next = self.shared.take_spare(needed.max(self.capacity), needed)?;
        // SAFETY: both segments are alive and the writer's; the new one has room for what is staged.
        unsafe {
            match self.segment {
                Some(segment) => {
                    let end = self.shared.bytes.count() + self.unpublished;
                    self.shared.sealed.store(end, Ordering::Relaxed);
                    let from = Segment::at(segment, self.accepted);
                    ptr::copy_nonoverlapping(from, Segment::at(next, 0), staged);
                    segment.as_ref().seal(self.accepted, next);
                }
                None => {
                    self.shared.first.store(next.as_ptr(), Ordering::Release);
                }
            }
            (self.segment, self.accepted, self.filled) = (Some(next), 0, staged);
            self.size = next.as_ref().capacity();
            Ok((Segment::at(next, staged), self.size - staged))
        }
    }

    /// The next `size` bytes are staged.
    ///
    /// # Safety
    /// They were written, in the room that [`Writer::room`] gave.
    #[inline]
    pub unsafe fn fill(&mut self, size: usize) {
        self.filled += size;
    }

    /// Has the processor fetch what the next record of so many bytes is written to: what other
    /// processors have read last, mostly.
    #[inline]
    pub fn prefetch(&self, size: usize) {
        memory::prefetch(ptr::from_ref(&self.shared.bytes).cast());
        if let Some(segment) = self.segment
            && self.size - self.filled >= size
        {
            // SAFETY: alive, and within its capacity.
            let to = unsafe { Segment::at(segment, self.filled) };
            memory::prefetch_lines(to, size);
        }
    }

    /// What is staged.
    #[inline]
    pub fn staged(&mut self) -> &mut [u8] {
        match self.segment {
            // SAFETY: written, and the writer's own.
            Some(segment) => unsafe {
                slice::from_raw_parts_mut(
                    Segment::at(segment, self.accepted),
                    self.filled - self.accepted,
                )
            },
            None => &mut [],
        }
    }

    /// The first `size` of the bytes that are staged make up whole records.
    ///
    /// # Safety
    /// They do; their flag bytes have no bits of ours that don't belong there.
    #[inline]
    pub unsafe fn accept(&mut self, size: usize) {
        debug_assert!(self.accepted + size <= self.filled);
        if self.unpublished == 0 {
            self.published = (self.segment, self.accepted);
        }
        self.accepted += size;
        self.unpublished += size as u64;
    }

    /// The room behind what is staged, as it is: the start, and how many bytes.
    pub fn free_room(&mut self) -> (*mut u8, usize) {
        match self.segment {
            // SAFETY: alive; the writer is in it, and within its capacity.
            Some(segment) => unsafe {
                (Segment::at(segment, self.filled), self.size - self.filled)
            },
            None => (ptr::null_mut(), 0),
        }
    }

    /// Forgets what is staged.
    pub fn unstage(&mut self) {
        self.filled = self.accepted;
    }

    /// Takes back the last `size` bytes that were accepted: whole records to be passed over, in this segment. What is
    /// staged moves there.
    pub fn take_back(&mut self, size: usize) {
        if size == 0 {
            return;
        }
        debug_assert!(size <= self.accepted && self.unpublished - self.complete >= size as u64);
        if let Some(segment) = self.segment {
            let staged = self.filled - self.accepted;
            // SAFETY: both are within what is filled, and the writer's own.
            unsafe {
                let from = Segment::at(segment, self.accepted);
                ptr::copy(from, Segment::at(segment, self.accepted - size), staged);
            }
            self.accepted -= size;
            self.filled -= size;
            self.unpublished -= size as u64;
        }
    }

    /// Stages bytes that were read elsewhere.
    pub fn stage(&mut self, bytes: &[u8]) -> Result<()> {
        let (to, _) = self.room(bytes.len())?;
        // SAFETY: there is so much room, and it is not where the bytes are.
        unsafe {
            ptr::copy_nonoverlapping(bytes.as_ptr(), to, bytes.len());
            self.fill(bytes.len());
        }
        Ok(())
    }

    /// Writes a record of `size` bytes when nothing is staged.
    #[inline]
    fn write(&mut self, size: usize, write: impl FnOnce(*mut u8)) -> Result<()> {
        debug_assert_eq!(self.accepted, self.filled);
        let (to, _) = self.room(size)?;
        write(to);
        // SAFETY: written just now, as a whole record.
        unsafe {
            self.fill(size);
            self.accept(size);
        }
        Ok(())
    }

    /// Whether all that was written is published.
    #[inline]
    pub fn is_clean(&self) -> bool {
        self.unpublished == 0 && self.accepted == self.filled
    }

    /// Writes a frame that is a message, and publishes it, when all else is published. ENOMEM if
    /// there is no memory for it. True as with [`Writer::publish`].
    #[inline(always)]
    pub fn frame_message(&mut self, body: &[u8], notice: Notice) -> Result<bool> {
        debug_assert!(self.is_clean());
        let size = record::head_size(body.len()) + body.len();
        let (to, _) = self.room(size)?;
        // SAFETY: there is room for it.
        unsafe { record::write_frame(to, 0, body) };
        Ok(self.publish_written(size, notice))
    }

    /// As [`Writer::frame_message`], of which this is one of some copies, by reference. There are more than [`INLINE_MAX`]
    /// bytes.
    #[inline(always)]
    pub fn reference_message(&mut self, copies: &mut Copies, notice: Notice) -> Result<bool> {
        debug_assert!(self.is_clean());
        let size = copies.bytes().len();
        let (to, _) = self.room(record::REFERENCE_SIZE)?;
        // SAFETY: there is so much room; it has so many bytes.
        unsafe { record::write_reference(to, 0, copies.take_outside(), size) };
        Ok(self.publish_written(record::REFERENCE_SIZE, notice))
    }

    /// As [`Writer::frame_message`], of at most [`SHORT_MAX`](record::SHORT_MAX) bytes, if there is room for it at once.
    #[inline(always)]
    pub fn short_message(&mut self, body: &[u8]) -> Option<bool> {
        let (to, size) = self.short_room(body.len())?;
        // SAFETY: there is so much room.
        unsafe { record::write_frame(to, 0, body) };
        Some(self.publish_written(size, Notice::Now))
    }

    /// As [`Writer::short_message`], if the reader is as busy as the writer. Unless it was so to the end, which is said, the
    /// caller owes a [`Writer::settle`].
    #[inline(always)]
    pub fn message_in_full_swing(&mut self, body: Small) -> Option<bool> {
        let (to, size) = self.short_room(body.size())?;
        if !self.shared.bytes.is_busy() {
            return None;
        }
        // SAFETY: there is so much room.
        unsafe { record::write_small(to, body) };
        self.pass(size);
        Some(self.shared.bytes.advance_busy(size as u64))
    }

    /// Where a frame goes with a short head and a body of `body` bytes, if there is room for it at once, and its size.
    #[inline(always)]
    fn short_room(&self, body: usize) -> Option<(*mut u8, usize)> {
        debug_assert!(self.is_clean() && body <= record::SHORT_MAX);
        let size = record::SHORT_HEAD + body;
        let segment = self.segment.filter(|_| self.size - self.filled >= size)?;
        // SAFETY: alive; the writer is in it, and there is so much room.
        Some((unsafe { Segment::at(segment, self.filled) }, size))
    }

    /// Makes up for what [`Writer::message_in_full_swing`] did without. True as with [`Writer::publish`].
    #[must_use]
    pub fn settle(&self) -> bool {
        self.shared.bytes.settle()
    }

    /// Publishes a message of `size` bytes that was written just now. True as with [`Writer::publish`].
    #[inline(always)]
    fn publish_written(&mut self, size: usize, notice: Notice) -> bool {
        self.pass(size);
        self.publish_all(size as u64, notice)
    }

    /// The next `size` bytes are a message that was written just now.
    #[inline(always)]
    fn pass(&mut self, size: usize) {
        self.filled += size;
        self.accepted = self.filled;
    }

    /// Publishes all that was accepted, which is so many bytes of whole messages.
    #[inline(always)]
    fn publish_all(&mut self, size: u64, notice: Notice) -> bool {
        match notice {
            Notice::Now => self.shared.bytes.advance(size),
            Notice::Later => {
                self.shared.bytes.post(size);
                false
            }
        }
    }

    /// The messages so far end here, and the reader may see them. True as with [`Writer::publish`].
    #[inline]
    #[must_use]
    pub fn finish(&mut self, notice: Notice) -> bool {
        self.complete = 0;
        match std::mem::take(&mut self.unpublished) {
            0 => false,
            size => self.publish_all(size, notice),
        }
    }

    /// Whether the reader sleeps that was to be noticed later, and is to be woken.
    #[inline]
    #[must_use]
    pub fn check(&self) -> bool {
        self.shared.bytes.check()
    }

    /// Writes a frame. ENOMEM if there is no memory for it.
    pub fn frame(&mut self, flags: u8, body: &[u8]) -> Result<()> {
        let size = record::head_size(body.len()) + body.len();
        // SAFETY: there is room for it.
        self.write(size, |to| unsafe { record::write_frame(to, flags, body) })
    }

    /// Writes a part by reference, unless it is so small that it has no memory of its own. ENOMEM if there is no memory for
    /// that, and nothing taken.
    pub fn reference(&mut self, flags: u8, part: &mut Source) -> Result<()> {
        let size = part.bytes().len();
        if size <= INLINE_MAX {
            self.frame(flags, part.bytes())?;
            part.done();
            return Ok(());
        }
        self.room(record::REFERENCE_SIZE)?;
        // SAFETY: it has so many bytes.
        let message = unsafe { part.take_outside() }?;
        // SAFETY: there is so much room.
        self.write(record::REFERENCE_SIZE, |to| unsafe {
            record::write_reference(to, flags, message, size);
        })
    }

    /// Writes what is known of the peer that what follows comes from. It can be published before
    /// any of that.
    pub fn peer(&mut self, peer: Arc<Peer>) -> Result<()> {
        // SAFETY: there is so much room.
        self.write(record::PEER_SIZE, |to| unsafe {
            record::write_peer(to, peer)
        })?;
        self.end_message();
        Ok(())
    }

    /// Leaves room for a message by reference that is still to come.
    pub fn placeholder(&mut self) -> Result<Placeholder> {
        let mut place = Placeholder(ptr::null_mut());
        self.write(record::REFERENCE_SIZE, |to| {
            // SAFETY: there is so much room.
            unsafe { record::write_skip(to, record::REFERENCE_SIZE) };
            place.0 = to;
        })?;
        Ok(place)
    }

    /// Puts the message into the room that was left for it.
    ///
    /// # Safety
    /// The placeholder is this writer's, and neither published nor rolled back since. The body is not inline.
    pub unsafe fn complete(&mut self, place: Placeholder, flags: u8, mut message: Message) {
        let size = message.size();
        // SAFETY: room of this size, still the writer's; not inline, as promised.
        unsafe { record::write_reference(place.0, flags, message.take_outside(), size) };
    }

    /// The records so far make up whole messages.
    #[inline]
    pub fn end_message(&mut self) {
        self.complete = self.unpublished;
        self.complete_at = (self.segment, self.accepted);
    }

    /// Lets the reader see all whole messages. True if it sleeps, and the caller is to wake it.
    #[inline]
    #[must_use]
    pub fn publish(&mut self) -> bool {
        let size = std::mem::take(&mut self.complete);
        if size == 0 {
            return false;
        }
        self.published = self.complete_at;
        self.unpublished -= size;
        self.shared.bytes.advance(size)
    }

    /// Takes back all that is not published.
    pub fn rollback(&mut self) {
        self.unstage();
        let (Some(segment), offset) = self.published else {
            return;
        };
        if self.unpublished == 0 {
            return;
        }
        // SAFETY: what is not published is the writer's own, and consists of whole records.
        unsafe {
            let (mut at, mut from, mut left) = (segment, offset, self.unpublished as usize);
            while left > 0 {
                if from == at.as_ref().end() {
                    let Some(next) = at.as_ref().next() else {
                        break;
                    };
                    (at, from) = (next, 0);
                    continue;
                }
                let bytes = Segment::at(at, from);
                let size = record::size(bytes);
                record::discard(bytes);
                (from, left) = (from + size, left - size);
            }
            let mut behind = segment.as_ref().next();
            segment.as_ref().reopen();
            while let Some(next) = behind {
                behind = next.as_ref().next();
                Segment::free(next);
            }
        }
        (self.segment, self.accepted, self.filled) = (Some(segment), offset, offset);
        // SAFETY: alive; the writer is in it.
        self.size = unsafe { segment.as_ref() }.capacity();
        (self.unpublished, self.complete) = (0, 0);
    }

    /// Says that no more will come. True as with [`Writer::publish`].
    #[must_use]
    pub fn close(&mut self) -> bool {
        self.rollback();
        self.shared.bytes.close()
    }

    /// Whether the reader sleeps: everything published was read.
    pub fn is_reader_asleep(&self) -> bool {
        self.shared.bytes.is_asleep()
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.rollback();
        self.shared.leave();
    }
}
