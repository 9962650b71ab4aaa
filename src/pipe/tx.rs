//! The writing end of one direction of a pipe.
//!
//! Bytes pass through three states: *staged* (read from a peer, not looked at yet: see [`super::staging`]), *accepted*
//! (whole records), *published* (whole messages, for the reader to see). Positions only ever
//! move on, except that what is not published can be rolled back.
//!
//! Whatever is accepted was made a record here, by [`crate::frame`].

use std::{
    ptr,
    sync::{Arc, atomic::Ordering},
};

use super::{
    MESSAGE_MIN, REFERENCE_MIN, SHARED_MIN,
    aside::Producer,
    flow::Flow,
    queue::Shared,
    record::{Aside, Part, Peer},
    segment::{Link, Segment},
};
use crate::{
    error::{Error, Result},
    frame::{self, Flags, HEAD_MAX},
    memory,
    message::{Outgoing, Payload, Source},
    zmtp::command,
};

const SEGMENT_MIN: usize = 256;
/// Segments grow up to this with the traffic. Two of them are kept per queue at the most.
pub const SEGMENT_MAX: usize = 32 * 1024;

/// Writes records, and publishes them message by message.
pub struct Tx {
    shared: Arc<Shared>,
    flow: Arc<Flow>,
    /// Messages that were written, and of these those that the reader is done with, as far as known.
    written: u64,
    done: u64,
    /// [`Depth::Last`](super::Depth::Last).
    conflates: bool,
    /// Messages that nobody shares are passed by reference from this size on (bytes).
    reference_min: u32,
    aside: Producer<Aside>,
    pub(super) segment: Option<Link>,
    /// How many bytes the segment can hold.
    pub(super) size: usize,
    /// Where the last record ends, in `segment`.
    pub(super) accepted: usize,
    /// What is staged is from here to there: behind the last record, or further on, if there was something between that is
    /// done with.
    pub(super) staged: usize,
    pub(super) filled: usize,
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
unsafe impl Send for Tx {}

/// When it is noticed that the reader sleeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notice {
    /// As it is published.
    Now,
    /// By [`Tx::check`], which the caller owes after a full fence (SeqCst): one does for many queues.
    Later,
}

