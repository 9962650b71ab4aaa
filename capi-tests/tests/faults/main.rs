//! What becomes of connections when the system or a peer lets them down: none stays open in silence, none keeps the
//! others waiting, and none that is healthy is given up.
//!
//! | module | holds |
//! |---|---|
//! | [`heartbeat`] | peers that are silent, slow, or not read |
//! | [`sending`] | errors of send(2) |
//! | [`watching`] | errors of epoll_ctl(2) |
//! | [`accepting`] | errors of accept(2) |
//! | [`flood`] | peers that send as fast as they can |
//! | [`buffers`] | buffers of the least size |
//!
//! Errors are injected into the system calls of a test's own thread and those that it starts: see [`inject`].

mod accepting;
mod buffers;
mod flood;
mod heartbeat;
mod inject;
mod sending;
mod watching;

use std::{
    io::{Read, Write},
    net::TcpStream,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use capi_tests::{
    api::{self, Library, consts::*},
    fuzz_corpus::ready,
};
use conversations::wire::{self, Version};

/// For what has to happen, however slow the machine is.
const LONG: Duration = Duration::from_secs(30);

const RCVBUF: i32 = 12;
const SNDBUF: i32 = 11;
const HEARTBEAT_TTL: i32 = 76;
const EVENT_ACCEPT_FAILED: u16 = 0x0040;
const EVENT_DISCONNECTED: u16 = 0x0200;

/// One at a time: some take all processors.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn context() -> api::Context {
    Library::under_test().context()
}

fn set(socket: api::Socket, options: &[(i32, i32)]) {
    for &(option, value) in options {
        socket.set(option, value).expect("an option");
    }
}

/// A monitor of a socket's connections.
struct Monitor(api::Socket);

impl Monitor {
    fn new(context: api::Context, socket: api::Socket) -> Monitor {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let endpoint = format!("inproc://monitor-{number}");
        socket.monitor(&endpoint).expect("a monitor");
        let monitor = context.socket(PAIR);
        monitor.connect(&endpoint).expect("the monitor");
        Monitor(monitor)
    }

    /// How many events of a kind there have been, of those that weren't counted yet.
    fn count(&self, event: u16) -> usize {
        let mut count = 0;
        while let Ok(parts) = self.0.recv_all(DONTWAIT) {
            count += usize::from(parts[0][..2] == event.to_ne_bytes());
        }
        count
    }
}

/// A peer that is bytes on a TCP connection, of ZMTP 3.1 without security.
struct Peer(TcpStream);

impl Peer {
    fn connect(endpoint: &str) -> TcpStream {
        let address = endpoint.strip_prefix("tcp://").expect("TCP");
        let stream = TcpStream::connect(address).expect("a connection");
        stream.set_nodelay(true).expect("an option");
        stream.set_read_timeout(Some(LONG)).expect("an option");
        stream
    }

    /// A peer of this type, after its handshake.
    fn new(endpoint: &str, socket_type: &str) -> Peer {
        Peer::shake_hands(Peer::connect(endpoint), socket_type).expect("a handshake")
    }

    fn shake_hands(stream: TcpStream, socket_type: &str) -> Option<Peer> {
        let mut peer = Peer(stream);
        let hello = wire::greeting(1, b"NULL", false);
        peer.0.write_all(&hello).ok()?;
        peer.0.read_exact(&mut [0; 64]).ok()?;
        peer.0.write_all(&ready(socket_type.as_bytes())).ok()?;
        let (flags, body) = peer.read()?;
        (flags == 4 && body.starts_with(b"\x05READY")).then_some(peer)
    }

    /// The next frame; none if the connection has ended. Fails if there is none in time.
    fn read(&mut self) -> Option<(u8, Vec<u8>)> {
        let mut head = [0; 2];
        self.exactly(&mut head)?;
        let size = match head[0] & 2 {
            0 => head[1].into(),
            _ => {
                let mut size = [0; 8];
                size[0] = head[1];
                self.exactly(&mut size[1..])?;
                u64::from_be_bytes(size) as usize
            }
        };
        let mut body = vec![0; size];
        self.exactly(&mut body)?;
        Some((head[0] & !2, body))
    }

    fn exactly(&mut self, buffer: &mut [u8]) -> Option<()> {
        let timed_out = [std::io::ErrorKind::WouldBlock, std::io::ErrorKind::TimedOut];
        let read = self.0.read_exact(buffer);
        read.inspect_err(|error| assert!(!timed_out.contains(&error.kind()), "silence"))
            .ok()
    }

    /// Whether it could be written.
    fn write(&mut self, flags: u8, body: &[u8]) -> bool {
        self.0.write_all(&frame(flags, body)).is_ok()
    }

    /// Asks for a PONG and waits for it, past messages.
    fn ping(&mut self) {
        assert!(self.write(4, b"\x04PING\0\0"));
        while !self.read().expect("a PONG").1.starts_with(b"\x04PONG") {}
    }
}

fn frame(flags: u8, body: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    wire::frame(Version::V31, flags, body, &mut bytes);
    bytes
}

/// Waits until something is so.
fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + LONG;
    while !is_so() {
        assert!(Instant::now() < deadline, "{what}: not in time");
        std::thread::sleep(Duration::from_millis(5));
    }
}
