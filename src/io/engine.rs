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
    cell::Cell,
    os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd},
};

use self::large::Bodies;
use super::socket::{self, Moved};
use crate::{
    error::{Error, Result},
    memory,
    message::Source,
    pipe::{Batch, REFERENCE_MIN, Tx},
    zmtp::{self, Codec, Command, Header, Limit, Reply, Version, command},
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
/// What is read at once of bare bytes.
const CHUNK: usize = 8192;
/// A receive buffer of up to this is small (bytes).
const SMALL_BUFFER: libc::c_int = 8 * 1024;
/// So often a connection is read before others have their turn.
pub(super) const READ_TURNS: usize = 8;
/// .. or until so many bytes have come: unless [`Engine::read_max`] says otherwise.
pub(super) const READ_MAX: usize = 256 * 1024;

/// What driving needs for the while, one for each thread.
#[derive(Default)]
struct Scratch {
    /// What is read of a peer's that there is no room for in the pipe.
    buffer: Vec<u8>,
    batch: Batch,
    /// Takes turns with an engine's `out`.
    out: Vec<u8>,
    /// What is read of translated speech.
    coded: Vec<u8>,
}

/// Runs something with what the thread has for that; or with something new, if the thread is ending, or is in the midst of it.
fn with_scratch<T>(run: impl FnOnce(&mut Scratch) -> T) -> T {
    thread_local!(static SCRATCH_PAD: Cell<Option<Box<Scratch>>> = const { Cell::new(None) });
    let kept = SCRATCH_PAD.try_with(Cell::take);
    let mut scratch = kept.ok().flatten().unwrap_or_default();
    let result = run(&mut scratch);
    // A thread that is ending has no place for it any more.
    let _ = SCRATCH_PAD.try_with(|pad| pad.set(Some(scratch)));
    result
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
    /// So many bytes are enough for one turn of reading.
    pub read_max: usize,
    speech: Speech,
    version: Version,
    /// In the midst of a message from the peer.
    inside: bool,
    /// A read leaves nothing behind, if that can be helped.
    drains: bool,
    /// For REQ: what of a reply is there.
    reply: Option<Reply>,
    /// How much the last read has brought (bytes).
    came: u32,
    /// How often bytes have come.
    heard: u64,
    /// The time to live that the peer's last PING gave, in tenths of a second.
    ttl: Option<u16>,
    limit: Limit,
    /// What is to be written before the pipe's next frame: commands, and what was encoded.
    out_at: usize,
    out: Vec<u8>,
    /// How much of that is answers to the peer's PINGs (bytes).
    answers: usize,
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
            answers: 0,
            coded: Vec::new(),
            bodies: Bodies::default(),
            inside: false,
            drains: false,
            reply: None,
            came: 0,
            heard: 0,
            sent: 0,
            read_max: READ_MAX,
            ttl: None,
        }
    }

    /// Has only replies come in.
    pub fn expect_replies(&mut self) {
        self.reply = Some(Reply::default());
    }

    /// Has each read take all that there is: what stays behind in a receive buffer as small as this
    /// closes the peer's window for a segment, which then goes out only when that one's timer for
    /// it has ended, a fifth of a second later, again and again.
    pub fn drain_small_buffer(&mut self, receive_buffer: libc::c_int) {
        self.drains = (0..=SMALL_BUFFER).contains(&receive_buffer);
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
    ///
    /// ENOMEM.
    pub fn send_first(&mut self, bytes: &[u8]) -> Result<()> {
        memory::append(&mut self.out, bytes)
    }

    /// How often something was read from the peer.
    pub fn heard(&self) -> u64 {
        self.heard
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

    /// Writes a command before the pipe's next frame. ENOMEM.
    pub fn command(&mut self, command: &Command) -> Result<()> {
        match &mut self.speech {
            Speech::Coded(codec) => codec.encode_command(command, &mut self.out),
            Speech::Plain => Codec::Clear.encode_command(command, &mut self.out),
            Speech::Bare => Ok(()),
        }
    }

    // -- reading -------------------------------------------------------------------------------

    /// Takes in bytes that were read with the end of the handshake.
    pub fn take_in(&mut self, tx: &mut Tx, bytes: &[u8]) -> Result<()> {
        match self.speech {
            Speech::Plain => tx.stage(bytes),
            _ => memory::append(&mut self.coded, bytes),
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
        let mut turn = 0;
        for _ in 0..READ_TURNS {
            if !self.parse(tx)? {
                return Ok(Read::Stalled);
            }
            let (bytes, wanted) = match with_scratch(|scratch| self.fill(tx, &mut scratch.buffer))?
            {
                (Moved::Bytes(bytes), wanted) => (bytes, wanted),
                (Moved::Blocked, _) => return Ok(Read::All),
                (Moved::End, _) => return Err(Error::EPIPE),
            };
            self.heard += 1;
            self.came = u32::try_from(bytes).unwrap_or(u32::MAX);
            if bytes < wanted {
                return Ok(if self.parse(tx)? {
                    Read::All
                } else {
                    Read::Stalled
                });
            }
            turn += bytes;
            if turn >= self.read_max {
                break;
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
        loop {
            if self.missing() > 0 {
                return Ok(true);
            }
            if let Some(large) = self.bodies.current.take() {
                self.complete(tx, large)?;
            }
            if self.reply.is_none() {
                self.accept_parts(tx);
            }
            let staged = tx.staged();
            let Some(header) = Header::parse(staged, self.limit)? else {
                return Ok(true);
            };
            let (size, here) = (header.frame_len(), staged.len());
            let is_command = header.flags.command();
            if is_command && size <= here {
                let body = &staged[header.header_len..size];
                // Within a message a subscription makes no sense, and would end it.
                if !self.inside && command::as_subscription(body).is_some() {
                    if !tx.has_room() {
                        return Ok(false);
                    }
                    tx.accept_subscriptions(self.limit);
                } else {
                    self.obey(Command::parse(body).ok())?;
                    tx.skip(size);
                }
                continue;
            }
            // A command that is to have memory of its own may be a subscription, which counts as messages do.
            let is_kept = !is_command || header.body_len >= REFERENCE_MIN;
            if is_kept && !self.inside && !tx.has_room() {
                return Ok(false);
            }
            if size > here {
                if header.body_len >= REFERENCE_MIN {
                    self.begin_large(tx, &header)?;
                    continue;
                }
                if !self.is_streaming() {
                    // What is missing is to come right behind it.
                    tx.room(size - here)?;
                }
                return Ok(true);
            }
            self.begin_frame(header.flags, header.body_len)?;
            self.bodies.before = match self.inside {
                true => self.bodies.before + size,
                false => 0,
            };
            tx.accept_frame();
        }
    }

    /// Accepts frames at a walk, as long as there is nothing to be done with them.
    #[inline]
    fn accept_parts(&mut self, tx: &mut Tx) {
        let walk = tx.accept_parts(self.limit);
        if walk.messages > 0 {
            self.inside = false;
            self.bodies.before = 0;
        }
        let begun = walk.octets - walk.whole;
        if begun > 0 {
            self.inside = true;
            self.bodies.before += begun;
        }
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
                chunk = memory::zeroed(CHUNK)?;
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
            tx.write(false, &mut Source::Bytes(&chunk))?;
        }
        Ok(Read::More)
    }

    /// Reads and forgets what has come, so that closing doesn't reset the connection and lose
    /// what the peer has yet to take.
    pub fn discard_input(&mut self) {
        let mut buffer = [0; 4096];
        let piece = libc::iovec {
            iov_base: buffer.as_mut_ptr().cast(),
            iov_len: buffer.len(),
        };
        for _ in 0..256 {
            // SAFETY: the buffer is ours to write.
            let received = unsafe { socket::receive(self.fd(), &[piece]) };
            if !matches!(received, Ok(Moved::Bytes(_))) {
                break;
            }
        }
    }
}
