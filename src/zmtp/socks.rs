//! The client's side of SOCKS 5 (RFC 1928), with user name and password (RFC 1929): asking a proxy for a connection.
//!
//! Not part of ZMTP, but as free of I/O: answers come in, in pieces of any size, requests go out. It takes no octet
//! beyond the proxy's last answer: what follows is the peer's.

use std::net::{IpAddr, Ipv6Addr};

use crate::{
    endpoint::{Authority, Literal, ip_literal},
    error::{Error, Result},
};

const VERSION: u8 = 5;
const LOGIN_VERSION: u8 = 1;
const NO_LOGIN: u8 = 0;
const LOGIN: u8 = 2;
const CONNECT: u8 = 1;

/// A kind of address, as requests and answers have it.
mod kind {
    pub const IPV4: u8 = 1;
    pub const NAME: u8 = 3;
    pub const IPV6: u8 = 4;
}

/// How long the longest answer is: one with a name (octets).
pub const ANSWER_MAX: usize = 4 + 1 + 255 + 2;

/// What is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
    Method,
    Login,
    Connection,
}

/// A conversation with a proxy.
#[derive(Debug)]
pub struct Client {
    answer: Answer,
    /// As much of the answer as has come.
    received: Vec<u8>,
    login: Vec<u8>,
    request: Vec<u8>,
}

/// What a piece of an answer came to.
#[derive(Debug)]
pub enum Step {
    /// The conversation goes on.
    More(Client),
    /// From now on the peer speaks.
    Done,
}

/// A length octet and as many octets. EINVAL if they are more than 255.
fn push_counted(out: &mut Vec<u8>, text: &[u8]) -> Result<()> {
    out.push(u8::try_from(text.len()).map_err(|_| Error::EINVAL)?);
    out.extend_from_slice(text);
    Ok(())
}

