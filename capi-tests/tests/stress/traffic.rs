//! Much traffic: nothing is lost, nothing changes places.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use capi_tests::api::{Library, Part, Result, Socket, consts::*};

use crate::factor;

/// A thousand clients ask one server, all at once, again and again.
pub fn many_clients() {
    const THREADS: usize = 4;
    let (clients, requests) = (1000, 100 * factor());
    allow_descriptors();
    let library = Library::under_test();
    let (context, clients_context) = (library.context(), library.context());
    clients_context
        .set(MAX_SOCKETS, 2 * clients as i32)
        .expect("enough sockets");
    let server = context.socket(REP);
    let endpoint = server.bind_any("tcp");

    thread::scope(|scope| {
        scope.spawn(|| {
            for _ in 0..clients * requests {
                let request = server.recv(0).expect("a request");
                server.send(&request, 0).expect("a reply");
            }
        });
        for thread in 0..THREADS {
            let endpoint = &endpoint;
            scope.spawn(move || {
                let sockets: Vec<Socket> = (0..clients / THREADS)
                    .map(|_| clients_context.socket(REQ))
                    .collect();
                for socket in &sockets {
                    socket.connect(endpoint).expect("a connection");
                }
                for round in 0..requests {
                    let text = |i| format!("{thread} {i} {round}");
                    for (i, socket) in sockets.iter().enumerate() {
                        socket.send(text(i).as_bytes(), 0).expect("sent");
                    }
                    for (i, socket) in sockets.iter().enumerate() {
                        let reply = socket.recv(0).expect("a reply");
                        assert_eq!(reply, text(i).as_bytes());
                    }
                }
                for socket in sockets {
                    socket.close().expect("closed");
                }
            });
        }
    });
    server.close().expect("closed");
    context.term().expect("an end");
    clients_context.term().expect("an end");
}

/// As many file descriptors as the system lets us have.
fn allow_descriptors() {
    // SAFETY: a local structure, filled before it is used.
    unsafe {
        let mut limit: libc::rlimit = std::mem::zeroed();
        libc::getrlimit(libc::RLIMIT_NOFILE, &mut limit);
        limit.rlim_cur = limit.rlim_max;
        libc::setrlimit(libc::RLIMIT_NOFILE, &limit);
    }
}

/// The size of a message: mostly small, at the borders of the protocol and of buffers, and now and then big.
fn size(i: usize) -> usize {
    const SIZES: [usize; 16] = [
        0, 1, 7, 8, 32, 33, 64, 254, 255, 256, 257, 1000, 8191, 8192, 8193, 40_000,
    ];
    match i {
        2_000 => 1 << 20,
        3_000 => 16 << 20,
        5_000 => 256 << 20,
        _ if i % 1000 == 500 => 500_000,
        _ => SIZES[i % SIZES.len()],
    }
}

/// The byte that a message consists of, after its number.
fn fill(i: usize) -> u8 {
    (i % 251) as u8
}

/// Ten thousand messages arrive as they were sent, though the receiver stalls.
pub fn in_order(transport: &str) {
    let count = 10_000;
    let library = Library::under_test();
    for _ in 0..factor() {
        let context = library.context();
        let (from, to) = (context.socket(PUSH), context.socket(PULL));
        let endpoint = to.bind_any(transport);
        from.connect(&endpoint).expect("a connection");
        thread::scope(|scope| {
            scope.spawn(move || {
                for i in 0..count {
                    let mut body = vec![fill(i); size(i)];
                    let number = (i as u32).to_le_bytes();
                    let known = body.len().min(4);
                    body[..known].copy_from_slice(&number[..known]);
                    from.send(&body, 0).expect("sent");
                }
            });
            for i in 0..count {
                if i % 2500 == 1500 {
                    // The sender's and the receiver's pipe are full after 2,000 messages.
                    thread::sleep(Duration::from_millis(300));
                }
                let look = |body: &[u8]| {
                    assert_eq!(body.len(), size(i), "message {i}");
                    let number = (i as u32).to_le_bytes();
                    let known = body.len().min(4);
                    assert_eq!(body[..known], number[..known], "message {i}");
                    let same = body[known..].iter().all(|byte| *byte == fill(i));
                    assert!(same, "message {i} has changed");
                };
                let (_, more) = to.recv_with(0, look).expect("a message");
                assert!(!more);
            }
        });
        from.close().expect("closed");
        to.close().expect("closed");
        context.term().expect("an end");
    }
}

/// Messages of many parts from several senders stay whole.
pub fn many_parts(transport: &str) {
    const SENDERS: usize = 3;
    let counts = [1, 2, 3, 10, 100, 500, 1000, 3000];
    let messages = 60 * factor();
    let library = Library::under_test();
    let context = library.context();
    let to = context.socket(PULL);
    let endpoint = to.bind_any(transport);
    thread::scope(|scope| {
        for sender in 0..SENDERS {
            let endpoint = &endpoint;
            scope.spawn(move || {
                let from = context.socket(PUSH);
                from.connect(endpoint).expect("a connection");
                for i in 0..messages {
                    let parts = counts[(i + sender) % counts.len()];
                    for part in 0..parts {
                        let text = format!("{sender} {i} {part} {parts}");
                        let mut body = text.into_bytes();
                        body.resize(body.len() + (part * 7) % 400, b' ');
                        let more = if part + 1 < parts { SNDMORE } else { 0 };
                        from.send(&body, more).expect("sent");
                    }
                }
                // What was sent is delivered though the socket is closed.
                from.set(LINGER, -1).expect("an option");
                from.close().expect("closed");
            });
        }
        let mut next = [0; SENDERS];
        for _ in 0..SENDERS * messages {
            let message = to.recv_all(0).expect("a message");
            let numbers = |body: &[u8]| -> Vec<usize> {
                let text = String::from_utf8_lossy(body).into_owned();
                let words = text.split_whitespace();
                words.map(|word| word.parse().expect("a number")).collect()
            };
            let (sender, i) = (numbers(&message[0])[0], numbers(&message[0])[1]);
            assert_eq!(i, next[sender], "of sender {sender}");
            next[sender] += 1;
            for (part, body) in message.iter().enumerate() {
                assert_eq!(numbers(body), [sender, i, part, message.len()]);
            }
        }
    });
    to.close().expect("closed");
    context.term().expect("an end");
}

