//! Copies of a message, as many as there are receivers.

use super::{Message, Outside};

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

    /// One of them.
    pub fn take(&mut self) -> Message {
        if !self.of.is_outside() {
            return self.of.duplicate();
        }
        let (size, more) = (self.of.size(), self.of.more());
        // SAFETY: just looked; of this size, and taken out just now.
        unsafe { Message::from_outside(self.take_outside(), size, more) }
    }

    /// One of them, as [`Message::take_outside`] gives it.
    ///
    /// # Safety
    /// Their body is not inline.
    #[inline]
    pub unsafe fn take_outside(&mut self) -> Outside {
        match self.of.body() {
            Some(body) if self.left > 0 => {
                self.left -= 1;
                // SAFETY: one of those that were added.
                Outside::of(unsafe { body.another() }, true)
            }
            // SAFETY: as promised.
            _ => unsafe { self.of.duplicate().take_outside() },
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
