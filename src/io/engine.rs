//! A connection after its handshake: bytes between a descriptor and the two ends of a pipe.
//!
//! For ZMTP 2 and 3 without encryption the frames on the wire are the records in the pipe. So
//! they are written straight from where the socket put them, and read straight to where it takes
//! them from; here they are only looked at: where messages end, which frames are commands,
//! whether a length is allowed. Large bodies are read into memory of their own. What a peer
//! speaks that is not these bytes (ZMTP 1, CURVE, bare bytes) is translated here.
//!
//! Whoever holds the connection's lock drives it: nothing here waits, or knows a thread.
//!
//! Answers to RFC 13, 15, 23 and 37.

mod coded;
mod commands;
mod large;
mod writing;

use std::{
    cell::RefCell,
    os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd},
};

use self::large::Bodies;
use super::socket::{self, Moved};
use crate::{
    error::{Error, Result},
    message::Source,
    pipe::{Batch, Flags, REFERENCE_MIN, Tx},
    zmtp::{self, Codec, Command, Header, Limit, Reply, Version, frame},
};

/// What is read at once into a buffer that all connections of a thread share (bytes).
const SCRATCH: usize = 64 * 1024;
/// What is written in one call, and in one turn (bytes).
const WRITE_MAX: usize = 512 * 1024;
const TURN_MAX: usize = 1024 * 1024;
/// While a sender is in full swing, less than this (bytes) isn't worth a call.
const HOLD_MIN: usize = 2048;
/// What is encoded for a peer that doesn't take the pipe's bytes, before it is written (bytes).
const ENCODE_MAX: usize = 64 * 1024;
/// What is kept for encoding from one batch to the next, for each thread (bytes).
const ENCODE_KEEP: usize = 2 * 1024 * 1024;
/// So often a connection is read before others have their turn.
pub(super) const READ_TURNS: usize = 8;

/// What driving needs for the while, one for each thread.
#[derive(Default)]
struct Scratch {
    /// Read into where it is spare, and nothing else is written there: it has only as much memory as has come at once.
    buffer: Vec<u8>,
    batch: Batch,
    /// Takes turns with an engine's `out`.
    out: Vec<u8>,
    /// What is read of translated speech.
    coded: Vec<u8>,
}

thread_local! {
    static SCRATCH_PAD: RefCell<Scratch> = RefCell::default();
}

/// Runs something with the calling thread's scratch pad, or, where that is destroyed because the thread is ending, with
/// one for the while.
fn with_scratch<R>(run: impl FnOnce(&mut Scratch) -> R) -> R {
    match SCRATCH_PAD.try_with(|_| ()) {
        Ok(()) => SCRATCH_PAD.with_borrow_mut(run),
        Err(_) => run(&mut Scratch::default()),
    }
}

/// What speaks on the wire.
pub enum Speech {
    /// The bytes in the pipe.
    Plain,
    /// Frames that the codec makes and reads.
    Coded(Codec),
    /// The bodies alone (`ZMQ_STREAM`).
    Bare,
}

/// How far writing has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    /// All is written, and the pipe's writer will wake us for more; or the duty is held, and a little may be left.
    All,
    /// The descriptor takes no more for now.
    Blocked,
    /// There is more, but others have their turn.
    More,
    /// All is written, and there will be nothing more.
    End,
}

/// How far reading has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Read {
    /// All there was.
    All,
    /// The pipe is full; its reader will wake us.
    Stalled,
    /// There is more, but others have their turn.
    More,
}

/// A connection after its handshake. In this order in memory: what each message needs is close together.
#[repr(C, align(64))]
pub struct Engine {
    fd: OwnedFd,
    /// Messages that were written since this was last reset.
    pub sent: u32,
    speech: Speech,
    version: Version,
    /// In the midst of a message from the peer.
    inside: bool,
    /// For REQ: what of a reply is there.
    reply: Option<Reply>,
    /// How much the last read has brought (bytes).
    came: u32,
    /// Bytes came since this was last asked for.
    heard: bool,
    /// The time to live that the peer's last PING gave, in tenths of a second.
    ttl: Option<u16>,
    limit: Limit,
    /// What is to be written before the pipe's next frame: commands, and what was encoded.
    out_at: usize,
    out: Vec<u8>,
    bodies: Bodies,
    /// For translated speech: what was read and not decoded yet. No more than [`SCRATCH`], or the
    /// beginning of a frame that is longer, and nothing behind it.
    coded: Vec<u8>,
}

