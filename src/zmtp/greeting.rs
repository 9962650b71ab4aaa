//! The greeting (RFC 15, 23 and 37): finding out which version the peer speaks, and with what mechanism.
//!
//! It goes out in pieces so that peers of any age understand it. The signature looks to a ZMTP 1 peer like the header
//! of a routing id message; the revision follows once the peer has sent a signature of its own, and the rest once its
//! revision is known. Owns these 64 octets and no others.

use super::Version;

/// A greeting's length in ZMTP 3, in octets.
const LEN: usize = 64;
/// A greeting's length in ZMTP 1 and 2.
const OLD_LEN: usize = 12;
/// Where the revision is: the signature goes before it.
const REVISION: usize = 10;
const MINOR: usize = 11;
const MECHANISM: std::ops::Range<usize> = 12..32;

/// What this side says in its greeting.
#[derive(Clone, Copy, Debug)]
pub struct Ours {
    /// The number of the socket type, for peers of ZMTP 2.
    pub socket_type: u8,
    /// The name of the mechanism, at most 20 octets.
    pub mechanism: &'static [u8],
}

/// The peer's greeting, as far as it has come.
#[derive(Debug)]
pub struct Greeting {
    received: [u8; LEN],
    len: usize,
}

/// What a piece of input came to.
#[derive(Debug)]
pub enum Outcome {
    /// The greeting is not complete.
    More(Greeting),
    /// A ZMTP 1 peer that sent no greeting. What it sent is the beginning of its routing id message.
    Unversioned {
        /// Those octets, at most a frame's header.
        received: [u8; LEN],
        /// How many they are.
        len: usize,
    },
    /// The greeting of a ZMTP 1 or 2 peer.
    Old(Version),
    /// The greeting of a ZMTP 3 peer.
    New {
        /// The version to speak.
        version: Version,
        /// The name of the peer's mechanism, padded with zeros.
        mechanism: [u8; 20],
    },
}

impl Greeting {
    /// Sends the signature.
    pub fn start(routing_id_len: usize, out: &mut Vec<u8>) -> Greeting {
        out.push(0xff);
        out.extend_from_slice(&(routing_id_len as u64 + 1).to_be_bytes());
        out.push(0x7f);
        Greeting {
            received: [0; LEN],
            len: 0,
        }
    }

    /// Takes octets off the front of `input`, and none that are not the greeting's.
    pub fn on(mut self, ours: Ours, input: &mut &[u8], out: &mut Vec<u8>) -> Outcome {
        while let Some((&octet, rest)) = input.split_first() {
            self.received[self.len] = octet;
            self.len += 1;
            *input = rest;
            match self.len {
                1 if octet != 0xff => return self.unversioned(),
                // In a routing id message this is the flags octet, with MORE unset.
                REVISION if octet & 1 == 0 => return self.unversioned(),
                REVISION => out.push(3),
                MINOR if self.is_old() => out.push(ours.socket_type),
                MINOR => {
                    out.push(1);
                    let start = out.len();
                    out.extend_from_slice(ours.mechanism);
                    // As-server stays 0 whatever this side is: libzmq neither sets nor reads it.
                    out.resize(start + LEN - MECHANISM.start, 0);
                }
                OLD_LEN if self.is_old() => {
                    return Outcome::Old(match self.received[REVISION] {
                        0 => Version::V1,
                        _ => Version::V2,
                    });
                }
                LEN => {
                    let mut mechanism = [0; 20];
                    mechanism.copy_from_slice(&self.received[MECHANISM]);
                    let version = match (self.received[REVISION], self.received[MINOR]) {
                        (3, 0) => Version::V3_0,
                        _ => Version::V3_1,
                    };
                    return Outcome::New { version, mechanism };
                }
                _ => {}
            }
        }
        Outcome::More(self)
    }

    fn is_old(&self) -> bool {
        self.received[REVISION] < 2
    }

    fn unversioned(self) -> Outcome {
        Outcome::Unversioned {
            received: self.received,
            len: self.len,
        }
    }
}
