//! Where the library is meant to do something else than upstream's, and why.

use conversations::{
    generate::Conversation,
    model,
    run::{Message, Outcome},
};

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
            .partition(|body| is_subscription(body));
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

fn is_subscription(body: &[u8]) -> bool {
    body.starts_with(b"\x09SUBSCRIBE") || body.starts_with(b"\x06CANCEL")
}

fn strip(part: &mut Vec<u8>) {
    let name = match part.first() {
        _ if !is_subscription(part) => 0,
        Some(9) => 10,
        _ => 7,
    };
    part.drain(..name);
}

/// Whether an outcome is not what the model says.
pub fn is_modelled_otherwise(lines: &[String]) -> bool {
    lines
        .iter()
        .any(|line| line.starts_with("not by the model: "))
}

/// Why the two outcomes are meant to differ, if they are.
pub fn reason(
    conversation: &Conversation,
    ours: &[String],
    theirs: &[String],
) -> Option<&'static str> {
    let trouble = |lines: &[String]| lines.iter().any(|line| line.starts_with("trouble"));
    if trouble(theirs) && !trouble(ours) {
        return Some("somebody waits in vain with upstream's");
    }
    if model::is_odd(conversation) {
        return Some("a command within a message, or with MORE, is no part of it");
    }
    // What ours comes to is by the model, or this isn't asked.
    let theirs = theirs.iter().filter(|line| !line.contains("model: "));
    let mut more = ours.iter().peekable();
    let only = theirs.fold(Vec::new(), |mut only, line| {
        while let Some(extra) = more.next_if(|extra| *extra != line) {
            only.push(extra);
        }
        more.next();
        only
    });
    let is_pong = |line: &&String| line.starts_with("peer heard command [\\x04PONG");
    if more.next().is_none() && !only.is_empty() {
        if only.iter().all(is_pong) {
            return Some("upstream's answers only the last PING while it can't write");
        }
        if ours.iter().any(|line| line == "closed") {
            return Some("upstream's may forget what came last when a connection is lost");
        }
    }
    None
}
