//! The writing end of the byte queue.
//!
//! Bytes pass through three states: *staged* (read from a peer, not looked at yet), *accepted*
//! (whole records), *published* (whole messages, for the reader to see). Positions only ever
//! move on, except that what is not published can be rolled back.
//!
//! Whatever is accepted was made a record here, by [`crate::frame`]: a connection says how many bytes have come, and
//! what is to become of the next frame among them, but lays out none by itself.

use std::{ptr, sync::Arc, sync::atomic::Ordering};

use super::{
    aside::Producer,
    queue::Shared,
    record::{Aside, Part, Peer},
    segment::{Link, Segment},
};
use crate::{
    error::{Error, Result},
    frame::{self, Flags, Header, Limit, Walk},
    memory,
    message::{Payload, Small},
    zmtp::command,
};

const SEGMENT_MIN: usize = 256;
/// Segments grow up to this with the traffic. Two of them are kept per queue at the most.
pub const SEGMENT_MAX: usize = 32 * 1024;

/// Writes records, and publishes them message by message.
pub struct Writer {
    shared: Arc<Shared>,
    aside: Producer<Aside>,
    segment: Option<Link>,
    /// How many bytes the segment can hold.
    size: usize,
    /// Where the last record ends, in `segment`.
    accepted: usize,
    /// What is staged is from here to there: behind the last record, or further on, if there was something between that is
    /// done with.
    staged: usize,
    filled: usize,
    /// How many bytes the records that are not published have, and where they end that make up
    /// whole messages.
    unpublished: u64,
    complete: u64,
    complete_at: (Option<Link>, usize),
    /// How many values there are beside the bytes of these.
    complete_aside: u64,
    /// Where the first record that is not published starts, if there is any.
    published: (Option<Link>, usize),
    capacity: usize,
    #[cfg(any(test, debug_assertions))]
    audit: super::audit::Audit,
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

impl Writer {
    pub(super) fn new(shared: Arc<Shared>, aside: Producer<Aside>) -> Writer {
        Writer {
            shared,
            aside,
            segment: None,
            size: 0,
            accepted: 0,
            staged: 0,
            filled: 0,
            unpublished: 0,
            complete: 0,
            complete_at: (None, 0),
            complete_aside: 0,
            published: (None, 0),
            capacity: SEGMENT_MIN / 2,
            #[cfg(any(test, debug_assertions))]
            audit: Default::default(),
        }
    }

    /// At least `size` bytes of room in one piece behind what is staged.
    ///
    /// ENOMEM if there is no memory for it.
    #[inline(always)]
    pub fn room(&mut self, size: usize) -> Result<&mut [u8]> {
        if self.size - self.filled < size {
            self.grow(size)?;
        }
        Ok(self.free_room())
    }

    /// The room behind what is staged, as it is.
    #[inline(always)]
    pub fn free_room(&mut self) -> &mut [u8] {
        match self.segment {
            // SAFETY: alive, and the writer's own from what is accepted up to its capacity.
            Some(segment) => unsafe {
                Segment::bytes_mut(segment, self.filled, self.size - self.filled)
            },
            None => &mut [],
        }
    }

    /// Has room for so many bytes more, if need be in another segment, taking along what is staged.
    #[cold]
    fn grow(&mut self, size: usize) -> Result<()> {
        self.close_gap();
        if self.size - self.filled >= size {
            return Ok(());
        }
        let staged = self.filled - self.staged;
        self.capacity = (2 * self.capacity).min(SEGMENT_MAX);
        let needed = staged.checked_add(size).ok_or(Error::ENOMEM)?;
        let next = self.shared.take_spare(needed.max(self.capacity), needed)?;
        match self.segment {
            Some(segment) => {
                let end = self.shared.bytes.count() + self.unpublished;
                self.shared.sealed.store(end, Ordering::Relaxed);
                // SAFETY: both are alive and the writer's; the new one has room for what is staged.
                unsafe {
                    Segment::bytes_mut(next, 0, staged).copy_from_slice(Segment::bytes(
                        segment,
                        self.staged,
                        staged,
                    ));
                    segment.as_ref().seal(self.accepted, next);
                }
            }
            None => self.shared.first.store(next.as_ptr(), Ordering::Release),
        }
        (self.segment, self.accepted, self.staged, self.filled) = (Some(next), 0, 0, staged);
        // SAFETY: alive; the writer is in it.
        self.size = unsafe { next.as_ref() }.capacity();
        Ok(())
    }

