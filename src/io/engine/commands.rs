//! The commands of a peer's: what they have us do, and what of them is in the pipe: subscriptions, which count as messages do.
//!
//! The others are obeyed and leave nothing behind, or a peer could have us keep any number of them.

use super::{ENCODE_MAX, Engine};
use crate::{error::Result, pipe::Tx, zmtp::Command};

impl Engine {
    /// Does as a command says. The pipe gets only subscriptions.
    pub(super) fn deliver_command(&mut self, tx: &mut Tx, body: &[u8]) -> Result<()> {
        let command = Command::parse(body).ok();
        match command {
            // Within a message a subscription makes no sense, and would end it.
            Some(Command::Subscribe(topic)) if !self.inside => tx.subscription(true, topic),
            Some(Command::Cancel(topic)) if !self.inside => tx.subscription(false, topic),
            command => self.obey(command),
        }
    }

    pub(super) fn obey(&mut self, command: Option<Command>) -> Result<()> {
        if let Some(Command::Ping { ttl, context }) = command {
            self.ttl = Some(ttl);
            // A peer that asks and never listens gets no more answers than fit here. What else waits to be written is no
            // reason to leave one out: the peer may take that for the end of us.
            if self.answers < ENCODE_MAX {
                let before = self.out.len();
                self.command(&Command::Pong { context })?;
                self.answers += self.out.len() - before;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io::{Read as _, Write},
        os::{fd::OwnedFd, unix::net::UnixStream},
    };

    use super::{super::Read, *};
    use crate::{
        io::engine::{Speech, Written},
        message::Source,
        pipe::{Door, End, Kind, pipe},
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
            Codec::Clear.encode_command(&command, &mut wire).unwrap();
            wanted.push((Some(subscribe), topic.clone()));
            if i % 5 == 0 {
                let name = b"NOTHING";
                Codec::Clear
                    .encode_command(&Command::Other { name, body: &topic }, &mut wire)
                    .unwrap();
            }
            if i % 7 == 0 {
                frame::write(crate::zmtp::Flags::NONE, &topic, &mut wire).unwrap();
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
                    while let Some((kind, body, _)) = far.peek() {
                        let subscribe = match kind {
                            Kind::Part { .. } => None,
                            kind => Some(kind == Kind::Subscribe),
                        };
                        got.push((subscribe, body.to_vec()));
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

    /// A PING that comes while a large message waits to be written is answered behind that, and one that comes while many
    /// answers wait is not. Found by fuzzing.
    #[test]
    fn pings_are_answered_behind_what_waits() {
        for speech in [Speech::Plain, Speech::Coded(Codec::Clear)] {
            let (mut theirs, ours) = UnixStream::pair().unwrap();
            theirs.set_nonblocking(true).unwrap();
            ours.set_nonblocking(true).unwrap();
            let mut engine = Engine::new(OwnedFd::from(ours), speech, Version::V3_1, Limit::NONE);
            let (mut near, far) = pipe(0, 0);
            let mut far = End::new(far, Door::unknown(), Door::unknown());
            let body = vec![b'x'; 1 << 20];
            assert_eq!(far.write(false, &mut Source::Bytes(&body)), Ok(()));
            assert_eq!(engine.write(&mut near.rx, false).0, Ok(Written::Blocked));

            let pings = 20_000;
            let mut wire = Vec::new();
            for n in 0..pings {
                let context = &format!("{n:05}").into_bytes();
                Codec::Clear
                    .encode_command(&Command::Ping { ttl: 0, context }, &mut wire)
                    .unwrap();
            }
            let mut left = &wire[..];
            while !left.is_empty() {
                left = &left[theirs.write(left).unwrap_or(0)..];
                assert!(matches!(
                    engine.read(&mut near.tx).0,
                    Ok(Read::All | Read::More)
                ));
            }

            let mut heard = Vec::new();
            while engine.write(&mut near.rx, false).0 != Ok(Written::All) {
                let _ = theirs.read_to_end(&mut heard);
            }
            let _ = theirs.read_to_end(&mut heard);
            let mut wanted = Vec::new();
            frame::write(crate::zmtp::Flags::NONE, &body, &mut wanted).unwrap();
            Codec::Clear
                .encode_command(&Command::Pong { context: b"00000" }, &mut wanted)
                .unwrap();
            assert!(heard.starts_with(&wanted));
            let answers = heard.len() - (wanted.len() - 12);
            assert!((ENCODE_MAX..2 * ENCODE_MAX).contains(&answers), "{answers}");
        }
    }

    /// A full pipe gets no more subscriptions, whatever their size: a peer could have us keep any number of them.
    #[test]
    fn subscriptions_keep_to_the_mark() {
        for size in [1, 3000, 9000, 20_000, 100_000] {
            let (mut theirs, ours) = UnixStream::pair().unwrap();
            theirs.set_nonblocking(true).unwrap();
            ours.set_nonblocking(true).unwrap();
            let mut engine = Engine::new(
                OwnedFd::from(ours),
                Speech::Plain,
                Version::V3_1,
                Limit::NONE,
            );
            let (mut near, far) = pipe(5, 5);
            let mut far = End::new(far, Door::unknown(), Door::unknown());
            let mut wire = Vec::new();
            let topic = vec![b't'; size];
            for _ in 0..20 {
                Codec::Clear
                    .encode_command(&Command::Subscribe(&topic), &mut wire)
                    .unwrap();
            }
            let mut left = &wire[..];
            let mut count = 0;
            let read = loop {
                let said = theirs.write(left).unwrap_or(0);
                left = &left[said..];
                let (read, _) = engine.read(&mut near.tx);
                let read = read.unwrap();
                if read == Read::Stalled || left.is_empty() && said == 0 {
                    break read;
                }
            };
            assert_eq!(read, Read::Stalled, "{size}");
            while far.peek().is_some() {
                count += 1;
                far.skip();
            }
            // One more may have been begun while there was room.
            assert!((5..=6).contains(&count), "{size}: {count}");
        }
    }
}
