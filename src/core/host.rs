//! Welcoming peers while the program is away.
//!
//! What happens to a socket takes effect when the program next calls. For most of it that is soon
//! enough; but a subscriber that listens would leave a publisher that has come without its
//! subscriptions meanwhile. So the I/O thread that has made such a connection takes the socket's
//! turn for a moment.

use std::sync::Arc;

use super::wait::Handle;
use crate::{error::Result, io::Host, options::SocketType};

/// Where a socket is to be found.
struct Home {
    slot: Handle,
    generation: u32,
}

/// Has a socket welcome its peers, if it is of a type that has something to say to them.
pub fn open_house(slot: Handle) -> Result<()> {
    let mut socket = slot.lock()?;
    if matches!(
        socket.options().socket_type,
        SocketType::Sub | SocketType::XSub
    ) {
        let generation = socket.generation();
        socket.set_host(Arc::new(Home { slot, generation }));
    }
    Ok(())
}

impl Host for Home {
    fn receive_guests(&self) {
        // Whether or not a thread is using it: that may have looked before the peer came.
        if let Ok(mut socket) = self.slot.lock_keeping_bias(self.generation) {
            // If the context is terminating, the program will be told when it calls.
            let _ = socket.process();
            // What `ZMQ_FD` would have told the program it may not have seen yet.
            socket.inbox().nudge();
        }
    }
}
