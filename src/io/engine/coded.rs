//! Reading what is not the pipe's bytes: frames that a codec makes out.
//!
//! Short frames are read many at once into a buffer that all connections of a thread share, and
//! decoded there; only what is left over is kept. A long one is read to where it stays, as the
//! body of its message.

use super::{Engine, Moved, READ_TURNS, Read, SCRATCH, Speech, socket, with_scratch};
use crate::{
    error::{Error, Result},
    memory,
    message::{Message, Source},
    pipe::Tx,
    zmtp::{self, Header},
};

/// What is reserved at once for a long frame, whatever it claims (bytes).
const STEP: usize = 16 * 1024 * 1024;

impl Engine {
    /// As [`Engine::read`], but for publishing.
    pub(super) fn read_coded(&mut self, tx: &mut Tx) -> Result<Read> {
        with_scratch(|scratch| {
            if scratch.coded.is_empty() {
                scratch.coded = memory::zeroed(2 * SCRATCH)?;
            }
            self.decode_all(tx, &mut scratch.coded)
        })
    }

    fn decode_all(&mut self, tx: &mut Tx, buffer: &mut [u8]) -> Result<Read> {
        // What there was no room for, perhaps.
        if !self.coded.is_empty() && !self.decode_kept(tx)? {
            return Ok(Read::Stalled);
        }
        let mut turn = 0;
        for _ in 0..READ_TURNS {
            let (moved, wanted, has_room) = match self.long_frame()? {
                Some(len) => self.read_long(tx, len)?,
                None => self.read_frames(tx, buffer)?,
            };
            match moved {
                Moved::Bytes(_) if !has_room => return Ok(Read::Stalled),
                Moved::Bytes(bytes) if bytes < wanted => return Ok(Read::All),
                Moved::Bytes(bytes) => turn += bytes,
                Moved::Blocked => return Ok(Read::All),
                Moved::End => return Err(Error::EPIPE),
            }
            if turn >= self.read_max {
                break;
            }
        }
        Ok(Read::More)
    }

    /// The length of the frame whose beginning is kept, if it is one that the buffer isn't for.
    fn long_frame(&self) -> Result<Option<usize>> {
        let Speech::Coded(codec) = &self.speech else {
            return Ok(None);
        };
        let header = codec.parse(&self.coded, self.limit)?;
        let len = header.map(|header| header.frame_len());
        Ok(len.filter(|len| *len > SCRATCH))
    }

    /// One read behind the beginning of a long frame. Returns what came, how much there was room
    /// for, and false if the pipe is full.
    fn read_long(&mut self, tx: &mut Tx, len: usize) -> Result<(Moved, usize, bool)> {
        let missing = len - self.coded.len();
        let step = missing.min(self.coded.len().max(STEP));
        self.coded.try_reserve_exact(step)?;
        let spare = self.coded.spare_capacity_mut();
        let piece = libc::iovec {
            iov_base: spare.as_mut_ptr().cast(),
            iov_len: spare.len().min(missing),
        };
        // SAFETY: spare capacity is ours to write.
        let moved = unsafe { socket::receive(self.fd(), &[piece]) }?;
        let mut has_room = true;
        if let Moved::Bytes(bytes) = moved {
            self.heard += 1;
            // SAFETY: so many were written.
            unsafe { self.coded.set_len(self.coded.len() + bytes) };
            if bytes == missing {
                has_room = self.decode_kept(tx)?;
            }
        }
        Ok((moved, piece.iov_len, has_room))
    }

    /// One read into the buffer, behind what is kept, which is less than [`SCRATCH`]. Returns as
    /// [`Engine::read_long`].
    fn read_frames(&mut self, tx: &mut Tx, buffer: &mut [u8]) -> Result<(Moved, usize, bool)> {
        let kept = self.coded.len();
        let room = &mut buffer[kept..];
        let piece = libc::iovec {
            iov_base: room.as_mut_ptr().cast(),
            iov_len: room.len(),
        };
        // SAFETY: the buffer is ours to write.
        let moved = unsafe { socket::receive(self.fd(), &[piece]) }?;
        let mut has_room = true;
        if let Moved::Bytes(bytes) = moved {
            self.heard += 1;
            let here = &mut buffer[..kept + bytes];
            here[..kept].copy_from_slice(&self.coded);
            let (at, decoded) = self.decode(tx, here);
            if at == here.len() {
                self.coded = Vec::new();
            } else {
                self.coded.clear();
                memory::append(&mut self.coded, &here[at..])?;
            }
            has_room = decoded?;
        }
        Ok((moved, piece.iov_len, has_room))
    }

