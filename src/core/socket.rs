//! Sockets: a pattern, its pipes, its options and its endpoints (zmq_socket(3)).
//!
//! Whoever has the socket's turn has it all. What others do to it (peers that come and go, pipes
//! that have something again) comes as events through its inbox, and takes effect when the next
//! call begins: [`Socket::process`].

mod endpoints;

use std::{
    ffi::c_int,
    sync::{Arc, Weak},
    time::Duration,
};

use super::{
    context::Context,
    inproc::{self, Names},
    lane::Lane,
    monitor::Monitor,
    slot::{Content, Free},
};
use crate::{
    consts::{ZMQ_POLLIN, ZMQ_POLLOUT},
    error::{Error, Result},
    io::{Host, Listener, Live, Session},
    message::{Incoming, Outgoing, Received, Sink, Source},
    options::{Get, Live as LiveOption, Options, Set, SocketType, Value, put_padded, put_text},
    pattern::{Pattern, PatternOptions, Pipes, pattern, slot},
    pipe::{End, Event, Far, Inbox, PipeId},
    policy::{
        flush::{EAGER_PIPES, Eagerness},
        wait::Spin,
    },
    sync::{Global, shielded},
};

/// What an endpoint has become.
enum Link {
    Listener(Arc<Listener>),
    Session(Arc<Session>),
    /// An inproc connection.
    Inproc(PipeId),
}

/// A socket. In this order in memory: what each message needs is close together.
#[repr(C, align(64))]
pub struct Socket {
    inbox: Arc<Inbox>,
    terminated: bool,
    /// What `ZMQ_ROUTING_ID` is since a peer was last given a routing id, unless it was set later.
    made_up: Option<[u8; 5]>,
    /// The ways past the pattern.
    outbound: Lane,
    inbound: Lane,
    pattern: Box<dyn Pattern>,
    pipes: Pipes,
    options: Arc<Options>,
    events: Vec<Event>,
    /// How long a thread tries again before it sleeps.
    pub(super) spin: Spin,
    /// And for the rest of a body that has begun to come.
    pub(super) spin_for_rest: Spin,
    context: Arc<Context>,
    number: u64,
    monitor: Arc<Monitor>,
    links: Vec<(Vec<u8>, Link)>,
    /// Those that were left by the pattern, while they may still have to deliver something.
    left: Vec<Weak<dyn Far>>,
    last_endpoint: Vec<u8>,
    /// Who has it welcome its peers.
    host: Option<Arc<dyn Host>>,
    /// Keeps the context from ending.
    live: Live,
}

impl Content for Box<Socket> {
    const TAG: u32 = 0xbadd_ecaf;
    const STALE: Error = Error::ENOTSOCK;

    fn free() -> &'static Global<Free<Self>> {
        static FREE: Global<Free<Box<Socket>>> = Global::new(Free::new(), Free::new);
        &FREE
    }
}

impl Socket {
    pub(super) fn new(
        context: Arc<Context>,
        number: u64,
        options: Options,
        inbox: Inbox,
    ) -> Socket {
        let live = context.live();
        let mut pattern = pattern(options.socket_type);
        pattern.configure(&pattern_options(&options));
        Socket {
            context,
            number,
            pattern,
            options: Arc::new(options),
            pipes: Pipes::default(),
            inbox: Arc::new(inbox),
            monitor: Arc::default(),
            links: Vec::new(),
            left: Vec::new(),
            last_endpoint: Vec::new(),
            made_up: None,
            events: Vec::new(),
            outbound: Lane::new(),
            inbound: Lane::new(),
            terminated: false,
            spin: Spin::default(),
            spin_for_rest: Spin::default(),
            host: None,
            live,
        }
    }

    /// Its inbox.
    pub fn inbox(&self) -> &Arc<Inbox> {
        &self.inbox
    }

    /// Its options.
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// Its context.
    pub fn context(&self) -> &Arc<Context> {
        &self.context
    }

    /// Who is told of its connections' events.
    pub fn monitor(&self) -> &Arc<Monitor> {
        &self.monitor
    }

    /// Says who is to have it welcome the peers that come from now on.
    pub fn set_host(&mut self, host: Arc<dyn Host>) {
        self.host = Some(host);
    }

    fn names(&self) -> &Arc<Names> {
        self.context.names()
    }

    // -- events ----------------------------------------------------------------------------------

    /// Lets take effect what has happened meanwhile. ETERM if the context is terminating.
    #[inline]
    pub fn process(&mut self) -> Result<()> {
        if self.inbox.is_pending() {
            self.process_events();
        }
        self.check()
    }

    /// As [`Socket::process`], and what room there is will be noticed, however little time has passed.
    pub fn look_around(&mut self) -> Result<()> {
        self.inbox.look();
        self.process()
    }

