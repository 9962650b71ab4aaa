//! What must come of a conversation, by the book: RFC 13, 15, 23, 28, 29, 30 and 37, and where they leave it open, what
//! libzmq 4.3.5 does.
//!
//! It is given all that the peer has said and the application has done, in order, and knows nothing of how that was cut
//! into writes, of marks, or of time.

use std::collections::VecDeque;

use crate::{
    conversation::{Conversation, Flaw, Security, Step},
    curve::Channel,
    run::{Event, Message, Outcome},
    wire::{self, COMMAND, Frame, MORE, Parsed, Version},
};

/// No frame is that long.
const ENDLESS: u64 = 1 << 40;

struct Model<'a> {
    conversation: &'a Conversation,
    /// What the peer says, with CURVE.
    secured: Option<Channel>,
    /// Octets that are no whole frame yet.
    octets: Vec<u8>,
    /// The message that goes on.
    parts: Message,
    /// What an XPUB has been told of a message.
    told: Message,
    /// The subscriptions of the peer, or of our socket.
    topics: Vec<Vec<u8>>,
    /// The envelope of the request that is being answered.
    envelope: Message,
    envelopes: VecDeque<Message>,
    /// Replies that nobody has received.
    replies: VecDeque<Message>,
    expected: Outcome,
}

/// What must come of it, or nothing if the model says nothing of such a conversation. `closed` is whether the connection
/// was lost in the end, for whatever reason.
pub fn expect(conversation: &Conversation, events: &[Event], closed: bool) -> Option<Outcome> {
    if is_odd(conversation) || !fits(conversation.kind, conversation.peer) {
        return None;
    }
    let mut model = Model {
        conversation,
        secured: None,
        octets: Vec::new(),
        parts: Vec::new(),
        told: Vec::new(),
        topics: Vec::new(),
        envelope: Vec::new(),
        envelopes: VecDeque::new(),
        replies: VecDeque::new(),
        expected: Outcome::default(),
    };
    model.begin();
    for event in events {
        match event {
            Event::Secured(channel) => model.secured = Some(channel.clone()),
            Event::Said(octets) => model.hear(octets),
            Event::Sent(message) => model.send(message),
            Event::Subscribed(add, topic) => model.subscribe(*add, topic),
            Event::Received(_) if conversation.kind == "REQ" => {
                model.expected.received.extend(model.replies.pop_front());
            }
            Event::Received(_) => {}
        }
    }
    if closed {
        model.lose();
    }
    Some(model.expected)
}

/// Whether a command is where upstream's takes it for part of a message, and nobody can say what is right.
pub fn is_odd(conversation: &Conversation) -> bool {
    let (mut inside, mut wild) = (false, false);
    conversation.version.has_commands()
        && conversation.steps.iter().any(|step| match step {
            Step::Frame { flags, body, .. } if flags & COMMAND != 0 => {
                let subscribes = subscription(&body.head).is_some();
                let publishes = ["PUB", "XPUB"].contains(&conversation.kind);
                flags & MORE != 0 || subscribes && (inside || wild || !publishes)
            }
            Step::Frame { flags, .. } => {
                inside = flags & MORE != 0;
                false
            }
            Step::Raw(_) => {
                wild = true;
                false
            }
            Step::Sync | Step::Send(_) | Step::Subscribe(..) => {
                inside &= ["REQ", "PUSH"].contains(&conversation.kind);
                false
            }
            _ => false,
        })
}

/// Whether two types talk to each other.
fn fits(ours: &str, peer: &str) -> bool {
    match ours {
        "PAIR" => peer == "PAIR",
        "PUB" | "XPUB" => ["SUB", "XSUB"].contains(&peer),
        "SUB" | "XSUB" => ["PUB", "XPUB"].contains(&peer),
        "REQ" => ["REP", "ROUTER"].contains(&peer),
        "REP" => ["REQ", "DEALER"].contains(&peer),
        "DEALER" => ["REP", "DEALER", "ROUTER"].contains(&peer),
        "ROUTER" => ["REQ", "DEALER", "ROUTER"].contains(&peer),
        "PULL" => peer == "PUSH",
        "PUSH" => peer == "PULL",
        _ => true,
    }
}

