//! Holds a conversation with a socket of a library, in one thread and without sleeping.
//!
//! What came of it does not depend on time: before the application does something whose result depends on what the
//! peer has said, the peer sends a marker, and both wait until it has come through.

use std::time::{Duration, Instant};

mod handshake;
mod outcome;
mod sync;
mod twist;

use handshake::Handshake;
pub use outcome::Outcome;

use crate::{
    conversation::{Conversation, Security, Step, Twist, kind},
    curve::{Channel, public},
    host::{Errno, Host, Socket, option},
    peer::{Listener, Peer, fresh_name},
    wire::{self, COMMAND, MORE, Version},
};

/// A message's parts.
pub type Message = Vec<Vec<u8>>;

/// What has happened, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// From here on, all that the peer says comes in messages of CURVE.
    Secured(Channel),
    /// The peer has said these octets, after the handshake.
    Said(Vec<u8>),
    /// The application has sent a message.
    Sent(Message),
    /// The application has subscribed or unsubscribed.
    Subscribed(bool, Vec<u8>),
    /// The application has received a message.
    Received(Message),
}

/// How long to wait for what has to happen, or for the next message.
const PATIENCE: Duration = Duration::from_secs(20);

/// Where a ZAP handler binds.
pub const ZAP: &str = "inproc://zeromq.zap.01";

/// Answers, as the ZAP handler (RFC 27), that everybody may come in, until its context ends. The socket is a REP.
pub fn welcome_everybody<S: Socket>(socket: &S) {
    let mut request = Vec::new();
    loop {
        match socket.recv() {
            Ok((part, more)) => {
                request.push(part);
                if more {
                    continue;
                }
                let number = request.get(1).cloned().unwrap_or_default();
                request.clear();
                // With a name for the user, upstream's REQ takes it for a broken reply.
                let reply: [&[u8]; 6] = [b"1.0", &number, b"200", b"OK", b"", b""];
                for (n, part) in reply.iter().enumerate() {
                    let _ = socket.send(part, n < 5);
                }
            }
            Err(libc::EAGAIN) => socket.wait(true, -1, 0, 1000),
            Err(_) => return,
        }
    }
}

struct Run<'a, S> {
    conversation: &'a Conversation,
    socket: S,
    peer: Peer,
    /// What the peer is about to say.
    gathered: Vec<u8>,
    /// How many octets of that are the handshake's.
    handshaking: usize,
    /// What the peer says after the handshake, with CURVE.
    secured: Option<Channel>,
    /// Whether the peer has begun a message that it has not ended.
    inside: bool,
    /// Whether the peer has said anything since the last marker came through.
    unheard: bool,
    markers: usize,
    outcome: Outcome,
    events: Vec<Event>,
    /// Whether the peer has subscribed to all there is, so that a publisher's marker says nothing.
    everything: bool,
    /// The message that the application is receiving.
    parts: Message,
    /// The routing id of the peer, for a ROUTER.
    id: Option<Vec<u8>>,
    /// How many messages the peer must hear.
    sent: usize,
    /// Whether the message that goes on is one that a REQ takes for a reply.
    replying: bool,
    /// How many replies the peer has said since the last request.
    replies: usize,
    /// Whether the peer has said octets that are no frame: what follows may be taken for anything.
    wild: bool,
    /// The step that is being taken.
    step: usize,
    deadline: Instant,
}

/// Holds the conversation. Returns what came of it, and all that has happened.
pub fn run<H: Host>(host: &H, conversation: &Conversation) -> (Outcome, Vec<Event>) {
    let socket = host.socket(kind(conversation.kind));
    configure(&socket, conversation);
    let bare = conversation.kind == "STREAM";
    let peer = if conversation.binds {
        let endpoint = if conversation.tcp {
            "tcp://127.0.0.1:*".into()
        } else {
            fresh_name()
        };
        let endpoint = socket.bind(&endpoint).expect("an endpoint");
        Peer::connect(&endpoint, conversation.version, bare)
    } else {
        let (listener, endpoint) = Listener::new(conversation.tcp).expect("a listener");
        socket.connect(&endpoint).expect("an endpoint");
        Peer::accept(listener, conversation.version, bare)
    };
    let mut run = Run {
        conversation,
        socket,
        peer: peer.expect("a connection"),
        gathered: Vec::new(),
        handshaking: 0,
        secured: None,
        inside: false,
        unheard: true,
        markers: 0,
        outcome: Outcome::default(),
        events: Vec::new(),
        everything: conversation.version == Version::Unversioned,
        parts: Vec::new(),
        id: None,
        sent: 0,
        replying: false,
        replies: 0,
        wild: false,
        step: 0,
        deadline: Instant::now() + PATIENCE,
    };
    run.all();
    let Run {
        peer,
        mut outcome,
        events,
        ..
    } = run;
    outcome::tell_heard(conversation, &peer, &mut outcome);
    (outcome, events)
}

