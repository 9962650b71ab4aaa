//! What happens to a socket's connections, told to the program: zmq_socket_monitor(3).
//!
//! Events come from any thread and go, as messages of two parts, over a PAIR socket of ours to
//! the program's. One that can't be taken at once is lost: no connection waits for its monitor.

use std::{
    ffi::c_int,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::{context::Context, socket::Socket};
use crate::{
    consts::{ZMQ_EVENT_BIND_FAILED, ZMQ_EVENT_MONITOR_STOPPED},
    endpoint::Endpoint,
    error::{Error, Result},
    io::Observer,
    message::Source,
    options::SocketType,
};

/// The monitor of a socket, if it has one.
#[derive(Default)]
pub struct Monitor(Mutex<Option<Sender>>);

struct Sender {
    socket: Socket,
    events: c_int,
}

impl Sender {
    fn send(&mut self, event: c_int, value: c_int, endpoint: &[u8]) {
        let mut head = [0; 6];
        head[..2].copy_from_slice(&(event as u16).to_ne_bytes());
        head[2..].copy_from_slice(&value.to_ne_bytes());
        let _ = self.socket.process();
        let head = self.socket.try_send(true, &mut Source::Bytes(&head));
        let sent = head.and_then(|()| self.socket.try_send(false, &mut Source::Bytes(endpoint)));
        if sent.is_err() {
            // Or the next event would be taken for the rest of this one.
            self.socket.roll_back();
        }
    }
}

impl Monitor {
    fn sender(&self) -> MutexGuard<'_, Option<Sender>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins to tell of these events at an inproc endpoint, in place of an earlier one.
    /// EPROTONOSUPPORT if it is another's transport, ETERM if the context is terminating, EADDRINUSE, EINVAL.
    pub fn start(&self, context: &Arc<Context>, endpoint: &[u8], events: c_int) -> Result<()> {
        if !matches!(Endpoint::parse(endpoint)?, Endpoint::Inproc(_)) {
            return Err(Error::EPROTONOSUPPORT);
        }
        self.stop();
        if context.is_terminating() {
            return Err(Error::ETERM);
        }
        let mut socket = context.inner_socket(SocketType::Pair)?;
        // It must not hold up the context's end.
        socket.set_option(
            crate::consts::ZMQ_LINGER,
            crate::options::Value::Bytes(&0i32.to_ne_bytes()),
        )?;
        if let Err(error) = socket.bind(endpoint) {
            socket.close();
            return Err(error);
        }
        *self.sender() = Some(Sender { socket, events });
        Ok(())
    }

    /// Says that it is over, and closes.
    pub fn stop(&self) {
        let sender = self.sender().take();
        if let Some(mut sender) = sender {
            if sender.events & ZMQ_EVENT_MONITOR_STOPPED != 0 {
                sender.send(ZMQ_EVENT_MONITOR_STOPPED, 0, b"");
            }
            sender.socket.close();
        }
    }

    /// An address could not be bound.
    pub fn bind_failed(&self, error: Error, endpoint: &[u8]) {
        self.tell(ZMQ_EVENT_BIND_FAILED, error.errno(), endpoint);
    }

    fn tell(&self, event: c_int, value: c_int, endpoint: &[u8]) {
        if let Some(sender) = &mut *self.sender()
            && sender.events & event != 0
        {
            sender.send(event, value, endpoint);
        }
    }
}

impl Observer for Monitor {
    fn event(&self, event: c_int, value: c_int, endpoint: &str) {
        self.tell(event, value, endpoint.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::{Message, Sink};

    /// An event whose second part there was no memory for is lost as a whole: the next one is read
    /// with its own parts.
    #[test]
    fn no_half_of_an_event_is_left() {
        let context = Context::create();
        let mut ours = context.inner_socket(SocketType::Pair).unwrap();
        let mut theirs = context.inner_socket(SocketType::Pair).unwrap();
        ours.bind(b"inproc://monitor").unwrap();
        theirs.connect(b"inproc://monitor").unwrap();
        ours.process().unwrap();
        ours.try_send(true, &mut Source::Bytes(b"half")).unwrap();
        ours.roll_back();
        ours.try_send(true, &mut Source::Bytes(b"head")).unwrap();
        ours.try_send(false, &mut Source::Bytes(b"endpoint"))
            .unwrap();
        theirs.process().unwrap();
        let parts = [b"head".as_slice(), b"endpoint"].map(|wanted| {
            let mut part = Message::new();
            let sink = &mut Sink::Message(&mut part);
            let received = theirs.try_recv(sink, false).unwrap();
            assert_eq!(part.bytes(), wanted);
            received.more
        });
        assert_eq!(parts, [true, false]);
        ours.close();
        theirs.close();
    }
}