impl AsFd for Engine {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl Engine {
    /// Takes over a connection.
    pub fn new(fd: OwnedFd, speech: Speech, version: Version, limit: Limit) -> Engine {
        Engine {
            fd,
            speech,
            version,
            limit,
            out: Vec::new(),
            out_at: 0,
            coded: Vec::new(),
            bodies: Bodies::default(),
            inside: false,
            reply: None,
            came: 0,
            heard: false,
            sent: 0,
            ttl: None,
        }
    }

    /// Has only replies come in.
    pub fn expect_replies(&mut self) {
        self.reply = Some(Reply::default());
    }

    /// The descriptor.
    pub fn fd(&self) -> RawFd {
        self.fd.as_raw_fd()
    }

    /// The descriptor, to be unwatched.
    pub fn owned_fd(&self) -> &OwnedFd {
        &self.fd
    }

    /// Writes these bytes before anything else: what is left of the handshake.
    pub fn send_first(&mut self, bytes: &[u8]) {
        self.out.extend_from_slice(bytes);
    }

    /// Whether the peer has said anything since this was last asked.
    pub fn take_heard(&mut self) -> bool {
        std::mem::take(&mut self.heard)
    }

    /// Whether a PING has come that says how long to wait for traffic.
    pub fn has_ttl(&self) -> bool {
        self.ttl.is_some()
    }

    /// What the peer's last PING said of how long to wait for traffic, in tenths of a second.
    pub fn take_ttl(&mut self) -> Option<u16> {
        self.ttl.take()
    }

    /// Whether the peer knows commands.
    pub fn has_heartbeats(&self) -> bool {
        self.version >= Version::V3_0 && !matches!(self.speech, Speech::Bare)
    }

    /// Whether there is something of our own to be written.
    pub fn has_out(&self) -> bool {
        self.out_at < self.out.len()
    }

    /// Writes a command before the pipe's next frame.
    pub fn command(&mut self, command: &Command) {
        match &mut self.speech {
            Speech::Coded(codec) => codec.encode_command(command, &mut self.out),
            Speech::Plain => Codec::Clear.encode_command(command, &mut self.out),
            Speech::Bare => {}
        }
    }

    // -- reading -------------------------------------------------------------------------------

    /// Takes in bytes that were read with the end of the handshake.
    pub fn take_in(&mut self, tx: &mut Tx, bytes: &[u8]) -> Result<()> {
        match self.speech {
            Speech::Plain => tx.queue().stage(bytes),
            _ => {
                self.coded.extend_from_slice(bytes);
                Ok(())
            }
        }
    }

    /// Reads what has come into the pipe, as far as there is room. The second: the pipe's
    /// reader sleeps and is to be woken. EPIPE if the peer has hung up; any error ends the
    /// connection.
    pub fn read(&mut self, tx: &mut Tx) -> (Result<Read>, bool) {
        let result = match self.speech {
            Speech::Plain => self.read_plain(tx),
            Speech::Coded(_) => self.read_coded(tx),
            Speech::Bare => self.read_bare(tx),
        };
        (result, tx.publish())
    }

    fn read_plain(&mut self, tx: &mut Tx) -> Result<Read> {
        for _ in 0..READ_TURNS {
            if !self.parse(tx)? {
                return Ok(Read::Stalled);
            }
            let (bytes, wanted) = match with_scratch(|pad| self.fill(tx, &mut pad.buffer))? {
                (Moved::Bytes(bytes), wanted) => (bytes, wanted),
                (Moved::Blocked, _) => return Ok(Read::All),
                (Moved::End, _) => return Err(Error::EPIPE),
            };
            self.heard = true;
            self.came = u32::try_from(bytes).unwrap_or(u32::MAX);
            if bytes < wanted {
                return Ok(if self.parse(tx)? {
                    Read::All
                } else {
                    Read::Stalled
                });
            }
        }
        Ok(if self.parse(tx)? {
            Read::More
        } else {
            Read::Stalled
        })
    }

    /// Whether reads are large: worth a segment of their own.
    fn is_streaming(&self) -> bool {
        self.came as usize >= SCRATCH / 4
    }