/// The topic of a SUBSCRIBE or CANCEL command.
pub fn subscription(body: &[u8]) -> Option<(bool, &[u8])> {
    let topic = |name| body.strip_prefix(name);
    let added = topic(&b"\x09SUBSCRIBE"[..]).map(|topic| (true, topic));
    added.or(topic(b"\x06CANCEL").map(|topic| (false, topic)))
}

/// Whether the peer is turned away for what it says in the handshake.
fn is_refused(conversation: &Conversation) -> bool {
    let Conversation {
        version,
        security,
        metadata,
        ..
    } = conversation;
    if !version.has_commands() || conversation.kind == "STREAM" {
        return false;
    }
    let Some(properties) = wire::properties(metadata) else {
        return true;
    };
    let misfit = |(name, value): &(&[u8], &[u8])| {
        let kind = std::str::from_utf8(value).unwrap_or_default();
        *name == b"Socket-Type" && !fits(conversation.kind, kind)
    };
    // The longest command of the handshake has the metadata. With CURVE, WELCOME may be longer.
    let longest = match security {
        Security::Null | Security::PlainClient => 6 + metadata.len(),
        Security::Plain => 9 + metadata.len(),
        Security::Curve => 257 + metadata.len(),
        Security::CurveClient => 168.max(30 + metadata.len()),
    };
    let is_client = security.is_client();
    let flawed = match conversation.flaw {
        Flaw::None => false,
        Flaw::Error(which) => *security != Security::Null || which == 0,
        // Nobody looks at the padding of HELLO.
        Flaw::Changed(0, at) => is_client || !(8..80).contains(&(at % 200)),
        Flaw::Changed(..) | Flaw::Short(..) | Flaw::Long(..) | Flaw::Stranger => true,
        // It has to be beyond that of HELLO.
        Flaw::Counter(counter) => !is_client && counter <= 1,
        Flaw::Elsewhere => !is_client,
    };
    let too_long = u64::try_from(conversation.maxmsgsize).is_ok_and(|limit| longest as u64 > limit);
    flawed || too_long || properties.iter().any(misfit)
}

