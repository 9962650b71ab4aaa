//! A session that asks the ZAP handler (RFC 27): by a pipe of its own, and without waiting.
//!
//! A handler that has no answer yet, has gone, or never answers leaves the handshake as it is,
//! until its time is up or the peer hangs up. Each handshake has its own pipe, so that no answer
//! can be taken for another's.

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use super::{Phase, Session, State};
use crate::{
    error::Result,
    io::thread::{Command, Reactor},
    message::{Message, Sink, Source},
    pipe::{End, Far},
    policy::flush::Eagerness,
    zmtp::{
        Handshake,
        zap::{Reply, Request},
    },
};

/// A session that has asked the ZAP handler, as that one's socket sees it.
struct Asker(Weak<Session>);

impl Far for Asker {
    fn readable(&self, _: Eagerness) {
        if let Some(session) = self.0.upgrade() {
            session.io.push(Command::Zap(session.clone()));
        }
    }

    fn writable(&self) {}

    fn closed(&self, _: Option<Duration>) {}
}

/// The frames of the ZAP handler's answer, if it is there. No more than make a bad one. ENOMEM.
fn zap_answer(zap: &mut End) -> Option<Result<Vec<Message>>> {
    let mut frames = Vec::new();
    loop {
        let mut part = Message::new();
        let more = match zap.read(&mut Sink::Message(&mut part))? {
            Ok(received) => received.more,
            Err(error) => return Some(Err(error)),
        };
        frames.push(part);
        if !more || frames.len() > Reply::FRAMES {
            return Some(Ok(frames));
        }
    }
}

impl State {
    /// Asks the ZAP handler. The peer is listened to meanwhile, and the handshake's time runs.
    /// `rest` is what the peer has said already.
    pub(super) fn ask_zap(
        &mut self,
        session: &Arc<Session>,
        reactor: &mut Reactor,
        handshake: Handshake,
        request: Request,
        rest: &[u8],
    ) {
        let (Phase::Greeting(greeting), Some(owner)) = (&mut self.phase, &self.owner) else {
            return;
        };
        let Some(mut zap) = owner.zap.connect(Arc::new(Asker(session.me.clone()))) else {
            return match handshake.zap_no_handler(&mut greeting.out) {
                Ok(step) => self.step(session, reactor, step, rest),
                Err(failure) => self.refuse(session, reactor, failure),
            };
        };
        let mut frames = request.frames().iter().peekable();
        while let Some(frame) = frames.next() {
            // A handler that goes away now will not answer: the handshake's time ends that.
            let written = zap.write(frames.peek().is_some(), &mut Source::Bytes(frame));
            if let Err(error) = written {
                // What was written is taken back with the pipe's end.
                return self.lose(session, reactor, error);
            }
        }
        greeting.handshake = Some(handshake);
        greeting.zap = Some(Box::new(zap));
        self.hear_zap(session, reactor, rest);
    }

    /// Goes on with the ZAP handler's answer, if it is there.
    pub(super) fn hear_zap(&mut self, session: &Arc<Session>, reactor: &mut Reactor, rest: &[u8]) {
        let Phase::Greeting(greeting) = &mut self.phase else {
            return;
        };
        let Some(frames) = greeting.zap.as_mut().and_then(|zap| zap_answer(zap)) else {
            return;
        };
        greeting.zap = None;
        let frames = match frames {
            Ok(frames) => frames,
            Err(error) => return self.lose(session, reactor, error),
        };
        let Some(handshake) = greeting.handshake.take() else {
            return;
        };
        match handshake.zap_reply(&frames, &mut greeting.out) {
            Ok(step) => self.step(session, reactor, step, rest),
            Err(failure) => self.refuse(session, reactor, failure),
        }
    }
}
