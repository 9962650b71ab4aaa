//! Pipes: what carries messages between a socket and a connection, or two sockets of a process.
//!
//! A pipe is two queues of wire bytes (`queue`), one each way, each with a high-water mark that
//! counts messages and with credit that the reader returns in batches of half the mark. One end
//! is a socket's ([`End`]), the other a connection's ([`Tx`] and [`Rx`] by themselves) or another
//! socket's. Who owns what: an end belongs to whoever holds its socket's or connection's lock;
//! the two directions share no state but their gauges (`gauge`), which say what wakes whom.
//!
//! What has to be handed on rather than copied is in a typed queue beside the bytes (`aside`): there is no pointer among
//! bytes that a peer may have written, and none of their bits means anything to us but what it does on the wire.
//!
//! This module knows nothing of socket types and of the protocol but the layout of its frames
//! ([`crate::frame`]), and which commands are subscriptions.

mod aside;
#[cfg(any(test, debug_assertions))]
mod audit;
mod end;
mod flow;
mod gather;
mod gauge;
mod inbox;
mod latest;
mod parker;
mod queue;
mod record;
mod rx;
mod segment;
mod signal;
mod staging;
mod tx;

use std::{os::fd::RawFd, time::Duration};

use crate::policy::flush::Eagerness;

pub use self::{
    end::End,
    gather::{Batch, Gathered},
    gauge::Gauge,
    inbox::{Door, Event, Inbox, PipeId},
    parker::{Parker, poll, timespec},
    queue::{MESSAGE_MIN, REFERENCE_MIN, SHARED_MIN, channel},
    record::{Kind, Peer, Record},
    rx::Rx,
    signal::Signal,
    tx::{SEGMENT_MAX, Tx},
};

/// Who is at the far end of a pipe, as this end tells it what it has done.
pub trait Far: Send + Sync {
    /// There is something to read where there was nothing.
    fn readable(&self, eagerness: Eagerness);
    /// As `readable`, when there is no more to come for now: by the writer itself, if possible.
    fn deliver(&self) {
        self.readable(Eagerness::Few(1));
    }
    /// There is room to write where there was none.
    fn writable(&self);
    /// This end is closed. What was written is to be delivered yet, for so long (none: forever).
    fn closed(&self, linger: Option<Duration>);
    /// As `closed`, but once this returns, nothing comes any more. Waits for the far end's lock.
    fn shut(&self, linger: Option<Duration>) {
        self.closed(linger);
    }
    /// There was no memory for something that the peer had sent or was to be sent: the connection is lost and made again,
    /// or where there is none, the peer does as if it were.
    fn lose(&self) {}
    /// The socket knows that the connection was given up ([`Event::GivenUp`]).
    fn gave_up_noticed(&self) {}

    /// Does now, without waiting, what can be done to have something to read. How many bytes are
    /// missing of a long body whose beginning is there.
    fn drive(&self) -> usize {
        0
    }
    /// Lends the descriptor to a thread that is about to wait, which watches it for input and
    /// drives this end when there is some, until it gives it back. A thread that doesn't sleep, but tries again for now, is
    /// lent it only if it has asked a moment ago.
    fn lend(&self, _sleeps: bool) -> Option<RawFd> {
        None
    }
    /// Takes the descriptor back.
    fn give_back(&self) {}
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

/// A connection's end of a pipe, or a socket's before it is attached: both directions.
pub struct Ends {
    /// To the far end.
    pub tx: Tx,
    /// From the far end.
    pub rx: Rx,
}

impl Ends {
    /// Closes both directions. The far end is then to be told.
    pub fn close(&mut self) {
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

#[cfg(test)]
mod tests;
