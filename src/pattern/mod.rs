//! Socket types, by composition of fair queues, load balancers and distributors.
//!
//! A [`Pattern`] decides which pipe a part is written to or read from; one file for each of
//! zmq_socket(3)'s types. The pipes themselves are the socket's ([`Pipes`]), which lends them to
//! each call, tells the pattern what happened to them, and detaches those that the pattern has
//! put on the list of [`Pipes::take_ended`]. What a pipe holds are whole messages: after a part
//! with more to come the next one is there, too, so that nothing here waits or prefetches.
//!
//! Nothing here does I/O, knows a clock, or starts a thread. RFC 28 (REQ, REP, DEALER, ROUTER),
//! RFC 29 (PUB, SUB, XPUB, XSUB), RFC 30 (PUSH, PULL), RFC 31 (PAIR).
#![forbid(unsafe_code)]

mod dealer;
mod distributor;
mod fair_queue;
mod hash;
mod load_balancer;
mod pair;
mod pieces;
mod pipes;
mod pull;
mod push;
mod rep;
mod req;
mod ring;
mod router;
mod routes;
mod stream;
mod subscriptions;
mod table;
mod topics;
mod xpub;
mod xsub;

pub use self::pipes::{Pipes, slot};
use crate::{
    error::{Error, Result},
    message::{Received, Sink, Source},
    options::{SocketType, Text},
    pipe::PipeId,
};

/// The options of zmq_setsockopt(3) that only some socket types know.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PatternOptions {
    /// `ZMQ_ROUTER_MANDATORY`: a message that can't be routed is an error.
    pub router_mandatory: bool,
    /// `ZMQ_ROUTER_RAW`: peers speak no ZMTP.
    pub router_raw: bool,
    /// `ZMQ_ROUTER_HANDOVER`: a new peer takes over the routing id of an old one.
    pub router_handover: bool,
    /// `ZMQ_PROBE_ROUTER`: new peers are sent an empty message.
    pub probe_router: bool,
    /// `ZMQ_REQ_CORRELATE`: requests carry a number that the reply has to repeat.
    pub req_correlate: bool,
    /// `ZMQ_REQ_RELAXED`: a request may follow another without a reply.
    pub req_relaxed: bool,
    /// Repeated subscriptions are passed on. Set by `ZMQ_XPUB_VERBOSE` and `ZMQ_XPUB_VERBOSER`.
    pub verbose_subscribe: bool,
    /// Repeated cancellations are passed on. Set by `ZMQ_XPUB_VERBOSER`, cleared by
    /// `ZMQ_XPUB_VERBOSE` whatever its value.
    pub verbose_cancel: bool,
    /// `ZMQ_XPUB_NODROP`: a full pipe makes the send fail with EAGAIN.
    pub xpub_nodrop: bool,
    /// Subscriptions are only passed on. Set by `ZMQ_XPUB_MANUAL` and
    /// `ZMQ_XPUB_MANUAL_LAST_VALUE`.
    pub xpub_manual: bool,
    /// The first message after a subscription goes to that subscriber alone. Set by
    /// `ZMQ_XPUB_MANUAL_LAST_VALUE`.
    pub xpub_last_value: bool,
    /// `ZMQ_XPUB_WELCOME_MSG`: what new peers are sent; nothing if empty.
    pub xpub_welcome: Text,
    /// `ZMQ_ONLY_FIRST_SUBSCRIBE`: only the first part of a message can be a subscription.
    pub only_first_subscribe: bool,
    /// `ZMQ_XSUB_VERBOSE_UNSUBSCRIBE`: cancellations of what isn't subscribed are sent, too.
    pub xsub_verbose_cancel: bool,
    /// `ZMQ_INVERT_MATCHING`: messages go to those who haven't subscribed.
    pub invert_matching: bool,
}

/// What distinguishes a socket type. A pipe that is named is in [`Pipes`], and was attached.
pub trait Pattern: Send {
    /// A pipe to a new peer. `local`: this side has connected.
    fn attach(&mut self, pipes: &mut Pipes, id: PipeId, local: bool);

    /// The pipe is going to be removed.
    fn detach(&mut self, pipes: &mut Pipes, id: PipeId);

