//! A socket's end of a pipe: both directions, who is at the far end, and when that is told.

use std::{
    mem::offset_of,
    ptr,
    sync::{
        Arc,
        atomic::{Ordering, fence},
    },
    time::{Duration, Instant},
};

use super::{
    Eagerness, Ends, Far,
    inbox::{Door, PipeId},
    pipe,
    record::{Kind, Peer, Record},
    tx::Notice,
};
use crate::{
    error::{Error, Result, keep_errno},
    memory,
    message::{Incoming, MetadataRef, Outgoing, Received, Stock},
};

/// Who fills a pipe in less time than this finds it full, once.
const FILLED: Duration = Duration::from_millis(1);

/// What was caught up with is left alone for so long.
const CAUGHT_UP: Duration = Duration::from_millis(1);

/// What is fetched of where an answer is written to, as long as its size isn't known (bytes).
const ANSWER: usize = 32;

/// Whether the far end is told at once of what is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cork {
    Out,
    In,
    /// There is something to tell.
    Full,
}

/// A socket's end of a pipe. In this order in memory: what each message needs is close together.
#[repr(C)]
pub struct End {
    ends: Ends,
    far: Arc<dyn Far>,
    /// The peer that what is read comes from, and what is told of it with each message.
    pub peer: Arc<Peer>,
    metadata: Stock,
    /// When the writer delivers by itself what it writes.
    pub eagerness: Eagerness,
    far_closed: bool,
    left: bool,
    corked: Cork,
    /// The peer has been told, in the pipe or by [`End::set_peer`].
    identified: bool,
    waits_a_turn: bool,
    /// A message of several parts has been begun.
    writing: bool,
    /// Whether the pattern drops what there is no room for.
    pub lossy: bool,
    /// Whether this side has made the connection, rather than the other.
    pub is_local: bool,
    door: Arc<Door>,
    /// For inproc: the far socket's high-water marks, for sending and for receiving.
    far_limits: Option<(i32, i32)>,
    /// For an accepted connection: the listener's name, the very one.
    pub origin: Option<Arc<str>>,
    /// How long what was written is to be delivered after the end is closed.
    pub linger: Option<Duration>,
    /// When it was last looked for room, at which of the socket's looks around, and whether the
    /// pipe was called full since.
    looked: Instant,
    looks: u64,
    refused: bool,
    caught_up: Option<Instant>,
}

impl End {
    /// A socket's end, whose other side knows it by its door, and is told by `far`.
    pub fn new(ends: Ends, far: Arc<dyn Far>, door: Arc<Door>) -> End {
        End {
            ends,
            far,
            door,
            peer: Arc::default(),
            metadata: Stock::default(),
            eagerness: Eagerness::Few(1),
            far_limits: None,
            origin: None,
            is_local: false,
            linger: None,
            far_closed: false,
            left: false,
            corked: Cork::Out,
            identified: false,
            waits_a_turn: false,
            writing: false,
            lossy: true,
            looked: Instant::now(),
            looks: 0,
            refused: false,
            caught_up: None,
        }
    }

    /// Names the pipe within its socket. True if the far end was closed before it could tell.
    pub fn attach(&mut self, id: PipeId) -> bool {
        self.door.set_id(id);
        // The far end closes its gauges and then looks at the id; we do it the other way round.
        fence(Ordering::SeqCst);
        self.ends.tx.is_closed()
    }

    /// Whether only the last message is kept, in one direction at least.
    pub fn conflates(&self) -> bool {
        self.ends.tx.conflates() || self.ends.rx.conflates()
    }

    /// The far end is another socket's, of this process, with these high-water marks.
    pub fn set_far_limits(&mut self, send: i32, receive: i32) {
        self.far_limits = Some((send, receive));
        self.ends.tx.prefer_references();
    }

    /// For inproc: the far socket's high-water marks, for sending and for receiving.
    pub fn far_limits(&self) -> Option<(i32, i32)> {
        self.far_limits
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
        let tx = &mut self.ends.tx;
        if tx.peer(peer).is_ok() && tx.publish() {
            self.far.readable(Eagerness::Few(1));
        }
    }

    /// Has the far end deliver what was written, and then close. What it has sent can be read.
    pub fn shut(&mut self, linger: Option<Duration>) {
        let _ = self.ends.tx.close();
        self.far_closed = true;
        self.far.shut(linger);
    }

    /// Closes the end, which nothing is read from any more, though it is still there.
    pub fn leave(&mut self) {
        self.rollback();
        let (empty, _) = pipe(0, 0);
        std::mem::replace(&mut self.ends, empty).close();
        (self.far_closed, self.left) = (true, true);
        self.far.closed(self.linger);
    }

    /// Whether this end was left.
    pub fn is_left(&self) -> bool {
        self.left
    }

    /// Says who the peer is, as a record in the pipe would.
    pub fn set_peer(&mut self, peer: Arc<Peer>) {
        self.metadata = Stock::new(peer.metadata.clone());
        self.peer = peer;
        self.identified = true;
    }

