//! Where the library is meant to do something else than upstream's, and why.

use conversations::{
    conversation::{Conversation, Flaw, Security},
    model,
};

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
    match conversation.flaw {
        Flaw::Counter(0 | 1) if conversation.security == Security::Curve => {
            return Some("upstream's doesn't look whether INITIATE's number is beyond HELLO's");
        }
        Flaw::Elsewhere if conversation.security == Security::Curve => {
            return Some("upstream's doesn't look for which server a vouch is meant");
        }
        _ => {}
    }
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
