//! Forwarding between two sockets: zmq_proxy(3), zmq_proxy_steerable(3).
//!
//! As all that may have to wait, a proxy sleeps nowhere itself. It comes to where it has to, and keeps what it is about; and it
//! pauses after each round, so that a thread may be cancelled whose proxy always has something to do.

use std::{collections::VecDeque, ffi::c_int};

use super::{
    poll::{Item, Polling, What, look, poll},
    wait::{self, Asleep, Attempt, Handle, Progress, Sending},
};
use crate::{
    consts::{ZMQ_POLLERR, ZMQ_POLLIN, ZMQ_POLLOUT},
    error::{Error, Result},
    message::{Message, Outgoing, Received, Source},
    pipe::SHARED_MIN,
    sync::cancel,
};

/// So many messages are forwarded one way before the other way has its turn.
const BURST: usize = 1000;

/// The sides, as they are counted.
const FRONT: usize = 0;
const BACK: usize = 1;

/// Parts and bytes that came in and went out on one side.
#[derive(Clone, Copy, Default)]
struct Side {
    received: [u64; 2],
    sent: [u64; 2],
}

/// What a proxy is about.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// It waits for something to be done.
    Poll,
    /// It answers a command.
    Answer,
    /// It forwards what has come in on this side.
    Forward(usize),
    /// It is over.
    Over,
}

/// A part that was received, and is to be sent.
#[derive(Clone, Copy)]
struct Part {
    size: usize,
    more: bool,
    captured: bool,
}

/// Forwarding in both directions, with a copy of all to a capture socket, until the context ends (ETERM), a
/// socket fails, or the control socket says TERMINATE.
pub struct Proxy {
    sides: [Handle; 2],
    capture: Option<Handle>,
    control: Option<Handle>,
    counts: [Side; 2],
    paused: bool,
    terminated: bool,
    stage: Stage,
    /// What the two sides are waited for next.
    events: [c_int; 2],
    /// What was waited for last, whose memory the next wait takes.
    items: Vec<Item>,
    /// The frames of an answer that are yet to be sent.
    answer: VecDeque<Vec<u8>>,
    /// On which sides there is something that the other one has room for.
    forwards: [bool; 2],
    /// So many messages of the burst were forwarded.
    forwarded: usize,
    /// The part under way, and whether the last one was not the end of its message.
    message: Message,
    part: Option<Part>,
    in_message: bool,
    /// What it has to sleep for.
    polling: Option<Box<Polling>>,
    sending: Option<Box<Sending>>,
}

/// Nothing but the end of its context.
const NOTHING: c_int = ZMQ_POLLERR;

fn item(handle: Handle, events: c_int) -> Item {
    Item {
        what: What::Socket(handle),
        events,
        ready: 0,
    }
}

impl Proxy {
    /// Between these.
    pub fn new(
        front: Handle,
        back: Handle,
        capture: Option<Handle>,
        control: Option<Handle>,
    ) -> Proxy {
        Proxy {
            sides: [front, back],
            capture,
            control,
            counts: Default::default(),
            paused: false,
            terminated: false,
            stage: Stage::Poll,
            events: [ZMQ_POLLIN; 2],
            items: Vec::new(),
            answer: VecDeque::new(),
            forwards: [false; 2],
            forwarded: 0,
            message: Message::new(),
            part: None,
            in_message: false,
            polling: None,
            sending: None,
        }
    }

    /// Goes on to the end of a round, or to where it has to sleep before.
    pub fn go_on(mut self: Box<Self>) -> Result<Progress<(), Proxy>> {
        loop {
            let next = match self.stage {
                Stage::Poll => self.poll()?,
                Stage::Answer => self.send_answer()?,
                Stage::Forward(from) => self.forward(from)?,
                Stage::Over => return Ok(Progress::Done(())),
            };
            let Some(next) = next else {
                return Ok(Progress::Asleep(self));
            };
            self.stage = next;
            if next == Stage::Poll {
                return Ok(Progress::Asleep(self));
            }
        }
    }

    /// Waits for what is wanted next. None, here and below, if it has to sleep first.
    fn poll(&mut self) -> Result<Option<Stage>> {
        let polled = match self.polling.take() {
            Some(polling) => polling.wake()?,
            None => {
                let events = match self.paused {
                    true => [NOTHING; 2],
                    false => self.events,
                };
                let mut items = std::mem::take(&mut self.items);
                items.clear();
                items.extend([FRONT, BACK].map(|side| item(self.sides[side], events[side])));
                items.extend(self.control.map(|control| item(control, ZMQ_POLLIN)));
                poll(items, -1)?
            }
        };
        match polled {
            Progress::Done(items) => self.items = items,
            Progress::Asleep(polling) => {
                self.polling = Some(polling);
                return Ok(None);
            }
        }
        if let (Some(control), Some(item)) = (self.control, self.items.get(2))
            && item.ready != 0
        {
            self.take_command(control)?;
            return Ok(Some(Stage::Answer));
        }
        self.look().map(Some)
    }

    /// Takes a command: as zmq_proxy_steerable(3) says, while 4.3.5 takes PAUSE for RESUME and the other way round.
    fn take_command(&mut self, control: Handle) -> Result<()> {
        let mut command = Message::new();
        wait::receive_here(control, &mut command)?;
        match command.bytes() {
            b"STATISTICS" => {
                let sides = self.counts.iter();
                let figures = sides.flat_map(|side| [side.received, side.sent].concat());
                self.answer = figures.map(|figure| figure.to_ne_bytes().into()).collect();
                return Ok(());
            }
            b"PAUSE" => self.paused = true,
            b"RESUME" => self.paused = false,
            b"TERMINATE" => self.terminated = true,
            _ => {}
        }
        self.answer = [Vec::new()].into();
        Ok(())
    }

