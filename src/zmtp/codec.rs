//! The frames of the steady state, for a peer of any version and mechanism.

use std::ops::Range;

use super::{Command, Failure, Flags, Header, Limit, Version, command, curve, frame, v1};
use crate::error::Result;

/// How a peer's frames are made and read.
#[derive(Debug)]
pub enum Codec {
    /// ZMTP 1: the framing of [`v1`].
    V1,
    /// ZMTP 2 and 3 with NULL or PLAIN: a [`frame`] goes as it is, so that nothing here need be called.
    Clear,
    /// ZMTP 3 with CURVE: the frames of [`frame`], each holding an encrypted message.
    Curve(Box<curve::Session>),
}

impl Codec {
    /// Reads the header at the start of `input`; `None` if there are too few octets yet.
    ///
    /// # Errors
    /// `EMSGSIZE` if the body, as it is on the wire, is longer than `limit`; `EPROTO` if the length makes no sense.
    #[inline]
    pub fn parse(&self, input: &[u8], limit: Limit) -> Result<Option<Header>> {
        match self {
            Codec::V1 => v1::parse(input, limit),
            Codec::Clear | Codec::Curve(_) => Header::parse(input, limit),
        }
    }

    /// What the body of a frame says: its flags, and where in `body` it stands in clear.
    ///
    /// # Errors
    /// [`Failure::Protocol`] if the frame is no genuine message of the peer's.
    pub fn decode(
        &mut self,
        header: &Header,
        body: &mut [u8],
    ) -> std::result::Result<(Flags, Range<usize>), Failure> {
        match self {
            Codec::V1 | Codec::Clear => Ok((header.flags, 0..body.len())),
            // The flags of the frame itself are not authenticated, and say nothing.
            Codec::Curve(session) => session.decode(body),
        }
    }

    /// Appends a frame whose body is `parts` one after the other.
    ///
    /// # Errors
    /// `ENOMEM`, and nothing is done.
    pub fn encode(&mut self, flags: Flags, parts: &[&[u8]], out: &mut Vec<u8>) -> Result<()> {
        match self {
            Codec::V1 => v1::write_parts(flags, parts, out),
            Codec::Clear => frame::write_parts(flags, parts, out),
            Codec::Curve(session) => session.encode(flags, parts, out),
        }
    }

    /// Appends a command. Only for peers of ZMTP 3.
    ///
    /// # Errors
    /// `ENOMEM`, and nothing is done.
    pub fn encode_command(&mut self, command: &Command<'_>, out: &mut Vec<u8>) -> Result<()> {
        let mut body = Vec::new();
        command.encode(&mut body)?;
        self.encode(Flags::COMMAND, &[&body], out)
    }

    /// Appends what begins (`subscribe`) or ends a subscription with a peer of that version.
    ///
    /// # Errors
    /// `ENOMEM`, and nothing is done.
    pub fn encode_subscription(
        &mut self,
        version: Version,
        subscribe: bool,
        topic: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<()> {
        let (flags, prefix) = command::subscription(version, subscribe);
        self.encode(flags, &[prefix, topic], out)
    }
}
