//! Pipes: what carries messages between a socket and a connection, or two sockets of a process.
//!
//! A pipe is two queues of wire bytes ([`queue`]), one each way, each with a high-water mark that
//! counts messages and with credit that the reader returns in batches of half the mark. One end
//! is a socket's ([`End`]), the other a connection's ([`Tx`] and [`Rx`] by themselves) or another
//! socket's. Who owns what: an end belongs to whoever holds its socket's or connection's lock;
//! the two directions share no state but their gauges ([`gauge`]), which say what wakes whom.
//!
//! This module knows nothing of socket types and of the protocol but the layout of its frames
//! (RFC 23, "Framing").

mod gauge;
mod inbox;
mod latest;
mod parker;
mod queue;
mod reader;
mod record;
mod segment;
mod writer;

use std::{
    os::fd::RawFd,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering, fence},
    },
    time::{Duration, Instant},
};

use self::latest::Latest;
pub use self::{
    gauge::Gauge,
    inbox::{Door, Event, Inbox, PipeId},
    parker::{Parker, Signal, poll},
    queue::REFERENCE_MIN,
    reader::{Batch, Gathered},
    record::{Flags, HEAD_MAX, Peer, Record, head_size},
    writer::{Placeholder, SEGMENT_MAX},
};
use crate::{
    error::{Error, Result},
    message::{Message, Received, Sink, Source},
};

/// Who is at the far end of a pipe, as this end tells it what it has done.
pub trait Far: Send + Sync {
    /// There is something to read where there was nothing. `siblings`: so many pipes, this one
    /// included, are written to alike; zero: too many for the writer to deliver by itself.
    fn readable(&self, siblings: usize);
    /// As `readable`, when there is no more to come for now: by the writer itself, if possible.
    fn deliver(&self) {
        self.readable(1);
    }
    /// There is room to write where there was none.
    fn writable(&self);
    /// This end is closed. What was written is to be delivered yet, for so long (none: forever).
    fn closed(&self, linger: Option<Duration>);
    /// As `closed`, but once this returns, nothing comes any more. Waits for the far end's lock.
    fn shut(&self, linger: Option<Duration>) {
        self.closed(linger);
    }

    /// Does now, without waiting, what can be done to have something to read.
    fn drive(&self) {}
    /// Lends the descriptor to a thread that is about to wait, which watches it for input and
    /// drives this end when there is some, until it gives it back.
    fn lend(&self) -> Option<RawFd> {
        None
    }
    /// Takes the descriptor back.
    fn give_back(&self) {}
}

/// Who fills a pipe in less time than this finds it full, once.
const FILLED: Duration = Duration::from_millis(1);

/// What the two sides of one direction share beside the queue.
struct Flow {
    /// Messages that the reader is done with; the writer waits on it when the pipe is full.
    credit: Gauge,
    /// The high-water mark: so many messages may be under way; zero: any number.
    limit: AtomicU32,
    /// For [`Depth::Last`]: the message.
    latest: Option<Latest>,
}

impl Flow {
    fn set_limit(&self, limit: u32) {
        if self.latest.is_none() {
            self.limit.store(limit, Ordering::Relaxed);
        }
    }
}

/// How much one direction holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// So many messages, the high-water mark; zero: any number.
    Messages(u32),
    /// The last message alone, and of that the last part; and any number of subscriptions.
    Last,
}

impl From<u32> for Depth {
    fn from(limit: u32) -> Depth {
        Depth::Messages(limit)
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
}

/// The reading end of one direction.
pub struct Rx {
    queue: reader::Reader,
    flow: Arc<Flow>,
    read: u64,
    /// What of `read` the writer has been told.
    returned: u64,
    /// [`Depth::Last`], and the message if it was only looked at.
    conflates: bool,
    seen: Option<Message>,
}

/// One direction of a pipe.
pub fn channel(depth: impl Into<Depth>) -> (Tx, Rx) {
    let (limit, conflates) = match depth.into() {
        Depth::Messages(limit) => (limit, false),
        Depth::Last => (0, true),
    };
    let (writer, reader) = queue::queue();
    let flow = Arc::new(Flow {
        credit: Gauge::new(),
        limit: AtomicU32::new(limit),
        latest: conflates.then(Latest::default),
    });
    (
        Tx {
            queue: writer,
            flow: flow.clone(),
            written: 0,
            done: 0,
            conflates,
        },
        Rx {
            queue: reader,
            flow,
            read: 0,
            returned: 0,
            conflates,
            seen: None,
        },
    )
}

impl Tx {
    /// Whether another message may be begun. If not, the far end will call `writable` later on.
    #[inline]
    pub fn has_room(&mut self) -> bool {
        let limit = u64::from(self.flow.limit.load(Ordering::Relaxed));
        limit == 0 || self.written - self.done < limit || self.wait_for_room(limit)
    }

