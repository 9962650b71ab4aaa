//! Patterns driven by peers that are the far ends of pipes in memory.

mod pipeline;
mod pubsub;
mod request;
mod router;

use std::{sync::Arc, time::Duration};

use super::*;
use crate::message::Message;
use crate::pipe::{Batch, Door, End, Ends, Far, Gathered, Inbox, Kind, Peer, Record};
use crate::policy::flush::Eagerness;

/// A far end that is looked at rather than woken.
struct Silent;

impl Far for Silent {
    fn readable(&self, _: Eagerness) {}
    fn writable(&self) {}
    fn closed(&self, _: Option<Duration>) {}
}

/// A socket without its threads: events are handed over as they happen.
struct Kit {
    pattern: Box<dyn Pattern>,
    pipes: Pipes,
    /// How many messages a pipe holds, each way.
    limit: u32,
    /// Whether the next peers are sockets of this process.
    inproc: bool,
}

/// A peer of the socket.
struct Remote {
    id: PipeId,
    ends: Ends,
}

type Parts = Vec<Vec<u8>>;

fn parts(parts: &[&str]) -> Parts {
    parts.iter().map(|part| part.as_bytes().to_vec()).collect()
}

impl Kit {
    fn new(socket_type: SocketType) -> Kit {
        Kit {
            pattern: pattern(socket_type),
            pipes: Pipes::default(),
            limit: 0,
            inproc: false,
        }
    }

    fn with(socket_type: SocketType, options: PatternOptions) -> Kit {
        let mut kit = Kit::new(socket_type);
        kit.pattern.configure(&options);
        kit
    }

    fn attach(&mut self, local: bool, introduction: Option<&str>) -> Remote {
        let (near, mut far) = crate::pipe::pipe(self.limit, self.limit);
        if let Some(routing_id) = introduction {
            introduce(&mut far, routing_id);
            let _ = far.tx.publish();
        }
        let mut end = End::new(
            near,
            Arc::new(Silent),
            Door::new(Arc::new(Inbox::default())),
        );
        if self.inproc {
            end.set_far_limits(0, 0);
        }
        let id = self.pipes.insert(Box::new(end));
        self.pattern.attach(&mut self.pipes, id, local);
        self.settle();
        Remote { id, ends: far }
    }

    /// A peer that has connected, and isn't called anything.
    fn peer(&mut self) -> Remote {
        self.attach(false, Some(""))
    }

    /// Removes the pipes that the pattern wants to be removed.
    fn settle(&mut self) {
        while let Some(id) = self.pipes.take_ended() {
            self.detach(id);
        }
    }

    fn detach(&mut self, id: PipeId) {
        if self.pipes.get(id).is_some() {
            self.pattern.detach(&mut self.pipes, id);
            drop(self.pipes.remove(id));
        }
    }

    /// The peer goes away.
    fn lose(&mut self, mut remote: Remote) {
        remote.ends.close();
        self.pattern.closed(&mut self.pipes, remote.id);
        self.settle();
    }

    /// The peer sends a message.
    fn say(&mut self, remote: &mut Remote, message: &[&str]) {
        let tx = &mut remote.ends.tx;
        assert!(tx.has_room());
        for (i, part) in message.iter().enumerate() {
            let more = i + 1 < message.len();
            tx.write(more, &mut Source::Bytes(part.as_bytes())).unwrap();
        }
        if tx.publish() {
            self.pattern.readable(&mut self.pipes, remote.id);
        }
        self.settle();
    }

    /// The peer sends a subscription, or gives it up.
    fn ask(&mut self, remote: &mut Remote, kind: Kind, topic: &str) {
        let tx = &mut remote.ends.tx;
        tx.subscription(kind == Kind::Subscribe, topic.as_bytes())
            .unwrap();
        if tx.publish() {
            self.pattern.readable(&mut self.pipes, remote.id);
        }
        self.settle();
    }

    /// What the peer has been sent: each part or topic with its kind.
    fn heard_kinds(&mut self, remote: &mut Remote) -> Vec<(Kind, String)> {
        let mut heard = Vec::new();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        loop {
            let rx = &mut remote.ends.rx;
            if !rx.has_records() {
                if rx.sleep() || rx.is_at_end() {
                    break;
                }
                continue;
            }
            match rx.read() {
                Some(Record::Frame(kind, body)) => heard.push((kind, text(body))),
                Some(Record::Part(part)) => {
                    let kind = Kind::Part { more: part.more };
                    heard.push((kind, text(part.payload.bytes())));
                }
                _ => {}
            }
            if remote.ends.rx.credit() {
                self.pattern.writable(&mut self.pipes, remote.id);
            }
        }
        heard
    }