    /// Decodes what is kept, as far as it goes. False if the pipe is full.
    fn decode_kept(&mut self, tx: &mut Tx) -> Result<bool> {
        let mut kept = std::mem::take(&mut self.coded);
        if let Speech::Coded(codec) = &self.speech
            && let Some(header) = codec.parse(&kept, self.limit)?
            && header.frame_len() == kept.len()
            && kept.len() > SCRATCH
        {
            if !self.inside && !tx.has_room() {
                self.coded = kept;
                return Ok(false);
            }
            return self.decode_long(tx, header, kept).map(|()| true);
        }
        let (at, decoded) = self.decode(tx, &mut kept);
        kept.drain(..at);
        self.coded = kept;
        decoded
    }

    /// Decodes a frame where it is to stay.
    fn decode_long(&mut self, tx: &mut Tx, header: Header, mut frame: Vec<u8>) -> Result<()> {
        let Speech::Coded(codec) = &mut self.speech else {
            return Ok(());
        };
        let decoded = codec.decode(&header, &mut frame[header.header_len..]);
        let (flags, range) = decoded.map_err(|failure| failure.error())?;
        let range = header.header_len + range.start..header.header_len + range.end;
        if flags.command() {
            return self.deliver(tx, flags, &frame[range]);
        }
        self.begin_frame(flags, range.len())?;
        let mut message = Message::of_vec(frame, range)?;
        tx.write(self.inside, &mut Source::Message(&mut message))
    }

    /// Decodes the whole frames at the start of `coded`. Returns how many bytes they have, and
    /// false if the pipe is full.
    fn decode(&mut self, tx: &mut Tx, coded: &mut [u8]) -> (usize, Result<bool>) {
        let mut at = 0;
        while let Speech::Coded(codec) = &mut self.speech {
            let header = match codec.parse(&coded[at..], self.limit) {
                Ok(Some(header)) if header.frame_len() <= coded.len() - at => header,
                Ok(_) => break,
                Err(error) => return (at, Err(error)),
            };
            if !self.inside && !tx.has_room() {
                return (at, Ok(false));
            }
            let body = &mut coded[at + header.header_len..at + header.frame_len()];
            at += header.frame_len();
            let delivered = match codec.decode(&header, body) {
                Ok((flags, range)) => self.deliver(tx, flags, &body[range]),
                Err(failure) => Err(failure.error()),
            };
            if let Err(error) = delivered {
                return (at, Err(error));
            }
        }
        (at, Ok(true))
    }

    fn deliver(&mut self, tx: &mut Tx, flags: zmtp::Flags, body: &[u8]) -> Result<()> {
        if !flags.command() {
            self.begin_frame(flags, body.len())?;
            return tx.write(self.inside, &mut Source::Bytes(body));
        }
        self.deliver_command(tx, body)
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io::Write,
        os::{fd::OwnedFd, unix::net::UnixStream},
    };

    use super::*;
    use crate::{
        message::Sink,
        pipe::{Door, End, Ends, pipe},
        zmtp::{Codec, Command, Limit, Version, frame},
    };

    /// Frames of all sizes around the buffer's, cut anywhere, into a pipe that is often full:
    /// each arrives whole, and in order.
    #[test]
    fn frames_arrive_however_they_are_cut() {
        let sizes = [
            0, 1, 300, 8191, 40_000, 65_525, 65_526, 65_527, 131_100, 400_000, 5,
        ];
        // A long body is expected where the last one was, or isn't there then.
        let bodies = [
            0, 65_536, 0, 65_536, 7, 65_536, 7, 65_536, 300, 65_536, 0, 65_537,
        ];
        for (sizes, parts) in [
            (&sizes[..], 3),
            (&bodies, 2),
            (&bodies, 4),
            (&bodies[..2], 2),
        ] {
            arrive(false, Codec::V1, sizes, parts);
            arrive(true, Codec::Clear, sizes, parts);
        }
    }

