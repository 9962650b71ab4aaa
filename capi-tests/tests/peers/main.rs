//! Peers that are bytes on a TCP connection: what a socket answers them, and what its program is told.
//!
//! | module | holds |
//! |---|---|
//! | [`handshakes`] | what a handshake may cost, and how a bad one ends |
//! | [`old_versions`] | peers of ZMTP 1.0 and 2.0 |
//! | [`subscriptions`] | topics of all lengths, and many commands in one read |
//! | [`wrong_type`] | peers whose socket type is no match |
//!
//! What must be as with libzmq runs against both libraries. The library under test is loaded into the test's own process.

mod handshakes;
mod old_versions;
mod subscriptions;
mod wrong_type;

use std::{
    io::{ErrorKind, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    time::{Duration, Instant},
};

use capi_tests::{
    api::{self, Errno, Library, consts::*},
    fuzz_corpus::{greeting, ready},
    process::{patience, resident},
};

/// How long to wait for what has to happen.
fn long() -> Duration {
    Duration::from_secs(20) * patience()
}

/// The libraries that what is said of both is tried on.
fn both() -> [&'static Library; 2] {
    [Library::reference(), Library::under_test()]
}

/// A context that is terminated when dropped. Its sockets are to be dropped before.
struct Context(api::Context);

impl Context {
    fn new(library: &'static Library) -> Context {
        Context(library.context())
    }

    fn socket(&self, kind: i32) -> Socket {
        Socket(self.0.socket(kind))
    }
}

impl Drop for Context {
    fn drop(&mut self) {
        let _ = self.0.term();
    }
}

/// A socket that is closed when dropped.
struct Socket(api::Socket);

impl Socket {
    fn set(&self, option: i32, value: i32) {
        self.0.set(option, value).expect("an option");
    }

    /// Sends a message of one part, if that can be done at once.
    fn try_send(&self, body: &[u8]) -> api::Result<usize> {
        self.0.send(body, DONTWAIT)
    }

    /// What is received, if anything is within this time.
    fn recv_within(&self, time: Duration) -> Option<Vec<u8>> {
        self.0.poll(POLLIN, time.as_millis() as _).expect("a poll");
        self.0.recv(DONTWAIT).ok()
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        let _ = self.0.close();
    }
}

/// Where the events of a socket's connections come (zmq_socket_monitor(3)).
struct Monitor(Socket);

impl Monitor {
    fn new(context: &Context, socket: &Socket) -> Monitor {
        let endpoint = format!("inproc://monitor-{:p}", socket);
        socket.0.monitor(&endpoint).expect("an endpoint");
        let monitor = context.socket(PAIR);
        monitor.0.connect(&endpoint).expect("an endpoint");
        Monitor(monitor)
    }

    /// The next event and its value, if there is one within this time.
    fn next_within(&self, time: Duration) -> Option<(u16, u32)> {
        let event = self.0.recv_within(time)?;
        self.0.0.recv(0).expect("an address");
        let (number, value) = event.split_first_chunk().expect("a number");
        let value = value.try_into().expect("a value");
        Some((u16::from_ne_bytes(*number), u32::from_ne_bytes(value)))
    }

    /// What happens up to the end of a connection.
    fn until_disconnected(&self) -> Vec<(u16, u32)> {
        let mut events = Vec::new();
        loop {
            let event = self.next_within(long()).expect("the connection ends");
            if event.0 == DISCONNECTED {
                return events;
            }
            events.push(event);
        }
    }
}

/// Events (zmq_socket_monitor(3)).
const LISTENING: u16 = 0x0008;
const ACCEPTED: u16 = 0x0020;
const CONNECTED: u16 = 0x0001;
const CONNECT_DELAYED: u16 = 0x0002;
const DISCONNECTED: u16 = 0x0200;

/// How a socket gets to its raw peers: it waits for them, or connects to where they wait for it.
enum Way {
    Bound(SocketAddr),
    Connects(TcpListener),
}

/// Both ways.
const WAYS: [bool; 2] = [false, true];

impl Way {
    fn new(socket: &Socket, connects: bool) -> Way {
        if connects {
            let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
            let address = listener.local_addr().expect("bound");
            socket
                .0
                .connect(&format!("tcp://{address}"))
                .expect("an endpoint");
            Way::Connects(listener)
        } else {
            let endpoint = socket.0.bind_any("tcp");
            let address = endpoint.strip_prefix("tcp://").expect("TCP");
            Way::Bound(address.parse().expect("an address"))
        }
    }

    /// The next peer. None if the socket is one that connects, and doesn't within this time.
    fn peer_within(&self, time: Duration) -> Option<Raw> {
        let stream = match self {
            Way::Bound(address) => TcpStream::connect(address).expect("the port is open"),
            Way::Connects(listener) => {
                let deadline = Instant::now() + time;
                listener.set_nonblocking(true).expect("an option");
                loop {
                    match listener.accept() {
                        Ok((stream, _)) => break stream,
                        Err(_) if Instant::now() >= deadline => return None,
                        Err(_) => std::thread::sleep(Duration::from_millis(1)),
                    }
                }
            }
        };
        stream.set_nonblocking(false).expect("an option");
        stream.set_nodelay(true).expect("an option");
        Some(Raw(stream))
    }

    fn peer(&self) -> Raw {
        self.peer_within(long()).expect("the socket connects")
    }
}

/// A peer of bytes.
struct Raw(TcpStream);

impl Raw {
    /// Says something to a socket that may hang up meanwhile.
    fn say(&self, bytes: &[u8]) {
        let _ = (&self.0).write_all(bytes);
    }

    /// Reads so many bytes.
    fn hear(&self, count: usize) -> Vec<u8> {
        let mut bytes = vec![0; count];
        self.0.set_read_timeout(Some(long())).expect("an option");
        (&self.0).read_exact(&mut bytes).expect("an answer");
        bytes
    }

    /// Reads until nothing has come for this time, or the socket hangs up: what came, and whether it has.
    fn hear_all(&self, quiet: Duration) -> (Vec<u8>, bool) {
        let mut all = Vec::new();
        self.0.set_read_timeout(Some(quiet)).expect("an option");
        let mut buffer = [0; 4096];
        loop {
            match (&self.0).read(&mut buffer) {
                Ok(0) => return (all, true),
                Ok(bytes) => all.extend_from_slice(&buffer[..bytes]),
                Err(error) => {
                    let waiting =
                        matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut);
                    return (all, !waiting);
                }
            }
        }
    }
}
