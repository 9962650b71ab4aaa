//! What a REQ takes for a reply (RFC 28): an empty frame, and before it perhaps the request's number, then the body.
//!
//! As with libzmq, a peer that sends anything else has broken the protocol: not even a reply to no request is read
//! then. Whether the number is the right one, and the reply awaited, is the socket's to say.

use crate::error::{Error, Result};

/// The octets of a request's number (`ZMQ_REQ_CORRELATE`).
const NUMBER: usize = 4;

/// Where in a reply a connection is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reply {
    /// Before it.
    #[default]
    Start,
    /// After the number.
    Numbered,
    /// After the empty frame.
    Body,
}

impl Reply {
    /// Goes on by a frame.
    ///
    /// # Errors
    /// `EPROTO` if this isn't what a reply has here.
    pub fn advance(&mut self, more: bool, len: usize) -> Result<()> {
        *self = match (*self, more, len) {
            (Reply::Start, true, NUMBER) => Reply::Numbered,
            (Reply::Start | Reply::Numbered, true, 0) => Reply::Body,
            (Reply::Body, true, _) => Reply::Body,
            (Reply::Body, false, _) => Reply::Start,
            _ => return Err(Error::EPROTO),
        };
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each reply by its frames' lengths.
    fn take(replies: &[&[usize]]) -> Result<()> {
        let mut reply = Reply::default();
        for lens in replies {
            for (i, len) in lens.iter().enumerate() {
                reply.advance(i + 1 < lens.len(), *len)?;
            }
        }
        Ok(())
    }

    #[test]
    fn a_reply_begins_with_an_empty_frame_and_has_a_body() {
        assert_eq!(take(&[&[0, 0], &[4, 0, 7], &[0, 1, 2, 0, 3]]), Ok(()));
        let bad: [&[usize]; 7] = [
            &[0],
            &[3],
            &[4],
            &[3, 0, 1],
            &[4, 0],
            &[4, 4, 0, 1],
            &[4, 1, 0],
        ];
        for lens in bad {
            assert_eq!(take(&[lens]), Err(Error::EPROTO), "{lens:?}");
            assert_eq!(take(&[&[0, 1], lens]), Err(Error::EPROTO), "{lens:?}");
        }
    }
}