fn configure<S: Socket>(socket: &S, conversation: &Conversation) {
    let set = |option, value: i32| socket.set(option, &value.to_ne_bytes()).expect("an option");
    set(option::RECONNECT_IVL, -1);
    set(option::RCVHWM, conversation.rcvhwm);
    set(option::SNDHWM, conversation.sndhwm);
    let limit = conversation.maxmsgsize;
    socket
        .set(option::MAXMSGSIZE, &limit.to_ne_bytes())
        .expect("an option");
    match conversation.security {
        Security::Null => {}
        Security::Plain => set(option::PLAIN_SERVER, 1),
        Security::PlainClient => {
            socket
                .set(option::PLAIN_USERNAME, b"name")
                .expect("an option");
            socket
                .set(option::PLAIN_PASSWORD, b"password")
                .expect("an option");
        }
        Security::Curve => {
            set(option::CURVE_SERVER, 1);
            let secret = &conversation.keys.server;
            socket.set(option::CURVE_SECRETKEY, secret).expect("a key");
        }
        Security::CurveClient => {
            let keys = &conversation.keys;
            let key = |option, key: &[u8]| socket.set(option, key).expect("a key");
            key(option::CURVE_SERVERKEY, &public(&keys.server));
            key(option::CURVE_PUBLICKEY, &public(&keys.client));
            key(option::CURVE_SECRETKEY, &keys.client);
        }
    }
    if conversation.kind == "SUB" {
        // What markers begin with.
        socket.set(option::SUBSCRIBE, b"~").expect("an option");
    }
}

