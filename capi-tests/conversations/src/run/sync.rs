//! How the runner waits: for an event, or until each side has heard what the other has said.

use std::time::Instant;

use super::Run;
use crate::{
    host::Socket,
    wire::{self, COMMAND, MORE, Version},
};

impl<S: Socket> Run<'_, S> {
    /// Has the peer wait until all it has said was taken.
    pub(super) fn sync(&mut self) {
        if self.wild {
            return self.flush(0);
        }
        self.markers += 1;
        let marker = format!("~sync-{}", self.markers).into_bytes();
        let kind = self.conversation.kind;
        if self.inside && !["REQ", "PUSH", "STREAM"].contains(&kind) {
            self.say(0, false, b"");
        }
        match kind {
            "REQ" | "PUSH" => self.ping(),
            "PUB" => {
                self.ping();
                self.sync_publisher(&marker);
            }
            "STREAM" => {
                self.gathered.extend(&marker);
                self.flush(0);
                self.until(true, |run| run.ends_with(&marker));
            }
            _ => {
                if kind == "REP" {
                    self.say(MORE, false, b"");
                }
                self.say(0, false, &marker);
                self.flush(0);
                self.until(true, |run| run.ends_with(&marker));
            }
        }
        self.unheard = false;
    }

    pub(super) fn ends_with(&self, marker: &[u8]) -> bool {
        let last = self
            .outcome
            .received
            .last()
            .and_then(|message| message.last());
        last.is_some_and(|part| part.ends_with(marker))
    }

    /// The peer asks twice. The second answer tells that all before the first question was handed on.
    pub(super) fn ping(&mut self) {
        if !self.conversation.version.has_commands() || self.wild {
            return self.flush(0);
        }
        for n in 0..2 {
            self.markers += 1;
            let context = format!("?{}-{n}", self.markers);
            let body = [b"\x04PING\0\0", context.as_bytes()].concat();
            self.say(COMMAND, false, &body);
            self.flush(0);
            let pong = [b"\x04PONG", context.as_bytes()].concat();
            let from = self.peer.frames.len();
            // A publisher looks at what comes when it is called.
            self.until_at_intervals(2, true, |run| {
                let mut frames = run.peer.frames[from..].iter();
                frames.any(|frame| frame.flags & COMMAND != 0 && frame.body == pong)
            });
        }
    }

    /// The peer subscribes, and the publisher publishes until it hears of it.
    pub(super) fn sync_publisher(&mut self, marker: &[u8]) {
        match self.conversation.version {
            Version::V31 => self.say(COMMAND, false, &wire::command(b"SUBSCRIBE", marker)),
            _ => self.say(0, false, &[b"\x01", marker].concat()),
        }
        self.flush(0);
        let from = self.peer.frames.len();
        self.until_at_intervals(1, true, |run| {
            let mut frames = run.peer.frames[from..].iter();
            if frames.any(|frame| frame.body == marker) {
                return true;
            }
            let _ = run.socket.events();
            let _ = run.socket.send(marker, false);
            false
        });
    }

    /// Waits until each side has heard all that the other has said.
    pub(super) fn end(&mut self) {
        if !self.is_over() {
            self.sync();
        }
        if !self.is_over() && self.conversation.kind != "STREAM" {
            self.ping();
        }
        if self.is_over() {
            return self.hung_up();
        }
        let sent = self.sent;
        match self.conversation.kind {
            _ if self.wild => {
                self.peer.hang_up();
                self.until_at_intervals(2, true, |run| run.peer.closed);
            }
            "REQ" | "PUSH" | "PUB" if !self.conversation.version.has_commands() => {
                if self.conversation.kind != "PUB" {
                    self.until(false, |run| run.heard_messages() >= sent);
                }
                // Nothing else tells that all was taken. A publisher looks at what comes when it is called.
                self.peer.hang_up();
                self.until_at_intervals(2, true, |run| run.peer.closed);
            }
            "PUB" | "STREAM" => {}
            "XPUB" => {
                self.sync_publisher(b"~end");
                self.until(true, |run| run.ends_with(b"~end"));
            }
            "SUB" | "XSUB" => {
                self.subscribe(true, b"~end");
                self.until(false, |run| {
                    let mut frames = run.peer.frames.iter();
                    frames.any(|frame| frame.body.ends_with(b"~end"))
                });
            }
            _ => self.until(false, |run| run.heard_messages() >= sent),
        }
        if self.is_over() {
            self.hung_up();
        }
    }

    /// What was said before it hung up still comes.
    pub(super) fn hung_up(&mut self) {
        for _ in 0..3 {
            while self.receive(usize::MAX) {}
            self.socket.wait(self.receives(), -1, 0, 1);
        }
    }

    /// Waits until something happens, or for so long. Somebody waits in vain when the time is up.
    pub(super) fn wait_at_most(&mut self, milliseconds: i64, events: i16, input: bool) {
        let left = self.deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            let step = self.step;
            self.outcome
                .trouble
                .push(format!("time is up at step {step}"));
            return;
        }
        let timeout = (left.as_millis() as i64 + 1).min(milliseconds);
        let input = input && self.receives();
        self.socket.wait(input, self.peer.fd(), events, timeout);
    }

    /// Takes what comes, until it is what is waited for, or all is over.
    pub(super) fn until(&mut self, input: bool, done: impl FnMut(&mut Self) -> bool) {
        self.until_at_intervals(i64::MAX, input, done);
    }

    /// The same, where `done` itself does something at least every so many milliseconds.
    pub(super) fn until_at_intervals(
        &mut self,
        milliseconds: i64,
        input: bool,
        mut done: impl FnMut(&mut Self) -> bool,
    ) {
        loop {
            self.peer.read();
            if input {
                self.receive(usize::MAX);
            }
            if done(self) || self.is_over() {
                return;
            }
            self.wait_at_most(milliseconds, libc::POLLIN, input);
        }
    }

    /// How many messages the peer has heard.
    pub(super) fn heard_messages(&self) -> usize {
        let frames = self.peer.frames.iter().skip(self.introduction());
        frames
            .filter(|frame| frame.flags & (MORE | COMMAND) == 0)
            .count()
    }

    /// How many frames the library's introduction has.
    pub(super) fn introduction(&self) -> usize {
        usize::from(!self.conversation.version.has_commands() && self.conversation.kind != "STREAM")
    }
}
