//! The short way of most messages: straight into a socket's only pipe, or out of it.
//!
//! Of one peer nobody asks whose turn it is, and many patterns then do nothing but write a message to the pipe, or read it
//! from there. Where a pattern [says so](crate::pattern::Pattern::is_transparent), short messages pass it by, which takes two
//! thirds of the time. Only messages of one part do, and none while one of several parts is under way: the pattern, which
//! isn't told of them, has nothing to remember then.

/// No pipe has this slot.
const NONE: usize = usize::MAX;

/// One direction of a socket.
pub struct Lane {
    /// The slot of the only pipe, if the pattern lets messages pass.
    pipe: usize,
    /// The same, or none as long as a message of several parts is under way.
    open: usize,
    more: bool,
}

impl Lane {
    /// There is no way past the pattern yet.
    pub fn new() -> Lane {
        Lane {
            pipe: NONE,
            open: NONE,
            more: false,
        }
    }

    /// The way leads to the pipe in this slot now, or nowhere.
    pub fn lay(&mut self, pipe: Option<usize>) {
        self.pipe = pipe.unwrap_or(NONE);
        self.pass(self.more);
    }

    /// The pattern has sent, or received, a part: whether more are to follow.
    #[inline]
    pub fn pass(&mut self, more: bool) {
        self.more = more;
        self.open = if more { NONE } else { self.pipe };
    }

    /// Whether a message of several parts is under way.
    pub fn is_in_message(&self) -> bool {
        self.more
    }

    /// The slot of the pipe that a message of one part can go to, or come from, past the pattern. If none can, nothing is in
    /// that slot.
    #[inline(always)]
    pub fn open(&self) -> usize {
        self.open
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_closed_in_the_midst_of_a_message_even_if_the_pipe_changes() {
        let mut lane = Lane::new();
        assert_eq!(lane.open(), NONE);
        lane.lay(Some(3));
        assert_eq!(lane.open(), 3);
        lane.pass(true);
        assert!(lane.is_in_message());
        assert_eq!(lane.open(), NONE);
        lane.lay(None);
        lane.lay(Some(4));
        assert_eq!(lane.open(), NONE);
        lane.pass(false);
        assert_eq!(lane.open(), 4);
        lane.lay(None);
        assert_eq!(lane.open(), NONE);
    }
}
