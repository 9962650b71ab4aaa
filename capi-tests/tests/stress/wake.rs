//! Threads that wait are woken by what ends their wait.

use std::{
    io::Write,
    net::TcpStream,
    ptr,
    sync::{
        Barrier,
        atomic::{AtomicBool, AtomicI32, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use capi_tests::{
    api::{Context, Errno, Library, PollItem, Result, Socket, consts::*},
    fuzz_corpus::ready,
    process::patience,
};
use conversations::wire::greeting;

use crate::{
    busy::among_busy_threads,
    factor,
    signals::{accept_signals, signal, this_thread},
    way::Way,
};

/// A call that waits forever.
struct Call {
    name: &'static str,
    socket: Socket,
    call: fn(Socket) -> Result<()>,
    /// The other end of the socket's connection.
    peer: Option<Socket>,
}

impl Call {
    fn close(&self) {
        for socket in [Some(self.socket), self.peer].into_iter().flatten() {
            // It may be closed already.
            let _ = socket.close();
        }
    }
}

fn blocking_calls(context: Context) -> Vec<Call> {
    let socket = |kind| {
        let socket = context.socket(kind);
        socket.set(RCVTIMEO, -1).expect("an option");
        socket.set(SNDTIMEO, -1).expect("an option");
        socket
    };
    let bound = |kind| {
        let socket = socket(kind);
        socket.bind_any("tcp");
        (socket, None)
    };
    // With a connection the waiting thread may have a descriptor to watch, too.
    let connected = |transport| {
        let (one, other) = (socket(DEALER), socket(DEALER));
        other.connect(&one.bind_any(transport)).expect("connected");
        one.send(b"", 0).expect("sent");
        other.recv(0).expect("a message");
        (one, Some(other))
    };
    let full = || {
        let full = socket(PUSH);
        full.set(SNDHWM, 2).expect("an option");
        full.connect("tcp://127.0.0.1:1").expect("an endpoint");
        while full.send(b"", DONTWAIT).is_ok() {}
        (full, None)
    };
    let recv: fn(Socket) -> Result<()> = |s| s.recv(0).map(drop);
    let send: fn(Socket) -> Result<()> = |s| s.send(b"", 0).map(drop);
    let poll: fn(Socket) -> Result<()> = |s| s.poll(POLLIN, -1).map(drop);
    let proxy: fn(Socket) -> Result<()> = |s| s.proxy(s).map(drop);
    [
        ("recv", bound(PULL), recv),
        ("recv, tcp", connected("tcp"), recv),
        ("recv, ipc", connected("ipc"), recv),
        ("recv, inproc", connected("inproc"), recv),
        ("send to nobody", bound(PUSH), send),
        ("send to a full pipe", full(), send),
        ("poll", bound(PULL), poll),
        ("poll, tcp", connected("tcp"), poll),
        ("poll, inproc", connected("inproc"), poll),
        ("proxy", bound(ROUTER), proxy),
    ]
    .map(|(name, (socket, peer), call)| Call {
        name,
        socket,
        call,
        peer,
    })
    .into()
}

/// Has all calls block, does what is to end them, and sees that they fail with this errno.
fn all_fail_with(errno: i32, calls: &[Call], end: impl FnOnce()) {
    thread::scope(|scope| {
        let threads: Vec<_> = calls
            .iter()
            .map(|call| scope.spawn(|| (call.call)(call.socket)))
            .collect();
        thread::sleep(Duration::from_millis(200));
        for (call, thread) in calls.iter().zip(&threads) {
            assert!(!thread.is_finished(), "{} didn't wait", call.name);
        }
        end();
        for (call, thread) in calls.iter().zip(threads) {
            let result = thread.join().expect("a result");
            assert_eq!(result, Err(Errno(errno)), "{}", call.name);
        }
    });
}

pub fn woken_by_shutdown() {
    let context = Library::under_test().context();
    let calls = blocking_calls(context);
    all_fail_with(ETERM, &calls, || {
        context.shutdown().expect("a shutdown");
    });
    calls.iter().for_each(Call::close);
    context.term().expect("an end");
}

/// The thread that ends the context waits until all sockets are closed.
pub fn woken_by_term() {
    let context = Library::under_test().context();
    let calls = blocking_calls(context);
    thread::scope(|scope| {
        let mut end = None;
        all_fail_with(ETERM, &calls, || end = Some(scope.spawn(|| context.term())));
        let end = end.expect("a thread");
        thread::sleep(Duration::from_millis(50));
        assert!(!end.is_finished(), "sockets are still open");
        calls.iter().for_each(Call::close);
        end.join().expect("a result").expect("an end");
    });
}

pub fn woken_by_close() {
    let context = Library::under_test().context();
    let calls = blocking_calls(context);
    all_fail_with(libc::ENOTSOCK, &calls, || {
        for call in &calls {
            call.socket.close().expect("closed");
        }
    });
    calls.iter().for_each(Call::close);
    context.term().expect("an end");
}

pub fn woken_by_signal() {
    accept_signals();
    let context = Library::under_test().context();
    let calls = blocking_calls(context);
    for Call {
        name, socket, call, ..
    } in &calls
    {
        let thread = AtomicI32::new(0);
        let barrier = Barrier::new(2);
        thread::scope(|scope| {
            let (thread, barrier) = (&thread, &barrier);
            let call = scope.spawn(move || {
                thread.store(this_thread(), Ordering::SeqCst);
                barrier.wait();
                call(*socket)
            });
            barrier.wait();
            let thread = thread.load(Ordering::SeqCst);
            thread::sleep(Duration::from_millis(100));
            assert!(!call.is_finished(), "{name} didn't wait");
            signal(thread);
            let result = call.join().expect("a result");
            assert_eq!(result, Err(Errno(libc::EINTR)), "{name}");
        });
    }
    calls.iter().for_each(Call::close);
    context.term().expect("an end");
}

/// Round trips while all processors are busy with something else, so that threads are interrupted anywhere. A wake-up
/// that is lost takes a round's five seconds.
pub fn ping_pong(transport: &str) {
    let ways = [Way::Recv, Way::Poll, Way::Fd];
    let time = Duration::from_millis(2500) * factor() as u32 / ways.len() as u32;
    among_busy_threads(|| {
        for way in ways {
            let rounds = play(transport, way, time);
            println!("{transport} {way:?}: {rounds} rounds");
        }
    });
}

fn play(transport: &str, way: Way, time: Duration) -> u32 {
    let library = Library::under_test();
    let servers = library.context();
    let clients = match transport {
        "inproc" => servers,
        _ => library.context(),
    };
    let (server, client) = (servers.socket(REP), clients.socket(REQ));
    for socket in [server, client] {
        socket.set(RCVTIMEO, 5000).expect("an option");
    }
    client
        .connect(&server.bind_any(transport))
        .expect("connected");
    let mut rounds = 0_u32;
    thread::scope(|scope| {
        scope.spawn(|| {
            for round in 0_u32.. {
                let request = way.recv(server);
                let request = request.unwrap_or_else(|e| panic!("request {round}: {e:?}"));
                server.send(&request, 0).expect("sent");
                if request.is_empty() {
                    break;
                }
            }
        });
        let until = Instant::now() + time;
        while Instant::now() < until {
            client.send(&rounds.to_le_bytes(), 0).expect("sent");
            let reply = way.recv(client);
            let reply = reply.unwrap_or_else(|e| panic!("reply {rounds}: {e:?}"));
            assert_eq!(reply, rounds.to_le_bytes());
            rounds += 1;
        }
        client.send(b"", 0).expect("sent");
        way.recv(client).expect("the last reply");
    });
    server.close().expect("closed");
    client.close().expect("closed");
    servers.term().expect("an end");
    if transport != "inproc" {
        clients.term().expect("an end");
    }
    rounds
}

/// ZMQ_FD is readable after a connect or a bind, and a zmq_poll(3) that looks after the socket, too, sees it so.
pub fn fd_of_a_new_link() {
    for library in [Library::reference(), Library::under_test()] {
        let context = library.context();
        let (one, other) = (context.socket(PULL), context.socket(PULL));
        let fd_is_readable = |socket: Socket| {
            let fd = PollItem {
                socket: ptr::null_mut(),
                fd: socket.get(FD).expect("a descriptor"),
                events: POLLIN,
                revents: 0,
            };
            let mut items = [socket.item(POLLIN), fd];
            let ready = library.poll(&mut items, 0).expect("polled");
            assert_eq!((items[0].revents, ready), (0, items[1].revents as usize));
            items[1].revents == POLLIN
        };
        assert!(!fd_is_readable(one));
        other.bind_any("tcp");
        // The second has no descriptor yet, the first has.
        one.connect("tcp://127.0.0.1:1").expect("an endpoint");
        for socket in [one, other] {
            assert!(fd_is_readable(socket));
            assert!(!fd_is_readable(socket));
            socket.close().expect("closed");
        }
        context.term().expect("an end");
    }
}

/// Publishers that come are told at once what a listening subscriber wants, though nobody is using
/// that. What its ZMQ_FD has told of before is still told.
pub fn guests_are_welcomed() {
    let library = Library::under_test();
    let context = library.context();
    for round in 0..50 {
        let subscriber = context.socket(SUB);
        let fd = subscriber.get(FD).expect("a descriptor");
        let endpoint = subscriber.bind_any("tcp");
        let subscribed = subscriber.set_bytes(SUBSCRIBE, b"A");
        subscribed.expect("a subscription");
        let is_readable = || {
            let mut item = [PollItem {
                socket: ptr::null_mut(),
                fd,
                events: POLLIN,
                revents: 0,
            }];
            library.poll(&mut item, 10_000) == Ok(1)
        };
        let guest = || {
            let publisher = context.socket(XPUB);
            publisher.set(RCVTIMEO, 10_000).expect("an option");
            publisher.connect(&endpoint).expect("connected");
            let heard = publisher.recv(0);
            assert_eq!(heard, Ok(b"\x01A".to_vec()), "round {round}");
            publisher
        };
        let first = guest();
        subscriber.get(EVENTS).expect("events");
        first.send(b"A", 0).expect("sent");
        assert!(is_readable(), "round {round}: something has come");
        let second = guest();
        assert!(is_readable(), "round {round}: and nobody has looked");
        assert_eq!(subscriber.recv(0), Ok(b"A".to_vec()));
        for socket in [first, second, subscriber] {
            socket.close().expect("closed");
        }
    }
    context.term().expect("ended");
}

/// A publisher that now and then has something to say heeds what was subscribed to until then, although its I/O thread has
/// hardly had the time to read it, or none. (That thread may be reading at that moment, so it isn't always.)
pub fn fresh_subscriptions() {
    const ROUNDS: u32 = 100;
    let library = Library::under_test();
    let (here, there) = (library.context(), library.context());
    let (publisher, subscriber) = (here.socket(PUB), there.socket(SUB));
    subscriber.set(RCVTIMEO, 20).expect("an option");
    let endpoint = publisher.bind_any("tcp");
    subscriber.set_bytes(SUBSCRIBE, b"ready").expect("wanted");
    subscriber.connect(&endpoint).expect("connected");
    let until = Instant::now() + patience() * Duration::from_secs(10);
    while subscriber.recv(0).is_err() {
        assert!(Instant::now() < until, "no connection");
        publisher.send(b"ready", 0).expect("sent");
    }
    let is_heeded = |topic: &[u8; 4]| {
        // Between what it has to say: it doesn't look all the time.
        thread::sleep(Duration::from_millis(2));
        subscriber.set_bytes(SUBSCRIBE, topic).expect("wanted");
        publisher.send(topic, 0).expect("sent");
        subscriber.recv(0).is_ok_and(|body| body == topic)
    };
    let rounds = (0..ROUNDS).map(u32::to_be_bytes);
    let heeded = rounds.filter(is_heeded).count();
    assert!(heeded > 80, "{heeded} of {ROUNDS}");
    publisher.close().expect("closed");
    subscriber.close().expect("closed");
    here.term().expect("ended");
    there.term().expect("ended");
}

/// A body that comes in byte by byte, and never ends, keeps nobody beyond the timeout.
pub fn dripping_body() {
    let context = Library::under_test().context();
    let socket = context.socket(PULL);
    socket.set(RCVTIMEO, 50).expect("an option");
    let endpoint = socket.bind_any("tcp");
    let address = endpoint.strip_prefix("tcp://").expect("an address");
    let mut peer = TcpStream::connect(address).expect("connected");
    peer.set_nodelay(true).expect("an option");
    peer.write_all(&greeting(1, b"NULL", false)).expect("sent");
    peer.write_all(&ready(b"PUSH")).expect("sent");
    peer.write_all(b"\x02\0\0\0\0\0\xff\xff\xff").expect("sent");
    let stop = AtomicBool::new(false);
    let waited = thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                peer.write_all(b"x").expect("sent");
            }
        });
        let began = Instant::now();
        for _ in 0..10 {
            assert_eq!(socket.recv(0), Err(Errno(libc::EAGAIN)));
        }
        stop.store(true, Ordering::Relaxed);
        began.elapsed()
    });
    assert!(waited < Duration::from_secs(5) * patience(), "{waited:?}");
    socket.close().expect("closed");
    context.term().expect("an end");
}
