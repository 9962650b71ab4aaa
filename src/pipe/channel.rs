//! One direction of a pipe: a queue, a high-water mark, and the credit that the reader returns.

use std::sync::{
    Arc,
    atomic::{AtomicU32, AtomicU64, Ordering},
};

use super::{
    Depth, MESSAGE_MIN, REFERENCE_MIN, SHARED_MIN,
    gauge::Gauge,
    latest::Latest,
    queue, reader,
    reader::Peeked,
    record::{Kind, Part, Peer, Record},
    writer::{self, Notice},
};
use crate::{
    error::Result,
    frame::{Flags, HEAD_MAX, Header, Limit, Walk},
    message::{INLINE_MAX, Incoming, Message, Payload, Small, Source, Stock},
};

/// From so many bytes on in one go, the writer is told of progress.
pub const PROGRESS_MIN: usize = 2 * 1024;

/// What the two sides of one direction share beside the queue.
struct Flow {
    /// Messages that the reader is done with; the writer waits on it when the pipe is full.
    credit: Gauge,
    /// The high-water mark: so many messages may be under way.
    limit: AtomicU32,
    /// Of so many the reader returns the credit together.
    lot: AtomicU32,
    /// Messages that the reader is done with, as it tells now and then: sooner than by `credit`, but nobody waits on it.
    passed: AtomicU64,
    /// For [`Depth::Last`]: the message.
    latest: Option<Box<Latest>>,
}

impl Flow {
    fn new(depth: Depth) -> Flow {
        let flow = Flow {
            credit: Gauge::new(),
            limit: AtomicU32::new(0),
            lot: AtomicU32::new(0),
            passed: AtomicU64::new(0),
            latest: (depth == Depth::Last).then(Box::default),
        };
        match depth {
            Depth::Messages(limit) => flow.store_limit(limit),
            Depth::Last => flow.store_limit(0),
        }
        flow
    }

    fn set_limit(&self, limit: u32) {
        if self.latest.is_none() {
            self.store_limit(limit);
        }
    }

    /// For any number, which zero stands for, more than there is memory for will do.
    fn store_limit(&self, limit: u32) {
        let limit = if limit == 0 { u32::MAX } else { limit };
        self.limit.store(limit, Ordering::Relaxed);
        self.lot.store(limit.div_ceil(2), Ordering::Relaxed);
    }
}

/// The writing end of one direction.
pub struct Tx {
    queue: writer::Writer,
    flow: Arc<Flow>,
    written: u64,
    /// Credit as far as known.
    done: u64,
    /// [`Depth::Last`].
    conflates: bool,
    /// Messages that nobody shares are passed by reference from this size on (bytes).
    reference_min: u32,
}

/// The reading end of one direction.
pub struct Rx {
    queue: reader::Reader,
    flow: Arc<Flow>,
    read: u64,
    /// What of `read` the writer has been told.
    returned: u64,
    /// For [`Depth::Last`].
    last: Option<Box<Last>>,
}

/// The last message of a direction that keeps no others, when the reader has come to it.
#[derive(Default)]
struct Last {
    /// It was only looked at.
    seen: Option<Message>,
    /// It was read.
    read: Message,
}

/// One direction of a pipe.
pub fn channel(depth: impl Into<Depth>) -> (Tx, Rx) {
    let (writer, reader) = queue::queue();
    let flow = Arc::new(Flow::new(depth.into()));
    let conflates = flow.latest.is_some();
    (
        Tx {
            queue: writer,
            flow: flow.clone(),
            written: 0,
            done: 0,
            conflates,
            reference_min: REFERENCE_MIN as u32,
        },
        Rx {
            queue: reader,
            flow,
            read: 0,
            returned: 0,
            last: conflates.then(Box::default),
        },
    )
}

impl Tx {
    /// Whether it is of [`Depth::Last`].
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

    /// How many messages were written so far, and how many of these the reader [has told](Rx::tell_progress) to be done with.
    pub fn progress(&self) -> (u64, u64) {
        (self.written, self.flow.passed.load(Ordering::Relaxed))
    }

    /// The queue, to read into in place. Whole messages are told by [`Tx::end_messages`].
    pub fn queue(&mut self) -> &mut writer::Writer {
        &mut self.queue
    }

    /// The parts accepted in the queue so far make up another whole message.
    #[inline]
    pub fn end_message(&mut self) {
        self.end_messages(1);
    }