    /// What the peer has been sent: the bodies.
    fn heard(&mut self, remote: &mut Remote) -> Vec<String> {
        let heard = self.heard_kinds(remote).into_iter();
        heard.map(|(_, body)| body).collect()
    }

    fn send_part(&mut self, more: bool, part: &[u8]) -> Result<()> {
        let sent = self
            .pattern
            .send(&mut self.pipes, more, &mut Source::Bytes(part));
        self.settle();
        sent
    }

    fn send(&mut self, message: &[&str]) -> Result<()> {
        for (i, part) in message.iter().enumerate() {
            self.send_part(i + 1 < message.len(), part.as_bytes())?;
        }
        Ok(())
    }

    fn recv_part(&mut self) -> Result<(bool, Vec<u8>)> {
        let mut message = Message::new();
        let received = self
            .pattern
            .recv(&mut self.pipes, &mut Sink::Message(&mut message));
        self.settle();
        let received = received?;
        assert_eq!(received.size, message.size());
        assert_eq!(received.more, message.more());
        Ok((received.more, message.bytes().to_vec()))
    }

    fn recv(&mut self) -> Result<Parts> {
        let mut message = Vec::new();
        loop {
            let (more, part) = self.recv_part()?;
            message.push(part);
            if !more {
                return Ok(message);
            }
        }
    }

    fn can_recv(&mut self) -> bool {
        let can = self.pattern.can_recv(&mut self.pipes);
        self.settle();
        can
    }

    fn can_send(&mut self) -> bool {
        self.pattern.can_send(&mut self.pipes)
    }
}

fn introduce(ends: &mut Ends, routing_id: &str) {
    let peer = Peer {
        routing_id: routing_id.as_bytes().to_vec(),
        metadata: None,
    };
    ends.tx.peer(Arc::new(peer)).unwrap();
}

#[test]
fn a_stale_name_never_names_a_later_pipe() {
    let mut kit = Kit::new(SocketType::Push);
    let first = kit.peer();
    let id = first.id;
    kit.lose(first);
    assert!(kit.pipes.is_empty());
    let second = kit.peer();
    assert_ne!(id, second.id);
    assert!(id.0 != 0 && second.id.0 != 0);
    assert!(kit.pipes.get(id).is_none() && kit.pipes.remove(id).is_none());
    assert_eq!(kit.pipes.ids(), [second.id]);
}

#[test]
fn options_that_a_type_does_not_know_are_invalid() {
    for socket_type in SocketType::ALL {
        let mut kit = Kit::new(socket_type);
        let subscribes = socket_type == SocketType::Sub;
        let topic = kit.pattern.subscribe(&mut kit.pipes, b"x");
        assert_eq!(topic.is_ok(), subscribes, "{socket_type:?}");
        let routes = matches!(
            socket_type,
            SocketType::Router | SocketType::Rep | SocketType::Stream
        );
        let named = kit.pattern.set_connect_routing_id(b"x");
        assert_eq!(named.is_ok(), routes, "{socket_type:?}");
        let counts = matches!(
            socket_type,
            SocketType::Pub | SocketType::XPub | SocketType::Sub | SocketType::XSub
        );
        assert_eq!(kit.pattern.topics().is_ok(), counts, "{socket_type:?}");
    }
}

#[test]
fn without_peers_each_type_fails_in_its_own_way() {
    use SocketType::*;
    for (socket_type, send, recv) in [
        (Pair, Err(Error::EAGAIN), Error::EAGAIN),
        (Push, Err(Error::EAGAIN), Error::ENOTSUP),
        (Pull, Err(Error::ENOTSUP), Error::EAGAIN),
        (Dealer, Err(Error::EAGAIN), Error::EAGAIN),
        (Router, Ok(()), Error::EAGAIN),
        (Req, Err(Error::EAGAIN), Error::EFSM),
        (Rep, Err(Error::EFSM), Error::EAGAIN),
        (Pub, Ok(()), Error::ENOTSUP),
        (XPub, Ok(()), Error::EAGAIN),
        (Sub, Err(Error::ENOTSUP), Error::EAGAIN),
        (XSub, Ok(()), Error::EAGAIN),
        (Stream, Ok(()), Error::EAGAIN),
    ] {
        let mut kit = Kit::new(socket_type);
        assert_eq!(kit.can_send(), send.is_ok(), "{socket_type:?}");
        assert!(!kit.can_recv(), "{socket_type:?}");
        assert_eq!(kit.recv(), Err(recv), "{socket_type:?}");
        assert_eq!(kit.send(&["x"]), send, "{socket_type:?}");
    }
}
