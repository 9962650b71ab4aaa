//! How a connection writes the bytes of a pipe as they are.
//!
//! It looks at many records at once ([`Rx::gather`]) and says afterwards how many bytes went
//! out ([`Rx::sent`]); a message stays in the queue until its last byte did, so that a lost
//! connection leaves it for the next one.

use super::{
    record::Aside,
    rx::{Position, Rx},
};
use crate::{
    error::Result,
    frame::{self, Limit, Walk},
};

/// A batch has no more pieces than this.
const PIECES_MAX: usize = 1024;

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

impl Rx {
    /// Whether a frame was sent in part.
    pub fn is_partial(&self) -> bool {
        self.partial > 0
    }

    /// Collects frames to be written as they are: some `limit` bytes, and at least one frame. Those that are subscriptions,
    /// too, if the peer takes the command for it (`commands`). ENOMEM.
    pub fn gather(&mut self, batch: &mut Batch, limit: usize, commands: bool) -> Result<Gathered> {
        batch.pieces.clear();
        (batch.bytes, batch.messages, batch.end) = (0, 0, None);
        if !self.has_records() {
            return Ok(Gathered::Nothing);
        }
        let mut skip = self.partial;
        let mut progress = self.progress();
        let mut values = self.aside.iter().skip(self.ahead);
        let mut result = Gathered::Nothing;
        while batch.bytes < limit && batch.pieces.len() + 2 <= PIECES_MAX {
            match batch.pieces.try_reserve(2) {
                Err(error) if batch.bytes == 0 => return Err(error.into()),
                Err(_) => break,
                Ok(()) => {}
            }
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
        Ok(result)
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

    /// None yet: from what is not sent on.
    fn progress(&self) -> Progress {
        Progress {
            at: self.at,
            mark: self.mark,
            values: self.ahead,
            done: 0,
        }
    }

    /// Walks over the records that `bytes` make up.
    fn sent_partly(&mut self, bytes: usize) -> (Progress, u64) {
        let (mut left, mut messages) = (bytes + self.partial, 0);
        let mut progress = self.progress();
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

    fn seek(&mut self, to: Position) {
        (self.at, self.run) = (to, 0);
    }
}