/// A sender that never waits keeps no more than is under way: the buffers that it lends come back by themselves, also if
/// it doesn't call again.
pub fn lent_buffers() {
    const ROUNDS: usize = 20;
    const BURST: usize = 50;
    let library = Library::under_test();
    let context = library.context();
    let (from, to) = (context.socket(PUSH), context.socket(PULL));
    from.connect(&to.bind_any("tcp")).expect("connected");
    let given_back = Arc::default();
    for round in 1..=ROUNDS {
        for _ in 0..BURST {
            let mut part = Part::lend(library, vec![7; 100_000], &given_back);
            part.send(from, 0).expect("sent");
            // Alone on its way, so that the sender's thread writes it.
            thread::sleep(Duration::from_micros(20));
        }
        for _ in 0..BURST {
            assert_eq!(to.recv(0).expect("a message").len(), 100_000);
        }
        let until = Instant::now() + Duration::from_secs(5);
        while given_back.load(Ordering::Relaxed) < round * BURST {
            assert!(
                Instant::now() < until,
                "{given_back:?} of {}",
                round * BURST
            );
            thread::sleep(Duration::from_millis(1));
        }
    }
    from.close().expect("closed");
    to.close().expect("closed");
    context.term().expect("an end");
}

/// The function that a lent buffer comes back by may send with the same socket, wherever it is called.
pub fn lent_and_used_again() {
    let library = Library::under_test();
    let context = library.context();
    for (kind, peer, peers, conflate) in [
        (PUSH, PULL, 1_usize, false),
        (PUSH, PULL, 2, false),
        (PUSH, PULL, 1, true),
        (PUB, SUB, 0, false),
        (PUB, SUB, 3, false),
    ] {
        let from = context.socket(kind);
        from.set(CONFLATE, conflate.into()).expect("set");
        let endpoint = from.bind_any("tcp");
        from.bind("inproc://lent").expect("bound");
        let connect = |i| {
            let to = context.socket(peer);
            if peer == SUB {
                to.set_bytes(SUBSCRIBE, b"").expect("subscribed");
            }
            let endpoint = ["inproc://lent", &endpoint][i % 2];
            to.connect(endpoint).expect("connected");
            to
        };
        let to: Vec<_> = (0..peers).map(connect).collect();
        let given_back = Arc::new(AtomicUsize::new(0));
        let sizes = [20, 100, 300, 1000, 10_000];
        for size in sizes {
            let given_back = given_back.clone();
            let again = move || {
                let _ = from.send(b"again", DONTWAIT);
                given_back.fetch_add(1, Ordering::Relaxed);
            };
            let mut part = Part::lend_for(library, vec![7; size], again);
            part.send(from, 0).expect("sent");
        }
        let until = Instant::now() + Duration::from_secs(10);
        while given_back.load(Ordering::Relaxed) < sizes.len() {
            assert!(Instant::now() < until, "{given_back:?}");
            for socket in &to {
                while socket.recv(DONTWAIT).is_ok() {}
            }
            thread::yield_now();
        }
        for socket in to.into_iter().chain([from]) {
            socket.set(LINGER, 0).expect("set");
            socket.close().expect("closed");
        }
    }
    context.term().expect("an end");
}

/// A call that succeeds leaves errno alone, also if it had to wait, or to write to a connection that took no more.
pub fn errno_kept(transport: &str) {
    fn kept<T>(call: impl FnOnce() -> Result<T>) -> T {
        // SAFETY: the calling thread's errno.
        let errno = unsafe { &mut *libc::__errno_location() };
        *errno = libc::EXDEV;
        let value = call().expect("a success");
        assert_eq!(*errno, libc::EXDEV);
        value
    }
    let library = Library::under_test();
    let context = library.context();
    let (push, pull) = (context.socket(PUSH), context.socket(PULL));
    for socket in [push, pull] {
        socket.set(SNDHWM, 10).expect("set");
        socket.set(RCVHWM, 10).expect("set");
    }
    let endpoint = pull.bind_any(transport);
    push.connect(&endpoint).expect("a connection");
    let sizes = [16, 16, 300, 3000, 100_000, 16, 2_000_000];
    let messages = 3000 * factor();
    thread::scope(|scope| {
        scope.spawn(|| {
            let body = vec![7; 2_000_000];
            for i in 0..messages {
                kept(|| push.send(&body[..sizes[i % sizes.len()]], 0));
            }
        });
        let mut buffer = vec![0; 2_000_000];
        for i in 0..messages {
            let size = match i % 2 {
                0 => kept(|| pull.recv_with(0, <[u8]>::len)).0,
                _ => kept(|| pull.recv_into(&mut buffer, 0)),
            };
            assert_eq!(size, sizes[i % sizes.len()]);
        }
    });
    push.close().expect("closed");
    pull.close().expect("closed");
    context.term().expect("an end");
}