    /// The same, as far as known without asking.
    #[inline]
    fn has_known_room(&self) -> bool {
        let limit = u64::from(self.flow.limit.load(Ordering::Relaxed));
        limit == 0 || self.written - self.done < limit
    }

    /// Has the far end tell of room; false if there is some now.
    #[must_use]
    fn sleep(&mut self) -> bool {
        self.flow.credit.sleep(self.done)
    }

    #[cold]
    fn wait_for_room(&mut self, limit: u64) -> bool {
        loop {
            self.done = self.flow.credit.count();
            if self.written - self.done < limit {
                return true;
            }
            if self.flow.credit.is_closed() || self.flow.credit.sleep(self.done) {
                return false;
            }
        }
    }

    /// The queue, to read into in place. Whole messages are told by [`Tx::count`].
    pub fn queue(&mut self) -> &mut writer::Writer {
        &mut self.queue
    }

    /// The parts accepted in the queue so far make up another whole message.
    #[inline]
    pub fn end_message(&mut self) {
        self.queue.end_message();
        self.written += 1;
    }

    /// Writes a part. A message is begun only if there is [`Tx::has_room`]. ENOMEM.
    #[inline]
    pub fn write(&mut self, flags: u8, part: &mut Source) -> Result<()> {
        if self.conflates && flags & !Flags::MORE == 0 {
            return self.replace(flags & Flags::MORE != 0, part);
        }
        let bytes = part.bytes();
        if bytes.len() < REFERENCE_MIN {
            self.queue.frame(flags, bytes)?;
            if let Source::Message(message) = part {
                **message = Message::new();
            }
        } else {
            self.write_message(flags, part)?;
        }
        if flags & Flags::MORE == 0 {
            self.end_message();
        }
        Ok(())
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
            self.queue.frame(0, &[])?;
            self.end_message();
        }
        Ok(())
    }

    #[cold]
    fn write_message(&mut self, flags: u8, part: &mut Source) -> Result<()> {
        let message = part.take()?;
        self.queue.message(flags, message).map_err(|message| {
            if let Source::Message(from) = part {
                **from = message;
            }
            Error::ENOMEM
        })
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

    /// Whether all that was written was read.
    pub fn is_drained(&self) -> bool {
        self.queue.is_reader_asleep()
    }

    fn close(&mut self) -> bool {
        self.queue.close()
    }
}

impl Rx {
    /// The next record. The caller then looks at [`Rx::credit`].
    #[inline]
    pub fn read(&mut self) -> Option<Record<'_>> {
        if self.conflates {
            return self.read_latest();
        }
        let record = self.queue.read()?;
        if let Record::Frame(flags, _) | Record::Message(flags, _) = &record
            && !flags.more()
        {
            self.read += 1;
        }
        Some(record)
    }