    /// Whether nothing has happened that [`Socket::process`] would have to see to.
    #[inline]
    pub fn is_undisturbed(&self) -> bool {
        !self.inbox.is_pending() && !self.terminated
    }

    /// ETERM if the context is terminating, and a call before this one has noticed.
    pub fn check(&self) -> Result<()> {
        if self.terminated {
            Err(Error::ETERM)
        } else {
            Ok(())
        }
    }

    #[cold]
    fn process_events(&mut self) {
        let mut events = std::mem::take(&mut self.events);
        self.inbox.take(&mut events);
        for event in events.drain(..) {
            match event {
                Event::Readable(id) if self.pipes.get(id).is_some() => {
                    self.pattern.readable(&mut self.pipes, id)
                }
                Event::Writable(id) if self.pipes.get(id).is_some() => {
                    self.pattern.writable(&mut self.pipes, id)
                }
                Event::Hiccup(id) if self.pipes.get(id).is_some() => {
                    self.pattern.hiccup(&mut self.pipes, id)
                }
                Event::Closed(id) if self.pipes.get(id).is_some_and(End::is_left) => {
                    self.pipes.end(id)
                }
                Event::Closed(id) if self.pipes.get(id).is_some() => {
                    self.pattern.closed(&mut self.pipes, id)
                }
                Event::GivenUp(id) => {
                    if let Some(end) = self.pipes.get(id) {
                        end.far().gave_up_noticed();
                    }
                }
                Event::Attach(end) => drop(self.attach(end)),
                Event::Terminate => {
                    self.terminated = true;
                    self.lay_lanes();
                }
                Event::Readable(_) | Event::Writable(_) | Event::Hiccup(_) | Event::Closed(_) => {}
            }
        }
        self.events = events;
        self.detach_ended();
    }

    fn attach(&mut self, end: Box<End>) -> PipeId {
        let local = end.is_local;
        let id = self.pipes.insert(end);
        if let Some(end) = self.pipes.get_mut(id) {
            end.eagerness = Eagerness::Never;
            end.lossy = is_lossy(&self.options);
        }
        // The far end has to know the name before the pattern reads: having found the pipe empty,
        // it relies on being told by that name.
        let closed = self.pipes.get_mut(id).is_some_and(|end| end.attach(id));
        self.pattern.attach(&mut self.pipes, id, local);
        self.made_up = self.pattern.take_made_up_routing_id().or(self.made_up);
        if closed {
            self.pattern.closed(&mut self.pipes, id);
        }
        self.count_pipes(Some(id));
        id
    }

    /// Has all know that depends on how many pipes there are, of which one may be new.
    fn count_pipes(&mut self, new: Option<PipeId>) {
        self.tell_eagerness(new);
        self.lay_lanes();
    }

    fn lay_lanes(&mut self) {
        let only = self.pipes.only().filter(|&id| {
            let end = self.pipes.get(id);
            !self.terminated && end.is_some_and(|end| !end.conflates())
        });
        let (out, into) = only.map_or((false, false), |id| self.pattern.is_transparent(id));
        self.outbound.lay(only.filter(|_| out).map(slot));
        self.inbound.lay(only.filter(|_| into).map(slot));
    }

    /// Lets the pipes know when to be written to at once, which is a matter of how many they are.
    fn tell_eagerness(&mut self, new: Option<PipeId>) {
        let pipes = self.pipes.len();
        let eagerness = match self.options.socket_type {
            _ if pipes <= EAGER_PIPES => Eagerness::Few(pipes as u32),
            // Who is answered may well be waiting.
            SocketType::Router | SocketType::Rep => Eagerness::Answers,
            _ => Eagerness::Never,
        };
        if pipes <= EAGER_PIPES + 1 {
            self.pipes
                .iter_mut()
                .for_each(|(_, end)| end.eagerness = eagerness);
        } else if let Some(end) = new.and_then(|id| self.pipes.get_mut(id)) {
            // The others have been told.
            end.eagerness = eagerness;
        }
    }

    /// Removes the pipes that have come to their end.
    #[inline(always)]
    fn detach_ended(&mut self) {
        if self.pipes.has_ended() {
            shielded(|| self.detach_some());
        }
    }

    #[cold]
    fn detach_some(&mut self) {
        while let Some(id) = self.pipes.take_ended() {
            if let Some(end) = self.detach(id)
                && !end.is_closed()
            {
                // What was written is delivered, for as long as the socket is there.
                self.left.retain(|far| far.strong_count() > 0);
                self.left.push(Arc::downgrade(end.far()));
            }
        }
    }