impl Model<'_> {
    fn begin(&mut self) {
        self.expected.closed = is_refused(self.conversation);
        match (self.conversation.kind, self.conversation.version) {
            // It can't subscribe: its socket picks what it wants.
            ("XPUB" | "PUB", Version::Unversioned) => self.subscription(true, b""),
            ("SUB", _) => self.subscribe(true, b"~"),
            _ => {}
        }
    }

    fn hear(&mut self, octets: &[u8]) {
        if self.expected.closed {
            return;
        }
        if self.conversation.kind == "STREAM" {
            return self.hear_bare(octets);
        }
        self.octets.extend(octets);
        let limit = u64::try_from(self.conversation.maxmsgsize).unwrap_or(ENDLESS);
        let (octets, mut at) = (std::mem::take(&mut self.octets), 0);
        loop {
            match wire::parse(self.conversation.version, &octets[at..], limit) {
                Parsed::Frame(frame, size) => {
                    at += size;
                    let frame = match &mut self.secured {
                        Some(channel) => channel.open_frame(&frame.body),
                        None => Some(frame),
                    };
                    match frame {
                        Some(frame) => self.frame(frame),
                        None => self.expected.closed = true,
                    }
                }
                Parsed::Part => break,
                Parsed::Wrong => self.expected.closed = true,
            }
            if self.expected.closed {
                return;
            }
        }
        self.octets = octets[at..].to_vec();
    }

    /// What a peer without a protocol says comes as it is, after word that the peer is there.
    fn hear_bare(&mut self, octets: &[u8]) {
        let received = &mut self.expected.received;
        if received.is_empty() {
            received.push(vec![Vec::new()]);
        }
        match received.get_mut(1) {
            _ if octets.is_empty() => {}
            Some(message) => message[0].extend(octets),
            None => received.push(vec![octets.to_vec()]),
        }
    }

    fn frame(&mut self, frame: Frame) {
        if frame.flags & COMMAND != 0 {
            if self.conversation.version.has_commands() {
                self.command(&frame.body);
            }
            // ZMTP 2.0 knows no commands, and its frames no such flag.
            return;
        }
        let more = frame.flags & MORE != 0;
        match self.conversation.kind {
            "REQ" => self.reply(frame.body, more),
            _ => {
                self.parts.push(frame.body);
                if !more {
                    let message = std::mem::take(&mut self.parts);
                    self.message(message);
                }
            }
        }
    }

    fn command(&mut self, body: &[u8]) {
        if let (Some(b"\x04PING"), Some(context)) = (body.get(..5), body.get(7..)) {
            let context = &context[..context.len().min(16)];
            self.expected.commands.push([b"\x04PONG", context].concat());
        } else if let Some((add, topic)) = subscription(body) {
            self.subscription(add, topic);
        }
    }

    /// A part that goes to a publisher. One that begins with 0 or 1 is a subscription, wherever it is.
    fn upstream(&mut self, body: Vec<u8>, more: bool) {
        match body.split_first() {
            Some((add @ 0..=1, topic)) => self.subscription(*add == 1, topic),
            _ if self.conversation.kind == "XPUB" => self.tell_xpub(body, more),
            _ => {}
        }
    }

    /// The peer subscribes or cancels. An XPUB is told of the first subscription to a topic, and of its end.
    fn subscription(&mut self, add: bool, topic: &[u8]) {
        let known = self.topics.iter().any(|known| known == topic);
        match add {
            true => self.topics.push(topic.to_vec()),
            false => self.topics.retain(|known| known != topic),
        }
        // A peer may subscribe twice, and cancels both at once; to cancel what isn't there is told.
        if self.conversation.kind == "XPUB" && !(add && known) {
            self.tell_xpub([&[u8::from(add)], topic].concat(), false);
        }
    }

    fn tell_xpub(&mut self, body: Vec<u8>, more: bool) {
        self.told.push(body);
        if !more {
            self.expected.received.push(std::mem::take(&mut self.told));
        }
    }

    /// A part of a reply: an empty one, perhaps after the request's number, then the body. Nothing else is borne.
    fn reply(&mut self, body: Vec<u8>, more: bool) {
        let numbered = self.parts.first().is_some_and(|part| !part.is_empty());
        let good = match (self.parts.len(), numbered) {
            (0, _) => more && [0, 4].contains(&body.len()),
            (1, true) => more && body.is_empty(),
            _ => true,
        };
        self.parts.push(body);
        if !good {
            self.expected.closed = true;
        } else if !more {
            let mut message = std::mem::take(&mut self.parts);
            // There was no number in the request.
            if message[0].is_empty() {
                message.remove(0);
                self.replies.push_back(message);
            }
        }
    }

    fn message(&mut self, mut message: Message) {
        match self.conversation.kind {
            "PUSH" => return,
            "PUB" | "XPUB" => {
                let last = message.len() - 1;
                let parts = message.into_iter().enumerate();
                return parts.for_each(|(n, part)| self.upstream(part, n < last));
            }
            "ROUTER" => message.insert(0, self.conversation.identity.clone()),
            "SUB"
                if !self
                    .topics
                    .iter()
                    .any(|topic| message[0].starts_with(topic)) =>
            {
                return;
            }
            "REP" => {
                let Some(end) = message.iter().position(Vec::is_empty) else {
                    return;
                };
                if end + 1 == message.len() {
                    return;
                }
                let body = message.split_off(end + 1);
                self.envelopes.push_back(message);
                message = body;
            }
            _ => {}
        }
        self.expected.received.push(message);
    }

    fn send(&mut self, message: &Message) {
        let mut message = message.clone();
        match self.conversation.kind {
            "ROUTER" => drop(message.remove(0)),
            "REQ" => {
                self.replies.clear();
                message.insert(0, Vec::new());
            }
            "REP" => {
                self.envelope = self.envelopes.pop_front().unwrap_or_default();
                message.splice(0..0, self.envelope.drain(..));
            }
            "PUB" | "XPUB"
                if !self
                    .topics
                    .iter()
                    .any(|topic| message[0].starts_with(topic)) =>
            {
                return;
            }
            "XSUB" if message.len() == 1 && message[0].first().is_some_and(|first| *first < 2) => {
                return self.subscribe(message[0][0] == 1, &message[0][1..]);
            }
            _ => {}
        }
        self.expected.messages.push(message);
    }

    /// The connection is lost: an XPUB is told of the end of the peer's subscriptions.
    fn lose(&mut self) {
        if self.conversation.kind == "XPUB" {
            let mut topics = std::mem::take(&mut self.topics);
            topics.sort();
            topics.dedup();
            for topic in topics {
                self.tell_xpub([b"\0", &topic[..]].concat(), false);
            }
        }
    }

    /// Our socket subscribes, each time anew, or cancels, for the last of equal subscriptions.
    fn subscribe(&mut self, add: bool, topic: &[u8]) {
        if add {
            self.topics.push(topic.to_vec());
        } else {
            let Some(at) = self.topics.iter().position(|known| known == topic) else {
                return;
            };
            self.topics.remove(at);
            if self.topics.iter().any(|known| known == topic) {
                return;
            }
        }
        self.expected
            .messages
            .push(vec![[&[u8::from(add)], topic].concat()]);
    }
}