    #[cold]
    fn read_latest(&mut self) -> Option<Record<'_>> {
        let latest = self.flow.latest.as_ref()?;
        match self.queue.read()? {
            Record::Frame(Flags(0), _) => {
                let message = self.seen.take().unwrap_or_else(|| latest.take());
                Some(Record::Message(Flags(0), message))
            }
            record => Some(record),
        }
    }

    /// The next record with its body, which for the peer's record is empty.
    #[inline]
    pub fn peek_body(&mut self) -> Option<(Flags, &[u8])> {
        if self.conflates {
            return self.peek_latest();
        }
        self.queue.peek_body()
    }

    #[cold]
    fn peek_latest(&mut self) -> Option<(Flags, &[u8])> {
        let flags = self.queue.peek()?;
        if flags != Flags(0) {
            return self.queue.peek_body();
        }
        let latest = self.flow.latest.as_ref()?;
        let message = self.seen.get_or_insert_with(|| latest.take());
        Some((flags, message.bytes()))
    }

    /// Whether nothing more will be written. There may be something to read yet.
    pub fn is_closed(&self) -> bool {
        self.queue.is_closed()
    }

    /// Counts messages that were read through the queue.
    pub fn count(&mut self, messages: u64) {
        self.read += messages;
    }

    /// The queue, to be gathered from.
    pub fn queue(&mut self) -> &mut reader::Reader {
        &mut self.queue
    }

    /// Returns credit, if it is time to. True if the writer sleeps, and is to be woken.
    #[inline]
    #[must_use]
    pub fn credit(&mut self) -> bool {
        let new = self.read - self.returned;
        let limit = u64::from(self.flow.limit.load(Ordering::Relaxed));
        if limit == 0 || new < limit.div_ceil(2) {
            return false;
        }
        self.returned = self.read;
        self.flow.credit.advance(new)
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

    /// Whether all was read and nothing will come any more.
    pub fn is_at_end(&mut self) -> bool {
        self.queue.is_at_end()
    }

    fn close(&mut self) -> bool {
        self.flow.credit.close()
    }
}

/// A connection's end of a pipe, or a socket's before it is attached: both directions.
pub struct Ends {
    /// To the far end.
    pub tx: Tx,
    /// From the far end.
    pub rx: Rx,
}

impl Ends {
    /// Closes both directions. The far end is then to be told.
    pub fn close(mut self) {
        // Nobody is woken by the gauges: `Far::closed` does that.
        let _ = (self.tx.close(), self.rx.close());
    }
}

/// A pipe: its two ends, with what it holds from the first to the second and back.
pub fn pipe(forth: impl Into<Depth>, back: impl Into<Depth>) -> (Ends, Ends) {
    let (tx_a, rx_b) = channel(forth);
    let (tx_b, rx_a) = channel(back);
    (Ends { tx: tx_a, rx: rx_a }, Ends { tx: tx_b, rx: rx_b })
}

/// Whether the far end is told at once of what is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cork {
    Out,
    In,
    /// There is something to tell.
    Full,
}

/// A socket's end of a pipe.
pub struct End {
    ends: Option<Ends>,
    far: Arc<dyn Far>,
    door: Arc<Door>,
    /// The peer that what is read comes from.
    pub peer: Arc<Peer>,
    /// How many pipes the socket has, if they are few enough for the writer to deliver by itself
    /// what it writes; else zero.
    pub siblings: usize,
    /// For inproc: the far socket's high-water marks, for sending and for receiving.
    pub far_limits: Option<(i32, i32)>,
    /// For an accepted connection: the listener's name, the very one.
    pub origin: Option<Arc<str>>,
    /// Whether this side has made the connection, rather than the other.
    pub is_local: bool,
    /// Whether the peer can't tell what it subscribes to, and wants everything.
    pub wants_everything: bool,
    /// How long what was written is to be delivered after the end is closed.
    pub linger: Option<Duration>,
    far_closed: bool,
    corked: Cork,
    /// The peer has been told, in the pipe or by [`End::set_peer`].
    identified: bool,
    /// A message of several parts has been begun.
    writing: bool,
    /// Whether the pattern drops what there is no room for.
    pub lossy: bool,
    /// When it was last looked for room, and whether the pipe was called full since.
    looked: Instant,
    refused: bool,
}

impl End {
    /// A socket's end, whose other side knows it by its door, and is told by `far`.
    pub fn new(ends: Ends, far: Arc<dyn Far>, door: Arc<Door>) -> End {
        End {
            ends: Some(ends),
            far,
            door,
            peer: Arc::default(),
            siblings: 1,
            far_limits: None,
            origin: None,
            is_local: false,
            wants_everything: false,
            linger: None,
            far_closed: false,
            corked: Cork::Out,
            identified: false,
            writing: false,
            lossy: true,
            looked: Instant::now(),
            refused: false,
        }
    }

