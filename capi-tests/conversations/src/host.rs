//! What a conversation needs of a library.

use std::os::fd::RawFd;

/// A value of errno.
pub type Errno = i32;

/// A socket of a library, closed when dropped.
pub trait Socket {
    /// zmq_setsockopt(3).
    fn set(&self, option: i32, value: &[u8]) -> Result<(), Errno>;
    /// Binds to an endpoint, and returns what that became.
    fn bind(&self, endpoint: &str) -> Result<String, Errno>;
    /// zmq_connect(3).
    fn connect(&self, endpoint: &str) -> Result<(), Errno>;
    /// Sends a part without waiting.
    fn send(&self, part: &[u8], more: bool) -> Result<(), Errno>;
    /// Receives a part without waiting, and whether more follow.
    fn recv(&self) -> Result<(Vec<u8>, bool), Errno>;
    /// The option ZMQ_EVENTS, which has the socket look at all that has happened.
    fn events(&self) -> Result<i32, Errno>;
    /// Waits until something can be received (if that is wanted), the descriptor is ready for these events of poll(2),
    /// or the time in milliseconds is over.
    fn wait(&self, input: bool, fd: RawFd, events: i16, timeout: i64);
}

/// A context of a library.
pub trait Host {
    /// Its sockets.
    type Socket: Socket;

    /// A socket of this type, with no time to linger.
    fn socket(&self, kind: i32) -> Self::Socket;
}

/// The numbers of options.
pub mod option {
    #![expect(missing_docs, reason = "zmq.h has them")]
    pub const SUBSCRIBE: i32 = 6;
    pub const UNSUBSCRIBE: i32 = 7;
    pub const LINGER: i32 = 17;
    pub const RECONNECT_IVL: i32 = 18;
    pub const MAXMSGSIZE: i32 = 22;
    pub const SNDHWM: i32 = 23;
    pub const RCVHWM: i32 = 24;
    pub const PLAIN_SERVER: i32 = 44;
    pub const PLAIN_USERNAME: i32 = 45;
    pub const PLAIN_PASSWORD: i32 = 46;
    pub const CURVE_SERVER: i32 = 47;
    pub const CURVE_PUBLICKEY: i32 = 48;
    pub const CURVE_SECRETKEY: i32 = 49;
    pub const CURVE_SERVERKEY: i32 = 50;
}