    /// What a message from the peer can tell about it.
    pub fn metadata(&mut self) -> Option<MetadataRef> {
        self.metadata.take()
    }

    /// Whether it is known who the peer is, so far as was read.
    pub fn is_identified(&self) -> bool {
        self.identified
    }

    /// Has the introduction count as a message whose turn it is.
    pub fn wait_a_turn(&mut self) {
        self.waits_a_turn = true;
    }

    /// Whether it is the introduction's turn. Once.
    #[inline]
    pub fn is_introduced(&mut self) -> bool {
        self.waits_a_turn && {
            self.is_readable();
            self.waits_a_turn = !self.identified;
            self.identified
        }
    }

    /// Whether nothing that is written now would be read, ever.
    pub fn is_closed(&self) -> bool {
        self.far_closed || self.ends.tx.is_closed()
    }

    /// Nothing can be written any more; what is there can be read.
    pub fn set_far_closed(&mut self) {
        self.far_closed = true;
    }

    /// Whether a message can be written now. If not, and it isn't closed, the socket will be told.
    #[inline]
    pub fn is_writable(&mut self) -> bool {
        self.has_known_room() || !self.far_closed && self.look_for_room()
    }

    /// A sender in full swing finds the pipe that it has filled full, once, even if the far end
    /// was as fast: as with libzmq, where credit is noticed a millisecond later, or at a call that
    /// isn't for a message. Else what goes into the system's buffers would be without limit. But
    /// nothing is dropped for that.
    #[cold]
    fn look_for_room(&mut self) -> bool {
        let now = Instant::now();
        let looks = self.door.looks();
        let aware = std::mem::replace(&mut self.looks, looks) != looks;
        let hasty = !self.lossy && !aware && now.duration_since(self.looked) < FILLED;
        self.refused = hasty && !self.refused;
        if self.refused {
            if !self.ends.tx.sleep() {
                self.door.writable();
            }
            return false;
        }
        self.looked = now;
        self.ends.tx.has_room()
    }

    /// Has the connection moved along, unless that was done a moment ago. Whether it was.
    pub fn catch_up(&mut self) -> bool {
        let now = Instant::now();
        let soon = |before| now.duration_since(before) < CAUGHT_UP;
        if self.caught_up.is_some_and(soon) {
            return false;
        }
        self.caught_up = Some(now);
        keep_errno(|| self.far.drive());
        true
    }

    /// Whether a message can be written now, as far as is known without a look at the far end.
    #[inline]
    pub fn has_known_room(&self) -> bool {
        !self.far_closed && (self.writing || self.ends.tx.known_room() > 0)
    }

    /// Writes a part; a whole message is published. EAGAIN if there is no room for it, ENOMEM.
    #[inline(always)]
    pub fn write(&mut self, more: bool, part: &mut impl Outgoing) -> Result<()> {
        self.write_noticing(more, part, Notice::Now)
    }

    /// As [`End::write`], but the far end is told by [`End::check`] alone, which is owed after a full fence (SeqCst).
    #[inline]
    pub fn post(&mut self, more: bool, part: &mut impl Outgoing) -> Result<()> {
        self.write_noticing(more, part, Notice::Later)
    }

    /// Tells the far end of what was posted, if it sleeps.
    #[inline]
    pub fn check(&mut self) {
        if self.ends.tx.check() {
            self.tell();
        }
    }

    #[inline(always)]
    fn write_noticing(
        &mut self,
        more: bool,
        part: &mut impl Outgoing,
        notice: Notice,
    ) -> Result<()> {
        if !self.is_writable() {
            return Err(Error::EAGAIN);
        }
        let wake = self.ends.tx.send(more, part, notice)?;
        self.writing = more;
        if wake {
            self.tell();
        }
        Ok(())
    }

    /// Says that a part of so many bytes is going to be written soon. With many pipes in turn that
    /// saves a good part of the time.
    #[inline]
    pub fn prefetch(&self, size: usize) {
        self.ends.tx.prefetch(size);
    }

    /// Has the processor fetch what each message needs of the end itself.
    #[inline]
    pub fn prefetch_itself(&self) {
        memory::prefetch_lines(ptr::from_ref(self).cast(), offset_of!(End, door));
    }

    /// .. and what that points to, for the next message and an answer to it.
    #[inline]
    pub fn prefetch_turn(&self) {
        self.ends.rx.prefetch();
        self.ends.tx.prefetch(ANSWER);
    }

    /// Tells the far end that there is something to read.
    #[cold]
    fn tell(&mut self) {
        match self.corked {
            Cork::Out => {
                // Where there is more to be answered, the answers can go out together.
                let eagerness = match (self.eagerness, self.has_part()) {
                    (Eagerness::Few(_) | Eagerness::Answers, true) => Eagerness::Later,
                    (eagerness, _) => eagerness,
                };
                keep_errno(|| self.far.readable(eagerness));
            }
            Cork::In | Cork::Full => self.corked = Cork::Full,
        }
    }