impl Client {
    /// Begins to ask for a connection to `peer`; with an empty user name, without logging in.
    ///
    /// EINVAL: port 0, or a name, user name or password of more than 255 octets.
    pub fn start(
        peer: &Authority,
        user_name: &[u8],
        password: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<Client> {
        if peer.port == 0 {
            return Err(Error::EINVAL);
        }
        let name = peer.host.name;
        let mut request = vec![VERSION, CONNECT, 0];
        let ipv6 = std::str::from_utf8(name)
            .ok()
            .and_then(|text| text.parse::<Ipv6Addr>().ok());
        match (ipv6, ip_literal(name, false)) {
            (Some(ip), _) => {
                request.push(kind::IPV6);
                request.extend(ip.octets());
            }
            (None, Literal::Address(IpAddr::V4(ip))) => {
                request.push(kind::IPV4);
                request.extend(ip.octets());
            }
            // The proxy looks the name up.
            _ => {
                request.push(kind::NAME);
                push_counted(&mut request, name)?;
            }
        }
        request.extend(peer.port.to_be_bytes());
        let mut login = vec![LOGIN_VERSION];
        push_counted(&mut login, user_name)?;
        push_counted(&mut login, password)?;
        let method = if user_name.is_empty() {
            NO_LOGIN
        } else {
            LOGIN
        };
        out.extend([VERSION, 1, method]);
        Ok(Client {
            answer: Answer::Method,
            received: Vec::new(),
            login,
            request,
        })
    }

    /// How many octets of the answer are still to come at least; never zero, at most [`ANSWER_MAX`].
    pub fn wanted(&self) -> usize {
        self.length() - self.received.len()
    }

    /// How long the answer is, as far as that can be told.
    fn length(&self) -> usize {
        match (self.answer, &*self.received) {
            (Answer::Method | Answer::Login, _) => 2,
            (Answer::Connection, [_, _, _, kind, first, ..]) => match *kind {
                kind::IPV4 => 4 + 4 + 2,
                kind::IPV6 => 4 + 16 + 2,
                _ => 4 + 1 + usize::from(*first) + 2,
            },
            (Answer::Connection, _) => 5,
        }
    }

    /// Takes in a piece of the answer, of [`Client::wanted`] octets at the most, and may say something in turn.
    ///
    /// EPROTO: no SOCKS; ECONNREFUSED: the proxy will not.
    pub fn on(mut self, input: &[u8], out: &mut Vec<u8>) -> Result<Step> {
        for &octet in input {
            self.received.push(octet);
            self.check()?;
            if self.received.len() < self.length() {
                continue;
            }
            let last = self.received[1];
            self.received.clear();
            self.answer = match (self.answer, last) {
                (Answer::Method, LOGIN) => {
                    out.append(&mut self.login);
                    Answer::Login
                }
                (Answer::Method | Answer::Login, _) => {
                    out.append(&mut self.request);
                    Answer::Connection
                }
                (Answer::Connection, _) => return Ok(Step::Done),
            };
        }
        Ok(Step::More(self))
    }

    /// Judges the octet that came last.
    fn check(&self) -> Result<()> {
        let (at, octet) = (
            self.received.len() - 1,
            self.received[self.received.len() - 1],
        );
        let version = match self.answer {
            Answer::Login => LOGIN_VERSION,
            Answer::Method | Answer::Connection => VERSION,
        };
        match (self.answer, at) {
            (_, 0) if octet != version => Err(Error::EPROTO),
            (Answer::Method, 1) if octet != NO_LOGIN && octet != LOGIN => Err(Error::ECONNREFUSED),
            (Answer::Login | Answer::Connection, 1) if octet != 0 => Err(Error::ECONNREFUSED),
            (Answer::Connection, 2) if octet != 0 => Err(Error::EPROTO),
            (Answer::Connection, 3) if ![kind::IPV4, kind::NAME, kind::IPV6].contains(&octet) => {
                Err(Error::EPROTO)
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::endpoint::{Side, TcpEndpoint};

    fn start(peer: &str, user_name: &str, out: &mut Vec<u8>) -> Result<Client> {
        let peer = TcpEndpoint::new(peer.as_bytes());
        let peer = peer.target(Side::Connect)?;
        Client::start(&peer, user_name.as_bytes(), b"secret", out)
    }

    /// Feeds a proxy's answers in pieces of `size`; returns what the client has said, and whether it is content.
    fn converse(
        peer: &str,
        user_name: &str,
        answers: &[u8],
        size: usize,
    ) -> Result<(Vec<u8>, bool)> {
        let mut out = Vec::new();
        let mut client = start(peer, user_name, &mut out)?;
        let mut rest = answers;
        loop {
            let piece = size.min(client.wanted()).min(rest.len());
            if piece == 0 {
                return Ok((out, false));
            }
            match client.on(&rest[..piece], &mut out)? {
                Step::More(next) => client = next,
                Step::Done => {
                    assert_eq!(rest.len(), piece, "nothing is left of the answers");
                    return Ok((out, true));
                }
            }
            rest = &rest[piece..];
        }
    }

    /// What goes over the wire, by RFC 1928 and 1929, whatever the pieces.
    #[test]
    fn conversations() {
        let name = b"\x05\0\0\x03\x04abcd\0\x50";
        let ipv6 = [&b"\x05\0\0\x04"[..], &[1; 16], b"\0\x50"].concat();
        for size in [1, 2, 3, 100] {
            let said = converse(
                "1.2.3.4:80",
                "",
                b"\x05\0\x05\0\0\x01\x01\x02\x03\x04\0\x50",
                size,
            );
            assert_eq!(
                said,
                Ok((
                    b"\x05\x01\0\x05\x01\0\x01\x01\x02\x03\x04\0\x50".into(),
                    true
                ))
            );
            let said = converse(
                "a.b:258",
                "me",
                &[b"\x05\x02\x01\0", &name[..]].concat(),
                size,
            );
            let expected = b"\x05\x01\x02\x01\x02me\x06secret\x05\x01\0\x03\x03a.b\x01\x02";
            assert_eq!(said, Ok((expected.into(), true)));
            let said = converse("[::1]:80", "", &[b"\x05\0", &ipv6[..]].concat(), size);
            let mut expected = b"\x05\x01\0\x05\x01\0\x04".to_vec();
            expected.extend(Ipv6Addr::LOCALHOST.octets());
            expected.extend(b"\0\x50");
            assert_eq!(said, Ok((expected, true)));
        }
    }

    /// A proxy that refuses, or is none, is found out at the first octet that tells.
    #[test]
    fn refusals() {
        for (answers, error) in [
            (&b"\x04"[..], Error::EPROTO),
            (b"HTTP/1.1 400", Error::EPROTO),
            (b"\x05\xff", Error::ECONNREFUSED),
            (b"\x05\x01", Error::ECONNREFUSED),
            (b"\x05\x02\x05", Error::EPROTO),
            (b"\x05\x02\x01\x01", Error::ECONNREFUSED),
            (b"\x05\0\x04", Error::EPROTO),
            (b"\x05\0\x05\x05", Error::ECONNREFUSED),
            (b"\x05\0\x05\0\x01", Error::EPROTO),
            (b"\x05\0\x05\0\0\x02", Error::EPROTO),
        ] {
            assert_eq!(converse("h:1", "me", answers, 1), Err(error), "{answers:?}");
        }
        let long = "x".repeat(256);
        for (peer, user_name) in [("h:0", ""), (&*format!("{long}:1"), ""), ("h:1", &*long)] {
            assert_eq!(
                start(peer, user_name, &mut Vec::new()).err(),
                Some(Error::EINVAL)
            );
        }
    }
}
