//! Writing: the pipe's frames as they are, as many as a call takes, or what is made of them for this peer.

use super::{
    ENCODE_KEEP, ENCODE_MAX, Engine, HOLD_MIN, Speech, TURN_MAX, WRITE_MAX, Written, with_scratch,
};
use crate::{
    error::Result,
    io::socket::{self, Moved},
    memory,
    pipe::{Gathered, Kind, Rx},
    zmtp::{Codec, Flags, Version},
};

impl Engine {
    /// Writes what is in the pipe, as far as the descriptor takes it. The second: the pipe's
    /// writer was out of credit, and is to be told that it has some.
    ///
    /// `hold`: the duty to write is kept even if there is nothing, and nobody will wake us. What has come meanwhile is then
    /// left for the next time if it is little, as it is when the sender is as fast as we are.
    pub fn write(&mut self, rx: &mut Rx, hold: bool) -> (Result<Written>, bool) {
        let mut credit = false;
        let written = self.write_all(rx, hold, &mut credit);
        (written, credit)
    }

    /// As [`Engine::write`]. What was written before something fails has its credit, too.
    fn write_all(&mut self, rx: &mut Rx, hold: bool, credit: &mut bool) -> Result<Written> {
        let mut turn = 0;
        with_scratch(|scratch| {
            loop {
                if self.has_out() && !rx.is_partial() {
                    match socket::send_bytes(self.fd(), &self.out[self.out_at..])? {
                        Moved::Bytes(bytes) => {
                            self.out_at += bytes;
                        }
                        Moved::Blocked | Moved::End => return Ok(Written::Blocked),
                    }
                    if self.has_out() {
                        continue;
                    }
                    self.out.clear();
                    self.out_at = 0;
                    self.answers = 0;
                    if self.out.capacity() > 1024 {
                        let out = std::mem::take(&mut self.out);
                        if out.capacity() <= ENCODE_KEEP {
                            scratch.out = out;
                        }
                    }
                }
                if hold && turn > 0 && rx.unread() < HOLD_MIN as u64 {
                    return Ok(Written::All);
                }
                let limit = if self.has_out() { 1 } else { WRITE_MAX };
                let gathered = match self.speech {
                    Speech::Plain => {
                        let commands = self.version >= Version::V3_1;
                        rx.gather(&mut scratch.batch, limit, commands)?
                    }
                    _ if rx.has_records() => Gathered::Special,
                    _ => Gathered::Nothing,
                };
                match gathered {
                    Gathered::Some | Gathered::Special if turn > TURN_MAX => {
                        return Ok(Written::More);
                    }
                    Gathered::Some => {
                        let batch = &scratch.batch;
                        // SAFETY: gathered from the pipe, where it stays until it is sent.
                        let moved = unsafe { socket::send(self.fd(), batch.pieces()) }?;
                        let Moved::Bytes(bytes) = moved else {
                            return Ok(Written::Blocked);
                        };
                        let messages = rx.sent(bytes, batch);
                        rx.count(messages);
                        self.count(messages as u32);
                        *credit |= rx.credit();
                        turn += bytes;
                        if bytes < batch.bytes {
                            return Ok(Written::Blocked);
                        }
                    }
                    Gathered::Special => {
                        if self.out.is_empty() {
                            std::mem::swap(&mut self.out, &mut scratch.out);
                        }
                        let encoded = self.encode(rx);
                        *credit |= rx.credit();
                        turn += self.out.len();
                        // What was encoded before goes out first.
                        if !self.has_out() {
                            encoded?;
                        }
                    }
                    Gathered::Nothing if rx.is_at_end() => return Ok(Written::End),
                    Gathered::Nothing if hold || rx.sleep() => return Ok(Written::All),
                    Gathered::Nothing => {}
                }
            }
        })
    }

    fn count(&mut self, messages: u32) {
        self.sent = self.sent.saturating_add(messages);
    }

    /// Encodes records that don't go over the wire as they are. ENOMEM, and the record that there was no memory for stays.
    fn encode(&mut self, rx: &mut Rx) -> Result<()> {
        while self.out.len() < ENCODE_MAX
            && let Some((kind, body)) = rx.peek()
        {
            let mut plain = Codec::Clear;
            let codec = match &mut self.speech {
                Speech::Plain if matches!(kind, Some(Kind::Part { .. })) => break,
                Speech::Plain => Some(&mut plain),
                Speech::Coded(codec) => Some(codec),
                Speech::Bare => None,
            };
            let out = &mut self.out;
            match (codec, kind) {
                // Who the peer is.
                (_, None) => {}
                (None, Some(_)) => memory::append(out, body)?,
                (Some(codec), Some(Kind::Part { more })) => {
                    codec.encode(Flags::more_if(more), &[body], out)?;
                }
                (Some(codec), Some(kind)) => {
                    let subscribe = kind == Kind::Subscribe;
                    codec.encode_subscription(self.version, subscribe, body, out)?;
                }
            }
            rx.skip();
            self.count(u32::from(kind.is_some_and(|kind| !kind.more())));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::os::{fd::OwnedFd, unix::net::UnixDatagram};

    use socket2::SockRef;

    use super::*;
    use crate::{
        error::Error,
        message::Source,
        pipe::{Door, End, pipe},
        zmtp::{Limit, Version},
    };

    /// Who waits for room is told of what was written, even if what comes behind it can't be: the connection may be made
    /// anew, but there would be no second chance to say so.
    #[test]
    fn credit_is_told_of_even_if_writing_fails() {
        // On such a socket each call is a packet, and one can be too long.
        let (ours, _theirs) = UnixDatagram::pair().unwrap();
        ours.set_nonblocking(true).unwrap();
        SockRef::from(&ours).set_send_buffer_size(1 << 20).unwrap();
        let fd = OwnedFd::from(ours);
        let mut engine = Engine::new(fd, Speech::Plain, Version::V3_1, Limit::NONE);
        let (mut near, far) = pipe(2, 2);
        let mut far = End::new(far, Door::unknown(), Door::unknown());
        let mut write = |size| far.write(false, &mut Source::Bytes(&vec![b'x'; size]));
        assert_eq!((write(WRITE_MAX), write(1 << 22)), (Ok(()), Ok(())));
        assert_eq!(write(1), Err(Error::EAGAIN));
        let (written, credit) = engine.write(&mut near.rx, false);
        assert_eq!((written, credit), (Err(Error::EMSGSIZE), true));
        assert_eq!(write(1), Ok(()));
    }
}