    /// Tells the far end that there is room.
    #[cold]
    fn tell_of_room(&self) {
        keep_errno(|| self.far.writable());
    }

    /// Makes room for a subscription, or for giving one up, so that writing it can't fail. ENOMEM.
    pub fn reserve_subscription(&mut self, topic: &[u8]) -> Result<()> {
        match self.far_closed {
            true => Ok(()),
            false => self.ends.tx.reserve_subscription(topic),
        }
    }

    /// Writes a subscription, or gives one up. These are not held up by the high-water mark: there
    /// are as many as the program has made, and each counts.
    pub fn write_subscription(&mut self, subscribe: bool, topic: &[u8]) -> Result<()> {
        if self.far_closed {
            return Ok(());
        }
        self.ends.tx.subscription(subscribe, topic)?;
        if self.ends.tx.publish() {
            self.far.readable(self.eagerness);
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
        if std::mem::take(&mut self.writing) {
            self.ends.tx.rollback();
        }
    }

    /// Reads a part, or a subscription's topic. None if there is nothing; then the socket will be told when there is.
    #[inline(always)]
    pub fn read(&mut self, into: &mut impl Incoming) -> Option<Result<Received>> {
        loop {
            if !self.ends.rx.has_records() {
                if self.ends.rx.sleep() || self.ends.rx.is_at_end() {
                    return None;
                }
                continue;
            }
            let mut copied = Ok(());
            let received = match self.ends.rx.read() {
                Some(Record::Frame(kind, body)) => {
                    copied = into.copy(kind.more(), body, || self.metadata.take());
                    Received {
                        size: body.len(),
                        more: kind.more(),
                    }
                }
                Some(Record::Part(part)) => {
                    let (size, more) = (part.payload.bytes().len(), part.more);
                    into.sink()
                        .put_payload(part.payload, more, || self.metadata.take());
                    Received { size, more }
                }
                Some(Record::Peer(peer)) => {
                    self.set_peer(peer);
                    continue;
                }
                // There is no record, but by a bug of ours: the pipe counts as closed then.
                None => continue,
            };
            if !received.more && self.ends.rx.credit() {
                self.tell_of_room();
            }
            // Also a message that there was no memory for is read.
            return Some(copied.map(|()| received));
        }
    }

    /// Reads a message of one part if that is in the pipe now, as most are.
    #[inline(always)]
    pub fn read_message(&mut self, into: &mut impl Incoming) -> Option<Result<Received>> {
        match self.ends.rx.has_message() {
            true => self.read(into),
            false => None,
        }
    }

    /// Passes over a part that is there.
    #[inline]
    pub fn skip(&mut self) {
        self.ends.rx.skip();
        if self.ends.rx.credit() {
            self.tell_of_room();
        }
    }

    /// Whether there is nothing to be read for now; the socket won't be told when there is.
    pub fn is_quiet(&mut self) -> bool {
        !self.ends.rx.has_records() && !self.ends.rx.is_closed()
    }

    /// Whether there is a part to be read. If not, the socket will be told when there is.
    #[inline]
    pub fn is_readable(&mut self) -> bool {
        while !self.has_part() {
            if self.ends.rx.sleep() || self.ends.rx.is_at_end() {
                return false;
            }
        }
        true
    }

    /// Whether there is a part to be read at this moment: the peer's introduction, which a socket that only sends
    /// would never come to, is none.
    #[inline]
    fn has_part(&mut self) -> bool {
        while self.ends.rx.has_records() {
            if !self.ends.rx.is_peer() {
                return true;
            }
            if let Some(Record::Peer(peer)) = self.ends.rx.read() {
                self.set_peer(peer);
            }
        }
        false
    }

    /// The part or subscription that is read next, its body or topic, and the peer that it comes from. None as with
    /// [`End::is_readable`].
    #[inline]
    pub fn peek(&mut self) -> Option<(Kind, &[u8], &Arc<Peer>)> {
        if !self.is_readable() {
            return None;
        }
        let (kind, body) = self.ends.rx.peek()?;
        Some((kind?, body, &self.peer))
    }

    /// What comes behind the part that is read next, as far as that is known at once.
    #[inline]
    pub fn glance(&mut self) -> Option<(Kind, &[u8])> {
        self.ends.rx.glance()
    }

    /// Whether the far end has closed and all it has sent was read.
    pub fn is_at_end(&mut self) -> bool {
        self.ends.rx.is_at_end()
    }

    /// Changes the high-water marks.
    pub fn set_limits(&self, outbound: u32, inbound: u32) {
        self.ends.tx.set_limit(outbound);
        self.ends.rx.set_limit(inbound);
        // Whoever waits for room may have some by that.
        if self.ends.tx.is_waiting() {
            self.door.writable();
        }
        if self.ends.rx.is_waited_for() {
            self.far.writable();
        }
    }
}

impl Drop for End {
    fn drop(&mut self) {
        self.ends.close();
        self.far.closed(self.linger);
    }
}
