//! What an attacker could do to libzmq once, or might try: none of it works here.
//!
//! | module | holds |
//! |---|---|
//! | [`flaws`] | the flaws of libzmq's history, by number |
//! | [`crowds`] | many peers, or one that says much, and what they keep others from |
//!
//! The attackers are bytes on TCP connections, or stand between two sockets. The victim is in the test's own process,
//! so that what overflows there ends the test.

mod crowds;
mod flaws;

use std::{
    io::{ErrorKind, Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    sync::{Arc, Mutex, MutexGuard, PoisonError, atomic::Ordering, mpsc},
    thread,
    time::{Duration, Instant},
};

use capi_tests::{
    api::{self, Library, consts::*},
    fuzz_corpus::{greeting, ready},
    process::resident,
};

/// How long to wait for what has to happen, and for what must not (milliseconds).
const LONG: i32 = 20_000;
const SHORT: i32 = 300;

/// One test at a time: some look at how much memory the process has.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A context that is terminated when dropped. Its sockets are to be dropped before.
struct Context(api::Context);

impl Context {
    fn new() -> Context {
        Context(Library::under_test().context())
    }

    /// A socket that waits for so long at the most.
    fn socket(&self, kind: i32, timeout: i32) -> Socket {
        let socket = Socket(self.0.socket(kind));
        socket.set(SNDTIMEO, timeout);
        socket.set(RCVTIMEO, timeout);
        socket
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

    fn set_bytes(&self, option: i32, value: &[u8]) {
        self.0.set_bytes(option, value).expect("an option");
    }

    fn bind(&self) -> String {
        self.0.bind_any("tcp")
    }

    fn connect(&self, endpoint: &str) {
        self.0.connect(endpoint).expect("an endpoint");
    }

    /// False if it wasn't possible in time.
    fn send(&self, bytes: &[u8]) -> bool {
        self.0.send(bytes, 0).is_ok()
    }

    /// None if nothing came in time.
    fn recv(&self) -> Option<Vec<u8>> {
        self.0.recv(0).ok()
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        let _ = self.0.close();
    }
}

/// A server's pair of keys, and a client's, the public ones first.
struct Keys {
    server: ([u8; 40], [u8; 40]),
    client: ([u8; 40], [u8; 40]),
}

impl Keys {
    fn new() -> Keys {
        let pair = || Library::under_test().curve_keypair().expect("CURVE");
        Keys {
            server: pair(),
            client: pair(),
        }
    }

    fn serve(&self, socket: &Socket) {
        socket.set(CURVE_SERVER, 1);
        socket.set_bytes(CURVE_SECRETKEY, &self.server.1);
    }

    fn connect(&self, socket: &Socket) {
        socket.set_bytes(CURVE_SERVERKEY, &self.server.0);
        socket.set_bytes(CURVE_PUBLICKEY, &self.client.0);
        socket.set_bytes(CURVE_SECRETKEY, &self.client.1);
    }
}

fn raw(endpoint: &str) -> TcpStream {
    let address = endpoint.strip_prefix("tcp://").expect("TCP");
    let stream = TcpStream::connect(address).expect("the port is open");
    stream
        .set_nodelay(true)
        .expect("an option that is always there");
    stream
}

/// Sends bytes to somebody who may hang up meanwhile.
fn throw(mut stream: &TcpStream, bytes: &[u8]) {
    let _ = stream.write_all(bytes);
}

/// Reads until the peer hangs up; what it said. None if it doesn't, in good time.
fn last_words(mut stream: &TcpStream) -> Option<Vec<u8>> {
    let mut all = Vec::new();
    let deadline = Instant::now() + Duration::from_millis(LONG as u64);
    loop {
        let left = deadline.checked_duration_since(Instant::now())?;
        let _ = stream.set_read_timeout(Some(left.max(Duration::from_millis(1))));
        let mut buffer = [0; 4096];
        match stream.read(&mut buffer) {
            Ok(0) => return Some(all),
            Ok(bytes) => all.extend_from_slice(&buffer[..bytes]),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            Err(_) => return Some(all),
        }
    }
}

/// Reads at least so many bytes.
fn hear(mut stream: &TcpStream, bytes: usize) -> Vec<u8> {
    let _ = stream.set_read_timeout(Some(Duration::from_millis(LONG as u64)));
    let mut all = vec![0; bytes];
    stream.read_exact(&mut all).expect("an answer");
    all
}

/// A frame of a message: flags, length, body.
fn frame(more: bool, body: &[u8]) -> Vec<u8> {
    let mut bytes = vec![2 | u8::from(more)];
    bytes.extend((body.len() as u64).to_be_bytes());
    bytes.extend(body);
    bytes
}

/// One frame as it comes over the wire, with its header.
fn next_frame(mut from: &TcpStream) -> Option<Vec<u8>> {
    let mut bytes = vec![0; 2];
    from.read_exact(&mut bytes).ok()?;
    let length = if bytes[0] & 2 == 0 {
        usize::from(bytes[1])
    } else {
        bytes.resize(9, 0);
        from.read_exact(&mut bytes[2..]).ok()?;
        u64::from_be_bytes(*bytes[1..].first_chunk()?) as usize
    };
    let head = bytes.len();
    bytes.resize(head + length, 0);
    from.read_exact(&mut bytes[head..]).ok()?;
    Some(bytes)
}

/// Passes a greeting on as it comes: each side waits for some of the other's.
fn pass_greeting(mut from: &TcpStream, to: &TcpStream) -> Option<()> {
    let mut left = 64;
    while left > 0 {
        let mut bytes = [0; 64];
        let count = from
            .read(&mut bytes[..left])
            .ok()
            .filter(|count| *count > 0)?;
        throw(to, &bytes[..count]);
        left -= count;
    }
    Some(())
}

/// Stands between a client and the server: `change` is given each of the client's frames after the greeting, with its
/// number, and says what to pass on. Returns where to connect to.
fn between(
    server: &str,
    mut change: impl FnMut(usize, Vec<u8>) -> Vec<u8> + Send + 'static,
) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let endpoint = format!("tcp://{}", listener.local_addr().expect("bound"));
    let server = raw(server);
    thread::spawn(move || {
        let (client, _) = listener.accept().expect("a client");
        client
            .set_nodelay(true)
            .expect("an option that is always there");
        thread::scope(|scope| {
            scope.spawn(|| {
                while let Some(bytes) = next_chunk(&server) {
                    throw(&client, &bytes);
                }
                let _ = client.shutdown(Shutdown::Both);
            });
            let mut number = 0;
            if pass_greeting(&client, &server).is_some() {
                while let Some(bytes) = next_frame(&client) {
                    throw(&server, &change(number, bytes));
                    number += 1;
                }
            }
            let _ = server.shutdown(Shutdown::Both);
        });
    });
    endpoint
}

fn next_chunk(mut from: &TcpStream) -> Option<Vec<u8>> {
    let mut bytes = vec![0; 65536];
    let count = from.read(&mut bytes).ok().filter(|count| *count > 0)?;
    bytes.truncate(count);
    Some(bytes)
}

/// A secured socket must hang up on these bytes, and deliver nothing of them.
fn is_refused(endpoint: &str, server: &Socket, bytes: &[u8]) {
    let attacker = raw(endpoint);
    throw(&attacker, bytes);
    assert_eq!(server.recv(), None, "{bytes:?}");
    assert!(last_words(&attacker).is_some(), "it listens to {bytes:?}");
}

/// What an attacker would have delivered.
const SNEAKY: &[u8] = b"\x00\x06sneaky";