    /// Names the pipe within its socket. True if the far end was closed before it could tell.
    pub fn attach(&mut self, id: PipeId) -> bool {
        self.door.set_id(id);
        // The far end closes its gauges and then looks at the id; we do it the other way round.
        fence(Ordering::SeqCst);
        self.ends.as_ref().is_none_or(|ends| ends.tx.is_closed())
    }

    /// Whether the far end is another socket's, of this process.
    pub fn is_inproc(&self) -> bool {
        self.far_limits.is_some()
    }

    /// Who is at the far end.
    pub fn far(&self) -> &Arc<dyn Far> {
        &self.far
    }

    /// How the far end knows this one.
    pub fn door(&self) -> &Arc<Door> {
        &self.door
    }

    /// Tells the far end whom it has to do with.
    pub fn send_peer(&mut self, peer: Arc<Peer>) {
        if let Some(ends) = &mut self.ends
            && ends.tx.queue.peer(peer).is_ok()
            && ends.tx.publish()
        {
            self.far.readable(1);
        }
    }

    /// Has the far end deliver what was written, and then close. What it has sent can be read.
    pub fn shut(&mut self, linger: Option<Duration>) {
        if let Some(ends) = &mut self.ends {
            let _ = ends.tx.close();
            self.far_closed = true;
            self.far.shut(linger);
        }
    }

    /// Says who the peer is, as a record in the pipe would.
    pub fn set_peer(&mut self, peer: Arc<Peer>) {
        self.peer = peer;
        self.identified = true;
    }

    /// Whether it is known who the peer is, so far as was read.
    pub fn is_identified(&self) -> bool {
        self.identified
    }

    /// Whether nothing that is written now would be read, ever.
    pub fn is_closed(&self) -> bool {
        self.far_closed || self.ends.as_ref().is_none_or(|ends| ends.tx.is_closed())
    }

    /// Nothing can be written any more; what is there can be read.
    pub fn set_far_closed(&mut self) {
        self.far_closed = true;
    }

    /// Whether a message can be written now. If not, and it isn't closed, the socket will be told.
    #[inline]
    pub fn is_writable(&mut self) -> bool {
        let Some(ends) = &mut self.ends else {
            return false;
        };
        !self.far_closed && (self.writing || ends.tx.has_known_room() || self.look_for_room())
    }

    /// A sender in full swing finds the pipe that it has filled full, once, even if the far end
    /// was as fast: as with libzmq, where credit is noticed a millisecond later. Else what goes
    /// into the system's buffers would be without limit. But nothing is dropped for that.
    #[cold]
    fn look_for_room(&mut self) -> bool {
        let Some(ends) = &mut self.ends else {
            return false;
        };
        let now = Instant::now();
        let hasty = !self.lossy && now.duration_since(self.looked) < FILLED;
        self.refused = hasty && !self.refused;
        if self.refused {
            if !ends.tx.sleep() {
                self.door.writable();
            }
            return false;
        }
        self.looked = now;
        ends.tx.has_room()
    }

    /// Writes a part; a whole message is published. EAGAIN if there is no room for it, ENOMEM.
    #[inline]
    pub fn write(&mut self, more: bool, part: &mut Source) -> Result<()> {
        self.write_flagged(if more { Flags::MORE } else { 0 }, part)
    }

    /// Writes a part with flags of ours.
    #[inline]
    pub fn write_flagged(&mut self, flags: u8, part: &mut Source) -> Result<()> {
        if !self.is_writable() {
            return Err(Error::EAGAIN);
        }
        let Some(ends) = &mut self.ends else {
            return Err(Error::EAGAIN);
        };
        ends.tx.write(flags, part)?;
        self.writing = flags & Flags::MORE != 0;
        if !self.writing && ends.tx.publish() {
            match self.corked {
                Cork::Out => self.far.readable(self.siblings),
                Cork::In | Cork::Full => self.corked = Cork::Full,
            }
        }
        Ok(())
    }