    /// What is accepted last, or staged, and the room behind it.
    #[inline]
    fn own(&mut self) -> &mut [u8] {
        match self.segment {
            // SAFETY: alive, and the writer's own from where it has not accepted anything on.
            Some(segment) => unsafe {
                Segment::bytes_mut(segment, self.accepted, self.size - self.accepted)
            },
            None => &mut [],
        }
    }

    // -- what a peer has sent ----------------------------------------------------------------------

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
    fn close_gap(&mut self) {
        let gap = self.staged - self.accepted;
        if gap > 0 {
            let staged = self.filled - self.staged;
            self.own().copy_within(gap..gap + staged, 0);
            (self.staged, self.filled) = (self.accepted, self.accepted + staged);
        }
    }

    /// Accepts the whole frames at the start of what is staged that are parts of messages and need no look, up to so many
    /// messages: which they were. Whole messages are to be told by [`Writer::end_message`], as soon as `whole` is accepted.
    #[inline]
    pub(super) fn accept_parts(&mut self, limit: Limit, messages: u64) -> Walk {
        let walk = frame::walk(self.staged(), limit, messages);
        if walk.messages > 0 {
            self.accept(walk.whole);
            self.end_message();
        }
        if walk.octets > walk.whole {
            self.accept(walk.octets - walk.whole);
        }
        walk
    }

    /// Accepts the whole commands at the start of what is staged that are subscriptions, up to so many: how many they were.
    pub(super) fn accept_subscriptions(&mut self, limit: Limit, most: u64) -> u64 {
        let gap = self.staged - self.accepted;
        let staged = self.filled - self.accepted;
        let frames = &mut self.own()[gap..staged];
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
            self.end_message();
        }
        count
    }

    /// Accepts the frame at the start of what is staged, a part of a message, if it is all there.
    pub(super) fn accept_frame(&mut self) -> Option<Header> {
        let gap = self.staged - self.accepted;
        let staged = self.filled - self.accepted;
        let frame = &mut self.own()[gap..staged];
        let header = Header::parse(frame, Limit::NONE).ok()??;
        if header.frame_len() > frame.len() || header.flags.command() {
            return None;
        }
        frame::clean(&mut frame[0]);
        self.accept(header.frame_len());
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

    // -- records -----------------------------------------------------------------------------------

    /// The next `size` bytes behind the last record are records.
    #[inline]
    fn extend(&mut self, size: usize) {
        if self.unpublished == 0 {
            self.published = (self.segment, self.accepted);
        }
        self.accepted += size;
        self.unpublished += size as u64;
    }

    /// Writes a record of `size` bytes when nothing is staged.
    #[inline]
    fn write(&mut self, size: usize, write: impl FnOnce(&mut [u8])) -> Result<()> {
        debug_assert_eq!(self.accepted, self.filled);
        write(self.room(size)?);
        self.extend(size);
        self.unstage();
        Ok(())
    }

    /// Writes a frame. ENOMEM if there is no memory for it.
    pub fn frame(&mut self, flags: Flags, body: &[u8]) -> Result<()> {
        self.write(frame::frame_len(body.len())?, |to| {
            frame::put(flags, body, to);
        })
    }

    /// Writes a subscription, or the end of one, as its command.
    pub fn subscription(&mut self, subscribe: bool, topic: &[u8]) -> Result<()> {
        let name = command::subscription_name(subscribe);
        let body = name.len() + topic.len();
        self.write(frame::frame_len(body)?, |to| {
            let head = frame::put_head(Flags::COMMAND, body, to);
            let (to, rest) = to[head..].split_at_mut(name.len());
            to.copy_from_slice(name);
            rest[..topic.len()].copy_from_slice(topic);
        })
    }

    /// Writes the mark of a part whose body is still to come: to be given by [`Writer::fill_part`] before the message ends.
    pub fn begin_part(&mut self) -> Result<()> {
        self.aside.reserve()?;
        self.write(frame::ASIDE_LEN, frame::put_aside)
    }

    /// Gives the body of the part that was begun.
    pub fn fill_part(&mut self, more: bool, payload: Payload) -> Result<()> {
        self.aside.push(Aside::Part(Part::new(more, payload)))
    }

    /// Writes a part whose body is handed on.
    pub fn part(&mut self, more: bool, payload: Payload) -> Result<()> {
        self.begin_part()?;
        self.fill_part(more, payload)
    }

    /// Makes sure that a part can be handed on.
    pub fn reserve_part(&mut self) -> Result<()> {
        self.aside.reserve()?;
        self.room(frame::ASIDE_LEN).map(drop)
    }

    /// Writes what is known of the peer that what follows comes from. It can be published before
    /// any of that.
    pub fn peer(&mut self, peer: Arc<Peer>) -> Result<()> {
        self.begin_part()?;
        self.aside.push(Aside::Peer(peer))?;
        self.end_message();
        Ok(())
    }

    // -- publishing --------------------------------------------------------------------------------

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
        let size = frame::frame_len(body.len())?;
        frame::put(Flags::NONE, body, self.room(size)?);
        Ok(self.publish_written(size, notice))
    }

