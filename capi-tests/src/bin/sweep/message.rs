//! zmq_msg_get(3), zmq_msg_set(3) and zmq_msg_gets(3).
//!
//! Left out are bodies of more than 33 bytes that the library copies, within a message or into a pipe, and upstream's
//! shares: `ZMQ_SHARED` tells.

use std::ffi::c_int;

use capi_tests::api::{Context, Library, Part, Socket, consts::*};

use super::{Case, hex, said};

/// What is tried as a property.
const NUMBERS: [c_int; 9] = [-1, 0, 1, 2, 3, 4, 5, c_int::MIN, c_int::MAX];
const SRCFD: c_int = 2;

const NAMES: [&str; 22] = [
    "Socket-Type",
    "socket-type",
    "Routing-Id",
    "Identity",
    "identity",
    "Peer-Address",
    "peer-address",
    "User-Id",
    "X-name",
    "X-NAME",
    "x-name",
    "X-empty",
    "X-twice",
    "X-",
    "__fd",
    "fd",
    "",
    " ",
    "Resource",
    "Socket-Type ",
    "X-Nämé",
    "As-Server",
];

fn show(what: &str, part: &Part) {
    say!("{what}: more {}", part.more());
    for number in NUMBERS {
        let value = match part.get(number) {
            // A number that the system picks.
            Ok(_) if number == SRCFD => "some".into(),
            result => said("zmq_msg_get", result),
        };
        say!("  {number}: {value}");
    }
    for name in NAMES {
        match part.gets(name) {
            Ok(_) if name == "__fd" => say!("  __fd: some"),
            // The number of the process is in it.
            Ok(value) if value.starts_with("localhost:") => say!("  {name}: localhost"),
            result => say!("  {name}: {}", said("zmq_msg_gets", result)),
        }
    }
}

pub fn cases() -> Vec<Case> {
    let mut cases: Vec<Case> = vec![("message".into(), Box::new(alone))];
    for transport in ["inproc", "ipc", "tcp"] {
        for size in [0, 1, 33, 10_000] {
            cases.push((
                format!("message over {transport}, {size} bytes"),
                Box::new(move |library| {
                    let context = library.context();
                    received(context, library, transport, size);
                    say!("term: {}", said("zmq_ctx_term", context.term()));
                }),
            ));
        }
    }
    cases
}

/// Messages that were never sent.
fn alone(library: &'static Library) {
    let mut part = Part::new(library);
    show("empty", &part);
    for number in NUMBERS {
        for value in [0, 1, -1] {
            say!(
                "set {number} {value}: {}",
                said("zmq_msg_set", part.set(number, value))
            );
        }
    }
    for size in [0, 1, 33, 100, 10_000] {
        let mut part = Part::of(library, &vec![b'x'; size]);
        show(&format!("{size} bytes"), &part);
        let mut copy = Part::new(library);
        say!("copy: {}", said("zmq_msg_copy", copy.copy(&mut part)));
        show("copied", &part);
        show("copy", &copy);
        let mut second = Part::new(library);
        say!("copy: {}", said("zmq_msg_copy", second.copy(&mut copy)));
        drop(part);
        show("copy", &copy);
        drop(second);
        show("last", &copy);
    }
}

/// Messages of two parts, from peers with and without a name and properties.
fn received(context: Context, library: &'static Library, transport: &str, size: usize) {
    for (receiver, sender) in [
        (PAIR, PAIR),
        (ROUTER, DEALER),
        (REP, REQ),
        (SUB, XPUB),
        (PULL, PUSH),
    ] {
        let (to, from) = (context.socket(receiver), context.socket(sender));
        from.set_bytes(ROUTING_ID, b"me\0too").expect("an option");
        for property in [
            "X-name:value",
            "X-twice:1",
            "X-twice:2",
            "X-Nämé:ü",
            "X-empty: ",
        ] {
            from.set_bytes(METADATA, property.as_bytes())
                .expect("an option");
        }
        if receiver == SUB {
            to.set_bytes(SUBSCRIBE, b"").expect("an option");
        }
        // Whoever binds has to be called before it has a connection.
        to.connect(&from.bind_any(transport)).expect("a connection");
        if sender == XPUB {
            show("subscription", &receive(library, from));
        }
        let mut first = Part::of(library, &vec![b'x'; size]);
        let mut second = Part::new(library);
        say!("copy: {}", said("zmq_msg_copy", second.copy(&mut first)));
        say!("send: {}", said("zmq_msg_send", first.send(from, SNDMORE)));
        show("sent", &first);
        say!("send: {}", said("zmq_msg_send", second.send(from, 0)));
        loop {
            let part = receive(library, to);
            show(&format!("type {receiver}"), &part);
            if !part.more() {
                break;
            }
        }
        if receiver == REP {
            let mut reply = Part::of(library, b"reply");
            say!("reply: {}", said("zmq_msg_send", reply.send(to, 0)));
            show("reply", &receive(library, from));
        }
        for socket in [to, from] {
            say!("close: {}", said("zmq_close", socket.close()));
        }
    }
}

fn receive(library: &'static Library, socket: Socket) -> Part {
    let mut part = Part::new(library);
    say!("recv: {}", said("zmq_msg_recv", part.recv(socket, 0)));
    say!("bytes: {}", hex(part.bytes()));
    part
}