impl Tx {
    pub(super) fn new(shared: Arc<Shared>, flow: Arc<Flow>, aside: Producer<Aside>) -> Tx {
        Tx {
            shared,
            written: 0,
            done: 0,
            conflates: flow.latest.is_some(),
            reference_min: REFERENCE_MIN as u32,
            flow,
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

    /// Whether it is of [`Depth::Last`](super::Depth::Last).
    pub fn conflates(&self) -> bool {
        self.conflates
    }

    /// Whether another message may be begun. If not, the far end will call `writable` later on.
    #[inline]
    pub fn has_room(&mut self) -> bool {
        self.known_room() > 0 || self.wait_for_room()
    }

    /// How many more messages may be written, as far as known without asking.
    #[inline]
    pub fn known_room(&self) -> u64 {
        let limit = u64::from(self.flow.limit.load(Ordering::Relaxed));
        limit.saturating_sub(self.written - self.done)
    }

    /// Has the far end tell of room; false if there is some now.
    #[must_use]
    pub(super) fn sleep(&mut self) -> bool {
        self.flow.credit.sleep(self.done)
    }

    #[cold]
    fn wait_for_room(&mut self) -> bool {
        loop {
            self.done = self.flow.credit.count();
            if self.known_room() > 0 {
                return true;
            }
            if self.flow.credit.is_closed() || self.flow.credit.sleep(self.done) {
                return false;
            }
        }
    }

    /// How many messages were written so far.
    pub fn written(&self) -> u64 {
        self.written
    }

    /// Changes the high-water mark.
    pub fn set_limit(&self, limit: u32) {
        self.flow.set_limit(limit);
    }

    /// Whether the reader is to tell of room.
    pub(super) fn is_waiting(&self) -> bool {
        self.flow.credit.is_asleep()
    }

    /// Whether the far end doesn't read any more.
    pub fn is_closed(&self) -> bool {
        self.flow.credit.is_closed()
    }

    /// The reader takes messages as they are, so that it pays to pass them by reference sooner.
    pub(super) fn prefer_references(&mut self) {
        self.reference_min = MESSAGE_MIN as u32;
    }

    // -- memory ------------------------------------------------------------------------------------

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
    pub(super) fn own(&mut self) -> &mut [u8] {
        match self.segment {
            // SAFETY: alive, and the writer's own from where it has not accepted anything on.
            Some(segment) => unsafe {
                Segment::bytes_mut(segment, self.accepted, self.size - self.accepted)
            },
            None => &mut [],
        }
    }

    // -- records -----------------------------------------------------------------------------------

    /// The next `size` bytes behind the last record are records.
    #[inline]
    pub(super) fn extend(&mut self, size: usize) {
        if self.unpublished == 0 {
            self.published = (self.segment, self.accepted);
        }
        self.accepted += size;
        self.unpublished += size as u64;
    }

    /// Writes a record of `size` bytes when nothing is staged.
    #[inline]
    fn append(&mut self, size: usize, write: impl FnOnce(&mut [u8])) -> Result<()> {
        debug_assert_eq!(self.accepted, self.filled);
        write(self.room(size)?);
        self.extend(size);
        self.unstage();
        Ok(())
    }

    /// Writes a frame. ENOMEM.
    fn frame(&mut self, flags: Flags, body: &[u8]) -> Result<()> {
        self.append(frame::frame_len(body.len())?, |to| {
            frame::put(flags, body, to);
        })
    }

    /// Makes room for a subscription, or for giving one up, so that writing it can't fail. ENOMEM.
    pub fn reserve_subscription(&mut self, topic: &[u8]) -> Result<()> {
        let longest = command::subscription_name(true).len() + topic.len();
        self.room(frame::frame_len(longest)?).map(drop)
    }

    /// Writes a subscription, or gives one up, as its command: however many messages there are, it is not held up. ENOMEM.
    pub fn subscription(&mut self, subscribe: bool, topic: &[u8]) -> Result<()> {
        let name = command::subscription_name(subscribe);
        let body = name.len() + topic.len();
        self.append(frame::frame_len(body)?, |to| {
            let head = frame::put_head(Flags::COMMAND, body, to);
            let (to, rest) = to[head..].split_at_mut(name.len());
            to.copy_from_slice(name);
            rest[..topic.len()].copy_from_slice(topic);
        })?;
        self.end_messages(1);
        Ok(())
    }

    /// Begins a part whose body is still to come: to be given by [`Tx::fill_part`] before the message ends. ENOMEM.
    pub fn begin_part(&mut self) -> Result<()> {
        self.aside.reserve()?;
        self.append(frame::ASIDE_LEN, frame::put_aside)
    }

    /// Gives the body of the part that was begun. ENOMEM.
    pub fn fill_part(&mut self, more: bool, payload: Payload) -> Result<()> {
        self.aside.push(Aside::Part(Part::new(more, payload)))?;
        if !more {
            self.end_messages(1);
        }
        Ok(())
    }

    /// Makes sure that a part can be handed on. ENOMEM.
    fn reserve_part(&mut self) -> Result<()> {
        self.aside.reserve()?;
        self.room(frame::ASIDE_LEN).map(drop)
    }

    /// Says who the peer is that what follows comes from. It can be published before any of that. ENOMEM.
    pub fn peer(&mut self, peer: Arc<Peer>) -> Result<()> {
        self.begin_part()?;
        self.aside.push(Aside::Peer(peer))?;
        self.end_messages(0);
        Ok(())
    }

    /// Writes a part. A message is begun only if there is [`Tx::has_room`]. ENOMEM, and nothing taken.
    pub fn write(&mut self, more: bool, part: &mut Source) -> Result<()> {
        if self.conflates {
            return self.replace(more, part);
        }
        let is_lent = part.is_lent();
        let least = match part {
            // The program is told by its return that the body was delivered.
            _ if is_lent => 0,
            Source::Message(message) if message.is_shared() => SHARED_MIN,
            Source::Copy(_) => 0,
            Source::Message(_) => self.reference_min as usize,
            Source::Bytes(_) => REFERENCE_MIN,
        };
        if part.bytes().len() >= least {
            self.reserve_part()?;
            if let Some(payload) = part.take_payload()? {
                self.begin_part()?;
                return self.fill_part(more, payload);
            }
        }
        self.frame(Flags::more_if(more), part.bytes())?;
        part.done();
        if !more {
            self.end_messages(1);
        }
        Ok(())
    }

    /// Writes a message in place of the one before.
    #[cold]
    fn replace(&mut self, more: bool, part: &mut Source) -> Result<()> {
        // So that the frame can be written once the message is in its place.
        self.room(HEAD_MAX)?;
        let message = part.take()?;
        if !more
            && let Some(latest) = &self.flow.latest
            && latest.put(message)
        {
            self.frame(Flags::NONE, &[])?;
            self.end_messages(1);
        }
        Ok(())
    }

    /// The records so far make up so many whole messages more.
    #[inline]
    pub(super) fn end_messages(&mut self, messages: u64) {
        self.written += messages;
        self.complete = self.unpublished;
        self.complete_at = (self.segment, self.accepted);
        self.complete_aside = self.aside.pushed();
    }

    // -- publishing --------------------------------------------------------------------------------

    /// Writes a part, and publishes what is a whole message with it. A message is begun only if
    /// there is [`Tx::has_room`]. True if the reader sleeps, is to be woken, and that is noticed now. ENOMEM.
    #[inline(always)]
    pub fn send(&mut self, more: bool, part: &mut impl Outgoing, notice: Notice) -> Result<bool> {
        if !more && !part.is_lent() && self.put_message(part.bytes()) {
            let size = frame::head_len(part.bytes().len()) + part.bytes().len();
            part.done();
            return Ok(self.publish_written(size, notice));
        }
        self.write(more, &mut part.source())?;
        match more {
            true => Ok(false),
            false => Ok(self.publish_noticing(notice)),
        }
    }

    /// Puts a message of one part behind what was published, if nothing else is there, and that is a matter of copying it.
    #[inline(always)]
    fn put_message(&mut self, body: &[u8]) -> bool {
        if self.unpublished > 0
            || self.accepted != self.filled
            || self.conflates
            || body.len() >= SHARED_MIN
        {
            return false;
        }
        let len = frame::head_len(body.len()) + body.len();
        let Some(to) = self.free_room().get_mut(..len) else {
            return false;
        };
        frame::put(Flags::NONE, body, to);
        true
    }

    /// Publishes a message of `size` bytes that was written just now. True as with [`Tx::publish`].
    #[inline(always)]
    fn publish_written(&mut self, size: usize, notice: Notice) -> bool {
        #[cfg(any(test, debug_assertions))]
        self.audit.walk(
            (self.segment, self.accepted),
            size as u64,
            self.aside.pushed(),
        );
        self.filled += size;
        (self.accepted, self.staged) = (self.filled, self.filled);
        self.written += 1;
        self.advance(size as u64, notice)
    }

    /// The reader may see so many bytes of whole messages more.
    #[inline(always)]
    fn advance(&mut self, size: u64, notice: Notice) -> bool {
        match notice {
            Notice::Now => self.shared.bytes.advance(size),
            Notice::Later => {
                self.shared.bytes.post(size);
                false
            }
        }
    }

    /// Whether the reader sleeps that was to be noticed later, and is to be woken.
    #[inline]
    #[must_use]
    pub fn check(&self) -> bool {
        self.shared.bytes.check()
    }

    /// Lets the reader see all whole messages. True if it sleeps, and the caller is to wake it.
    #[inline]
    #[must_use]
    pub fn publish(&mut self) -> bool {
        self.publish_noticing(Notice::Now)
    }

    #[inline]
    fn publish_noticing(&mut self, notice: Notice) -> bool {
        let size = std::mem::take(&mut self.complete);
        if size == 0 {
            return false;
        }
        #[cfg(any(test, debug_assertions))]
        self.audit.walk(self.published, size, self.complete_aside);
        self.published = self.complete_at;
        self.unpublished -= size;
        self.aside.publish(self.complete_aside);
        self.advance(size, notice)
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

    /// Says that no more will come. True as with [`Tx::publish`].
    #[must_use]
    pub(super) fn close(&mut self) -> bool {
        self.rollback();
        self.shared.bytes.close()
    }

    /// Whether all that was written was read.
    pub fn is_drained(&self) -> bool {
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

impl Drop for Tx {
    fn drop(&mut self) {
        self.rollback();
        self.shared.leave();
    }
}
