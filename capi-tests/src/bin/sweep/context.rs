//! zmq_ctx_set(3) and zmq_ctx_get(3), and what they do to the sockets that come after.

use std::ffi::c_int;

use capi_tests::api::{Context, Library, consts::*};

use super::{Case, said};

/// What is tried as an option.
fn options() -> impl Iterator<Item = c_int> {
    (-1..=20).chain([IPV6, BLOCKY, 256, c_int::MIN, c_int::MAX])
}

const VALUES: [c_int; 17] = [
    0,
    1,
    2,
    3,
    5,
    10,
    100,
    1023,
    65_534,
    65_535,
    65_536,
    1 << 20,
    c_int::MAX,
    -1,
    -2,
    -100,
    c_int::MIN,
];

fn get_all(context: Context) -> Vec<(c_int, String)> {
    options()
        .map(|option| (option, said(context.get(option))))
        .collect()
}

pub fn cases() -> Vec<Case> {
    let mut cases: Vec<Case> = Vec::new();
    for option in options() {
        cases.push((
            format!("context {option}"),
            Box::new(move |library| {
                let context = library.context();
                let mut values = get_all(context);
                say!("{values:?}");
                for value in VALUES {
                    let result = said(context.set(option, value));
                    let new = get_all(context);
                    let changes: Vec<_> = new.iter().filter(|v| !values.contains(v)).collect();
                    say!("{value}: {result} {changes:?}");
                    values = new;
                }
                say!("term: {}", said(context.term()));
            }),
        ));
        for value in VALUES {
            // Nobody wants so many threads, nor room for so many sockets.
            let great = [IO_THREADS, MAX_SOCKETS].contains(&option) && value > 100;
            if !great {
                cases.push((
                    format!("context {option} {value} used"),
                    Box::new(move |library| used(library, option, value)),
                ));
            }
        }
    }
    cases
}

/// A context that is used after an option of it was set, and then set again.
fn used(library: &'static Library, option: c_int, value: c_int) {
    let context = library.context();
    say!("set: {}", said(context.set(option, value)));
    let mut sockets = Vec::new();
    for kind in PAIR..=STREAM {
        match context.try_socket(kind) {
            Ok(socket) => {
                say!(
                    "socket {kind}: {:?} {:?}",
                    socket.get(LINGER),
                    socket.get(IPV6)
                );
                sockets.push(socket);
            }
            Err(errno) => say!("socket {kind}: {errno:?}"),
        }
    }
    if let Some(socket) = sockets.first() {
        say!("bind: {:?}", socket.bind("tcp://127.0.0.1:*"));
        say!("inproc: {:?}", socket.bind("inproc://a"));
        say!("connect: {:?}", socket.connect("tcp://127.0.0.1:1"));
        socket.set(LINGER, 0).expect("an option");
    }
    say!("set again: {}", said(context.set(option, value)));
    say!("{:?}", get_all(context));
    say!("shutdown: {}", said(context.shutdown()));
    say!("set: {}", said(context.set(option, value)));
    say!("{:?}", get_all(context));
    say!("socket: {:?}", context.try_socket(PAIR).map(|_| ()));
    for socket in sockets {
        say!(
            "in shutdown: {:?} {:?}",
            socket.set(LINGER, 0),
            socket.get(LINGER)
        );
        say!("close: {}", said(socket.close()));
    }
    say!("term: {}", said(context.term()));
}
