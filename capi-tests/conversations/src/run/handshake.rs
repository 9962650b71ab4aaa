//! What the peer says until both sides are ready.

use crate::{
    conversation::{Conversation, Flaw, Security, kind},
    curve::{self, CLIENT_MESSAGES, Channel, Key, SERVER_MESSAGES, public, shared},
    wire::{self, COMMAND, Frame, Version},
};

/// What a server lets its client show again, of which only it knows what it is.
const COOKIE: [u8; 96] = [5; 96];

/// The directions of a connection with CURVE.
pub(super) struct Channels {
    /// What the peer says.
    pub said: Channel,
    /// What it hears.
    pub heard: Channel,
}

/// The peer's side of the handshake.
pub(super) struct Handshake<'a> {
    conversation: &'a Conversation,
    /// How many times the peer has spoken.
    spoken: usize,
    /// How many commands it has said.
    commands: usize,
    /// The other side's transient public key, with CURVE.
    theirs: Key,
    /// There from when both sides know the key.
    pub channels: Option<Channels>,
}

impl Handshake<'_> {
    pub(super) fn new(conversation: &Conversation) -> Handshake<'_> {
        Handshake {
            conversation,
            spoken: 0,
            commands: 0,
            theirs: Key::default(),
            channels: None,
        }
    }

    /// How many times the peer speaks, each time but the first when it has heard one more command.
    pub(super) fn words(&self) -> usize {
        match self.conversation.security {
            Security::Null => 1,
            Security::Plain | Security::Curve => 2,
            Security::PlainClient | Security::CurveClient => 3,
        }
    }

    /// How many commands it hears.
    pub(super) fn answers(&self) -> usize {
        match self.conversation.security {
            _ if !self.conversation.version.has_commands() => 0,
            Security::Null => usize::from(self.conversation.kind != "STREAM"),
            _ => 2,
        }
    }

    /// What the peer says next, having heard these commands. Nothing if it makes no sense of them.
    pub(super) fn say(&mut self, heard: &[Frame]) -> Option<Vec<u8>> {
        let conversation = self.conversation;
        if conversation.kind == "STREAM" {
            return Some(Vec::new());
        }
        if !conversation.version.has_commands() {
            let kind = kind(conversation.peer) as u8;
            let identity = &conversation.identity;
            return Some(wire::old_introduction(conversation.version, kind, identity));
        }
        let mut out = Vec::new();
        if self.spoken == 0 {
            let mechanism: &[u8] = match conversation.security {
                Security::Null => b"NULL",
                Security::Plain | Security::PlainClient => b"PLAIN",
                Security::Curve | Security::CurveClient => b"CURVE",
            };
            let minor = u8::from(conversation.version == Version::V31);
            out = wire::greeting(minor, mechanism, conversation.security.is_client());
        }
        self.spoken += 1;
        let last = heard.last().map_or(&[][..], |frame| &frame.body);
        if let Some(command) = self.command(last)? {
            let command = self.flawed(command);
            wire::frame(conversation.version, COMMAND, &command, &mut out);
            self.commands += 1;
        }
        Some(out)
    }

    /// The peer's next command, if it is its turn.
    fn command(&mut self, heard: &[u8]) -> Option<Option<Vec<u8>>> {
        let metadata = &self.conversation.metadata;
        Some(match (self.conversation.security, self.spoken) {
            (Security::Null, _) => Some(wire::command(b"READY", metadata)),
            (Security::Plain, 1) => Some(wire::command(b"HELLO", b"\x04name\x08password")),
            (Security::Plain, _) => Some(wire::command(b"INITIATE", metadata)),
            (Security::PlainClient, 2) => Some(wire::command(b"WELCOME", b"")),
            (Security::PlainClient, 3) => Some(wire::command(b"READY", metadata)),
            (Security::Curve, 1) => Some(self.hello()),
            (Security::Curve, _) => Some(self.initiate(heard)?),
            (Security::CurveClient, 2) => Some(self.welcome(heard)?),
            (Security::CurveClient, 3) => Some(self.ready(heard)?),
            (Security::PlainClient | Security::CurveClient, _) => None,
        })
    }

    fn flawed(&self, mut command: Vec<u8>) -> Vec<u8> {
        let size = command.len();
        match self.conversation.flaw {
            Flaw::Error(n) if n == self.commands => return wire::command(b"ERROR", b"\x03400"),
            Flaw::Changed(n, at) if n == self.commands => command[at % size] ^= 1,
            Flaw::Short(n, less) if n == self.commands => {
                command.truncate(size.saturating_sub(less))
            }
            Flaw::Long(n, more) if n == self.commands => command.resize(size + more, 0),
            _ => {}
        }
        command
    }

    /// The number of INITIATE or READY.
    fn counter(&self, usual: u64) -> u64 {
        match self.conversation.flaw {
            Flaw::Counter(counter) => counter,
            _ => usual,
        }
    }

    /// What the peer and the other side's transient key share.
    fn key(&self) -> Key {
        shared(&self.theirs, &self.conversation.keys.transient)
    }

    fn secure(&mut self, said: &'static [u8; 16], heard: &'static [u8; 16], last: u64) {
        let channel = |prefix, last| Channel {
            key: self.key(),
            prefix,
            last,
        };
        self.channels = Some(Channels {
            said: channel(said, last),
            heard: channel(heard, 0),
        });
    }

    fn hello(&self) -> Vec<u8> {
        let keys = &self.conversation.keys;
        let to_server = shared(&public(&keys.server), &keys.transient);
        curve::hello(&to_server, &public(&keys.transient), 1)
    }

    fn initiate(&mut self, welcome: &[u8]) -> Option<Vec<u8>> {
        let Conversation {
            keys,
            flaw,
            metadata,
            ..
        } = self.conversation;
        let server = public(&keys.server);
        let to_server = shared(&server, &keys.transient);
        let (theirs, cookie) = curve::open_welcome(&to_server, welcome)?;
        self.theirs = theirs;
        let counter = self.counter(2);
        self.secure(CLIENT_MESSAGES, SERVER_MESSAGES, counter);
        let vouching = match flaw {
            Flaw::Stranger => &keys.transient,
            _ => &keys.client,
        };
        let mut vouched = [public(&keys.transient), server].concat();
        if *flaw == Flaw::Elsewhere {
            vouched[32] ^= 1;
        }
        let vouch = curve::vouch(vouching, &theirs, &vouched);
        let text = [&public(&keys.client)[..], &vouch, metadata].concat();
        Some(curve::initiate(&self.key(), &cookie, counter, &text))
    }

    fn welcome(&mut self, hello: &[u8]) -> Option<Vec<u8>> {
        let keys = &self.conversation.keys;
        let (client, _) = curve::open_hello(&keys.server, hello)?;
        self.theirs = client;
        let mine = match self.conversation.flaw {
            Flaw::Stranger => &keys.transient,
            _ => &keys.server,
        };
        let text = [&public(&keys.transient)[..], &COOKIE].concat();
        Some(curve::welcome(&shared(&client, mine), &text))
    }

    fn ready(&mut self, initiate: &[u8]) -> Option<Vec<u8>> {
        let keys = &self.conversation.keys;
        let initiated = curve::open_initiate(&self.key(), &keys.transient, initiate)?;
        let right = initiated.counter > 1
            && initiated.cookie == COOKIE
            && initiated.client == public(&keys.client)
            && initiated.vouched == [self.theirs, public(&keys.server)].concat()
            && wire::properties(&initiated.metadata).is_some();
        right.then_some(())?;
        let counter = self.counter(1);
        self.secure(SERVER_MESSAGES, CLIENT_MESSAGES, counter);
        if let Some(channels) = &mut self.channels {
            channels.heard.last = initiated.counter;
        }
        let metadata = &self.conversation.metadata;
        Some(curve::ready(&self.key(), counter, metadata))
    }
}
