//! Connections: poller threads, listeners, sessions, transports; all that has a file descriptor.
//!
//! A [`Session`] lives in an I/O thread, which makes its connection, again and again if need be,
//! and drives it by default. After the handshake whoever holds the session's lock may drive it:
//! a thread that sends writes at once where the connection is idle, a thread that waits reads by
//! itself. What an I/O thread has to do is told it by a [`Command`].
//!
//! This module is the only place where the protocol meets pipes. It knows nothing of socket
//! types' patterns: a socket is an [`Owner`] here, an inbox and somebody who is told of events.

pub mod engine;
mod ipc;
mod listener;
mod poller;
pub mod resolve;
mod session;
mod socket;
mod tcp;
mod thread;
mod tunnel;

use std::{
    ffi::c_int,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

pub use self::{
    listener::Listener,
    session::Session,
    thread::{Command, Io, Reactor, with_signals_blocked},
};
use crate::{
    options::{Options, SocketType},
    pipe::{Depth, End, Far, Inbox},
};

/// What a socket's pipe holds, outbound and inbound. Subscriptions are never conflated.
pub fn depths(options: &Options) -> (Depth, Depth) {
    let depth = |hwm: c_int, subscriptions: bool| {
        if options.conflates() && !subscriptions {
            Depth::Last
        } else {
            Depth::Messages(u32::try_from(hwm).unwrap_or(0))
        }
    };
    let is = |socket_type| options.socket_type == socket_type;
    (
        depth(options.pipe.send_hwm, is(SocketType::Sub)),
        depth(options.pipe.receive_hwm, is(SocketType::Pub)),
    )
}

/// Who is told of what happens to connections: zmq_socket_monitor(3).
pub trait Observer: Send + Sync {
    /// One of `ZMQ_EVENT_*`, with its value and the endpoint that it is about. Called without
    /// any lock of a session's being needed, and from any thread.
    fn event(&self, event: c_int, value: c_int, endpoint: &str);
}

/// The way to the ZAP handler (RFC 27).
pub trait Zap: Send + Sync {
    /// A pipe to the handler, without high-water marks; none if there is no handler. `near` is
    /// told when there is an answer.
    fn connect(&self, near: Arc<dyn Far>) -> Option<End>;
}

/// A socket that nobody may be using now.
pub trait Host: Send + Sync {
    /// Has the socket take notice of what has happened. Called with no lock held.
    fn receive_guests(&self);
}

/// What a session or listener knows of its socket.
#[derive(Clone)]
pub struct Owner {
    /// Where the socket's events go.
    pub inbox: Arc<Inbox>,
    /// Who is to welcome new peers at once, if the socket has something to say to them.
    pub host: Option<Arc<dyn Host>>,
    /// Who is told what happens.
    pub observer: Arc<dyn Observer>,
    /// Who is asked whether peers may come in.
    pub zap: Arc<dyn Zap>,
    /// Held as long as there is something to be done for the socket.
    pub live: Live,
}

/// Counts what has to end before the context may.
pub struct Live(Arc<Lives>);

/// How many [`Live`] there are, and who is told when there are none.
#[derive(Default)]
pub struct Lives {
    count: AtomicUsize,
    over: std::sync::OnceLock<Box<dyn Fn() + Send + Sync>>,
}

impl Lives {
    /// None yet; `over` is called each time when the last has gone.
    pub fn new(over: impl Fn() + Send + Sync + 'static) -> Arc<Lives> {
        let lives = Lives::default();
        let _ = lives.over.set(Box::new(over));
        Arc::new(lives)
    }

    /// Whether there are any.
    pub fn any(&self) -> bool {
        self.count.load(Ordering::SeqCst) > 0
    }

    /// One more.
    pub fn live(self: &Arc<Self>) -> Live {
        self.count.fetch_add(1, Ordering::SeqCst);
        Live(self.clone())
    }
}

impl Clone for Live {
    fn clone(&self) -> Live {
        self.0.live()
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        if self.0.count.fetch_sub(1, Ordering::SeqCst) == 1
            && let Some(over) = self.0.over.get()
        {
            over();
        }
    }
}
