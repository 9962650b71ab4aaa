//! PUB and XPUB: messages go to the peers that have subscribed to what they start with.
//!
//! Subscriptions are taken from the pipes as soon as they are there. XPUB passes those on to the
//! program that change something (or all, by option), as messages of a byte 1 or 0 and the topic.

use std::collections::VecDeque;

use super::{
    Pattern, PatternOptions, Pipes,
    distributor::Distributor,
    pipes::slot,
    subscriptions::{Removed, Subscriptions},
};
use crate::{
    error::{Error, Result},
    memory,
    message::{Incoming, MetadataRef, Outgoing, Received, Sink, Source},
    pipe::{Kind, PipeId},
};

/// What is to be received.
struct Pending {
    body: Vec<u8>,
    metadata: Option<MetadataRef>,
    more: bool,
    /// Of a subscription that is to be handled by the program: who it came from, if it is there.
    from: Option<Option<PipeId>>,
}

impl Pending {
    /// ENOMEM.
    fn subscription(subscribe: bool, topic: &[u8]) -> Result<Pending> {
        let mut body = memory::with_room(1 + topic.len())?;
        body.push(u8::from(subscribe));
        body.extend_from_slice(topic);
        Ok(Pending {
            body,
            metadata: None,
            more: false,
            from: None,
        })
    }
}

pub struct XPub {
    /// PUB: nothing is received.
    mute: bool,
    options: PatternOptions,
    subscriptions: Subscriptions,
    /// What the peers have asked for, if it is the program that decides what they get.
    manual: Subscriptions,
    outbound: Distributor,
    /// A message was begun to be sent.
    more: bool,
    /// A message was begun to be read from a pipe.
    more_in: bool,
    /// There was no memory for a part of it.
    dropping: bool,
    /// The parts of the message that is being read may be subscriptions.
    subscribing: bool,
    pending: VecDeque<Pending>,
    /// The pipe whose subscription the program has received last.
    last: Option<PipeId>,
}

/// What a part asks for, if it is a subscription: whether to begin or to end it, and the topic.
#[inline]
fn as_subscription((kind, body): (Kind, &[u8])) -> Option<(bool, &[u8])> {
    match (kind, body) {
        (Kind::Subscribe, topic) => Some((true, topic)),
        (Kind::Cancel, topic) => Some((false, topic)),
        (Kind::Part { .. }, [first @ (0 | 1), topic @ ..]) => Some((*first == 1, topic)),
        _ => None,
    }
}

impl XPub {
    pub fn new(mute: bool) -> XPub {
        XPub {
            mute,
            options: PatternOptions::default(),
            subscriptions: Subscriptions::default(),
            manual: Subscriptions::default(),
            outbound: Distributor::default(),
            more: false,
            more_in: false,
            dropping: false,
            subscribing: false,
            pending: VecDeque::new(),
            last: None,
        }
    }

    /// Reads all that is there.
    fn read(&mut self, pipes: &mut Pipes, id: PipeId) {
        let Some(end) = pipes.get_mut(id) else {
            return;
        };
        let mut is_lost = false;
        while let Some((kind, body, peer)) = end.peek() {
            if !self.dropping && self.take(id, kind, body, peer.metadata.as_ref()).is_err() {
                (is_lost, self.dropping) = (true, true);
                // What has come of the message before, which all is there, isn't to be received as a part of another one.
                while self.pending.back().is_some_and(|part| part.more) {
                    self.pending.pop_back();
                }
            }
            self.more_in = kind.more();
            self.dropping &= self.more_in;
            end.skip();
            if let Some((_, topic)) = end.glance().and_then(as_subscription) {
                self.subscriptions.expect(topic);
            }
        }
        if is_lost {
            // Over the next connection the peer subscribes to all again.
            end.far().lose();
        }
        if end.is_at_end() {
            pipes.end(id);
        }
    }

    /// Takes a part that a peer has sent. ENOMEM.
    fn take(
        &mut self,
        id: PipeId,
        kind: Kind,
        body: &[u8],
        metadata: Option<&MetadataRef>,
    ) -> Result<()> {
        let first = !self.more_in;
        let subscription = match first || self.subscribing {
            true => as_subscription((kind, body)),
            false => None,
        };
        if first {
            self.subscribing = !self.options.only_first_subscribe || subscription.is_some();
        }
        let pending = match subscription {
            Some((subscribe, topic)) => {
                let (notify, from) = self.subscription(id, subscribe, topic)?;
                if !notify {
                    return Ok(());
                }
                Pending {
                    from,
                    ..Pending::subscription(subscribe, topic)?
                }
            }
            None if self.mute => return Ok(()),
            None => Pending {
                body: memory::copied(body)?,
                metadata: None,
                more: kind.more(),
                from: None,
            },
        };
        self.pending.try_reserve(1)?;
        self.pending.push_back(Pending {
            metadata: metadata.cloned(),
            ..pending
        });
        Ok(())
    }

    /// Does what a subscription asks for. Whether the program is to know, and from whom. ENOMEM.
    fn subscription(
        &mut self,
        id: PipeId,
        subscribe: bool,
        topic: &[u8],
    ) -> Result<(bool, Option<Option<PipeId>>)> {
        if self.options.xpub_manual {
            if subscribe {
                self.manual.add(topic, slot(id))?;
            } else {
                self.manual.remove(topic, slot(id));
            }
            return Ok((!self.mute, Some(Some(id))));
        }
        let notify = if subscribe {
            self.subscriptions.add(topic, slot(id))? || self.options.verbose_subscribe
        } else {
            self.subscriptions.remove(topic, slot(id)) != Removed::One
                || self.options.verbose_cancel
        };
        Ok((notify && !self.mute, None))
    }