    /// Takes a pipe away from the pattern. It is closed when it is dropped.
    fn detach(&mut self, id: PipeId) -> Option<Box<End>> {
        self.pipes.get(id)?;
        self.pattern.detach(&mut self.pipes, id);
        let end = self.pipes.remove(id);
        self.links
            .retain(|(_, link)| !matches!(link, Link::Inproc(pipe) if *pipe == id));
        self.count_pipes(None);
        end
    }

    /// Closes a pipe; what was written has its time.
    fn close_pipe(&mut self, id: PipeId) {
        let linger = self.linger();
        if let Some(mut end) = self.detach(id) {
            end.linger = linger;
        }
    }

    /// Closes a pipe to another socket. It keeps its place until that has closed it, too, as with
    /// libzmq: whose turn it is depends on that.
    fn leave_pipe(&mut self, id: PipeId) {
        // Closed by the other one already, it ends by itself, when what came before has been received.
        if self.pipes.get(id).is_some_and(End::is_closed) {
            return;
        }
        // A message that was begun is to be received, and a PAIR may have another peer.
        if self.inbound.is_in_message() || self.options.socket_type == SocketType::Pair {
            return self.close_pipe(id);
        }
        let linger = self.linger();
        if let Some(end) = self.pipes.get_mut(id) {
            end.linger = linger;
            end.leave();
        }
    }

    fn linger(&self) -> Option<Duration> {
        u64::try_from(self.options.linger)
            .ok()
            .map(Duration::from_millis)
    }

    /// What is written from now on waits for [`Socket::uncork`].
    pub fn cork(&mut self) {
        self.pipes.iter_mut().for_each(|(_, end)| end.cork());
    }

    /// Has what was written meanwhile go out together.
    pub fn uncork(&mut self) {
        self.pipes.iter_mut().for_each(|(_, end)| end.uncork());
    }

    // -- messages --------------------------------------------------------------------------------

    /// Sends a part, if that is possible without waiting. EAGAIN; [`Error::Broken`]; EFSM, EHOSTUNREACH,
    /// ENOTSUP and what else the pattern says.
    #[inline(always)]
    pub fn try_send(&mut self, more: bool, part: &mut impl Outgoing) -> Result<()> {
        if !more
            && let Some(only) = self.pipes.at(self.outbound.open())
            && only.has_known_room()
        {
            return only.write(false, part);
        }
        self.send_by_pattern(more, &mut part.source())
    }

    #[inline(never)]
    fn send_by_pattern(&mut self, more: bool, part: &mut Source) -> Result<()> {
        let result = self.pattern.send(&mut self.pipes, more, part);
        if matches!(result, Ok(()) | Err(Error::Broken)) {
            self.outbound.pass(more);
        }
        self.detach_ended();
        result
    }

    /// Takes back the parts of a message that can't be completed. Only for a pattern that keeps no
    /// account of them, as that of PAIR.
    pub fn roll_back(&mut self) {
        self.pipes.iter_mut().for_each(|(_, end)| end.rollback());
        self.outbound.pass(false);
    }

    /// Receives a part, if that is possible without waiting. EAGAIN, EFSM, ENOTSUP.
    ///
    /// `retrying`: the caller will try again in a moment, and before it waits or goes away once
    /// more without saying so. Until then nothing that comes wakes the socket.
    #[inline(always)]
    pub fn try_recv(&mut self, into: &mut impl Incoming, retrying: bool) -> Result<Received> {
        if let Some(only) = self.pipes.at(self.inbound.open())
            && let Some(received) = only.read_message(into)
        {
            return received;
        }
        self.recv_by_pattern(&mut into.sink(), retrying)
    }

    #[inline(never)]
    fn recv_by_pattern(&mut self, sink: &mut Sink, retrying: bool) -> Result<Received> {
        self.pipes.retrying = retrying;
        let result = self.pattern.recv(&mut self.pipes, sink);
        self.detach_ended();
        if let Ok(received) = &result {
            self.inbound.pass(received.more);
        }
        result
    }

    /// What can be done without waiting: ZMQ_POLLIN, ZMQ_POLLOUT.
    pub fn ready(&mut self) -> c_int {
        let mut ready = 0;
        if self.has_room() {
            ready |= ZMQ_POLLOUT;
        }
        if self.pattern.can_recv(&mut self.pipes) {
            ready |= ZMQ_POLLIN;
        }
        self.detach_ended();
        ready
    }

    /// Whether a message can be sent without waiting.
    pub fn has_room(&mut self) -> bool {
        let room = self.pattern.can_send(&mut self.pipes);
        self.detach_ended();
        room
    }

    /// Its pipes.
    pub fn pipes(&self) -> &Pipes {
        &self.pipes
    }