impl<S: Socket> Run<'_, S> {
    fn all(&mut self) {
        self.handshake();
        for n in 0..self.conversation.steps.len() {
            if self.is_over() {
                break;
            }
            self.step = n;
            self.deadline = Instant::now() + PATIENCE;
            self.take_step(&self.conversation.steps[n]);
        }
        self.step = self.conversation.steps.len();
        self.deadline = Instant::now() + PATIENCE;
        self.end();
        self.receive(usize::MAX);
        self.outcome.closed = self.peer.closed;
    }

    fn handshake(&mut self) {
        let mut handshake = Handshake::new(self.conversation);
        let words = handshake.words();
        for heard in 0..words {
            self.until(true, |run| run.peer.frames.len() >= heard);
            if self.is_over() {
                return;
            }
            let Some(octets) = handshake.say(&self.peer.frames[..heard]) else {
                self.peer.rubbish = true;
                return;
            };
            self.handshaking += octets.len();
            self.gathered.extend(octets);
            if let Some(channels) = handshake.channels.take() {
                self.events.push(Event::Secured(channels.said.clone()));
                self.secured = Some(channels.said);
                self.peer.secured = Some(channels.heard);
            }
            if heard + 1 < words || !self.conversation.pipelined {
                self.flush(0);
            }
        }
        if !self.conversation.pipelined {
            let answers = handshake.answers();
            self.until(true, |run| run.peer.frames.len() >= answers);
        }
    }

    fn is_over(&self) -> bool {
        self.peer.closed || self.peer.rubbish || !self.outcome.trouble.is_empty()
    }

    fn take_step(&mut self, step: &Step) {
        let version = self.conversation.version;
        match step {
            Step::Frame {
                flags,
                long,
                body,
                twist,
            } => {
                self.say_twisted(*flags, *long, &body.octets(), *twist);
            }
            Step::Raw(octets) => {
                self.gathered.extend(octets);
                self.wild |= self.conversation.kind != "STREAM";
            }
            Step::Flush(held) => self.flush(*held),
            Step::Sync => self.sync(),
            Step::Send(parts) => {
                let parts: Message = parts.iter().map(|part| part.octets()).collect();
                self.send(parts);
            }
            Step::Subscribe(add, topic) => self.subscribe(*add, topic),
            Step::Take(_) if self.conversation.kind == "REQ" => self.take_reply(),
            Step::Take(count) => {
                if version.is_old() || !self.conversation.eager {
                    self.flush(0);
                }
                self.receive(*count);
            }
        }
    }

    /// The peer's next frame.
    fn say(&mut self, flags: u8, long: bool, body: &[u8]) {
        self.say_twisted(flags, long, body, Twist::None);
    }

    /// The same, with CURVE in a MESSAGE to which this is done.
    fn say_twisted(&mut self, flags: u8, long: bool, body: &[u8], twist: Twist) {
        let version = self.conversation.version;
        let message = self
            .secured
            .as_mut()
            .map(|channel| twist::seal(channel, twist, flags, body));
        let (outer, octets) = match &message {
            Some((outer, octets)) => (*outer, &octets[..]),
            None => (flags, body),
        };
        wire::head(version, outer, octets.len(), long, &mut self.gathered);
        self.gathered.extend(octets);
        if flags & COMMAND == 0 || version.is_old() {
            if !self.inside {
                self.replying = body.is_empty();
            }
            self.inside = flags & MORE != 0;
            self.replies += usize::from(!self.inside && self.replying);
        }
        self.everything |= body == [1];
        self.unheard = true;
    }

    /// Has all that was gathered go out, but for so many octets.
    fn flush(&mut self, held: usize) {
        let held = self.gathered.len() - held.min(self.gathered.len());
        let rest = self.gathered.split_off(held);
        let mut out = std::mem::replace(&mut self.gathered, rest);
        if out.is_empty() {
            return;
        }
        let handshaking = self.handshaking.min(out.len());
        self.handshaking -= handshaking;
        self.events.push(Event::Said(out[handshaking..].to_vec()));
        while !self.peer.write(&mut out) && !self.is_over() {
            let progress = self.peer.read() | self.receive(8);
            if !progress {
                let _ = self.socket.events();
                self.wait_at_most(5, libc::POLLIN | libc::POLLOUT, true);
            }
        }
        if !self.conversation.tcp {
            self.peer.yield_until_read();
        }
        if self.conversation.eager {
            self.receive(usize::MAX);
        }
    }

    /// Whether the application receives whatever comes.
    fn receives(&self) -> bool {
        !["PUB", "PUSH", "REQ"].contains(&self.conversation.kind)
    }

    /// The application receives up to so many messages. Whether there was one.
    fn receive(&mut self, count: usize) -> bool {
        let _ = self.socket.events();
        if !self.receives() {
            return false;
        }
        let received = (0..count).take_while(|_| self.receive_one()).count() > 0;
        if received {
            // As long as something comes, nobody waits in vain.
            self.deadline = Instant::now() + PATIENCE;
        }
        received
    }

    fn receive_one(&mut self) -> bool {
        loop {
            match self.socket.recv() {
                Ok((part, more)) => {
                    self.parts.push(part);
                    if !more {
                        break;
                    }
                }
                // An XPUB hands on parts before it has the whole message.
                Err(libc::EAGAIN) if self.parts.is_empty() || self.conversation.kind == "XPUB" => {
                    return false;
                }
                Err(errno) => {
                    self.trouble(
                        &format!("receiving part {} failed", self.parts.len()),
                        errno,
                    );
                    return false;
                }
            }
        }
        let message = std::mem::take(&mut self.parts);
        self.received(message);
        true
    }

    fn trouble(&mut self, what: &str, errno: Errno) {
        let error = std::io::Error::from_raw_os_error(errno);
        self.outcome.trouble.push(format!("{what}: {error}"));
    }

    fn received(&mut self, mut message: Message) {
        match self.conversation.kind {
            "REP" => {
                let reply = message.clone();
                self.send_now(&reply);
            }
            "ROUTER" => {
                self.id = Some(message[0].clone());
                if self.conversation.identity.is_empty() && message[0].len() == 5 {
                    message[0].clear();
                }
            }
            // How it is cut is chance.
            "STREAM" => {
                self.id = Some(message.remove(0));
                let Some(last) = self.outcome.received.last_mut() else {
                    self.outcome.received.push(message);
                    return;
                };
                if !message.is_empty() && !message[0].is_empty() && !last[0].is_empty() {
                    last[0].append(&mut message[0]);
                    return;
                }
            }
            _ => {}
        }
        self.events.push(Event::Received(message.clone()));
        self.outcome.received.push(message);
    }

    fn send_now(&mut self, parts: &[Vec<u8>]) -> bool {
        for (n, part) in parts.iter().enumerate() {
            let more = n + 1 < parts.len();
            loop {
                match self.socket.send(part, more) {
                    Ok(()) => break,
                    // There is room when the peer has read.
                    Err(libc::EAGAIN) if !self.is_over() => {
                        if !self.peer.read() {
                            self.socket.wait(false, self.peer.fd(), libc::POLLIN, 1);
                        }
                        if Instant::now() > self.deadline {
                            self.trouble("sending failed", libc::EAGAIN);
                        }
                    }
                    Err(errno) => {
                        if !self.peer.closed {
                            self.trouble("sending failed", errno);
                        }
                        return false;
                    }
                }
            }
        }
        self.sent += 1;
        self.events.push(Event::Sent(parts.to_vec()));
        true
    }

    fn send(&mut self, mut parts: Message) {
        if self.unheard {
            self.sync();
        }
        let untold = self.conversation.kind == "PUB"
            && self.everything
            && !self.conversation.version.has_commands();
        if self.is_over() || self.wild || untold {
            return;
        }
        if self.conversation.kind == "ROUTER" {
            let Some(id) = self.id.clone() else { return };
            parts.insert(0, id);
        }
        if self.conversation.kind == "REQ" {
            let mut events = self.events.iter().rev();
            if let Some(Event::Sent(_)) = events.find(|event| !matches!(event, Event::Said(_))) {
                // A request waits for its reply.
                return;
            }
            if self.replies > 0 && !self.conversation.version.has_commands() {
                // Nothing tells whether a reply that is forgotten has come by now.
                return;
            }
            self.replies = 0;
        }
        let _ = self.socket.events();
        if self.send_now(&parts) && self.conversation.kind == "REQ" {
            let sent = self.sent;
            self.until(false, |run| run.heard_messages() >= sent);
        }
    }

    fn subscribe(&mut self, add: bool, topic: &[u8]) {
        if self.unheard {
            self.sync();
        }
        if self.is_over() || self.wild {
            return;
        }
        let result = match self.conversation.kind {
            "SUB" => self.socket.set(
                if add {
                    option::SUBSCRIBE
                } else {
                    option::UNSUBSCRIBE
                },
                topic,
            ),
            _ => self.socket.send(&[&[u8::from(add)], topic].concat(), false),
        };
        match result {
            Ok(()) => self.events.push(Event::Subscribed(add, topic.to_vec())),
            // There was no such subscription.
            Err(libc::EINVAL) => {}
            Err(errno) => self.trouble("subscribing failed", errno),
        }
    }

    /// The application receives a reply, if the peer has said one.
    fn take_reply(&mut self) {
        self.ping();
        if self.replies == 0 || self.wild {
            return;
        }
        let _ = self.socket.events();
        let before = self.outcome.received.len();
        let mut failed = None;
        self.until_at_intervals(1, false, |run| {
            let mut message = Vec::new();
            loop {
                match run.socket.recv() {
                    Ok((part, more)) => {
                        message.push(part);
                        if !more {
                            run.received(message);
                            return true;
                        }
                    }
                    Err(libc::EAGAIN) => return false,
                    Err(errno) => {
                        failed = Some(errno);
                        return true;
                    }
                }
            }
        });
        if failed.is_none() && before < self.outcome.received.len() {
            self.replies -= 1;
        }
    }
}
