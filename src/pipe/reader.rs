//! The reading end of the byte queue.
//!
//! A socket reads record by record ([`Reader::read`]). A connection that writes the bytes as they
//! are looks at many records at once ([`Reader::gather`]) and says afterwards how many bytes went
//! out ([`Reader::sent`]); a message stays in the queue until its last byte did, so that a lost
//! connection leaves it for the next one.

use std::{
    ptr, slice,
    sync::{Arc, atomic::Ordering},
};

use super::{
    queue::Shared,
    record::{self, Flags, Record},
    segment::{Link, Segment},
};
use crate::{
    memory,
    message::{Incoming, Message, Outside, Stock},
    sync::Backoff,
    zmtp::frame::{self, Limit},
};

#[derive(Clone, Copy)]
struct Position {
    segment: Option<Link>,
    offset: usize,
    /// Bytes since the queue's beginning.
    total: u64,
}

/// Reads records.
pub struct Reader {
    shared: Arc<Shared>,
    /// The start of the first message that is not done with.
    mark: Position,
    /// The start of the first record that is not done with, and what is sent of its frame.
    at: Position,
    partial: usize,
    /// Bytes since the queue's beginning that are known to be published.
    limit: u64,
    /// Bytes that can be read at `at` without asking further.
    run: usize,
    /// There was nothing at the last look for a frame.
    starved: bool,
    /// Looks to go by without a pause, when pauses brought nothing.
    backoff: Backoff,
    /// There may be references among the records from `mark` to `at`, which were sent.
    has_references: bool,
}

// SAFETY: a queue has one reader, and what is published is its own until it passes it by.
unsafe impl Send for Reader {}

/// What is to be written next, in pieces.
#[derive(Default)]
pub struct Batch {
    pieces: Vec<libc::iovec>,
    /// How many bytes that is.
    pub bytes: usize,
    messages: u64,
    has_references: bool,
    end: Option<(Position, Position)>,
}

// SAFETY: empty but while its owner writes what the reader, also its own, has gathered.
unsafe impl Send for Batch {}

impl Batch {
    /// The pieces, for writev(2).
    pub fn pieces(&self) -> &[libc::iovec] {
        &self.pieces
    }

    fn push(&mut self, bytes: &[u8]) {
        self.bytes += bytes.len();
        if let Some(last) = self.pieces.last_mut()
            && last.iov_base.cast::<u8>().wrapping_add(last.iov_len) == bytes.as_ptr().cast_mut()
        {
            last.iov_len += bytes.len();
        } else if !bytes.is_empty() {
            self.pieces.push(libc::iovec {
                iov_base: bytes.as_ptr().cast_mut().cast(),
                iov_len: bytes.len(),
            });
        }
    }
}

/// What came of gathering.
#[derive(Debug, PartialEq, Eq)]
pub enum Gathered {
    /// There is nothing to be read.
    Nothing,
    /// The batch has something.
    Some,
    /// The next record does not go over the wire as it is: it is to be read.
    Special,
}

/// Fewer bytes than this, from a writer in full swing, are not worth a look: each slows the writer down, as the count has to
/// come back to its processor.
const GLEANINGS: u64 = 4096;
/// So often the processor pauses until the next look; that is about two microseconds.
const PAUSES: usize = 128;

/// A batch has no more pieces than this.
const PIECES_MAX: usize = 1024;

impl Reader {
    pub(super) fn new(shared: Arc<Shared>) -> Reader {
        let start = Position {
            segment: None,
            offset: 0,
            total: 0,
        };
        Reader {
            shared,
            mark: start,
            at: start,
            partial: 0,
            limit: 0,
            run: 0,
            starved: false,
            backoff: Backoff::default(),
            has_references: false,
        }
    }

    /// Whether there is something to read; then `run` is not zero.
    #[inline]
    pub fn has_records(&mut self) -> bool {
        self.run > 0 || self.refill()
    }

    /// Finds out how far reading can go on.
    fn refill(&mut self) -> bool {
        self.limit = self.shared.bytes.count();
        while self.limit > self.at.total {
            let left = usize::try_from(self.limit - self.at.total).unwrap_or(usize::MAX);
            if self.shared.sealed.load(Ordering::Relaxed) < self.at.total {
                self.run = left;
                return true;
            }
            let Some(segment) = self.at.segment else {
                self.at.segment = self.shared.first();
                self.mark.segment = self.at.segment;
                continue;
            };
            // SAFETY: alive until it is passed by.
            let head = unsafe { segment.as_ref() };
            let end = head.end();
            if self.at.offset == end {
                (self.at.segment, self.at.offset) = (head.next(), 0);
                continue;
            }
            self.run = left.min(end - self.at.offset);
            return true;
        }
        false
    }