    fn send_answer(&mut self) -> Result<Option<Stage>> {
        while let (Some(control), Some(frame)) = (self.control, self.answer.front()) {
            let more = self.answer.len() > 1;
            if !send(&mut self.sending, control, more, &mut frame.as_slice())? {
                return Ok(None);
            }
            self.answer.pop_front();
        }
        match self.terminated {
            true => Ok(Some(Stage::Over)),
            false => self.look().map(Some),
        }
    }

    /// Finds out what there is to be forwarded.
    fn look(&mut self) -> Result<Stage> {
        if self.paused {
            return Ok(Stage::Poll);
        }
        let [front, back] = self.sides;
        let same = std::ptr::eq(front, back);
        let both = ZMQ_POLLIN | ZMQ_POLLOUT;
        let mut there = [item(front, both), item(back, both)];
        look(&mut there, true)?;
        let [front_ready, back_ready] = [FRONT, BACK].map(|side| there[side].ready);
        let (request, reply) = (front_ready & ZMQ_POLLIN != 0, back_ready & ZMQ_POLLIN != 0);
        let front_full = !same && front_ready & ZMQ_POLLOUT == 0;
        let back_full = !same && back_ready & ZMQ_POLLOUT == 0;
        self.forwards = [request && !back_full, !same && reply && !front_full];
        // Messages for a side that is full wait until it isn't.
        let events = |input_waits, output_awaited| {
            let input = if input_waits { NOTHING } else { ZMQ_POLLIN };
            let output = if output_awaited { ZMQ_POLLOUT } else { 0 };
            input | output
        };
        let (request_waits, reply_waits) = (request && back_full, reply && front_full);
        self.events = [
            events(request_waits, reply_waits),
            events(reply_waits, request_waits),
        ];
        Ok(Stage::Forward(FRONT))
    }

    /// Forwards what is there and what there is room for, up to a burst, which then goes out together.
    fn forward(&mut self, from: usize) -> Result<Option<Stage>> {
        if self.forwards[from] {
            let to = self.sides[BACK - from];
            to.lock()?.cork();
            let result = self.forward_burst(from);
            // Before it sleeps, too.
            if let Ok(mut to) = to.lock() {
                to.uncork();
            }
            if !result? {
                return Ok(None);
            }
        }
        self.forwarded = 0;
        Ok(Some(match from {
            FRONT => Stage::Forward(BACK),
            _ => Stage::Poll,
        }))
    }

    /// False if it has to sleep before it has forwarded all.
    ///
    /// What has been received can't be put back if a signal ends the wait to send it, so that a message is received only if
    /// it need not wait.
    fn forward_burst(&mut self, from: usize) -> Result<bool> {
        let to = BACK - from;
        let (source, target) = (self.sides[from], self.sides[to]);
        let message = &mut self.message;
        let mut begun = self.part.take();
        loop {
            let mut part = match begun.take() {
                Some(part) => part,
                None => {
                    let is_first = self.forwarded == 0;
                    let may_end = !self.in_message && !is_first;
                    if may_end && (self.forwarded == BURST || !wait::has_room(target)?) {
                        return Ok(true);
                    }
                    let Received { size, more } = match wait::receive_here(source, &mut *message) {
                        Err(Error::EAGAIN) if !is_first => return Ok(true),
                        received => received?,
                    };
                    count(&mut self.counts[from].received, size);
                    let captured = self.capture.is_none();
                    Part {
                        size,
                        more,
                        captured,
                    }
                }
            };
            if let (Some(capture), false) = (self.capture, part.captured) {
                let mut copy = message.duplicate();
                part.captured = send(&mut self.sending, capture, part.more, &mut &mut copy)?;
            }
            // What is copied in any case leaves the message's memory to the next one.
            let copied = part.size < SHARED_MIN && !message.is_shared() && !message.is_foreign();
            let sent = part.captured
                && match copied {
                    true => send(&mut self.sending, target, part.more, &mut message.bytes())?,
                    false => send(&mut self.sending, target, part.more, &mut &mut *message)?,
                };
            if !sent {
                self.part = Some(part);
                return Ok(false);
            }
            count(&mut self.counts[to].sent, part.size);
            self.in_message = part.more;
            self.forwarded += usize::from(!part.more);
        }
    }
}

impl Asleep for Proxy {
    fn sleep(&mut self) {
        match (&mut self.polling, &mut self.sending) {
            (Some(polling), _) => polling.sleep(),
            (None, Some(sending)) => sending.sleep(),
            (None, None) => cancel::test(),
        }
    }
}

/// Sends a part, or goes on with that. False if it has to sleep first.
#[inline(always)]
fn send(
    sending: &mut Option<Box<Sending>>,
    to: Handle,
    more: bool,
    part: &mut impl Outgoing,
) -> Result<bool> {
    let mut failed = None;
    if sending.is_none() {
        match wait::send(to, more, part)? {
            Attempt::Done(()) => return Ok(true),
            Attempt::Undecided(error) => failed = error,
        }
    }
    send_on(sending, to, more, &mut part.source(), failed)
}

/// As [`send`], what takes longer.
#[inline(never)]
fn send_on(
    sending: &mut Option<Box<Sending>>,
    to: Handle,
    more: bool,
    part: &mut Source,
    failed: Option<Error>,
) -> Result<bool> {
    let sent = match sending.take() {
        Some(call) => call.wake(part)?,
        None => wait::send_on(to, more, false, part, failed)?,
    };
    if let Progress::Asleep(call) = sent {
        *sending = Some(call);
    }
    Ok(sending.is_none())
}

fn count(counts: &mut [u64; 2], size: usize) {
    counts[0] += 1;
    counts[1] += size as u64;
}
