//! The commands of a peer's, and what of them is in the pipe: subscriptions, which count as messages do.
//!
//! The others are obeyed and leave nothing behind, or a peer could have us keep any number of them.

use super::{ENCODE_MAX, Engine};
use crate::{
    error::Result,
    message::Source,
    pipe::{Flags, Tx, write_head, write_skip},
    zmtp::{Command, Header},
};

impl Engine {
    /// Handles a command where it stands, and makes it a record that is passed over. False for a subscription, which is
    /// for the pipe's reader.
    pub(super) fn skip(&mut self, tx: &mut Tx, header: &Header) -> bool {
        let size = header.frame_len();
        let frame = &mut tx.queue().staged()[..size];
        let command = Command::parse(&frame[header.header_len..]).ok();
        if !self.inside && command.as_ref().and_then(subscription).is_some() {
            return false;
        }
        self.obey(command);
        let frame = &mut tx.queue().staged()[..size];
        frame[0] = Flags::SKIP | (frame[0] & Flags::LONG);
        // SAFETY: a whole frame.
        unsafe { tx.queue().accept(size) };
        true
    }

    /// Makes subscriptions, as many as follow each other and there is room for, what the pipe has for them: frames of
    /// their topics. These move together, since a peer may send many before they are read, and take half the memory then.
    /// Returns how many bytes are left over behind them, as a record to be passed over.
    pub(super) fn subscribe(&mut self, tx: &mut Tx) -> usize {
        let room = tx.known_room();
        let staged = tx.queue().staged();
        let (mut read, mut written, mut subscriptions) = (0, 0, 0);
        while subscriptions < room
            && let Ok(Some(header)) = Header::parse(&staged[read..], self.limit)
            && header.flags.command()
            && let Some(frame) = staged[read..].get(..header.frame_len())
            && let Ok(command) = Command::parse(&frame[header.header_len..])
            && let Some((flag, topic)) = subscription(&command)
        {
            let topic = topic.len();
            read += header.frame_len();
            // SAFETY: what was before the topic is longer than this.
            let head = unsafe { write_head(staged[written..].as_mut_ptr(), flag, topic) };
            staged.copy_within(read - topic..read, written + head);
            written += head + topic;
            subscriptions += 1;
        }
        let left = read - written;
        if left > 0 {
            // SAFETY: each subscription has left more than a head, and all of that is here.
            unsafe { write_skip(staged[written..].as_mut_ptr(), left) };
        }
        // SAFETY: whole records.
        unsafe { tx.queue().accept(written) };
        tx.end_messages(subscriptions);
        // SAFETY: a whole record.
        unsafe { tx.queue().accept(left) };
        left
    }

    /// Does as a command says. The pipe gets only subscriptions.
    pub(super) fn deliver_command(&mut self, tx: &mut Tx, body: &[u8]) -> Result<()> {
        let command = Command::parse(body).ok();
        // Within a message a subscription makes no sense, and would end it.
        if !self.inside
            && let Some((flag, topic)) = command.as_ref().and_then(subscription)
        {
            return tx.write(flag, &mut Source::Bytes(topic));
        }
        self.obey(command);
        Ok(())
    }

    fn obey(&mut self, command: Option<Command>) {
        if let Some(Command::Ping { ttl, context }) = command {
            self.ttl = Some(ttl);
            // A peer that asks and never listens gets no more answers than fit here.
            if self.out.len() < ENCODE_MAX {
                let context = context.to_vec();
                self.command(&Command::Pong { context: &context });
            }
        }
    }
}

/// The flag that a subscription has in the pipe, and its topic, if the command is one.
fn subscription<'a>(command: &Command<'a>) -> Option<(u8, &'a [u8])> {
    match *command {
        Command::Subscribe(topic) => Some((Flags::SUBSCRIBE, topic)),
        Command::Cancel(topic) => Some((Flags::CANCEL, topic)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io::Write,
        os::{fd::OwnedFd, unix::net::UnixStream},
    };

    use super::{super::Read, *};
    use crate::{
        io::engine::Speech,
        pipe::{Door, End, pipe},
        zmtp::{Codec, Limit, Version, frame},
    };

    /// Subscriptions of all sizes of heads, among other commands and messages, however they are cut and whether or not there
    /// is room for them all: each is read, in order.
    #[test]
    fn subscriptions_arrive_in_order() {
        let topics = [0, 1, 9, 255, 256, 300, 7000, 9, 9, 20_000, 3];
        let mut wire = Vec::new();
        let mut wanted = Vec::new();
        for (i, &size) in topics.iter().cycle().take(20 * topics.len()).enumerate() {
            let topic = vec![i as u8; size];
            let subscribe = i % 3 > 0;
            let command = match subscribe {
                true => Command::Subscribe(&topic),
                false => Command::Cancel(&topic),
            };
            Codec::Clear.encode_command(&command, &mut wire);
            wanted.push((Some(subscribe), topic.clone()));
            if i % 5 == 0 {
                let name = b"NOTHING";
                Codec::Clear.encode_command(&Command::Other { name, body: &topic }, &mut wire);
            }
            if i % 7 == 0 {
                frame::write(crate::zmtp::Flags::NONE, &topic, &mut wire);
                wanted.push((None, topic));
            }
        }
        for (limit, cut) in [(0, 7), (0, 1000), (0, 1 << 20), (1, 1000), (5, 1 << 20)] {
            let (mut theirs, ours) = UnixStream::pair().unwrap();
            ours.set_nonblocking(true).unwrap();
            let ours = OwnedFd::from(ours);
            let mut engine = Engine::new(ours, Speech::Plain, Version::V3_1, Limit::NONE);
            let (mut near, far) = pipe(limit, limit);
            let mut far = End::new(far, Door::unknown(), Door::unknown());
            let mut got = Vec::new();
            for piece in wire.chunks(cut).flat_map(|chunk| chunk.chunks(50_000)) {
                theirs.write_all(piece).unwrap();
                loop {
                    let (read, _) = engine.read(&mut near.tx);
                    while let Some((flags, body, _)) = far.peek() {
                        let subscribe = flags.has(Flags::SUBSCRIBE);
                        let kind = (subscribe || flags.has(Flags::CANCEL)).then_some(subscribe);
                        got.push((kind, body.to_vec()));
                        far.skip();
                    }
                    if read.unwrap() == Read::All {
                        break;
                    }
                }
            }
            assert!(got == wanted, "limit {limit}, cut {cut}");
        }
    }

    /// What is left of the commands isn't kept.
    #[test]
    fn subscriptions_take_no_more_room_than_their_topics() {
        let mut wire = Vec::new();
        (0..100)
            .for_each(|_| Codec::Clear.encode_command(&Command::Subscribe(b"a topic"), &mut wire));
        let (mut theirs, ours) = UnixStream::pair().unwrap();
        ours.set_nonblocking(true).unwrap();
        let mut engine = Engine::new(
            OwnedFd::from(ours),
            Speech::Plain,
            Version::V3_1,
            Limit::NONE,
        );
        let (mut near, _far) = pipe(0, 0);
        let (_, before) = near.tx.queue().room(wire.len()).unwrap();
        theirs.write_all(&wire).unwrap();
        assert_eq!(engine.read(&mut near.tx).0, Ok(Read::All));
        assert_eq!(before - near.tx.queue().free_room().1, 100 * 9);
    }
}
