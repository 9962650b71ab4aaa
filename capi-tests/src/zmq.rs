//! The library under test, for tests that speak to it over the wire: [`api`](crate::api) with sockets that close
//! themselves, and calls that panic where they fail, but for what the tests wait for.

use std::ffi::c_int;

use crate::api::{self, Library, consts::*};

/// A context, terminated when dropped; its sockets are to be dropped before.
pub struct Context(api::Context);

impl Context {
    /// A new context.
    #[allow(clippy::new_without_default)]
    pub fn new() -> Context {
        Context(Library::under_test().context())
    }

    /// A socket of the type that zmq.h gives this number, which waits for so long at the most, in milliseconds.
    pub fn socket(&self, socket_type: c_int, timeout: c_int) -> Socket {
        let socket = Socket(self.0.socket(socket_type));
        socket.set_int(SNDTIMEO, timeout);
        socket.set_int(RCVTIMEO, timeout);
        socket
    }
}

impl Drop for Context {
    fn drop(&mut self) {
        let _ = self.0.term();
    }
}

/// A socket, closed when dropped.
pub struct Socket(api::Socket);

impl Socket {
    /// Sets an option.
    pub fn set(&self, option: c_int, value: &[u8]) {
        self.0.set_bytes(option, value).expect("zmq_setsockopt");
    }

    /// Sets an option that is a number.
    pub fn set_int(&self, option: c_int, value: c_int) {
        self.0.set(option, value).expect("zmq_setsockopt");
    }

    /// Binds to a port of this host's, and returns where.
    pub fn bind(&self) -> String {
        self.0.bind_any("tcp")
    }

    /// Connects.
    pub fn connect(&self, endpoint: &str) {
        self.0.connect(endpoint).expect("zmq_connect");
    }

    /// Sends a message of one part. False if that wasn't possible in time.
    pub fn send(&self, bytes: &[u8]) -> bool {
        self.0.send(bytes, 0).is_ok()
    }

    /// Receives a part. None if none came in time.
    pub fn recv(&self) -> Option<Vec<u8>> {
        self.0.recv(0).ok()
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        let _ = self.0.close();
    }
}

/// A new pair of CURVE keys, the public one first, in Z85 without the zero at the end.
pub fn curve_keypair() -> ([u8; 40], [u8; 40]) {
    Library::under_test()
        .curve_keypair()
        .expect("zmq_curve_keypair")
}
