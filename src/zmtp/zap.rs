//! The ZeroMQ Authentication Protocol (RFC 27): the request to the handler at `inproc://zeromq.zap.01`, and its reply.
//!
//! Owns the two messages' frames. Carrying them is the caller's affair.

use zeroize::Zeroize;

use super::{
    Failure, Local,
    metadata::{self, Properties},
};
use crate::{
    consts,
    error::{Error, Result},
    memory,
};

const VERSION: &[u8] = b"1.0";
/// Each connection has its own pipe to the handler and asks once, so that all requests may have the same id.
const REQUEST_ID: &[u8] = b"1";

/// A question to the ZAP handler: a multi-part message, empty delimiter first.
#[derive(Clone, PartialEq, Eq)]
pub struct Request {
    frames: Vec<Vec<u8>>,
}

impl Request {
    pub(super) fn new(local: &Local, mechanism: &[u8], credentials: &[&[u8]]) -> Result<Request> {
        let fixed: [&[u8]; 7] = [
            b"",
            VERSION,
            REQUEST_ID,
            &local.zap_domain,
            local.peer_address.as_bytes(),
            &local.routing_id,
            mechanism,
        ];
        let frames = fixed.iter().chain(credentials);
        let frames = frames.map(|frame| memory::copied(frame));
        Ok(Request {
            frames: frames.collect::<Result<_>>()?,
        })
    }

    /// The frames: delimiter, version, request id, domain, address, routing id, mechanism and any credentials.
    pub fn frames(&self) -> &[Vec<u8>] {
        &self.frames
    }
}

/// Wipes the credentials.
impl Drop for Request {
    fn drop(&mut self) {
        self.frames.zeroize();
    }
}

/// Tells nothing of the credentials.
impl std::fmt::Debug for Request {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Request").finish_non_exhaustive()
    }
}

/// What the handler decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// 200: the peer may come in.
    Success,
    /// 300: the handler could not decide; the peer is told nothing.
    TemporaryError,
    /// 400: the peer may not come in.
    AuthenticationFailure,
    /// 500: the handler failed.
    InternalError,
}

impl Status {
    /// The status with these digits.
    pub fn from_digits(digits: &[u8]) -> Option<Status> {
        Some(match digits {
            b"200" => Status::Success,
            b"300" => Status::TemporaryError,
            b"400" => Status::AuthenticationFailure,
            b"500" => Status::InternalError,
            _ => return None,
        })
    }

    /// Its digits.
    pub fn digits(self) -> &'static [u8; 3] {
        match self {
            Status::Success => b"200",
            Status::TemporaryError => b"300",
            Status::AuthenticationFailure => b"400",
            Status::InternalError => b"500",
        }
    }

    /// Its number.
    pub fn number(self) -> u16 {
        match self {
            Status::Success => 200,
            Status::TemporaryError => 300,
            Status::AuthenticationFailure => 400,
            Status::InternalError => 500,
        }
    }
}

/// The handler's reply, checked.
#[derive(Debug)]
pub struct Reply {
    /// What it decided.
    pub status: Status,
    /// Who the peer is, as `User-Id`, and what else the handler has to say of it.
    pub properties: Properties,
}

impl Reply {
    /// How many frames a reply has.
    pub const FRAMES: usize = 7;

