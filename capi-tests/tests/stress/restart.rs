//! Peers that go and come back.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    process::Stdio,
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use capi_tests::{
    api::{Library, consts::*},
    fuzz_corpus::ready,
    process::Group,
};
use conversations::wire::greeting;

use crate::{factor, this};

/// Sends back all that comes, until it is killed. Says first where it is bound.
pub fn serve(endpoint: &str) {
    let context = Library::under_test().context();
    let server = context.socket(ROUTER);
    server.set(RCVTIMEO, -1).expect("an option");
    // The port was free a moment ago; what is left of the last server may take a while to go.
    let deadline = Instant::now() + Duration::from_secs(5);
    while let Err(error) = server.bind(endpoint) {
        assert!(Instant::now() < deadline, "{endpoint}: {error:?}");
        thread::sleep(Duration::from_millis(10));
    }
    println!("{}", server.text(LAST_ENDPOINT).expect("an endpoint"));
    loop {
        let message = server.recv_all(0).expect("a message");
        let parts: Vec<&[u8]> = message.iter().map(Vec::as_slice).collect();
        server.send_all(&parts).expect("sent");
    }
}

/// Starts such a server, and returns its endpoint.
pub fn start(endpoint: &str) -> (Group, String) {
    let mut server =
        Group::start(this(["--serve", endpoint]).stdout(Stdio::piped())).expect("a server");
    let mut line = String::new();
    let output = server.child().stdout.take().expect("its output");
    BufReader::new(output)
        .read_line(&mut line)
        .expect("its endpoint");
    (server, line.trim().into())
}

/// The server is killed under load and comes back: its clients go on by themselves.
pub fn server_restarts() {
    const CLIENTS: usize = 4;
    let context = Library::under_test().context();
    let (server, endpoint) = start("tcp://127.0.0.1:*");
    let server = Mutex::new(Some(server));
    let stop = AtomicBool::new(false);
    let replies: [AtomicUsize; CLIENTS] = Default::default();
    thread::scope(|scope| {
        for replies in &replies {
            let (endpoint, stop) = (&endpoint, &stop);
            scope.spawn(move || {
                let client = context.socket(DEALER);
                client.set(RCVTIMEO, 100).expect("an option");
                client.connect(endpoint).expect("a connection");
                for i in 0_u64.. {
                    if stop.load(Ordering::Relaxed) {
                        break;
                    }
                    // While the server is away the pipe fills up: that's no error of the client's.
                    let _ = client.send(&i.to_le_bytes(), DONTWAIT);
                    match client.recv(0) {
                        Ok(reply) => {
                            assert_eq!(reply.len(), 8);
                            replies.fetch_add(1, Ordering::Relaxed);
                        }
                        Err(error) => assert_eq!(error.0, libc::EAGAIN),
                    }
                }
                client.close().expect("closed");
            });
        }
        let wait = |what: &str| {
            let before: Vec<usize> = replies.iter().map(|n| n.load(Ordering::Relaxed)).collect();
            let deadline = Instant::now() + Duration::from_secs(10);
            // So many that they aren't what was under way.
            let ahead =
                |(n, before): (&AtomicUsize, &usize)| n.load(Ordering::Relaxed) > before + 100;
            while !replies.iter().zip(&before).all(ahead) {
                assert!(
                    Instant::now() < deadline,
                    "{what}: {before:?}, now {replies:?}"
                );
                thread::sleep(Duration::from_millis(5));
            }
        };
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            wait("at first");
            for round in 0..3 * factor() {
                // Killed when dropped.
                drop(server.lock().expect("the server").take());
                thread::sleep(Duration::from_millis(20 * (round as u64 % 5)));
                *server.lock().expect("the server") = Some(start(&endpoint).0);
                wait("after a restart");
            }
        }));
        stop.store(true, Ordering::Relaxed);
        if let Err(panic) = result {
            std::panic::resume_unwind(panic);
        }
    });
    context.term().expect("an end");
}

/// Accepts a connection and its handshake.
fn accept(listener: &TcpListener) -> TcpStream {
    let (mut stream, _) = listener.accept().expect("a connection");
    stream
        .write_all(&[greeting(0, b"NULL", false), ready(b"ROUTER")].concat())
        .expect("written");
    let mut theirs = [0; 64];
    stream.read_exact(&mut theirs).expect("a greeting");
    stream
}

/// A peer falls silent, and a thread that waits in zmq_recv gets what the next connection brings.
pub fn silent_peer() {
    let context = Library::under_test().context();
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let socket = context.socket(DEALER);
    socket.set(HEARTBEAT_IVL, 100).expect("an option");
    socket.set(HEARTBEAT_TIMEOUT, 300).expect("an option");
    socket
        .connect(&format!("tcp://127.0.0.1:{port}"))
        .expect("a connection");
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut silent = accept(&listener);
            let mut second = accept(&listener);
            // Not with the handshake, but before the second one is found silent, too.
            thread::sleep(Duration::from_millis(100));
            // The first one was hung up on, though the thread watches it.
            silent
                .set_read_timeout(Some(Duration::from_secs(1)))
                .expect("an option");
            silent.read_to_end(&mut Vec::new()).expect("the end");
            second.write_all(b"\0\x05hello").expect("written");
            thread::sleep(Duration::from_millis(200));
            drop(second);
        });
        assert_eq!(socket.recv(0).expect("a message"), b"hello");
    });
    socket.close().expect("closed");
    context.term().expect("an end");
}