    /// .. up to so many whole messages.
    #[inline]
    pub fn end_messages(&mut self, messages: u64) {
        self.queue.end_message();
        self.written += messages;
    }

    /// Has the processor fetch what a part of so many bytes will be written to.
    #[inline]
    pub fn prefetch(&self, size: usize) {
        self.queue.prefetch(HEAD_MAX + size);
    }

    /// Accepts what a peer has sent, and is staged: parts of messages that need no look, as far as there is room.
    #[inline]
    pub fn accept_parts(&mut self, limit: Limit) -> Walk {
        let walk = self.queue.accept_parts(limit, self.known_room());
        self.written += walk.messages;
        walk
    }

    /// Accepts commands that a peer has sent, and that are staged: subscriptions, as far as there is room. True if there were
    /// any.
    pub fn accept_subscriptions(&mut self, limit: Limit) -> bool {
        let count = self.queue.accept_subscriptions(limit, self.known_room());
        self.written += count;
        count > 0
    }

    /// Accepts a frame that a peer has sent, and is staged: a part of a message. None if it isn't all there.
    pub fn accept_frame(&mut self) -> Option<Header> {
        let header = self.queue.accept_frame()?;
        if !header.flags.more() {
            self.end_message();
        }
        Some(header)
    }

    /// Says who the peer is that what follows comes from. ENOMEM.
    pub fn peer(&mut self, peer: Arc<Peer>) -> Result<()> {
        self.queue.peer(peer)
    }

    /// Writes a subscription, or gives one up: however many messages there are, it is not held up. ENOMEM.
    pub fn subscription(&mut self, subscribe: bool, topic: &[u8]) -> Result<()> {
        self.queue.subscription(subscribe, topic)?;
        self.end_message();
        Ok(())
    }

    /// Begins a part whose body is still to come. ENOMEM.
    pub fn begin_part(&mut self) -> Result<()> {
        self.queue.begin_part()
    }

    /// Gives the body of the part that was begun. ENOMEM.
    pub fn fill_part(&mut self, more: bool, payload: Payload) -> Result<()> {
        self.queue.fill_part(more, payload)?;
        if !more {
            self.end_message();
        }
        Ok(())
    }

    /// Writes a part, and publishes what is a whole message with it. A message is begun only if
    /// there is [`Tx::has_room`]. True if the reader sleeps, is to be woken, and that is noticed now. ENOMEM.
    #[inline(always)]
    pub fn send(&mut self, more: bool, part: &mut Source, notice: Notice) -> Result<bool> {
        if more || self.conflates || !self.queue.is_clean() {
            return self.send_any(more, part, notice);
        }
        let size = part.bytes().len();
        let wake = match part {
            Source::Copy(copies) if size > INLINE_MAX => {
                self.queue.reserve_part()?;
                match copies.payload() {
                    Some(payload) => self.queue.part_message(payload, notice)?,
                    None => return self.send_any(more, part, notice),
                }
            }
            Source::Bytes(_) | Source::Message(_) if size < SHARED_MIN && !part.is_lent() => {
                let wake = self.queue.frame_message(part.bytes(), notice)?;
                part.done();
                wake
            }
            _ => return self.send_any(more, part, notice),
        };
        self.written += 1;
        Ok(wake)
    }

    /// Sends a message of one part, whose body is at most [`SHORT_MAX`](super::SHORT_MAX) bytes, if that is a matter of
    /// writing it: true as with [`Tx::send`]. The caller has made sure of room.
    #[inline(always)]
    pub fn send_short(&mut self, body: &[u8]) -> Option<bool> {
        debug_assert!(!self.conflates);
        if !self.queue.is_clean() {
            return None;
        }
        let wake = self.queue.short_message(body)?;
        self.written += 1;
        Some(wake)
    }

    /// As [`Tx::send_short`], in full swing: see [`Writer::message_in_full_swing`](writer::Writer::message_in_full_swing).
    #[inline(always)]
    pub fn send_in_full_swing(&mut self, body: Small) -> Option<bool> {
        debug_assert!(!self.conflates);
        if !self.queue.is_clean() {
            return None;
        }
        let still = self.queue.message_in_full_swing(body)?;
        self.written += 1;
        Some(still)
    }

    /// As [`Writer::settle`](writer::Writer::settle).
    #[must_use]
    pub fn settle(&self) -> bool {
        self.queue.settle()
    }

    fn send_any(&mut self, more: bool, part: &mut Source, notice: Notice) -> Result<bool> {
        self.write(more, part)?;
        if more {
            return Ok(false);
        }
        Ok(self.queue.finish(notice))
    }