    fn arrive(plain: bool, mut codec: Codec, sizes: &[usize], parts: usize) {
        let is_last = |i: usize| i % parts == parts - 1;
        let frames = 13 * parts + 1;
        let mut wire = Vec::new();
        for (i, &size) in sizes.iter().cycle().take(frames).enumerate() {
            let flags = zmtp::Flags::more_if(!is_last(i));
            codec
                .encode(flags, &[&vec![i as u8; size]], &mut wire)
                .unwrap();
        }
        for cut in [1000, 65_536, 65_547, 99_991, 1 << 20] {
            let (mut theirs, ours) = UnixStream::pair().unwrap();
            ours.set_nonblocking(true).unwrap();
            let limit = Limit::new(400_000);
            let speech = match plain {
                true => Speech::Plain,
                false => Speech::Coded(Codec::V1),
            };
            let mut engine = Engine::new(OwnedFd::from(ours), speech, Version::V1, limit);
            let (mut near, far) = pipe(2, 2);
            let mut far = End::new(far, Door::unknown(), Door::unknown());
            let (mut got, mut frame) = (0, Message::new());
            let mut drain = |engine: &mut Engine, near: &mut Ends| loop {
                let (read, _) = engine.read(&mut near.tx);
                let read = read.unwrap();
                while let Some(part) = far.read(&mut Sink::Message(&mut frame)) {
                    assert_eq!(frame.size(), sizes[got % sizes.len()], "frame {got}");
                    assert!(frame.bytes().iter().all(|byte| *byte == got as u8));
                    assert_eq!(part.unwrap().more, !is_last(got));
                    got += 1;
                }
                if read == Read::All {
                    return got;
                }
            };
            theirs.set_nonblocking(true).unwrap();
            for chunk in wire.chunks(cut) {
                let mut rest = chunk;
                while !rest.is_empty() {
                    match theirs.write(rest) {
                        Ok(written) => rest = &rest[written..],
                        Err(_) => drop(drain(&mut engine, &mut near)),
                    }
                }
                drain(&mut engine, &mut near);
            }
            // The last one isn't a whole message.
            assert_eq!(drain(&mut engine, &mut near), frames - 1, "cut at {cut}");
        }
    }

    /// What a REQ is sent has the form of replies, whatever carries it, or that is an error, and what came before it is there.
    #[test]
    fn only_replies_come_in_if_expected() {
        let (good, bad) = ([0, 40_000, 3], [0, 0, 40_000]);
        let mut wire = Vec::new();
        for (size, more) in good.into_iter().zip([true, true, false]) {
            frame::write(zmtp::Flags::more_if(more), &vec![b'x'; size], &mut wire).unwrap();
        }
        for (size, more) in bad.into_iter().zip([true, false, false]) {
            frame::write(zmtp::Flags::more_if(more), &vec![b'x'; size], &mut wire).unwrap();
        }
        for speech in [Speech::Plain, Speech::Coded(Codec::Clear)] {
            let (mut theirs, ours) = UnixStream::pair().unwrap();
            ours.set_nonblocking(true).unwrap();
            let mut engine = Engine::new(OwnedFd::from(ours), speech, Version::V3_1, Limit::NONE);
            engine.expect_replies();
            let (mut near, far) = pipe(0, 0);
            let mut far = End::new(far, Door::unknown(), Door::unknown());
            let mut result = Ok(Read::All);
            for piece in wire.chunks(30_000) {
                theirs.write_all(piece).unwrap();
                result = result.and_then(|_| engine.read(&mut near.tx).0);
            }
            assert_eq!(result, Err(Error::EPROTO));
            let mut sizes = Vec::new();
            while let Some(received) = far.read(&mut Sink::Nowhere) {
                sizes.push(received.unwrap().size);
            }
            assert_eq!(sizes, [0, 40_000, 3, 0, 0], "the last frame alone is none");
        }
    }

    /// A subscription in the midst of a message, short or long, doesn't end the message: whoever has read its first part
    /// relies on the rest to be there. Found by fuzzing.
    #[test]
    fn subscriptions_within_a_message_are_passed_over() {
        for (topic, piece) in [(1, 5), (1, 30_000), (20_000, 5000), (20_000, 30_000)] {
            let topic = vec![b'x'; topic];
            let mut wire = Vec::new();
            frame::write(zmtp::Flags::MORE, b"first", &mut wire).unwrap();
            for command in [Command::Subscribe(&topic), Command::Cancel(&topic)] {
                Codec::Clear.encode_command(&command, &mut wire).unwrap();
            }
            frame::write(zmtp::Flags::NONE, b"last", &mut wire).unwrap();
            for speech in [Speech::Plain, Speech::Coded(Codec::Clear)] {
                let (mut theirs, ours) = UnixStream::pair().unwrap();
                ours.set_nonblocking(true).unwrap();
                let mut engine =
                    Engine::new(OwnedFd::from(ours), speech, Version::V3_1, Limit::NONE);
                let (mut near, far) = pipe(0, 0);
                let mut far = End::new(far, Door::unknown(), Door::unknown());
                let (mut got, mut part) = (Vec::new(), Message::new());
                for piece in wire.chunks(piece) {
                    theirs.write_all(piece).unwrap();
                    assert_eq!(engine.read(&mut near.tx).0, Ok(Read::All));
                    while let Some(received) = far.read(&mut Sink::Message(&mut part)) {
                        got.push((part.bytes().to_vec(), received.unwrap().more));
                    }
                }
                assert_eq!(got, [(b"first".to_vec(), true), (b"last".to_vec(), false)]);
            }
        }
    }
}
