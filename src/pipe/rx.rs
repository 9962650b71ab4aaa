//! The reading end of one direction of a pipe.
//!
//! A socket reads record by record ([`Rx::read`]). A connection that writes the bytes as they are gathers many records at
//! once ([`super::gather`]).

use std::{
    ptr,
    sync::{Arc, atomic::Ordering},
};

use super::{
    aside::Consumer,
    flow::Flow,
    queue::Shared,
    record::{Aside, Kind, Part, Record},
    segment::{Link, Segment},
};
use crate::{frame, memory, message::Message};

#[derive(Clone, Copy)]
pub(super) struct Position {
    pub segment: Option<Link>,
    pub offset: usize,
    /// Bytes since the queue's beginning.
    pub total: u64,
}

/// Reads records.
pub struct Rx {
    shared: Arc<Shared>,
    flow: Arc<Flow>,
    /// Messages that were read, and of these those that the writer has been told of.
    read: u64,
    returned: u64,
    /// For [`Depth::Last`](super::Depth::Last).
    last: Option<Box<Last>>,
    pub(super) aside: Consumer<Aside>,
    /// How many values are beside the records from `mark` to `at`, which were sent.
    pub(super) ahead: usize,
    /// The start of the first message that is not done with.
    pub(super) mark: Position,
    /// The start of the first record that is not done with, and what is sent of its frame.
    pub(super) at: Position,
    pub(super) partial: usize,
    /// Bytes since the queue's beginning that are known to be published.
    pub(super) limit: u64,
    /// Bytes that can be read at `at` without asking further.
    pub(super) run: usize,
    /// There was something that is no record, by a bug of ours: there is nothing more to be read, as if the far end had closed.
    damaged: bool,
}

/// The last message of a direction that keeps no others, when the reader has come to it.
#[derive(Default)]
struct Last {
    /// It was only looked at.
    seen: Option<Message>,
    /// It was read.
    read: Message,
}

// SAFETY: a queue has one reader, and what is published is its own until it passes it by.
unsafe impl Send for Rx {}

/// What a record is: of a frame, how many bytes it is about, which are its last, and how many it has.
enum Found {
    Frame(Kind, usize, usize),
    Part,
    Peer,
}

impl Rx {
    pub(super) fn new(shared: Arc<Shared>, flow: Arc<Flow>, aside: Consumer<Aside>) -> Rx {
        let start = Position {
            segment: None,
            offset: 0,
            total: 0,
        };
        Rx {
            shared,
            read: 0,
            returned: 0,
            last: flow.latest.is_some().then(Box::default),
            flow,
            aside,
            ahead: 0,
            mark: start,
            at: start,
            partial: 0,
            limit: 0,
            run: 0,
            damaged: false,
        }
    }

    /// Whether it is of [`Depth::Last`](super::Depth::Last).
    #[inline(always)]
    pub fn conflates(&self) -> bool {
        self.last.is_some()
    }