    /// As [`Writer::check`](writer::Writer::check).
    #[inline]
    #[must_use]
    pub fn check(&self) -> bool {
        self.queue.check()
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
            self.queue.reserve_part()?;
            match part.take_payload()? {
                Some(payload) => self.queue.part(more, payload)?,
                None => self.copy(more, part)?,
            }
        } else {
            self.copy(more, part)?;
        }
        if !more {
            self.end_message();
        }
        Ok(())
    }

    fn copy(&mut self, more: bool, part: &mut Source) -> Result<()> {
        self.queue.frame(Flags::more_if(more), part.bytes())?;
        part.done();
        Ok(())
    }

    /// The reader takes messages as they are, so that it pays to pass them by reference sooner.
    pub(super) fn prefer_references(&mut self) {
        self.reference_min = MESSAGE_MIN as u32;
    }

    /// Writes a message in place of the one before.
    #[cold]
    fn replace(&mut self, more: bool, part: &mut Source) -> Result<()> {
        // So that the frame can be written once the message is in its place.
        self.queue.room(HEAD_MAX)?;
        let message = part.take()?;
        if !more
            && let Some(latest) = &self.flow.latest
            && latest.put(message)
        {
            self.queue.frame(Flags::NONE, &[])?;
            self.end_message();
        }
        Ok(())
    }

    /// Publishes what was written. True if the reader sleeps, and is to be woken.
    #[inline]
    #[must_use]
    pub fn publish(&mut self) -> bool {
        self.queue.publish()
    }

    /// Takes back the parts of a message that isn't complete.
    pub fn rollback(&mut self) {
        self.queue.rollback();
    }

    /// Whether the far end doesn't read any more.
    pub fn is_closed(&self) -> bool {
        self.flow.credit.is_closed()
    }

    /// Changes the high-water mark.
    pub fn set_limit(&self, limit: u32) {
        self.flow.set_limit(limit);
    }

    /// Whether the reader is to tell of room.
    pub(super) fn is_waiting(&self) -> bool {
        self.flow.credit.is_asleep()
    }

    /// Whether all that was written was read.
    pub fn is_drained(&self) -> bool {
        self.queue.is_reader_asleep()
    }

    pub(super) fn close(&mut self) -> bool {
        self.queue.close()
    }
}

impl Rx {
    /// Whether it is of [`Depth::Last`].
    #[inline(always)]
    pub fn conflates(&self) -> bool {
        self.last.is_some()
    }

    /// Has the processor fetch what the next record is read from.
    #[inline]
    pub fn prefetch(&self) {
        self.queue.prefetch();
    }

    /// The next record if it is a part in the pipe, as most are, and whether more follow. None if it isn't, or if there
    /// is none. The caller then looks at [`Rx::credit`].
    #[inline(always)]
    pub fn read_frame(&mut self) -> Option<(bool, &[u8])> {
        if self.conflates() {
            return None;
        }
        let (more, body) = self.queue.read_frame()?;
        self.read += u64::from(!more);
        Some((more, body))
    }

    /// The body of the next message if it has one part with a short head, and that is known at once. To be
    /// [passed](Rx::pass_short).
    #[inline(always)]
    pub fn peek_short(&mut self) -> Option<&[u8]> {
        debug_assert!(!self.conflates());
        self.queue.peek_short()
    }

    /// .. which had so many bytes. The caller then looks at [`Rx::credit`].
    #[inline(always)]
    pub fn pass_short(&mut self, body: usize) {
        self.queue.pass_short(body);
        self.read += 1;
    }

    /// As [`Reader::read_in_full_swing`](reader::Reader::read_in_full_swing), if no credit is due by that.
    #[inline(always)]
    pub fn read_in_full_swing(
        &mut self,
        into: &mut impl Incoming,
        metadata: &mut Stock,
    ) -> Option<usize> {
        debug_assert!(!self.conflates());
        if self.is_credit_due(self.read + 1) {
            return None;
        }
        let size = self.queue.read_in_full_swing(into, metadata)?;
        self.read += 1;
        Some(size)
    }

    /// The next record if it is a part whose body was handed on. The caller then looks at [`Rx::credit`].
    #[inline(always)]
    pub fn read_part(&mut self) -> Option<Part> {
        if self.conflates() {
            return None;
        }
        let part = self.queue.read_part()?;
        self.read += u64::from(!part.more);
        Some(part)
    }

