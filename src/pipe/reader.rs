//! The reading end of the byte queue.
//!
//! A socket reads record by record ([`Reader::read`]). A connection that writes the bytes as they
//! are looks at many records at once ([`Reader::gather`]) and says afterwards how many bytes went
//! out ([`Reader::sent`]); a message stays in the queue until its last byte did, so that a lost
//! connection leaves it for the next one.

use std::{
    ptr,
    sync::{Arc, atomic::Ordering},
};

use super::{
    aside::Consumer,
    queue::Shared,
    record::{Aside, Kind, Part, Record},
    segment::{Link, Segment},
};
use crate::{
    frame::{self, Limit, Walk},
    memory,
    message::{Incoming, Stock},
    sync::Backoff,
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
    aside: Consumer<Aside>,
    /// How many values are beside the records from `mark` to `at`, which were sent.
    ahead: usize,
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
    /// There was something that is no record, by a bug of ours: there is nothing more to be read, as if the far end had closed.
    damaged: bool,
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
    end: Option<Progress>,
}

/// How far the records went out that were gathered.
#[derive(Clone, Copy)]
struct Progress {
    at: Position,
    mark: Position,
    /// How many values are beside the records from the old mark to `at`, and to the new mark.
    values: usize,
    done: usize,
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

impl Progress {
    /// Goes on over records.
    fn go_on(&mut self, walk: Walk) {
        let advance = |at: Position, size: usize| Position {
            segment: at.segment,
            offset: at.offset + size,
            total: at.total + size as u64,
        };
        if walk.messages > 0 {
            self.mark = advance(self.at, walk.whole);
            self.done = self.values;
        }
        self.at = advance(self.at, walk.octets);
    }