    /// Writes a subscription, or gives one up. These are not held up by the high-water mark: there
    /// are as many as the program has made, and each counts.
    pub fn write_subscription(&mut self, subscribe: bool, topic: &[u8]) -> Result<()> {
        let Some(ends) = &mut self.ends else {
            return Ok(());
        };
        if self.far_closed {
            return Ok(());
        }
        let flags = if subscribe {
            Flags::SUBSCRIBE
        } else {
            Flags::CANCEL
        };
        ends.tx.write(flags, &mut Source::Bytes(topic))?;
        if ends.tx.publish() {
            self.far.readable(self.siblings);
        }
        Ok(())
    }

    /// The far end isn't told of what is written from now on.
    pub fn cork(&mut self) {
        if self.corked == Cork::Out {
            self.corked = Cork::In;
        }
    }

    /// Has what was written meanwhile go out.
    pub fn uncork(&mut self) {
        if std::mem::replace(&mut self.corked, Cork::Out) == Cork::Full {
            self.far.deliver();
        }
    }

    /// Takes back the parts of a message that isn't complete.
    pub fn rollback(&mut self) {
        if let Some(ends) = &mut self.ends
            && std::mem::take(&mut self.writing)
        {
            ends.tx.rollback();
        }
    }

    /// Reads a part. None if there is nothing; then the socket will be told when there is.
    #[inline]
    pub fn read(&mut self, sink: &mut Sink) -> Option<Result<(Flags, Received)>> {
        loop {
            let ends = self.ends.as_mut()?;
            if !ends.rx.queue.has_records() {
                if ends.rx.sleep() || ends.rx.is_at_end() {
                    return None;
                }
                continue;
            }
            let (flags, received) = match ends.rx.read() {
                Some(Record::Frame(flags, body)) => {
                    let received = Received {
                        size: body.len(),
                        more: flags.more(),
                    };
                    let metadata = self.peer.metadata.as_ref();
                    if let Err(error) = sink.copy(received.more, body, metadata) {
                        return Some(Err(error));
                    }
                    (flags, received)
                }
                Some(Record::Message(flags, message)) => {
                    let received = Received {
                        size: message.size(),
                        more: flags.more(),
                    };
                    sink.put(message, self.peer.metadata.as_ref());
                    (flags, received)
                }
                Some(Record::Peer(peer)) => {
                    self.set_peer(peer);
                    continue;
                }
                // What there was is passed over.
                None => continue,
            };
            if !flags.more() && ends.rx.credit() {
                self.far.writable();
            }
            return Some(Ok((flags, received)));
        }
    }

    /// Whether there is a part to be read. If not, the socket will be told when there is.
    #[inline]
    pub fn is_readable(&mut self) -> bool {
        loop {
            let Some(ends) = &mut self.ends else {
                return false;
            };
            match ends.rx.queue.peek() {
                Some(flags) if flags.has(Flags::PEER) => {
                    if let Some(Record::Peer(peer)) = ends.rx.read() {
                        self.set_peer(peer);
                    }
                }
                Some(_) => return true,
                None if ends.rx.sleep() || ends.rx.is_at_end() => return false,
                None => {}
            }
        }
    }

    /// The part that is read next, its body, and the peer that it comes from. None as with
    /// [`End::is_readable`].
    #[inline]
    pub fn peek(&mut self) -> Option<(Flags, &[u8], &Arc<Peer>)> {
        if !self.is_readable() {
            return None;
        }
        let (flags, body) = self.ends.as_mut()?.rx.peek_body()?;
        Some((flags, body, &self.peer))
    }

    /// Whether the far end has closed and all it has sent was read.
    pub fn is_at_end(&mut self) -> bool {
        self.ends.as_mut().is_none_or(|ends| ends.rx.is_at_end())
    }

    /// Changes the high-water marks.
    pub fn set_limits(&self, outbound: u32, inbound: u32) {
        if let Some(ends) = &self.ends {
            ends.tx.set_limit(outbound);
            ends.rx.set_limit(inbound);
        }
    }
}

impl Drop for End {
    fn drop(&mut self) {
        if let Some(ends) = self.ends.take() {
            ends.close();
            self.far.closed(self.linger);
        }
    }
}

#[cfg(test)]
mod tests;
