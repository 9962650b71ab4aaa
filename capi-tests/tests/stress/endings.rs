//! What is left of a context when it has ended: nothing.

use std::{
    fs, thread,
    time::{Duration, Instant},
};

use capi_tests::{
    api::{Context, Library, Socket, consts::*},
    process::{descriptors, patience, status},
};

use crate::{factor, signals::this_thread};

/// Bodies that are copied, and ones that are passed on by reference.
const SIZES: [usize; 3] = [5, 300, 20_000];

/// What the process has of the system.
#[derive(Debug)]
struct Held {
    descriptors: usize,
    threads: usize,
    /// In KiB.
    memory: usize,
}

fn held() -> Held {
    Held {
        descriptors: descriptors(),
        threads: status("Threads:"),
        memory: status("VmRSS:"),
    }
}

/// The same, once the threads are gone that look up names, and those are no longer listed that were joined a moment ago.
fn settled(threads: usize) -> Held {
    let deadline = Instant::now() + Duration::from_secs(5);
    loop {
        let held = held();
        if held.threads == threads || Instant::now() > deadline {
            return held;
        }
        thread::sleep(Duration::from_millis(1));
    }
}

/// Sends messages, of one part and of many, that nobody has to receive.
fn pour(from: Socket, address: &[&[u8]]) {
    let bodies = SIZES.map(|size| vec![7; size]);
    let [small, medium, large] = bodies.each_ref().map(Vec::as_slice);
    for message in [&[small][..], &[large], &[large, medium, small, large]] {
        from.send_all(&[address, message].concat()).expect("sent");
    }
}

/// Two sockets, connected, with messages received and others still under way.
fn connected(context: Context, transport: &str, from: i32, to: i32) {
    let (a, b) = (context.socket(from), context.socket(to));
    if to == SUB {
        b.set_bytes(SUBSCRIBE, b"").expect("an option");
    }
    if from == ROUTER {
        b.set_bytes(ROUTING_ID, b"peer").expect("an option");
        a.set(ROUTER_MANDATORY, 1).expect("an option");
    }
    b.connect(&a.bind_any(transport)).expect("a connection");
    match (from, to) {
        (REP, _) => {
            b.send_all(&[&[1; 20_000], b"request"]).expect("sent");
            a.recv_all(0).expect("a request");
            a.send_all(&[&[2; 20_000], b"reply"]).expect("sent");
            b.recv_all(0).expect("a reply");
            b.send(b"not answered", 0).expect("sent");
        }
        (XPUB, _) => {
            a.recv(0).expect("a subscription");
            pour(a, &[]);
            b.recv_all(0).expect("a message");
            pour(a, &[]);
        }
        (ROUTER, _) => {
            b.send(b"here", 0).expect("sent");
            a.recv_all(0).expect("a message");
            pour(a, &[b"peer"]);
            (0..3).for_each(|_| drop(b.recv_all(0).expect("a message")));
            pour(a, &[b"peer"]);
        }
        _ => {
            pour(a, &[]);
            (0..3).for_each(|_| drop(b.recv_all(0).expect("a message")));
            pour(a, &[]);
        }
    }
    // A message that isn't whole, and one that nobody will have.
    if [PUSH, PAIR].contains(&from) {
        a.send(&[3; 20_000], SNDMORE).expect("sent");
    }
    let nobody = context.socket(DEALER);
    nobody
        .connect("tcp://127.0.0.1:1")
        .expect("an endpoint that is well-formed");
    nobody.send(&[4; 20_000], 0).expect("sent");
    nobody.connect("inproc://nobody").expect("an endpoint");
    nobody.send(&[4; 20_000], 0).expect("sent");
    for socket in [nobody, a, b] {
        socket.close().expect("closed");
    }
}

/// The life of a context.
fn live_and_end(library: &'static Library) {
    let context = library.context();
    for transport in ["tcp", "ipc", "inproc"] {
        let monitored = context.socket(PAIR);
        monitored.monitor("inproc://monitor").expect("a monitor");
        let monitor = context.socket(PAIR);
        monitor.connect("inproc://monitor").expect("a connection");
        monitored.bind_any(transport);
        for (from, to) in [
            (PAIR, PAIR),
            (PUSH, PULL),
            (XPUB, SUB),
            (REP, REQ),
            (ROUTER, DEALER),
        ] {
            connected(context, transport, from, to);
        }
        // Nobody has received the events.
        monitored.close().expect("closed");
        monitor.close().expect("closed");
    }
    // The name is still being looked up when the context is gone.
    let late = context.socket(DEALER);
    late.connect("tcp://localhost:1").expect("an endpoint");
    late.close().expect("closed");
    context.term().expect("an end");
}

/// Contexts that have ended leave no descriptor, no thread and no memory.
pub fn endings() {
    let library = Library::under_test();
    // A sanitizer has a thread of its own, from when there is another.
    let other = thread::spawn(this_thread).join().expect("a thread");
    let other = format!("/proc/self/task/{other}");
    while fs::exists(&other).expect("a list") {
        thread::sleep(Duration::from_millis(1));
    }
    let alone = held().threads;
    // Until handles are used again, and the allocator has what it keeps.
    (0..50 * patience()).for_each(|_| live_and_end(library));
    let before = settled(alone);
    (0..200 * factor()).for_each(|_| live_and_end(library));
    let after = settled(alone);
    assert_eq!(after.threads, alone);
    assert_eq!(after.descriptors, before.descriptors);
    // A body of 20,000 bytes left behind by each context would be twice as much.
    let allowed = before.memory + 2 * 1024 * factor();
    assert!(after.memory < allowed, "{before:?}, {after:?}");
}