    /// There is something to read, or never will be again. May be said too often.
    fn readable(&mut self, _pipes: &mut Pipes, _id: PipeId) {}

    /// There is room to write. May be said too often.
    fn writable(&mut self, _pipes: &mut Pipes, _id: PipeId) {}

    /// The connection was made again. What was written before may be lost.
    fn hiccup(&mut self, _pipes: &mut Pipes, _id: PipeId) {}

    /// The far end was closed. What it has sent before can still be read.
    fn closed(&mut self, pipes: &mut Pipes, id: PipeId) {
        pipes.fade(id);
        self.readable(pipes, id);
    }

    /// Sends a part. EAGAIN if it would block, [`Error::Broken`], EFSM, EHOSTUNREACH, ENOMEM, ENOTSUP.
    fn send(&mut self, _pipes: &mut Pipes, _more: bool, _part: &mut Source) -> Result<()> {
        Err(Error::ENOTSUP)
    }

    /// Receives a part. EAGAIN if it would block, EFSM, ENOMEM, ENOTSUP.
    fn recv(&mut self, _pipes: &mut Pipes, _sink: &mut Sink) -> Result<Received> {
        Err(Error::ENOTSUP)
    }

    /// Whether messages of one part that are sent, and those that are received, can go straight to this pipe, and come from
    /// it, as long as there is no other and no message of several parts is under way. The pattern isn't told of these.
    fn is_transparent(&self, _only: PipeId) -> (bool, bool) {
        (false, false)
    }

    /// Whether the socket is to be polled as ready for sending (`ZMQ_POLLOUT`).
    fn can_send(&mut self, _pipes: &mut Pipes) -> bool {
        false
    }

    /// Whether the socket is to be polled as ready for receiving (`ZMQ_POLLIN`).
    fn can_recv(&mut self, _pipes: &mut Pipes) -> bool {
        false
    }

    /// Takes over the options that concern the type.
    fn configure(&mut self, _options: &PatternOptions) {}

    /// Sets `ZMQ_SUBSCRIBE`. EINVAL if the type has no use for it.
    fn subscribe(&mut self, _pipes: &mut Pipes, _topic: &[u8]) -> Result<()> {
        Err(Error::EINVAL)
    }

    /// Sets `ZMQ_UNSUBSCRIBE`. EINVAL if the type has no use for it.
    fn unsubscribe(&mut self, _pipes: &mut Pipes, _topic: &[u8]) -> Result<()> {
        Err(Error::EINVAL)
    }

    /// Sets `ZMQ_CONNECT_ROUTING_ID`: what the next pipe that is attached as `local` is called.
    /// EINVAL if the type has no use for it, or if it is empty.
    fn set_connect_routing_id(&mut self, _routing_id: &[u8]) -> Result<()> {
        Err(Error::EINVAL)
    }

    /// The routing id that was made up last and not taken yet, if the type tells it by
    /// `ZMQ_ROUTING_ID` (STREAM).
    fn take_made_up_routing_id(&mut self) -> Option<[u8; 5]> {
        None
    }

    /// The number of topics (`ZMQ_TOPICS_COUNT`). EINVAL if the type has none.
    fn topics(&mut self) -> Result<usize> {
        Err(Error::EINVAL)
    }
}

/// The pattern of a socket type.
pub fn pattern(socket_type: SocketType) -> Box<dyn Pattern> {
    match socket_type {
        SocketType::Pair => Box::new(pair::Pair::default()),
        SocketType::Pub => Box::new(xpub::XPub::new(true)),
        SocketType::Sub => Box::new(xsub::XSub::new(true)),
        SocketType::Req => Box::new(req::Req::new()),
        SocketType::Rep => Box::new(rep::Rep::new()),
        SocketType::Dealer => Box::new(dealer::Dealer::default()),
        SocketType::Router => Box::new(router::Router::new()),
        SocketType::Pull => Box::new(pull::Pull::default()),
        SocketType::Push => Box::new(push::Push::default()),
        SocketType::XPub => Box::new(xpub::XPub::new(false)),
        SocketType::XSub => Box::new(xsub::XSub::new(false)),
        SocketType::Stream => Box::new(stream::Stream::new()),
    }
}

#[cfg(test)]
mod tests;
