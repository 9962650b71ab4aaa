//! Peers that don't speak the protocol lose their connection, and nobody else notices.

use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    os::unix::net::UnixStream,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant, SystemTime},
};

use capi_tests::{
    api::{Context, Library, Socket, consts::*},
    fuzz_corpus::ready,
    process::{descriptors, patience, status},
    random::Random,
};
use conversations::wire::greeting;

use crate::factor;

/// Both kinds of connection.
trait Wire: Read + Write + Send {
    fn time_out(&self, time: Duration);
}

impl Wire for TcpStream {
    fn time_out(&self, time: Duration) {
        let _ = (
            self.set_read_timeout(Some(time)),
            self.set_write_timeout(Some(time)),
        );
    }
}

impl Wire for UnixStream {
    fn time_out(&self, time: Duration) {
        let _ = (
            self.set_read_timeout(Some(time)),
            self.set_write_timeout(Some(time)),
        );
    }
}

fn connect(endpoint: &str) -> Box<dyn Wire> {
    match endpoint.split_once("://").expect("an endpoint") {
        ("tcp", address) => Box::new(TcpStream::connect(address).expect("a connection")),
        (_, path) => Box::new(UnixStream::connect(path).expect("a connection")),
    }
}

fn command(name: &[u8], body: &[u8]) -> Vec<u8> {
    let mut frame = vec![4, (1 + name.len() + body.len()) as u8, name.len() as u8];
    frame.extend([name, body].concat());
    frame
}

/// A frame's head with a length that never comes.
fn huge(random: &mut Random) -> Vec<u8> {
    let lengths = [
        u64::MAX,
        i64::MAX as u64,
        i64::MAX as u64 - 1,
        1 << 62,
        1 << 40,
        1 << 32,
        u64::from(u32::MAX),
        (1 << 31) - 1,
        1 << 31,
    ];
    // Long frames; long commands; with bits that no frame has.
    let flags = [2, 3, 6, 7, 0x82][random.below(5)];
    let mut bytes = vec![flags];
    bytes.extend(lengths[random.below(lengths.len())].to_be_bytes());
    let size = random.below(2000);
    bytes.extend(random.bytes(size));
    bytes
}

/// Something that is right up to some point.
fn rubbish(random: &mut Random) -> Vec<u8> {
    let mechanisms: [&[u8]; 5] = [
        b"NULL",
        b"PLAIN",
        b"CURVE",
        b"GSSAPI",
        b"no such mechanism!!!",
    ];
    let kinds: [&[u8]; 6] = [b"DEALER", b"REQ", b"PUSH", b"SUB", b"PUB", b"NOTHING"];
    let known = [1, mechanisms.len()][random.below(2)];
    let mechanism = mechanisms[random.below(known)];
    let good = greeting(random.below(3) as u8, mechanism, random.below(2) == 1);
    let hello = [&*good, &ready(kinds[random.below(kinds.len())])].concat();
    let size = random.below(600);
    let noise = random.bytes(size);
    let mut bytes = match random.below(14) {
        0 => noise,
        1 => good[..random.below(good.len())].to_vec(),
        2 => [&*good, &noise].concat(),
        3 => [&*good, &huge(random)].concat(),
        4 => hello[..random.below(hello.len())].to_vec(),
        5 => [&*hello, &noise].concat(),
        6 => [&*hello, &huge(random)].concat(),
        // A message that is cut off, or never ends.
        7 => [
            &*hello,
            b"\x01\x00",
            &[1, 5, b'a', b'b', b'c', b'd', b'e'].repeat(random.below(500)),
        ]
        .concat(),
        8 => [&*hello, b"\x00\xff1234"].concat(),
        // Commands that are broken, or out of place.
        9 => [
            &*hello,
            &command(b"PING", b"\x00"),
            &command(b"READY", &noise[..noise.len().min(200)]),
        ]
        .concat(),
        10 => [&*good, &command(b"HELLO", &noise[..noise.len().min(194)])].concat(),
        11 => [&*good, &command(b"ERROR", b"\xffshort")].concat(),
        // ZMTP 1 and 2.
        12 => [b"\xff\0\0\0\0\0\0\0\x01\x7f\x01\x05\0\0", &*noise].concat(),
        _ => [b"\x01\0", &*noise].concat(),
    };
    // And something changed in one of two.
    if random.below(2) == 0 && !bytes.is_empty() {
        for _ in 0..=random.below(4) {
            let at = random.below(bytes.len());
            bytes[at] = random.below(256) as u8;
        }
    }
    bytes
}

/// Sends rubbish, in pieces of any size, and hangs up, waits to be hung up on, or leaves the connection as it is.
fn annoy(mut wire: Box<dyn Wire>, random: &mut Random, left: &mut Vec<Box<dyn Wire>>) {
    wire.time_out(Duration::from_millis(2));
    let bytes = rubbish(random);
    let mut rest = &*bytes;
    while !rest.is_empty() {
        let size = (1 + random.below(200)).min(rest.len());
        if wire.write_all(&rest[..size]).is_err() {
            break;
        }
        rest = &rest[size..];
    }
    let _ = match random.below(3) {
        0 => wire.read(&mut [0; 1000]),
        1 => Ok(0),
        _ if left.len() < 100 => {
            left.push(wire);
            Ok(0)
        }
        _ => Ok(0),
    };
}

fn seed() -> u64 {
    let now = SystemTime::UNIX_EPOCH.elapsed().expect("a time").as_nanos() as u64;
    let seed = std::env::var("SEED").map_or(now, |text| text.parse().expect("SEED is a number"));
    println!("SEED={seed}");
    seed | 1
}