    /// The next record. The caller then looks at [`Rx::credit`].
    pub fn read(&mut self) -> Option<Record<'_>> {
        if self.conflates() {
            return self.read_latest();
        }
        let record = self.queue.read()?;
        let ends = match &record {
            Record::Frame(kind, _) => !kind.more(),
            Record::Part(part) => !part.more,
            Record::Peer(_) => false,
        };
        self.read += u64::from(ends);
        Some(record)
    }

    #[cold]
    fn read_latest(&mut self) -> Option<Record<'_>> {
        match self.queue.read()? {
            Record::Frame(kind @ Kind::Part { .. }, _) => {
                let (latest, last) = (self.flow.latest.as_ref()?, self.last.as_mut()?);
                last.read = last.seen.take().unwrap_or_else(|| latest.take());
                Some(match last.read.take_payload() {
                    Some(payload) => Record::Part(Part::new(false, payload)),
                    None => Record::Frame(kind, last.read.bytes()),
                })
            }
            record => Some(record),
        }
    }

    /// Passes over the next record, which there is. The caller then looks at [`Rx::credit`].
    pub fn skip(&mut self) {
        if self.conflates() {
            let _ = self.read();
        } else {
            self.read += u64::from(self.queue.skip());
        }
    }

    /// The next record with its body, which for the peer's record is empty, and stays.
    #[inline]
    pub fn peek_body(&mut self) -> Option<(Option<Kind>, &[u8])> {
        if self.conflates() {
            return self.peek_latest();
        }
        Some(match self.queue.peek()? {
            Peeked::Frame(kind, body) => (Some(kind), body),
            Peeked::Part(part) => (Some(Kind::Part { more: part.more }), part.payload.bytes()),
            Peeked::Peer => (None, &[]),
        })
    }

    #[cold]
    fn peek_latest(&mut self) -> Option<(Option<Kind>, &[u8])> {
        match self.queue.peek()? {
            Peeked::Frame(kind @ Kind::Part { .. }, _) => {
                let latest = self.flow.latest.as_ref()?;
                let seen = &mut self.last.as_mut()?.seen;
                let message = seen.get_or_insert_with(|| latest.take());
                Some((Some(kind), message.bytes()))
            }
            Peeked::Frame(kind, body) => Some((Some(kind), body)),
            Peeked::Part(part) => {
                Some((Some(Kind::Part { more: part.more }), part.payload.bytes()))
            }
            Peeked::Peer => Some((None, &[])),
        }
    }

    /// Whether nothing more will be written. There may be something to read yet.
    pub fn is_closed(&self) -> bool {
        self.queue.is_closed()
    }

    /// Counts messages that were read through the queue.
    pub fn count(&mut self, messages: u64) {
        self.read += messages;
    }

    /// Tells the writer how many messages were read so far, if the last ones are many bytes. Each time costs it something, as
    /// it looks at what lies beside that for each message.
    pub fn tell_progress(&self, bytes: usize) {
        if bytes >= PROGRESS_MIN {
            self.flow.passed.store(self.read, Ordering::Relaxed);
        }
    }

    /// The queue, to be gathered from.
    pub fn queue(&mut self) -> &mut reader::Reader {
        &mut self.queue
    }

    /// Returns credit, if it is time to. True if the writer sleeps, and is to be woken.
    #[inline(always)]
    #[must_use]
    pub fn credit(&mut self) -> bool {
        if !self.is_credit_due(self.read) {
            return false;
        }
        let new = self.read - self.returned;
        self.returned = self.read;
        self.flow.credit.advance(new)
    }

    #[inline(always)]
    fn is_credit_due(&self, read: u64) -> bool {
        read - self.returned >= u64::from(self.flow.lot.load(Ordering::Relaxed))
    }

    /// Goes to sleep until there is something to read; false if there is, or never will be.
    #[must_use]
    pub fn sleep(&mut self) -> bool {
        self.queue.sleep()
    }

    /// Changes the high-water mark.
    pub fn set_limit(&self, limit: u32) {
        self.flow.set_limit(limit);
    }

    /// Whether the writer is to be told of room.
    pub(super) fn is_waited_for(&self) -> bool {
        self.flow.credit.is_asleep()
    }

    /// Whether all was read and nothing will come any more.
    pub fn is_at_end(&mut self) -> bool {
        self.queue.is_at_end()
    }

    pub(super) fn close(&mut self) -> bool {
        self.flow.credit.close()
    }
}