    // -- where the records are -----------------------------------------------------------------------

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
    pub(super) fn run_at(&self, at: &mut Position) -> usize {
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

    /// As many bytes from a position on as there are by [`Rx::run_at`], or fewer; or just passed by.
    #[inline(always)]
    pub(super) fn bytes_at(&self, at: Position, len: usize) -> &[u8] {
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

    /// Gives back the segments between the mark and the position, and moves the mark there.
    #[inline(always)]
    pub(super) fn release(&mut self) {
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

    #[inline]
    fn pass(&mut self, size: usize) {
        self.at.offset += size;
        self.at.total += size as u64;
        self.run -= size;
    }

    // -- reading -------------------------------------------------------------------------------------

    /// Whether there is a message of one part with a short head.
    #[inline(always)]
    pub fn has_message(&mut self) -> bool {
        self.has_records() && !self.conflates() && frame::is_message(self.records())
    }

    /// The next record, if there is one. It is done with when the next one is read. The caller then looks at
    /// [`Rx::credit`].
    pub fn read(&mut self) -> Option<Record<'_>> {
        debug_assert_eq!(self.partial, 0);
        match self.find_next()? {
            Found::Frame(kind, body, len) => {
                self.pass(len);
                self.mark_here();
                self.read += u64::from(!kind.more());
                if self.conflates() && matches!(kind, Kind::Part { .. }) {
                    return self.take_last(kind);
                }
                Some(Record::Frame(kind, self.passed(body)))
            }
            Found::Part | Found::Peer => Some(match self.take_aside()? {
                Aside::Part(part) => {
                    self.read += u64::from(!part.more);
                    Record::Part(part)
                }
                Aside::Peer(peer) => Record::Peer(peer),
            }),
        }
    }

    /// The message that a frame without a body stands for.
    #[cold]
    fn take_last(&mut self, kind: Kind) -> Option<Record<'_>> {
        let (latest, last) = (self.flow.latest.as_ref()?, self.last.as_mut()?);
        last.read = last.seen.take().unwrap_or_else(|| latest.take());
        Some(match last.read.take_payload() {
            Some(payload) => Record::Part(Part::new(false, payload)),
            None => Record::Frame(kind, last.read.bytes()),
        })
    }

    /// The next record with its body, which stays. None for what it is if it says who the peer is.
    #[inline]
    pub fn peek(&mut self) -> Option<(Option<Kind>, &[u8])> {
        match self.find_next()? {
            Found::Frame(kind, ..) if self.conflates() && matches!(kind, Kind::Part { .. }) => {
                let latest = self.flow.latest.as_ref()?;
                let seen = &mut self.last.as_mut()?.seen;
                let message = seen.get_or_insert_with(|| latest.take());
                Some((Some(kind), message.bytes()))
            }
            Found::Frame(kind, body, len) => Some((Some(kind), &self.records()[len - body..len])),
            Found::Part | Found::Peer => Some(match self.value()? {
                Aside::Part(part) => (Some(Kind::Part { more: part.more }), part.payload.bytes()),
                Aside::Peer(_) => (None, &[]),
            }),
        }
    }

    /// Passes over the next record, if there is one. The caller then looks at [`Rx::credit`].
    pub fn skip(&mut self) {
        if !self.has_records() {
            return;
        }
        match frame::Record::first(self.records()) {
            Some((frame::Record::Frame(flags, _), len)) if !self.conflates() => {
                self.release();
                self.pass(len);
                self.mark_here();
                self.read += u64::from(!flags.more());
            }
            _ => drop(self.read()),
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

    /// Whether the next record, which there is, says who the peer is.
    #[inline]
    pub fn is_peer(&self) -> bool {
        match frame::Record::first(self.records()) {
            Some((frame::Record::Aside, _)) => matches!(self.value(), Some(Aside::Peer(_))),
            _ => false,
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

    // -- credit, and the end -------------------------------------------------------------------------

    /// Counts messages that were gathered.
    pub fn count(&mut self, messages: u64) {
        self.read += messages;
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

    /// Changes the high-water mark.
    pub fn set_limit(&self, limit: u32) {
        self.flow.set_limit(limit);
    }

    /// Whether the writer is to be told of room.
    pub(super) fn is_waited_for(&self) -> bool {
        self.flow.credit.is_asleep()
    }

    /// How many bytes of frames are there to be read; any number if a part is among them whose body was handed on.
    pub fn unread(&self) -> u64 {
        match self.value() {
            Some(_) => u64::MAX,
            None => self.shared.bytes.count() - self.at.total,
        }
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

    pub(super) fn close(&mut self) -> bool {
        self.flow.credit.close()
    }

    /// Has the processor fetch what the next record is read from.
    #[inline]
    pub fn prefetch(&self) {
        memory::prefetch(ptr::from_ref(&self.shared.bytes).cast());
        if let Some(segment) = self.at.segment {
            memory::prefetch(Segment::address(segment, self.at.offset));
        }
    }
}

impl Drop for Rx {
    fn drop(&mut self) {
        self.shared.leave_at(self.mark.segment);
    }
}