    /// As [`Writer::frame_message`], of a body that is handed on, after [`Writer::reserve_part`].
    #[inline(always)]
    pub fn part_message(&mut self, payload: Payload, notice: Notice) -> Result<bool> {
        debug_assert!(self.is_clean());
        self.fill_part(false, payload)?;
        self.aside.publish(self.aside.pushed());
        frame::put_aside(self.room(frame::ASIDE_LEN)?);
        Ok(self.publish_written(frame::ASIDE_LEN, notice))
    }

    /// As [`Writer::frame_message`], of at most [`SHORT_MAX`](frame::SHORT_MAX) bytes, if there is room for it at once.
    #[inline(always)]
    pub fn short_message(&mut self, body: &[u8]) -> Option<bool> {
        let (to, size) = self.short_room(body.len())?;
        frame::put(Flags::NONE, body, to);
        Some(self.publish_written(size, Notice::Now))
    }

    /// As [`Writer::short_message`], if the reader is as busy as the writer. Unless it was so to the end, which is said, the
    /// caller owes a [`Writer::settle`].
    #[inline(always)]
    pub fn message_in_full_swing(&mut self, body: Small) -> Option<bool> {
        if !self.shared.bytes.is_busy() {
            return None;
        }
        let (to, size) = self.short_room(body.size())?;
        frame::put(Flags::NONE, body.bytes(), to);
        self.pass(size);
        Some(self.shared.bytes.advance_busy(size as u64))
    }

    /// Where a frame goes with a short head and a body of `body` bytes, if there is room for it at once, and its size.
    #[inline(always)]
    fn short_room(&mut self, body: usize) -> Option<(&mut [u8], usize)> {
        debug_assert!(self.is_clean() && body <= frame::SHORT_MAX);
        let size = frame::head_len(body) + body;
        let room = self.free_room();
        Some((room.get_mut(..size)?, size))
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
        #[cfg(any(test, debug_assertions))]
        self.audit.walk(
            (self.segment, self.accepted),
            size as u64,
            self.aside.pushed(),
        );
        self.filled += size;
        (self.accepted, self.staged) = (self.filled, self.filled);
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
            size => {
                let pushed = self.aside.pushed();
                #[cfg(any(test, debug_assertions))]
                self.audit.walk(self.published, size, pushed);
                self.aside.publish(pushed);
                self.publish_all(size, notice)
            }
        }
    }

    /// Whether the reader sleeps that was to be noticed later, and is to be woken.
    #[inline]
    #[must_use]
    pub fn check(&self) -> bool {
        self.shared.bytes.check()
    }

    /// The records so far make up whole messages.
    #[inline]
    pub fn end_message(&mut self) {
        self.complete = self.unpublished;
        self.complete_at = (self.segment, self.accepted);
        self.complete_aside = self.aside.pushed();
    }

    /// Lets the reader see all whole messages. True if it sleeps, and the caller is to wake it.
    #[inline]
    #[must_use]
    pub fn publish(&mut self) -> bool {
        let size = std::mem::take(&mut self.complete);
        if size == 0 {
            return false;
        }
        #[cfg(any(test, debug_assertions))]
        self.audit.walk(self.published, size, self.complete_aside);
        self.published = self.complete_at;
        self.unpublished -= size;
        self.aside.publish(self.complete_aside);
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
        self.aside.rollback();
        // SAFETY: what is not published is the writer's own, and so are the segments behind it.
        unsafe {
            let mut behind = segment.as_ref().next();
            segment.as_ref().reopen();
            while let Some(next) = behind {
                behind = next.as_ref().next();
                Segment::free(next);
            }
            self.size = segment.as_ref().capacity();
        }
        (self.segment, self.accepted) = (Some(segment), offset);
        self.unstage();
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

    /// Has the processor fetch what the next record of so many bytes is written to: what other
    /// processors have read last, mostly.
    #[inline]
    pub fn prefetch(&self, size: usize) {
        memory::prefetch(ptr::from_ref(&self.shared.bytes).cast());
        if let Some(segment) = self.segment
            && self.size - self.filled >= size
        {
            memory::prefetch_lines(Segment::address(segment, self.filled), size);
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.rollback();
        self.shared.leave();
    }
}