    /// As [`Progress::go_on`], over records that were put into a batch.
    fn pass(&mut self, walk: Walk, batch: &mut Batch) {
        batch.messages += walk.messages;
        self.go_on(walk);
    }
}

/// What a record is: of a frame, how many bytes it is about, which are its last, and how many it has.
enum Found {
    Frame(Kind, usize, usize),
    Part,
    Peer,
}

/// A record that is looked at.
pub enum Peeked<'a> {
    /// A frame in the pipe.
    Frame(Kind, &'a [u8]),
    /// A part whose body was handed on.
    Part(&'a Part),
    /// What is known of the peer from here on.
    Peer,
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
    pub(super) fn new(shared: Arc<Shared>, aside: Consumer<Aside>) -> Reader {
        let start = Position {
            segment: None,
            offset: 0,
            total: 0,
        };
        Reader {
            shared,
            aside,
            ahead: 0,
            mark: start,
            at: start,
            partial: 0,
            limit: 0,
            run: 0,
            starved: false,
            backoff: Backoff::default(),
            damaged: false,
        }
    }

    /// Whether there is something to read; then `run` is not zero.
    #[inline]
    pub fn has_records(&mut self) -> bool {
        self.run > 0 || self.refill()
    }

    /// Finds out how far reading can go on.
    fn refill(&mut self) -> bool {
        if self.damaged {
            return false;
        }
        self.limit = self.shared.bytes.count();
        if self.at.segment.is_none() && self.limit > 0 {
            self.at.segment = self.shared.first();
            self.mark.segment = self.at.segment;
        }
        let mut at = self.at;
        self.run = self.run_at(&mut at);
        self.at = at;
        self.run > 0
    }

    /// How many bytes of records are there in one piece, from a position on that goes on to the next segment if need be.
    fn run_at(&self, at: &mut Position) -> usize {
        while self.limit > at.total
            && let Some(segment) = at.segment
        {
            let left = usize::try_from(self.limit - at.total).unwrap_or(usize::MAX);
            if self.shared.sealed.load(Ordering::Relaxed) < at.total {
                return left;
            }
            // SAFETY: alive until it is passed by.
            let head = unsafe { segment.as_ref() };
            let end = head.end();
            if at.offset != end {
                return left.min(end - at.offset);
            }
            (at.segment, at.offset) = (head.next(), 0);
        }
        0
    }

    /// The records that can be read at once, in one piece.
    #[inline(always)]
    fn records(&self) -> &[u8] {
        self.bytes_at(self.at, self.run)
    }

    /// As many bytes from a position on as there are by [`Reader::run_at`], or fewer; or just passed by.
    #[inline(always)]
    fn bytes_at(&self, at: Position, len: usize) -> &[u8] {
        match at.segment {
            // SAFETY: published there, and alive until `release` passes it by, which borrows the reader anew.
            Some(segment) => unsafe { Segment::bytes(segment, at.offset, len) },
            None => &[],
        }
    }

    /// What was passed by last.
    #[inline(always)]
    fn passed(&self, len: usize) -> &[u8] {
        let mut at = self.at;
        at.offset -= len;
        self.bytes_at(at, len)
    }

    /// There is something that is no record.
    #[cold]
    fn give_up(&mut self) {
        debug_assert!(false, "a pipe has what is no record");
        self.damaged = true;
        self.run = 0;
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

    /// The next record if it is a part that is a frame. It is done with when the next one is read.
    #[inline(always)]
    pub fn read_frame(&mut self) -> Option<(bool, &[u8])> {
        debug_assert_eq!(self.partial, 0);
        if self.run == 0 && !self.look() {
            return None;
        }
        let (frame::Record::Frame(flags, body), len) = frame::Record::first(self.records())? else {
            return None;
        };
        if flags.command() {
            return None;
        }
        let body = body.len();
        self.release();
        self.pass(len);
        self.mark_here();
        Some((flags.more(), self.passed(body)))
    }

    /// The body of the next message if it has one part with a short head. To be [passed](Reader::pass_short).
    #[inline(always)]
    pub fn peek_short(&mut self) -> Option<&[u8]> {
        debug_assert_eq!(self.partial, 0);
        if self.run == 0 && !self.look() {
            return None;
        }
        frame::Record::short(self.records()).map(|(body, _)| body)
    }

    /// .. which had so many bytes, and is done with.
    #[inline(always)]
    pub fn pass_short(&mut self, body: usize) {
        self.release();
        self.pass(frame::head_len(body) + body);
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
        let (body, len) = frame::Record::short(self.records())?;
        if !into.copy_small(body, metadata) {
            return None;
        }
        let size = body.len();
        self.pass(len);
        self.mark_here();
        Some(size)
    }

    /// The next record if it is a part whose body was handed on.
    #[inline(always)]
    pub fn read_part(&mut self) -> Option<Part> {
        if !self.has_records() {
            return None;
        }
        let Some(Found::Part) = self.find() else {
            return None;
        };
        match self.take_aside() {
            Some(Aside::Part(part)) => Some(part),
            _ => None,
        }
    }

    fn take_aside(&mut self) -> Option<Aside> {
        debug_assert_eq!((self.partial, self.ahead), (0, 0));
        self.release();
        self.pass(frame::ASIDE_LEN);
        self.mark_here();
        self.aside.take()
    }

    /// What the next record is. `None` if that is no record, or the mark of a value that isn't there.
    fn find(&self) -> Option<Found> {
        let (record, len) = frame::Record::first(self.records())?;
        match record {
            frame::Record::Frame(flags, body) => {
                let (kind, body) = Kind::of_frame(flags, body)?;
                Some(Found::Frame(kind, body.len(), len))
            }
            frame::Record::Aside => Some(match self.value()? {
                Aside::Part(_) => Found::Part,
                Aside::Peer(_) => Found::Peer,
            }),
        }
    }

    /// The value beside the next record, if it is the mark of one.
    fn value(&self) -> Option<&Aside> {
        self.aside.iter().nth(self.ahead)
    }

    /// The next record, if there is one. It is done with when the next one is read.
    pub fn read(&mut self) -> Option<Record<'_>> {
        debug_assert_eq!(self.partial, 0);
        match self.find_next()? {
            Found::Frame(kind, body, len) => {
                self.pass(len);
                self.mark_here();
                Some(Record::Frame(kind, self.passed(body)))
            }
            Found::Part | Found::Peer => Some(match self.take_aside()? {
                Aside::Part(part) => Record::Part(part),
                Aside::Peer(peer) => Record::Peer(peer),
            }),
        }
    }

    /// The next record, which stays.
    #[inline]
    pub fn peek(&mut self) -> Option<Peeked<'_>> {
        match self.find_next()? {
            Found::Frame(kind, body, len) => {
                Some(Peeked::Frame(kind, &self.records()[len - body..len]))
            }
            Found::Part | Found::Peer => Some(match self.value()? {
                Aside::Part(part) => Peeked::Part(part),
                Aside::Peer(_) => Peeked::Peer,
            }),
        }
    }

    /// Whether the next record, which there is, says who the peer is.
    #[inline]
    pub fn is_peer(&self) -> bool {
        match frame::Record::first(self.records()) {
            Some((frame::Record::Aside, _)) => matches!(self.value(), Some(Aside::Peer(_))),
            _ => false,
        }
    }

    /// Passes over the next record, if there is one; whether that ends a message.
    pub fn skip(&mut self) -> bool {
        if !self.has_records() {
            return false;
        }
        match frame::Record::first(self.records()) {
            Some((frame::Record::Frame(flags, _), len)) => {
                self.release();
                self.pass(len);
                self.mark_here();
                !flags.more()
            }
            Some((frame::Record::Aside, _)) => match self.take_aside() {
                Some(Aside::Part(part)) => !part.more,
                _ => false,
            },
            None => {
                self.give_up();
                false
            }
        }
    }

    /// What the next record is, if there is one; what was read before is done with.
    #[inline]
    fn find_next(&mut self) -> Option<Found> {
        if !self.has_records() {
            return None;
        }
        self.release();
        let found = self.find();
        if found.is_none() {
            self.give_up();
        }
        found
    }

    /// The record behind the next one, if it is a frame that lies beside it.
    #[inline]
    pub fn glance(&mut self) -> Option<(Kind, &[u8])> {
        let records = self.records();
        let (_, first) = frame::Record::first(records)?;
        match frame::Record::first(&records[first..])?.0 {
            frame::Record::Frame(flags, body) => Kind::of_frame(flags, body),
            frame::Record::Aside => None,
        }
    }

    /// Has the processor fetch what the next record is read from.
    #[inline]
    pub fn prefetch(&self) {
        memory::prefetch(ptr::from_ref(&self.shared.bytes).cast());
        if let Some(segment) = self.at.segment {
            memory::prefetch(Segment::address(segment, self.at.offset));
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

    // -- for a connection that writes the bytes as they are ------------------------------------------

    /// Collects frames to be written as they are: some `limit` bytes, and at least one frame. Those that are subscriptions,
    /// too, if the peer takes the command for it (`commands`).
    pub fn gather(&mut self, batch: &mut Batch, limit: usize, commands: bool) -> Gathered {
        batch.pieces.clear();
        (batch.bytes, batch.messages, batch.end) = (0, 0, None);
        if !self.has_records() {
            return Gathered::Nothing;
        }
        let mut skip = self.partial;
        let mut progress = Progress {
            at: self.at,
            mark: self.mark,
            values: self.ahead,
            done: 0,
        };
        let mut values = self.aside.iter().skip(self.ahead);
        let mut result = Gathered::Nothing;
        while batch.bytes < limit && batch.pieces.len() + 2 <= PIECES_MAX {
            let run = self.run_at(&mut progress.at);
            let records = self.bytes_at(progress.at, run);
            if records.is_empty() {
                break;
            }
            let within = &records[..limit.min(run)];
            let walk = match commands {
                true => frame::walk_with_commands(within, Limit::NONE, u64::MAX),
                false => frame::walk(within, Limit::NONE, u64::MAX),
            };
            if walk.octets > 0 {
                batch.push(&records[skip..walk.octets]);
                progress.pass(walk, batch);
            } else {
                match frame::Record::first(records) {
                    Some((frame::Record::Frame(flags, _), len)) if commands || !flags.command() => {
                        batch.push(&records[skip..len]);
                        progress.pass(Walk::of(len, flags.more()), batch);
                    }
                    Some((frame::Record::Aside, len)) => {
                        let Some(Aside::Part(part)) = values.next() else {
                            result = Gathered::Special;
                            break;
                        };
                        let [head, body] = part.wire();
                        batch.push(&head[skip.min(head.len())..]);
                        batch.push(&body[skip.saturating_sub(head.len())..]);
                        progress.values += 1;
                        progress.pass(Walk::of(len, part.more), batch);
                    }
                    _ => {
                        result = Gathered::Special;
                        break;
                    }
                }
            }
            skip = 0;
        }
        if batch.bytes > 0 {
            batch.end = Some(progress);
            result = Gathered::Some;
        }
        result
    }

    fn seek(&mut self, to: Position) {
        (self.at, self.run) = (to, 0);
    }

    /// Says how many of the batch's bytes went out. Returns how many messages are done with.
    /// What had to be kept until then is dropped.
    pub fn sent(&mut self, bytes: usize, batch: &Batch) -> u64 {
        let (progress, messages) = match batch.end {
            Some(progress) if bytes == batch.bytes => {
                self.partial = 0;
                (progress, batch.messages)
            }
            _ => self.sent_partly(bytes),
        };
        (0..progress.done).for_each(|_| drop(self.aside.take()));
        self.ahead = progress.values - progress.done;
        self.at = progress.mark;
        self.release();
        self.seek(progress.at);
        messages
    }

    /// Walks over the records that `bytes` make up.
    fn sent_partly(&mut self, bytes: usize) -> (Progress, u64) {
        let (mut left, mut messages) = (bytes + self.partial, 0);
        let mut progress = Progress {
            at: self.at,
            mark: self.mark,
            values: self.ahead,
            done: 0,
        };
        let mut partial = 0;
        let mut values = self.aside.iter().skip(self.ahead);
        while left > 0 {
            let run = self.run_at(&mut progress.at);
            let records = self.bytes_at(progress.at, run);
            // No more went out than was gathered.
            let Some((record, size)) = frame::Record::first(records) else {
                break;
            };
            let (wire, more, value) = match record {
                frame::Record::Frame(flags, _) => (size, flags.more(), 0),
                frame::Record::Aside => match values.next() {
                    Some(Aside::Part(part)) => {
                        let wire = part.wire().iter().map(|piece| piece.len()).sum();
                        (wire, part.more, 1)
                    }
                    _ => break,
                },
            };
            if left < wire {
                partial = left;
                break;
            }
            left -= wire;
            progress.values += value;
            progress.go_on(Walk::of(size, more));
            messages += u64::from(!more);
        }
        self.partial = partial;
        (progress, messages)
    }

    /// Goes back to the start of a message of which some was sent: it will be sent again.
    pub fn rewind(&mut self) {
        (self.partial, self.ahead) = (0, 0);
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
        self.shared.bytes.is_closed() || self.damaged
    }

    /// Whether all was read and nothing will come any more.
    pub fn is_at_end(&mut self) -> bool {
        self.is_closed() && !self.has_records()
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.shared.leave_at(self.mark.segment);
    }
}