    /// As [`Reader::has_records`] for who reads frame by frame: keeps a distance from a writer in full swing, so that they
    /// don't work on the same line of memory. Who had to wait for something gets it at once.
    fn look(&mut self) -> bool {
        if !self.refill() {
            self.starved = true;
            return false;
        }
        let starved = std::mem::take(&mut self.starved);
        if self.limit - self.at.total < GLEANINGS
            && !starved
            && self.shared.bytes.is_busy()
            && !self.backoff.pass()
        {
            let before = self.limit;
            (0..PAUSES).for_each(|_| std::hint::spin_loop());
            self.refill();
            // Of answers, each of which is there when it is looked for, no second one follows.
            match self.limit > before {
                true => self.backoff.paid(),
                false => self.backoff.failed(),
            }
        }
        true
    }

    /// Gives back the segments between the mark and the position, and moves the mark there.
    #[inline(always)]
    fn release(&mut self) {
        if self.mark.segment != self.at.segment {
            self.release_segments();
            self.mark = self.at;
        } else if self.mark.total != self.at.total {
            self.mark_here();
        }
    }

    /// Moves the mark to the position, in the same segment.
    #[inline]
    fn mark_here(&mut self) {
        // Not the whole, for which the processor would wait until what was just written to its parts has left the store buffer.
        (self.mark.offset, self.mark.total) = (self.at.offset, self.at.total);
    }

    #[cold]
    fn release_segments(&mut self) {
        while let Some(segment) = self.mark.segment
            && self.mark.segment != self.at.segment
        {
            // SAFETY: alive, and passed by: nobody else looks at it any more.
            unsafe {
                self.mark.segment = segment.as_ref().next();
                self.shared.put_spare(segment);
            }
        }
    }

    /// The next record if it is a frame. It is done with when the next one is read.
    #[inline(always)]
    pub fn read_frame(&mut self) -> Option<(Flags, &[u8])> {
        debug_assert_eq!(self.partial, 0);
        if self.run == 0 && !self.look() {
            return None;
        }
        let segment = self.at.segment?;
        // SAFETY: a whole record is published there, and it stays until `release` passes it.
        unsafe {
            let from = Segment::at(segment, self.at.offset);
            let (flags, head, body) = record::read_head(from);
            if !flags.is_frame() {
                return None;
            }
            self.release();
            self.pass(head + body);
            self.mark_here();
            Some((flags, slice::from_raw_parts(from.add(head), body)))
        }
    }

    /// The body of the next message if it has one part with a short head. To be [passed](Reader::pass_short).
    #[inline(always)]
    pub fn peek_short(&mut self) -> Option<&[u8]> {
        debug_assert_eq!(self.partial, 0);
        if self.run == 0 && !self.look() {
            return None;
        }
        // SAFETY: a whole record is published there, and stays until it is passed by.
        unsafe { record::short_body(Segment::at(self.at.segment?, self.at.offset)) }
    }

    /// .. which had so many bytes, and is done with.
    #[inline(always)]
    pub fn pass_short(&mut self, body: usize) {
        self.release();
        self.pass(record::SHORT_HEAD + body);
        self.mark_here();
    }

    /// Copies the body of the next message, if it has one part with a short head, that is known to be there, and the copy
    /// [takes no call](Incoming::copy_small): its size.
    #[inline(always)]
    pub fn read_in_full_swing(
        &mut self,
        into: &mut impl Incoming,
        metadata: &mut Stock,
    ) -> Option<usize> {
        debug_assert_eq!(self.partial, 0);
        if self.run == 0 || self.mark.segment != self.at.segment {
            return None;
        }
        // SAFETY: a whole record is published there, and stays until it is passed by.
        let body = unsafe { record::short_body(Segment::at(self.at.segment?, self.at.offset)) }?;
        if !into.copy_small(body, metadata) {
            return None;
        }
        let size = body.len();
        self.pass(record::SHORT_HEAD + size);
        self.mark_here();
        Some(size)
    }

    /// The next record if it is a reference: its flags but for that, the message, to be made one, and its size.
    #[inline(always)]
    pub fn read_reference(&mut self) -> Option<(Flags, Outside, usize)> {
        debug_assert_eq!(self.partial, 0);
        if !self.has_records() {
            return None;
        }
        // SAFETY: a whole record is published there, and passed by as it is taken.
        unsafe {
            let from = Segment::at(self.at.segment?, self.at.offset);
            let flags = Flags(from.read());
            if !flags.has(Flags::REFERENCE) {
                return None;
            }
            self.release();
            let (message, size) = record::take_outside(from);
            self.pass(record::REFERENCE_SIZE);
            self.mark_here();
            Some((Flags(flags.0 & !Flags::REFERENCE), message, size))
        }
    }

