//! Forwarding between two sockets: zmq_proxy(3), zmq_proxy_steerable(3).

use std::ffi::c_int;

use super::{
    poll::{Item, Polling, What, look, poll},
    wait::{self, Asleep, Handle, Progress, Waiter},
};
use crate::{
    consts::{ZMQ_POLLERR, ZMQ_POLLIN, ZMQ_POLLOUT},
    error::{Error, Result},
    message::Message,
    pipe::SHARED_MIN,
};

/// So many messages are forwarded one way before the other way has its turn.
const BURST: usize = 1000;

/// Parts and bytes that came in and went out on one side.
#[derive(Clone, Copy, Default)]
struct Side {
    received: [u64; 2],
    sent: [u64; 2],
}

/// Forwarding in both directions, with a copy of all to a capture socket, until the context ends (ETERM), a
/// socket fails, or the control socket says TERMINATE.
pub struct Proxy {
    front: Handle,
    back: Handle,
    capture: Option<Handle>,
    control: Option<Handle>,
    front_side: Side,
    back_side: Side,
    paused: bool,
    /// What the two sides are waited for next.
    events: [c_int; 2],
    /// What was waited for last, whose memory the next wait takes.
    items: Vec<Item>,
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
            front,
            back,
            capture,
            control,
            front_side: Side::default(),
            back_side: Side::default(),
            paused: false,
            events: [ZMQ_POLLIN; 2],
            items: Vec::new(),
        }
    }

    /// Goes on until there is nothing to be done.
    pub fn run(mut self: Box<Self>) -> Result<Progress<(), Proxying>> {
        let polled = self.poll()?;
        self.go_on(polled)
    }

    fn go_on(
        mut self: Box<Self>,
        mut polled: Progress<Vec<Item>, Polling>,
    ) -> Result<Progress<(), Proxying>> {
        loop {
            match polled {
                Progress::Done(ready) => {
                    if self.forward(&ready)? {
                        return Ok(Progress::Done(()));
                    }
                    self.items = ready;
                    polled = self.poll()?;
                }
                Progress::Asleep(polling) => {
                    let proxy = self;
                    return Ok(Progress::Asleep(Box::new(Proxying { proxy, polling })));
                }
            }
        }
    }

    /// Waits for what is wanted next.
    fn poll(&mut self) -> Result<Progress<Vec<Item>, Polling>> {
        let events = match self.paused {
            true => [NOTHING; 2],
            false => self.events,
        };
        let mut items = std::mem::take(&mut self.items);
        items.clear();
        items.extend([item(self.front, events[0]), item(self.back, events[1])]);
        items.extend(self.control.map(|control| item(control, ZMQ_POLLIN)));
        poll(items, -1)
    }

    /// Does what there is to be done when these are ready. Whether it is over.
    fn forward(&mut self, ready: &[Item]) -> Result<bool> {
        if let (Some(control), Some(item)) = (self.control, ready.get(2))
            && item.ready != 0
        {
            match handle_control(control, &self.front_side, &self.back_side)? {
                Some(Control::Pause) => self.paused = true,
                Some(Control::Resume) => self.paused = false,
                Some(Control::Terminate) => return Ok(true),
                None => {}
            }
        }
        if self.paused {
            return Ok(false);
        }
        let same = std::ptr::eq(self.front, self.back);
        let both = ZMQ_POLLIN | ZMQ_POLLOUT;
        let mut there = [item(self.front, both), item(self.back, both)];
        look(&mut there, true)?;
        let [front_ready, back_ready] = [0, 1].map(|i| there[i].ready);
        let (request, reply) = (front_ready & ZMQ_POLLIN != 0, back_ready & ZMQ_POLLIN != 0);
        let front_full = !same && front_ready & ZMQ_POLLOUT == 0;
        let back_full = !same && back_ready & ZMQ_POLLOUT == 0;
        let capture = self.capture;
        if request && !back_full {
            let counts = (&mut self.front_side.received, &mut self.back_side.sent);
            forward(self.front, self.back, capture, counts)?;
        }
        if !same && reply && !front_full {
            let counts = (&mut self.back_side.received, &mut self.front_side.sent);
            forward(self.back, self.front, capture, counts)?;
        }
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
        Ok(false)
    }
}

/// A proxy that waits for something to be done.
pub struct Proxying {
    proxy: Box<Proxy>,
    polling: Box<Polling>,
}

impl Proxying {
    /// Goes on.
    pub fn wake(self) -> Result<Progress<(), Proxying>> {
        self.proxy.go_on(self.polling.wake()?)
    }
}

impl Asleep for Proxying {
    fn waiter(&mut self) -> &mut Waiter {
        self.polling.waiter()
    }
}

/// Counts of parts and bytes that are received, and that are sent.
type Counts<'a> = (&'a mut [u64; 2], &'a mut [u64; 2]);

/// Forwards what is there and what there is room for, up to a burst, which then goes out together.
///
/// What has been received can't be put back if a signal ends the wait to send it, so that a message is received only if
/// it need not wait.
fn forward(from: Handle, to: Handle, capture: Option<Handle>, counts: Counts) -> Result<()> {
    to.lock()?.cork();
    let result = forward_burst(from, to, capture, counts);
    if let Ok(mut to) = to.lock() {
        to.uncork();
    }
    crate::message::drop_spent();
    result
}

fn forward_burst(
    from: Handle,
    to: Handle,
    capture: Option<Handle>,
    (received, sent): Counts,
) -> Result<()> {
    let mut message = Message::new();
    for i in 0..BURST {
        if i > 0 && !wait::has_room(to)? {
            return Ok(());
        }
        loop {
            let part = match wait::receive_here(from, &mut message) {
                Err(Error::EAGAIN) if i > 0 => return Ok(()),
                part => part?,
            };
            count(received, part.size);
            if let Some(capture) = capture {
                wait::send_shielded(capture, part.more, false, &mut &mut message.duplicate())?;
            }
            // What is copied in any case leaves the message's memory to the next one.
            match part.size < SHARED_MIN && !message.is_shared() && !message.is_foreign() {
                true => wait::send_shielded(to, part.more, false, &mut message.bytes())?,
                false => wait::send_shielded(to, part.more, false, &mut &mut message)?,
            }
            count(sent, part.size);
            if !part.more {
                break;
            }
        }
    }
    Ok(())
}

fn count(counts: &mut [u64; 2], size: usize) {
    counts[0] += 1;
    counts[1] += size as u64;
}

enum Control {
    Pause,
    Resume,
    Terminate,
}

/// Takes a command and answers it: as zmq_proxy_steerable(3) says, while 4.3.5 takes PAUSE for RESUME and the other way round.
fn handle_control(control: Handle, front: &Side, back: &Side) -> Result<Option<Control>> {
    let mut message = Message::new();
    wait::receive_shielded(control, true, &mut &mut message)?;
    let command = match message.bytes() {
        b"STATISTICS" => {
            let figures = [front.received, front.sent, back.received, back.sent].concat();
            for (i, figure) in figures.iter().enumerate() {
                let more = i + 1 < figures.len();
                wait::send_shielded(control, more, false, &mut figure.to_ne_bytes().as_slice())?;
            }
            return Ok(None);
        }
        b"PAUSE" => Some(Control::Pause),
        b"RESUME" => Some(Control::Resume),
        b"TERMINATE" => Some(Control::Terminate),
        _ => None,
    };
    wait::send_shielded(control, false, false, &mut b"".as_slice())?;
    Ok(command)
}
