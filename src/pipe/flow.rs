//! High-water marks: the credit that the reader of one direction returns to its writer.

use std::sync::atomic::{AtomicU32, Ordering};

use super::{Depth, gauge::Gauge, latest::Latest};

/// What the two sides of one direction share beside the bytes.
pub struct Flow {
    /// Messages that the reader is done with; the writer waits on it when the pipe is full.
    pub credit: Gauge,
    /// The high-water mark: so many messages may be under way.
    pub limit: AtomicU32,
    /// Of so many the reader returns the credit together.
    pub lot: AtomicU32,
    /// For [`Depth::Last`]: the message.
    pub latest: Option<Box<Latest>>,
}

impl Flow {
    pub fn new(depth: Depth) -> Flow {
        let flow = Flow {
            credit: Gauge::new(),
            limit: AtomicU32::new(0),
            lot: AtomicU32::new(0),
            latest: (depth == Depth::Last).then(Box::default),
        };
        match depth {
            Depth::Messages(limit) => flow.store_limit(limit),
            Depth::Last => flow.store_limit(0),
        }
        flow
    }

    pub fn set_limit(&self, limit: u32) {
        if self.latest.is_none() {
            self.store_limit(limit);
        }
    }

    /// For any number, which zero stands for, more than there is memory for will do.
    fn store_limit(&self, limit: u32) {
        let limit = if limit == 0 { u32::MAX } else { limit };
        self.limit.store(limit, Ordering::Relaxed);
        self.lot.store(limit.div_ceil(2), Ordering::Relaxed);
    }
}
