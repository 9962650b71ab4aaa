//! How many messages sockets take before they block or drop: the same numbers as the reference's.

use std::{thread, time::Duration};

use capi_tests::api::{Context, Library, Socket, consts::*};

/// What was counted, and how many it was.
type Counts = Vec<(String, usize)>;

pub fn high_water_marks() {
    let ours = counts(Library::under_test());
    let theirs = counts(Library::reference());
    let mut wrong = 0;
    for (ours, theirs) in ours.iter().zip(&theirs) {
        if ours != theirs {
            println!("{}: {}, the reference: {}", ours.0, ours.1, theirs.1);
            wrong += 1;
        }
    }
    assert_eq!(wrong, 0, "of {}", ours.len());
    assert_eq!(ours.len(), theirs.len());
}

fn counts(library: &'static Library) -> Counts {
    let mut counts = Vec::new();
    for hwm in [1, 2, 3, 7, 10, 1000] {
        unconnected(library, hwm, &mut counts);
        for far in [1, 5, 1000] {
            for bind_first in [true, false] {
                inproc(library, hwm, far, bind_first, &mut counts);
            }
        }
    }
    unlimited(library, &mut counts);
    counts
}

/// Sends without waiting until that fails, or `limit` messages.
fn fill(socket: Socket, address: Option<&[u8]>, limit: usize) -> usize {
    // The reference may not look for credit when it sends; this makes it.
    let _ = socket.get(EVENTS);
    let mut sent = 0;
    while sent < limit {
        let result = address
            .map_or(Ok(0), |address| socket.send(address, DONTWAIT | SNDMORE))
            .and_then(|_| socket.send(b"message", DONTWAIT));
        match result {
            Ok(_) => sent += 1,
            Err(error) => {
                assert!([libc::EAGAIN, EFSM].contains(&error.0), "{error:?}");
                break;
            }
        }
    }
    sent
}

/// Receives without waiting until there is nothing, or `limit` messages.
fn drain(socket: Socket, limit: usize) -> usize {
    (0..limit)
        .take_while(|_| socket.recv_all(DONTWAIT).is_ok())
        .count()
}

fn with_marks(context: Context, kind: i32, send: i32, receive: i32) -> Socket {
    let socket = context.socket(kind);
    socket.set(SNDHWM, send).expect("an option");
    socket.set(RCVHWM, receive).expect("an option");
    socket
}

/// What a socket takes for a peer that isn't there: its own mark.
fn unconnected(library: &'static Library, hwm: i32, counts: &mut Counts) {
    for (name, kind) in [
        ("PUSH", PUSH),
        ("DEALER", DEALER),
        ("REQ", REQ),
        ("PAIR", PAIR),
        ("PUB", PUB),
    ] {
        let context = library.context();
        let alone = with_marks(context, kind, hwm, 1000);
        counts.push((format!("{name} alone"), fill(alone, None, 20)));
        let socket = with_marks(context, kind, hwm, 1000);
        socket.connect("tcp://127.0.0.1:1").expect("an endpoint");
        let sent = fill(socket, None, 3000);
        counts.push((format!("{name} {hwm} to nobody"), sent));
        let ready = socket.get(EVENTS).expect("events") as usize;
        counts.push((format!("{name} {hwm} to nobody: events"), ready));
        socket.close().expect("closed");
        alone.close().expect("closed");
        context.term().expect("an end");
    }
}

/// What passes between two sockets of a process, before and after a part of it was received.
fn inproc(library: &'static Library, hwm: i32, far: i32, bind_first: bool, counts: &mut Counts) {
    for (name, from, to) in [
        ("PUSH", PUSH, PULL),
        ("DEALER", DEALER, DEALER),
        ("PAIR", PAIR, PAIR),
        ("PUB", PUB, SUB),
        ("ROUTER", ROUTER, DEALER),
        ("mandatory ROUTER", ROUTER, DEALER),
    ] {
        let context = library.context();
        let (from, to) = (
            with_marks(context, from, hwm, 1000),
            with_marks(context, to, 1000, far),
        );
        let address = name.ends_with("ROUTER").then_some(&b"peer"[..]);
        if address.is_some() {
            to.set_bytes(ROUTING_ID, b"peer").expect("an option");
            let mandatory = name != "ROUTER";
            from.set(ROUTER_MANDATORY, mandatory.into())
                .expect("an option");
        }
        if name == "PUB" {
            to.set_bytes(SUBSCRIBE, b"").expect("subscribed");
        }
        if bind_first {
            from.bind("inproc://x").expect("bound");
            to.connect("inproc://x").expect("connected");
        } else {
            to.connect("inproc://x").expect("connected");
            from.bind("inproc://x").expect("bound");
        }
        if name == "PUB" {
            thread::sleep(Duration::from_millis(10));
        }
        let mut count = |what: &str, n| {
            counts.push((format!("{name} {hwm} {far} {bind_first}: {what}"), n));
        };
        count("sent", fill(from, address, 3000));
        count("received some", drain(to, 1));
        count("sent again", fill(from, address, 3000));
        count("received half", drain(to, (hwm + far) as usize / 2));
        count("sent a third time", fill(from, address, 3000));
        count("events", from.get(EVENTS).expect("events") as usize & 2);
        count("received all", drain(to, 10_000));
        count("sent at last", fill(from, address, 3000));
        count("received at last", drain(to, 10_000));
        from.close().expect("closed");
        to.close().expect("closed");
        context.term().expect("an end");
    }
}

/// Zero is no limit, on either side.
fn unlimited(library: &'static Library, counts: &mut Counts) {
    for (send, receive) in [(0, 10), (10, 0), (0, 0)] {
        let context = library.context();
        let from = with_marks(context, PUSH, send, 1000);
        let to = with_marks(context, PULL, 1000, receive);
        from.connect(&to.bind_any("inproc")).expect("connected");
        counts.push((format!("{send} {receive}"), fill(from, None, 5000)));
        counts.push((format!("{send} {receive} received"), drain(to, 6000)));
        from.close().expect("closed");
        to.close().expect("closed");
        context.term().expect("an end");
    }
}

/// A sender that waits for room goes on when it is given some by another mark: its peer's, known only when that binds.
pub fn raised_mark() {
    let context = Library::under_test().context();
    let (from, to) = (
        with_marks(context, PUSH, 1, 1),
        with_marks(context, PULL, 1, 1000),
    );
    from.connect("inproc://later").expect("connected");
    from.send(b"one", 0).expect("sent");
    thread::scope(|scope| {
        let sender = scope.spawn(|| from.send(b"two", 0));
        thread::sleep(Duration::from_millis(100));
        to.bind("inproc://later").expect("bound");
        sender.join().expect("an end").expect("sent");
    });
    assert_eq!(drain(to, 10), 2);
    from.close().expect("closed");
    to.close().expect("closed");
    context.term().expect("an end");
}