    /// Checks the seven frames of a reply, in the order in which libzmq does.
    ///
    /// # Errors
    /// [`Failure::Protocol`] with one of `ZMQ_PROTOCOL_ERROR_ZAP_*`.
    pub fn parse<F: AsRef<[u8]>>(frames: &[F]) -> std::result::Result<Reply, Failure> {
        let [delimiter, version, id, status, _text, user_id, metadata] = frames else {
            return Err(Failure::Protocol(
                consts::ZMQ_PROTOCOL_ERROR_ZAP_MALFORMED_REPLY,
            ));
        };
        if !delimiter.as_ref().is_empty() {
            return Err(Failure::Protocol(
                consts::ZMQ_PROTOCOL_ERROR_ZAP_UNSPECIFIED,
            ));
        }
        if version.as_ref() != VERSION {
            return Err(Failure::Protocol(
                consts::ZMQ_PROTOCOL_ERROR_ZAP_BAD_VERSION,
            ));
        }
        if id.as_ref() != REQUEST_ID {
            return Err(Failure::Protocol(
                consts::ZMQ_PROTOCOL_ERROR_ZAP_BAD_REQUEST_ID,
            ));
        }
        let status = Status::from_digits(status.as_ref()).ok_or(Failure::Protocol(
            consts::ZMQ_PROTOCOL_ERROR_ZAP_INVALID_STATUS_CODE,
        ))?;
        let properties = Reply::properties(user_id.as_ref(), metadata.as_ref()).map_err(
            |error| match error {
                Error::ENOMEM => Failure::NO_MEMORY,
                _ => Failure::Protocol(consts::ZMQ_PROTOCOL_ERROR_ZAP_INVALID_METADATA),
            },
        )?;
        Ok(Reply { status, properties })
    }

    fn properties(user_id: &[u8], metadata: &[u8]) -> Result<Properties> {
        let mut properties = Properties::default();
        properties.push(metadata::USER_ID, user_id)?;
        for property in metadata::properties(metadata) {
            let (name, value) = property?;
            properties.push(name, value)?;
        }
        Ok(properties)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: [&[u8]; 7] = [
        b"",
        b"1.0",
        b"1",
        b"200",
        b"OK",
        b"anonymous",
        b"\x05Hello\0\0\0\x05World",
    ];

    fn failure(index: usize, frame: &'static [u8]) -> Failure {
        let mut frames = GOOD;
        frames[index] = frame;
        Reply::parse(&frames).unwrap_err()
    }

    #[test]
    fn a_good_reply_names_the_user() {
        let reply = Reply::parse(&GOOD).unwrap();
        assert_eq!(reply.status, Status::Success);
        assert_eq!(reply.properties.get(b"User-Id"), Some(&b"anonymous"[..]));
        assert_eq!(reply.properties.get(b"Hello"), Some(&b"World"[..]));
    }

    #[test]
    fn a_user_id_in_the_metadata_does_not_replace_the_frame() {
        let mut frames = GOOD;
        frames[6] = b"\x07User-Id\0\0\0\x04root";
        let reply = Reply::parse(&frames).unwrap();
        assert_eq!(reply.properties.get(b"User-Id"), Some(&b"anonymous"[..]));
    }

    #[test]
    fn each_bad_frame_has_its_code() {
        for (index, frame, code) in [
            (0, &b"x"[..], consts::ZMQ_PROTOCOL_ERROR_ZAP_UNSPECIFIED),
            (1, b"1.1", consts::ZMQ_PROTOCOL_ERROR_ZAP_BAD_VERSION),
            (2, b"2", consts::ZMQ_PROTOCOL_ERROR_ZAP_BAD_REQUEST_ID),
            (
                3,
                b"600",
                consts::ZMQ_PROTOCOL_ERROR_ZAP_INVALID_STATUS_CODE,
            ),
            (
                3,
                b"201",
                consts::ZMQ_PROTOCOL_ERROR_ZAP_INVALID_STATUS_CODE,
            ),
            (3, b"", consts::ZMQ_PROTOCOL_ERROR_ZAP_INVALID_STATUS_CODE),
            (
                6,
                b"\x05Hel",
                consts::ZMQ_PROTOCOL_ERROR_ZAP_INVALID_METADATA,
            ),
        ] {
            assert_eq!(
                failure(index, frame),
                Failure::Protocol(code),
                "{index} {frame:?}"
            );
        }
    }

    #[test]
    fn a_reply_has_seven_frames() {
        let malformed = Failure::Protocol(consts::ZMQ_PROTOCOL_ERROR_ZAP_MALFORMED_REPLY);
        assert_eq!(Reply::parse(&GOOD[..6]).unwrap_err(), malformed);
        let more: Vec<&[u8]> = GOOD.iter().copied().chain([&b""[..]]).collect();
        assert_eq!(Reply::parse(&more).unwrap_err(), malformed);
        assert_eq!(Reply::parse::<&[u8]>(&[]).unwrap_err(), malformed);
    }
}