/// How an outcome, with subscriptions as messages, is not what was expected.
pub fn compare(expected: &Outcome, outcome: &Outcome) -> Vec<String> {
    let mut differences = Vec::new();
    if expected.received != outcome.received {
        differences.push("what the application has received");
    }
    if expected.closed && !outcome.closed {
        differences.push("that the connection is still open");
    }
    if !outcome.closed && expected.messages != outcome.messages {
        differences.push("the messages that the peer has heard");
    }
    if !outcome.closed && expected.commands != outcome.commands {
        differences.push("the commands that the peer has heard");
    }
    differences.into_iter().map(String::from).collect()
}

/// Says the same in one way that can be said in two.
pub fn canonical(conversation: &Conversation, outcome: &mut Outcome) {
    // What goes out before a library hangs up is a matter of time.
    if outcome.closed {
        outcome.messages.clear();
        outcome.commands.clear();
    }
    // A socket that knows no subscriptions is handed a SUBSCRIBE or CANCEL command as a message: upstream's with the
    // command's name, ours without.
    if !["PUB", "XPUB"].contains(&conversation.kind) {
        outcome.received.iter_mut().flatten().for_each(strip);
    }
    // What an XSUB sends to subscribe goes out as a message from upstream's, as a command from ours, if the peer speaks
    // ZMTP 3.1, to which both are the same.
    if ["SUB", "XSUB"].contains(&conversation.kind) {
        let (subscriptions, commands) = outcome
            .commands
            .drain(..)
            .partition(|body| subscription(body).is_some());
        outcome.commands = commands;
        let subscriptions: Vec<Vec<u8>> = subscriptions;
        let messages = subscriptions.into_iter().map(|body| -> Message {
            let add = body.starts_with(b"\x09");
            let topic = &body[if add { 10 } else { 7 }..];
            vec![[&[u8::from(add)], topic].concat()]
        });
        outcome.messages.extend(messages);
        outcome.messages.sort();
    }
}

fn strip(part: &mut Vec<u8>) {
    let name = match part.first() {
        _ if subscription(part).is_none() => 0,
        Some(9) => 10,
        _ => 7,
    };
    part.drain(..name);
}
