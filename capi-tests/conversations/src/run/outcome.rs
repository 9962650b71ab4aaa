//! What came of a conversation.

use super::Message;
use crate::{
    conversation::Conversation,
    peer::Peer,
    wire::{COMMAND, Frame, MORE},
};

/// What came of a conversation.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Outcome {
    /// What the application has received. A routing id that the library has made up is empty.
    pub received: Vec<Message>,
    /// The messages that the peer has heard. Of a peer without a protocol, one with all that it has heard.
    pub messages: Vec<Message>,
    /// The commands that the peer has heard.
    pub commands: Vec<Vec<u8>>,
    /// Whether the library has closed the connection.
    pub closed: bool,
    /// What must not happen: somebody has waited in vain, what the peer heard is no frame.
    pub trouble: Vec<String>,
}

/// What the peer has heard after the handshake.
pub(super) fn tell_heard(conversation: &Conversation, peer: &Peer, outcome: &mut Outcome) {
    let bare = conversation.kind == "STREAM";
    let old = !conversation.version.has_commands() && !bare;
    let mut message = Vec::new();
    let is_marker = |frame: &Frame| {
        ["PUB", "XPUB"].contains(&conversation.kind) && frame.body.starts_with(b"~")
    };
    for frame in peer
        .frames
        .iter()
        .skip(usize::from(old))
        .filter(|frame| !is_marker(frame))
    {
        if frame.flags & COMMAND != 0 {
            let handshake: [&[u8]; 2] = [b"\x05READY", b"\x05HELLO"];
            let handshake_too: [&[u8]; 2] = [b"\x07WELCOME", b"\x08INITIATE"];
            if !handshake
                .iter()
                .chain(&handshake_too)
                .any(|name| frame.body.starts_with(name))
            {
                outcome.commands.push(frame.body.clone());
            }
            continue;
        }
        message.push(frame.body.clone());
        if frame.flags & MORE == 0 {
            outcome.messages.push(std::mem::take(&mut message));
        }
    }
    if !message.is_empty() && !outcome.closed {
        outcome
            .trouble
            .push("the peer has heard part of a message".into());
    }
    if peer.rubbish {
        outcome
            .trouble
            .push("the peer has heard what is no frame".into());
    }
}

/// A body, short enough to read, and different for different bodies.
fn show(body: &[u8]) -> String {
    if body.len() <= 64 {
        return format!("[{}]", body.escape_ascii());
    }
    let hash = body.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, octet| {
        (hash ^ u64::from(*octet)).wrapping_mul(0x0100_0000_01b3)
    });
    format!(
        "[{}.. {} octets, {hash:016x}]",
        body[..16].escape_ascii(),
        body.len()
    )
}

impl Outcome {
    /// In lines.
    pub fn lines(&self) -> Vec<String> {
        let parts = |message: &Message| message.iter().map(|part| show(part)).collect::<String>();
        let mut lines: Vec<String> = Vec::new();
        lines.extend(
            self.received
                .iter()
                .map(|message| format!("received {}", parts(message))),
        );
        lines.extend(
            self.messages
                .iter()
                .map(|message| format!("peer heard {}", parts(message))),
        );
        lines.extend(
            self.commands
                .iter()
                .map(|body| format!("peer heard command {}", show(body))),
        );
        lines.push(if self.closed { "closed" } else { "open" }.into());
        lines.extend(
            self.trouble
                .iter()
                .map(|trouble| format!("trouble: {trouble}")),
        );
        lines
    }
}
