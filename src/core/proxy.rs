//! Forwarding between two sockets: zmq_proxy(3), zmq_proxy_steerable(3).

use super::{
    poll::{Item, What, poll},
    wait::{self, Handle},
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

/// Forwards in both directions, and copies all to `capture`, until the context ends (ETERM), a
/// socket fails, or `control` says TERMINATE.
pub fn proxy(
    front: Handle,
    back: Handle,
    capture: Option<Handle>,
    control: Option<Handle>,
) -> Result<()> {
    let same = std::ptr::eq(front, back);
    let item = |handle, events| Item {
        what: What::Socket(handle),
        events,
        ready: 0,
    };
    let mut wanted = vec![item(front, ZMQ_POLLIN), item(back, ZMQ_POLLIN)];
    wanted.extend(control.map(|control| item(control, ZMQ_POLLIN)));
    let both = ZMQ_POLLIN | ZMQ_POLLOUT;
    let mut there = [item(front, both), item(back, both)];
    let (mut front_side, mut back_side) = (Side::default(), Side::default());
    let mut paused = false;
    loop {
        poll(&mut wanted, -1)?;
        if let Some(control) = control
            && wanted[2].ready != 0
        {
            match handle_control(control, &front_side, &back_side)? {
                Some(Control::Pause) => paused = true,
                Some(Control::Resume) => paused = false,
                Some(Control::Terminate) => return Ok(()),
                None => {}
            }
        }
        // Nothing but the end of its context.
        let nothing = ZMQ_POLLERR;
        if paused {
            wanted[..2]
                .iter_mut()
                .for_each(|item| item.events = nothing);
            continue;
        }
        poll(&mut there, 0)?;
        let [front_ready, back_ready] = [0, 1].map(|i| there[i].ready);
        let (request, reply) = (front_ready & ZMQ_POLLIN != 0, back_ready & ZMQ_POLLIN != 0);
        let front_full = !same && front_ready & ZMQ_POLLOUT == 0;
        let back_full = !same && back_ready & ZMQ_POLLOUT == 0;
        if request && !back_full {
            forward(
                front,
                back,
                capture,
                &mut front_side.received,
                &mut back_side.sent,
            )?;
        }
        if !same && reply && !front_full {
            forward(
                back,
                front,
                capture,
                &mut back_side.received,
                &mut front_side.sent,
            )?;
        }
        // Messages for a side that is full wait until it isn't.
        let events = |input_waits, output_awaited| {
            let input = if input_waits { nothing } else { ZMQ_POLLIN };
            let output = if output_awaited { ZMQ_POLLOUT } else { 0 };
            input | output
        };
        let (request_waits, reply_waits) = (request && back_full, reply && front_full);
        wanted[0].events = events(request_waits, reply_waits);
        wanted[1].events = events(reply_waits, request_waits);
    }
}

/// Forwards what is there and what there is room for, up to a burst, which then goes out together.
///
/// What has been received can't be put back if a signal ends the wait to send it, so that a message is received only if
/// it need not wait.
fn forward(
    from: Handle,
    to: Handle,
    capture: Option<Handle>,
    received: &mut [u64; 2],
    sent: &mut [u64; 2],
) -> Result<()> {
    to.lock()?.cork();
    let result = forward_burst(from, to, capture, received, sent);
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
    received: &mut [u64; 2],
    sent: &mut [u64; 2],
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
                wait::send(capture, part.more, false, &mut message.duplicate())?;
            }
            // What is copied in any case leaves the message's memory to the next one.
            match part.size < SHARED_MIN && !message.is_shared() && !message.is_foreign() {
                true => wait::send(to, part.more, false, message.bytes())?,
                false => wait::send(to, part.more, false, &mut message)?,
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

/// Takes a command and answers it.
///
/// As 4.3.5 does, and not as its manual says: RESUME pauses, and PAUSE goes on.
fn handle_control(control: Handle, front: &Side, back: &Side) -> Result<Option<Control>> {
    let mut message = Message::new();
    wait::receive(control, true, &mut message)?;
    let command = match message.bytes() {
        b"STATISTICS" => {
            let figures = [front.received, front.sent, back.received, back.sent].concat();
            for (i, figure) in figures.iter().enumerate() {
                let more = i + 1 < figures.len();
                wait::send(control, more, false, figure.to_ne_bytes().as_slice())?;
            }
            return Ok(None);
        }
        bytes if bytes.len() == 5 => Some(Control::Resume),
        b"RESUME" => Some(Control::Pause),
        b"TERMINATE" => Some(Control::Terminate),
        _ => None,
    };
    wait::send(control, false, false, b"".as_slice())?;
    Ok(command)
}