    /// Forgets the subscriptions of a pipe, and passes on what nobody wants any more.
    fn forget(&mut self, id: PipeId) {
        let manual = self.options.xpub_manual;
        let (mute, all) = (self.mute, manual || self.options.verbose_cancel);
        let mut gone: Vec<Vec<u8>> = Vec::new();
        // What there is no memory for, the program isn't told.
        let mut note = |topic: &[u8], last: bool| {
            if !mute
                && (all || last)
                && let Ok(topic) = memory::copied(topic)
                && gone.try_reserve(1).is_ok()
            {
                gone.push(topic);
            }
        };
        if manual {
            self.manual.remove_pipe(slot(id), note);
            self.subscriptions.remove_pipe(slot(id), |_, _| {});
        } else {
            self.subscriptions.remove_pipe(slot(id), &mut note);
            self.manual.remove_pipe(slot(id), |_, _| {});
        }
        gone.sort_unstable();
        if self.last == Some(id) || (manual && !gone.is_empty()) {
            self.last = None;
        }
        for topic in gone {
            if let Ok(pending) = Pending::subscription(false, &topic)
                && self.pending.try_reserve(1).is_ok()
            {
                self.pending.push_back(Pending {
                    from: manual.then_some(None),
                    ..pending
                });
            }
        }
    }

    /// Takes the subscriptions that have come as far as this machine, but not further: the I/O thread may wait for the very
    /// processor that we use. Whether there may be some. Not in manual mode, where it is the program that subscribes.
    #[cold]
    fn catch_up(&mut self, pipes: &mut Pipes) -> bool {
        if self.options.xpub_manual || !pipes.catch_up() {
            return false;
        }
        for slot in 0..pipes.slots() {
            if let Some(id) = pipes.id_at(slot) {
                self.read(pipes, id);
            }
        }
        true
    }

    /// Finds out who gets the message.
    #[inline]
    fn select(&mut self, message: &[u8]) {
        let outbound = &mut self.outbound;
        outbound.unmark();
        match self.last {
            Some(last) if self.options.xpub_manual && self.options.xpub_last_value => {
                self.subscriptions.matches(message, |found| {
                    if found == slot(last) {
                        outbound.mark(found);
                    }
                });
                self.last = None;
            }
            _ => self
                .subscriptions
                .matches(message, |found| outbound.mark(found)),
        }
        if self.options.invert_matching {
            outbound.invert();
        }
    }
}

impl Pattern for XPub {
    fn attach(&mut self, pipes: &mut Pipes, id: PipeId, _: bool) {
        self.outbound.attach(pipes, id);
        if !self.options.xpub_welcome.is_empty()
            && let Some(end) = pipes.get_mut(id)
        {
            // A peer that there is no room for isn't welcomed.
            let _ = end.write(false, &mut Source::Bytes(&self.options.xpub_welcome));
        }
        self.read(pipes, id);
    }

    fn detach(&mut self, _: &mut Pipes, id: PipeId) {
        self.forget(id);
        self.outbound.detach(id);
    }

    fn readable(&mut self, pipes: &mut Pipes, id: PipeId) {
        self.read(pipes, id);
    }

    fn writable(&mut self, _: &mut Pipes, id: PipeId) {
        self.outbound.activated(id);
    }

    fn closed(&mut self, pipes: &mut Pipes, id: PipeId) {
        self.read(pipes, id);
        pipes.close(id);
    }

    fn send(&mut self, pipes: &mut Pipes, more: bool, part: &mut Source) -> Result<()> {
        if !self.more {
            self.select(part.bytes());
            if !self.outbound.is_marked() && self.catch_up(pipes) {
                self.select(part.bytes());
            }
        }
        if self.options.xpub_nodrop && !self.outbound.has_room(pipes) {
            return Err(Error::EAGAIN);
        }
        self.outbound.send_to_matching(pipes, more, part)?;
        if !more {
            self.outbound.unmark();
        }
        self.more = more;
        Ok(())
    }

    fn recv(&mut self, _: &mut Pipes, sink: &mut Sink) -> Result<Received> {
        if self.mute {
            return Err(Error::ENOTSUP);
        }
        let next = self.pending.front().ok_or(Error::EAGAIN)?;
        sink.copy(next.more, &next.body, || next.metadata.clone())?;
        let received = Received {
            size: next.body.len(),
            more: next.more,
        };
        if self.options.xpub_manual
            && let Some(from) = next.from
        {
            self.last = from.filter(|&id| self.outbound.has(id));
        }
        self.pending.pop_front();
        Ok(received)
    }

    fn can_send(&mut self, _: &mut Pipes) -> bool {
        true
    }

    fn can_recv(&mut self, _: &mut Pipes) -> bool {
        !self.mute && !self.pending.is_empty()
    }

    fn configure(&mut self, options: &PatternOptions) {
        self.options = options.clone();
    }

    fn subscribe(&mut self, _: &mut Pipes, topic: &[u8]) -> Result<()> {
        if !self.options.xpub_manual {
            return Err(Error::EINVAL);
        }
        if let Some(last) = self.last {
            self.subscriptions.add(topic, slot(last))?;
        }
        Ok(())
    }

    fn unsubscribe(&mut self, _: &mut Pipes, topic: &[u8]) -> Result<()> {
        if !self.options.xpub_manual {
            return Err(Error::EINVAL);
        }
        if let Some(last) = self.last {
            self.subscriptions.remove(topic, slot(last));
        }
        Ok(())
    }

    fn topics(&mut self) -> Result<usize> {
        Ok(self.subscriptions.len())
    }
}