    /// The next record, if there is one. It is done with when the next one is read.
    pub fn read(&mut self) -> Option<Record<'_>> {
        debug_assert_eq!(self.partial, 0);
        loop {
            if !self.has_records() {
                return None;
            }
            if let Some((flags, message, size)) = self.read_reference() {
                // SAFETY: taken just now, and of this size.
                let message = unsafe { Message::from_outside(message, size, flags.more()) };
                return Some(Record::Message(flags, message));
            }
            self.release();
            let segment = self.at.segment?;
            // SAFETY: a whole record is published there, and it stays until `release` passes it.
            unsafe {
                let from = Segment::at(segment, self.at.offset);
                let (flags, head, body) = record::read_head(from);
                if flags.is_frame() {
                    self.pass(head + body);
                    self.mark_here();
                    return Some(Record::Frame(
                        flags,
                        slice::from_raw_parts(from.add(head), body),
                    ));
                }
                self.pass(record::size(from));
                self.mark_here();
                if flags.has(Flags::PEER) {
                    return Some(Record::Peer(record::take_peer(from)));
                }
            }
        }
    }

    /// Has the processor fetch what the next record is read from.
    #[inline]
    pub fn prefetch(&self) {
        memory::prefetch(ptr::from_ref(&self.shared.bytes).cast());
        if let Some(segment) = self.at.segment {
            // SAFETY: alive; the reader is in it, and within its capacity.
            memory::prefetch(unsafe { Segment::at(segment, self.at.offset) });
        }
    }

    /// The next record but for its body: its flags and the body's size.
    #[inline]
    pub fn peek(&mut self) -> Option<Flags> {
        loop {
            if !self.has_records() {
                return None;
            }
            self.release();
            // SAFETY: a whole record is published there.
            unsafe {
                let from = Segment::at(self.at.segment?, self.at.offset);
                let (flags, head, body) = record::read_head(from);
                if !flags.has(Flags::SKIP) {
                    return Some(flags);
                }
                self.pass(head + body);
            }
        }
    }

    /// The next record with its body, which for the peer's record is empty.
    #[inline]
    pub fn peek_body(&mut self) -> Option<(Flags, &[u8])> {
        let flags = self.peek()?;
        // SAFETY: a whole record is published there, and stays until it is passed by.
        unsafe {
            let from = Segment::at(self.at.segment?, self.at.offset);
            if flags.has(Flags::REFERENCE) {
                return Some((flags, record::reference_parts(from).1));
            }
            if flags.has(Flags::PEER) {
                return Some((flags, &[]));
            }
            let (_, head, body) = record::read_head(from);
            Some((flags, slice::from_raw_parts(from.add(head), body)))
        }
    }

    /// The record behind the next one, if it is a frame that lies beside it.
    #[inline]
    pub fn glance(&mut self) -> Option<(Flags, &[u8])> {
        if self.run == 0 {
            return None;
        }
        // SAFETY: whole records are published there, up to `run` bytes, and stay until they are passed by.
        unsafe {
            let from = Segment::at(self.at.segment?, self.at.offset);
            let first = record::size(from);
            if self.run <= first {
                return None;
            }
            let from = from.add(first);
            let (flags, head, body) = record::read_head(from);
            flags
                .is_frame()
                .then(|| (flags, slice::from_raw_parts(from.add(head), body)))
        }
    }

    #[inline]
    fn pass(&mut self, size: usize) {
        self.at.offset += size;
        self.at.total += size as u64;
        self.run -= size;
    }

    /// How many bytes of records are there to be read.
    pub fn unread(&self) -> u64 {
        self.shared.bytes.count() - self.at.total
    }

    /// Whether a frame was sent in part.
    pub fn is_partial(&self) -> bool {
        self.partial > 0
    }

    /// Collects frames to be written as they are: some `limit` bytes, and at least one frame.
    pub fn gather(&mut self, batch: &mut Batch, limit: usize) -> Gathered {
        batch.pieces.clear();
        (batch.bytes, batch.messages, batch.has_references, batch.end) = (0, 0, false, None);
        if !self.has_records() {
            return Gathered::Nothing;
        }
        let (start, mut mark, mut skip) = (self.at, self.mark, self.partial);
        let mut result = Gathered::Nothing;
        while batch.bytes < limit && batch.pieces.len() + 2 <= PIECES_MAX && self.has_records() {
            let Some(segment) = self.at.segment else {
                break;
            };
            // SAFETY: whole records are published there, and stay until they are sent.
            unsafe {
                let from = Segment::at(segment, self.at.offset);
                let (flags, head, body) = record::read_head(from);
                let size = if flags.is_wire() {
                    let frames = slice::from_raw_parts(from, self.run);
                    let walk = frame::walk(&frames[..limit.min(self.run)], Limit::NONE, u64::MAX);
                    if walk.octets > 0 {
                        batch.push(&frames[skip..walk.octets]);
                        batch.messages += walk.messages;
                        if walk.messages > 0 {
                            self.pass(walk.whole);
                            mark = self.at;
                        }
                        self.pass(walk.octets - walk.whole);
                        skip = 0;
                        continue;
                    }
                    batch.push(&frames[skip..head + body]);
                    head + body
                } else if flags.has(Flags::REFERENCE) {
                    let (head, body) = record::reference_parts(from);
                    batch.push(&head[skip.min(head.len())..]);
                    batch.push(&body[skip.saturating_sub(head.len())..]);
                    batch.has_references = true;
                    record::REFERENCE_SIZE
                } else {
                    result = Gathered::Special;
                    break;
                };
                self.pass(size);
                skip = 0;
                if !flags.more() {
                    batch.messages += 1;
                    mark = self.at;
                }
            }
        }
        if batch.bytes > 0 {
            batch.end = Some((self.at, mark));
            result = Gathered::Some;
        }
        self.seek(start);
        result
    }

    fn seek(&mut self, to: Position) {
        (self.at, self.run) = (to, 0);
    }

    /// Says how many of the batch's bytes went out. Returns how many messages are done with.
    /// What had to be kept until then is dropped.
    pub fn sent(&mut self, bytes: usize, batch: &Batch) -> u64 {
        let old = self.mark;
        let messages = match batch.end {
            Some((at, mark)) if bytes == batch.bytes => {
                self.seek(at);
                self.partial = 0;
                self.mark = mark;
                batch.messages
            }
            _ => self.sent_partly(bytes),
        };
        // Moves the mark back to walk over what was passed.
        let (at, mark) = (self.at, self.mark);
        self.mark = old;
        // A message may have gone out in several batches.
        self.has_references |= batch.has_references;
        if self.has_references && mark.total > old.total {
            self.drop_references(old, mark);
            self.has_references = at.total > mark.total;
        }
        self.at = mark;
        self.release_segments();
        (self.at, self.mark) = (at, mark);
        self.run = 0;
        messages
    }

    /// Walks over the records that `bytes` make up.
    fn sent_partly(&mut self, bytes: usize) -> u64 {
        let (mut left, mut messages) = (bytes + self.partial, 0);
        self.partial = 0;
        while left > 0 && self.has_records() {
            let Some(segment) = self.at.segment else {
                break;
            };
            // SAFETY: a whole record is published there.
            unsafe {
                let from = Segment::at(segment, self.at.offset);
                let (flags, head, body) = record::read_head(from);
                let wire = if flags.has(Flags::REFERENCE) {
                    let (head, body) = record::reference_parts(from);
                    head.len() + body.len()
                } else {
                    head + body
                };
                if left < wire {
                    self.partial = left;
                    break;
                }
                left -= wire;
                self.pass(record::size(from));
                if !flags.more() {
                    messages += 1;
                    self.mark = self.at;
                }
            }
        }
        messages
    }

    fn drop_references(&self, from: Position, to: Position) {
        let mut at = from;
        while at.total < to.total {
            let Some(segment) = at.segment else { break };
            // SAFETY: whole records that were passed by, and that nobody has freed yet.
            unsafe {
                if at.offset == segment.as_ref().end() {
                    (at.segment, at.offset) = (segment.as_ref().next(), 0);
                    continue;
                }
                let bytes = Segment::at(segment, at.offset);
                let size = record::size(bytes);
                record::discard(bytes);
                at.offset += size;
                at.total += size as u64;
            }
        }
    }

    /// Goes back to the start of a message of which some was sent: it will be sent again.
    pub fn rewind(&mut self) {
        self.partial = 0;
        self.seek(self.mark);
    }

    /// Goes to sleep, so that the next record's writer will be told to wake us. False if there
    /// is something to read, or if there will never be anything again.
    #[must_use]
    pub fn sleep(&mut self) -> bool {
        self.shared.bytes.sleep(self.at.total)
    }

    /// Whether nothing more will be written.
    pub fn is_closed(&self) -> bool {
        self.shared.bytes.is_closed()
    }

    /// Whether all was read and nothing will come any more.
    pub fn is_at_end(&mut self) -> bool {
        self.shared.bytes.is_closed() && !self.has_records()
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.rewind();
        self.shared
            .set_unread(self.mark.segment, self.mark.offset, self.mark.total);
        self.shared.leave();
    }
}
