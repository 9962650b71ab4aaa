//! Copies of a message, as many as there are receivers.

use super::{Message, Payload};

/// Makes copies of a message that share its body, whose references are taken all at once: taken one by one, each would have
/// the count come back from where another copy is being dropped.
pub struct Copies {
    of: Message,
    left: u32,
}

impl Copies {
    /// Some `count` copies of this message, without what it tells about its peer.
    pub fn new(mut of: Message, count: u32) -> Copies {
        of.set_metadata(None);
        let mut left = 0;
        if let Some(body) = of.body() {
            body.add_references(count);
            (of.shared, left) = (true, count);
        }
        Copies { of, left }
    }

    /// The bytes that they share.
    #[inline]
    pub fn bytes(&self) -> &[u8] {
        self.of.bytes()
    }

    /// Whether their body is the caller's own memory.
    pub fn is_foreign(&self) -> bool {
        self.of.is_foreign()
    }

    /// One of them.
    pub fn take(&mut self) -> Message {
        match self.payload() {
            Some(payload) => Message::of_payload(payload, self.of.more()),
            None => self.of.duplicate(),
        }
    }

    /// The body of one of them; none if it is in the message itself.
    #[inline]
    pub fn payload(&mut self) -> Option<Payload> {
        match self.of.body() {
            Some(body) if self.left > 0 => {
                self.left -= 1;
                // SAFETY: one of those that were added in `new`, of which there is one left.
                Some(Payload::Counted(unsafe { body.another() }, true))
            }
            _ => self.of.duplicate().take_payload(),
        }
    }
}

impl Drop for Copies {
    fn drop(&mut self) {
        if let Some(body) = self.of.body()
            && self.left > 0
        {
            body.give_up_references(self.left);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Copies outlive what they were made by, and those that weren't made are given back.
    #[test]
    fn references_are_counted() {
        let mut copies = Copies::new(Message::copy_of(&[7; 100]).unwrap(), 3);
        let first = copies.take();
        assert_eq!((first.references(), first.is_shared()), (4, true));
        let more: Vec<Message> = (0..3).map(|_| copies.take()).collect();
        assert_eq!(first.references(), 5);
        drop(more);
        drop(copies);
        assert_eq!((first.references(), first.bytes()), (1, &[7; 100][..]));
        let mut copies = Copies::new(first, 5);
        let last = copies.take();
        drop(copies);
        assert_eq!(last.references(), 1);
        assert_eq!(
            Copies::new(Message::copy_of(b"small").unwrap(), 2)
                .take()
                .bytes(),
            b"small"
        );
    }
}