    /// Monitors the socket's connections: zmq_socket_monitor(3).
    pub fn start_monitor(&mut self, endpoint: Option<&[u8]>, events: c_int) -> Result<()> {
        let context = self.context.clone();
        match endpoint {
            None => self.monitor.stop(),
            Some(endpoint) => self.monitor.start(&context, endpoint, events)?,
        }
        Ok(())
    }

    // -- options ---------------------------------------------------------------------------------

    /// Sets an option: zmq_setsockopt(3) with its errors.
    pub fn set_option(&mut self, id: c_int, value: Value) -> Result<()> {
        match Arc::make_mut(&mut self.options).set(id, value)? {
            Set::Stored(_) => {
                if id == crate::consts::ZMQ_ROUTING_ID {
                    self.made_up = None;
                }
                self.pattern.configure(&pattern_options(&self.options));
                let lossy = is_lossy(&self.options);
                self.pipes.iter_mut().for_each(|(_, end)| end.lossy = lossy);
                if matches!(id, crate::consts::ZMQ_SNDHWM | crate::consts::ZMQ_RCVHWM) {
                    self.pipes
                        .iter()
                        .for_each(|(_, end)| inproc::set_limits(end, &self.options));
                }
            }
            Set::Subscribe(topic) => self.pattern.subscribe(&mut self.pipes, topic)?,
            Set::Unsubscribe(topic) => self.pattern.unsubscribe(&mut self.pipes, topic)?,
            Set::ConnectRoutingId(id) => self.pattern.set_connect_routing_id(id)?,
        }
        self.lay_lanes();
        self.detach_ended();
        Ok(())
    }

    /// Reads an option into a buffer, and returns how long it is: zmq_getsockopt(3) with its errors.
    pub fn get_option(&mut self, id: c_int, out: &mut [u8]) -> Result<usize> {
        if id == crate::consts::ZMQ_ROUTING_ID
            && let Some(made_up) = self.made_up
        {
            return put_padded(out, &made_up);
        }
        let live = match self.options.get(id, out)? {
            Get::Written(size) => return Ok(size),
            Get::Live(live) => live,
        };
        let number = match live {
            LiveOption::ReceiveMore => c_int::from(self.inbound.is_in_message()),
            LiveOption::Fd => self.inbox.fd()?,
            LiveOption::Events => {
                self.look_around()?;
                self.ready()
            }
            LiveOption::TopicsCount => self.pattern.topics()? as c_int,
            LiveOption::LastEndpoint => return put_text(out, &self.last_endpoint),
        };
        put_padded(out, &number.to_ne_bytes())
    }

    // -- the end ---------------------------------------------------------------------------------

    /// Closes the socket. What was sent is delivered in the background: zmq_close(3).
    pub fn close(mut self) {
        if self.context.is_inherited() {
            // The poller is the parent's, too, as is what a listener leaves in the file system,
            // and a lock that a thread of the parent held at the fork is never given back.
            std::mem::forget(self);
            return;
        }
        self.inbox.close();
        self.names().forget(&self.inbox);
        let linger = self.linger();
        for (_, link) in std::mem::take(&mut self.links) {
            match link {
                Link::Listener(listener) => listener.close(),
                Link::Session(session) => session.abandon(linger),
                Link::Inproc(_) => {}
            }
        }
        for far in self.left.iter().filter_map(Weak::upgrade) {
            far.closed(linger);
        }
        for slot in 0..self.pipes.slots() {
            let id = self.pipes.id_at(slot);
            if let Some(mut end) = id.and_then(|id| self.pipes.remove(id)) {
                end.linger = linger;
            }
        }
        self.monitor.stop();
        if self.number > 0 {
            self.context.forget_socket(self.number);
        }
    }
}

/// Whether what there is no room for is dropped.
fn is_lossy(options: &Options) -> bool {
    use SocketType::{Pub, Rep, Router, XPub};
    match options.socket_type {
        Pub | XPub => !options.publish.no_drop,
        Router => !options.router.mandatory,
        socket_type => socket_type == Rep,
    }
}

fn pattern_options(options: &Options) -> PatternOptions {
    PatternOptions {
        router_mandatory: options.router.mandatory,
        router_raw: options.router.raw,
        router_handover: options.router.handover,
        probe_router: options.router.probe,
        req_correlate: options.req.correlate,
        req_relaxed: options.req.relaxed,
        verbose_subscribe: options.publish.verbose_subscribe,
        verbose_cancel: options.publish.verbose_unsubscribe,
        xpub_nodrop: options.publish.no_drop,
        xpub_manual: options.publish.manual,
        xpub_last_value: options.publish.last_value,
        xpub_welcome: options.publish.welcome.clone(),
        only_first_subscribe: options.only_first_subscribe,
        xsub_verbose_cancel: false,
        invert_matching: options.invert_matching,
    }
}