fn secured(context: Context, kind: i32, security: usize) -> Socket {
    let socket = context.socket(kind);
    match security {
        1 => socket.set(PLAIN_SERVER, 1).expect("an option"),
        2 => {
            socket.set(CURVE_SERVER, 1).expect("an option");
            socket.set_bytes(CURVE_SECRETKEY, &[7; 32]).expect("a key")
        }
        _ => 0,
    };
    socket
}

/// Bad peers of sockets of all kinds, while good ones go on.
pub fn garbage(transport: &str) {
    let context = Library::under_test().context();
    let (server, client) = (context.socket(REP), context.socket(REQ));
    let endpoint = server.bind_any(transport);
    client.connect(&endpoint).expect("connected");
    let mut targets = vec![endpoint];
    let mut sockets = vec![];
    for kind in [PULL, SUB, PUB, XPUB, DEALER, ROUTER, REQ, PUSH, PAIR] {
        for security in 0..3 {
            let socket = secured(context, kind, security);
            if kind == SUB {
                socket.set_bytes(SUBSCRIBE, b"").expect("subscribed");
            }
            targets.push(socket.bind_any(transport));
            sockets.push(socket);
        }
    }
    let stop = AtomicBool::new(false);
    let (memory, before) = (status("VmRSS:"), descriptors());
    let mut random = Random::new(seed());
    thread::scope(|scope| {
        let asking = scope.spawn(|| {
            for i in 0_u64.. {
                client.send(&i.to_le_bytes(), 0).expect("sent");
                assert_eq!(client.recv(0).expect("a reply"), i.to_le_bytes());
                if stop.load(Ordering::Relaxed) {
                    break;
                }
            }
        });
        scope.spawn(move || {
            // The last question, too, wants an answer.
            while !asking.is_finished() {
                server.poll(POLLIN, 10).expect("a poll");
                // A bad peer of the server's may have sent something that is a request, or that is none.
                if let Ok(request) = server.recv_all(DONTWAIT) {
                    let parts: Vec<&[u8]> = request.iter().map(Vec::as_slice).collect();
                    server.send_all(&parts).expect("sent");
                }
            }
        });
        // What good sockets hear from bad peers is of no interest, but is taken.
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                for socket in &sockets {
                    while socket.recv(DONTWAIT).is_ok() {}
                    let _ = socket.send(b"to whom it may concern", DONTWAIT);
                }
                thread::sleep(Duration::from_millis(1));
            }
        });
        let mut left = Vec::new();
        for _ in 0..3000 * factor() {
            let target = &targets[random.below(targets.len())];
            annoy(connect(target), &mut random, &mut left);
        }
        drop(left);
        stop.store(true, Ordering::Relaxed);
    });
    // Most connections are gone, for they were hung up on.
    let deadline = Instant::now() + Duration::from_secs(5) * patience();
    while descriptors() > before + 10 {
        assert!(
            Instant::now() < deadline,
            "{} descriptors, at first {before}",
            descriptors()
        );
        thread::sleep(Duration::from_millis(10));
    }
    let peak = status("VmHWM:");
    println!("memory: {memory} KiB at first, {peak} KiB at most");
    assert!(
        peak < memory + 64 * 1024,
        "{memory} KiB at first, then {peak} KiB"
    );
    for socket in sockets.into_iter().chain([server, client]) {
        socket.close().expect("closed");
    }
    context.term().expect("an end");
}

/// Sockets connect to a peer that talks rubbish, while others go on.
pub fn from_server() {
    let context = Library::under_test().context();
    let (server, client) = (context.socket(REP), context.socket(REQ));
    client.connect(&server.bind_any("tcp")).expect("connected");
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let endpoint = format!("tcp://{}", listener.local_addr().expect("an address"));
    let mut sockets = Vec::new();
    for kind in [PULL, SUB, PUB, DEALER, ROUTER, REQ, PUSH, PAIR] {
        for _ in 0..4 {
            let socket = context.socket(kind);
            socket.set(RECONNECT_IVL, 1).expect("an option");
            socket.connect(&endpoint).expect("connected");
            sockets.push(socket);
        }
    }
    let memory = status("VmRSS:");
    let stop = AtomicBool::new(false);
    let mut random = Random::new(seed());
    listener.set_nonblocking(true).expect("an option");
    thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                client.send(b"request", 0).expect("sent");
                assert_eq!(server.recv(0).expect("a request"), b"request");
                server.send(b"reply", 0).expect("sent");
                assert_eq!(client.recv(0).expect("a reply"), b"reply");
            }
        });
        let mut left = Vec::new();
        let (mut annoyed, mut fresh) = (0, Instant::now());
        while annoyed < 500 * factor() {
            if let Ok((stream, _)) = listener.accept() {
                stream.set_nonblocking(false).expect("an option");
                annoy(Box::new(stream), &mut random, &mut left);
                annoyed += 1;
                fresh = Instant::now();
            } else if fresh.elapsed() > Duration::from_millis(5) {
                // Those that were told a broken protocol don't come back: others do.
                left.clear();
                fresh = Instant::now();
                let i = random.below(sockets.len());
                let _ = sockets[i].disconnect(&endpoint);
                sockets[i].connect(&endpoint).expect("connected");
            } else {
                thread::sleep(Duration::from_micros(100));
            }
        }
        stop.store(true, Ordering::Relaxed);
    });
    let peak = status("VmHWM:");
    println!("memory: {memory} KiB at first, {peak} KiB at most");
    assert!(
        peak < memory + 64 * 1024,
        "{memory} KiB at first, then {peak} KiB"
    );
    for socket in sockets.into_iter().chain([server, client]) {
        socket.close().expect("closed");
    }
    context.term().expect("an end");
}