    /// Accepts the whole frames among what is staged. False if the pipe is full.
    fn parse(&mut self, tx: &mut Tx) -> Result<bool> {
        // What of the records accepted last is commands that say nothing to the reader (bytes).
        let mut skipped = 0;
        loop {
            if self.missing() > 0 {
                break;
            }
            if let Some(large) = self.bodies.current.take() {
                self.complete(tx, large)?;
            }
            if self.reply.is_none() && self.accept_plain(tx) {
                skipped = 0;
            }
            let staged = tx.queue().staged();
            let Some(header) = Header::parse(staged, self.limit)? else {
                break;
            };
            let (size, here) = (header.frame_len(), staged.len());
            let is_command = header.flags.command() && size <= here;
            if is_command && self.skip(tx, &header) {
                skipped += size;
                continue;
            }
            if !self.inside && !tx.has_room() {
                tx.queue().take_back(skipped);
                return Ok(false);
            }
            if is_command {
                skipped = self.subscribe(tx);
                continue;
            }
            if size > here {
                tx.queue().take_back(std::mem::take(&mut skipped));
                if header.body_len >= REFERENCE_MIN {
                    self.begin_large(tx, &header)?;
                    continue;
                }
                if !self.is_streaming() {
                    // What is missing is to come right behind it.
                    tx.queue().room(size - here)?;
                }
                break;
            }
            let staged = tx.queue().staged();
            if staged[0] & !Flags::WIRE != 0 {
                staged[0] &= Flags::WIRE;
            }
            self.begin_frame(header.flags, header.body_len)?;
            self.bodies.before = if self.inside {
                self.bodies.before + size
            } else {
                0
            };
            // SAFETY: a whole frame, without flags of ours.
            unsafe { tx.queue().accept(size) };
            skipped = 0;
            if !self.inside {
                tx.end_message();
            }
        }
        // There may never be a message that has the reader pass over them.
        tx.queue().take_back(skipped);
        Ok(true)
    }

    /// Accepts frames at a walk, as long as there is nothing to be done with them. False if there are none.
    #[inline]
    fn accept_plain(&mut self, tx: &mut Tx) -> bool {
        let room = tx.known_room();
        let walk = frame::walk(tx.queue().staged(), self.limit, room);
        if walk.messages > 0 {
            // SAFETY: whole frames, without flags of ours.
            unsafe { tx.queue().accept(walk.whole) };
            tx.end_messages(walk.messages);
            self.inside = false;
            self.bodies.before = 0;
        }
        let begun = walk.octets - walk.whole;
        if begun > 0 {
            // SAFETY: as above.
            unsafe { tx.queue().accept(begun) };
            self.inside = true;
            self.bodies.before += begun;
        }
        walk.octets > 0
    }

    /// A frame of a message is next.
    fn begin_frame(&mut self, flags: zmtp::Flags, len: usize) -> Result<()> {
        self.inside = flags.more();
        match &mut self.reply {
            Some(reply) => reply.advance(self.inside, len),
            None => Ok(()),
        }
    }

    fn read_bare(&mut self, tx: &mut Tx) -> Result<Read> {
        for _ in 0..READ_TURNS {
            if !tx.has_room() {
                return Ok(Read::Stalled);
            }
            let mut chunk = std::mem::take(&mut self.coded);
            if chunk.is_empty() {
                chunk.resize(8192, 0);
                let piece = libc::iovec {
                    iov_base: chunk.as_mut_ptr().cast(),
                    iov_len: chunk.len(),
                };
                // SAFETY: the chunk is ours to write.
                match unsafe { socket::receive(self.fd(), &[piece]) }? {
                    Moved::Bytes(bytes) => chunk.truncate(bytes),
                    Moved::Blocked => return Ok(Read::All),
                    Moved::End => return Err(Error::EPIPE),
                }
            }
            tx.write(0, &mut Source::Bytes(&chunk))?;
        }
        Ok(Read::More)
    }

    /// Reads and forgets what has come, so that closing doesn't reset the connection and lose
    /// what the peer has yet to take.
    pub fn discard_input(&mut self) {
        with_scratch(|pad| {
            pad.buffer.reserve(SCRATCH);
            let piece = libc::iovec {
                iov_base: pad.buffer.as_mut_ptr().cast(),
                iov_len: SCRATCH,
            };
            for _ in 0..16 {
                // SAFETY: the buffer is ours to write.
                let received = unsafe { socket::receive(self.fd(), &[piece]) };
                if !matches!(received, Ok(Moved::Bytes(_))) {
                    break;
                }
            }
        });
    }
}
