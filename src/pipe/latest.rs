//! The one message of a direction that keeps only the last (`ZMQ_CONFLATE`).
//!
//! The queue carries a frame without a body for it: the writer puts one there when it finds
//! nothing here, and the reader takes the message when it comes to the frame. So there are few
//! frames, however many messages were written, and what wakes whom is the queue's business.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::message::Message;

/// The last message that was written, until it is read.
#[derive(Default)]
pub struct Latest(Mutex<Option<Message>>);

impl Latest {
    fn message(&self) -> MutexGuard<'_, Option<Message>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts a message in place of the one before. True if there was none.
    pub fn put(&self, message: Message) -> bool {
        self.message().replace(message).is_none()
    }

    /// Takes the message, for a frame that stands for it.
    pub fn take(&self) -> Message {
        self.message().take().unwrap_or_default()
    }
}
