//! zmq_ctx_set(3) and zmq_ctx_get(3), and what they do to the sockets that come after.

use std::ffi::c_int;

use capi_tests::api::{Context, Library, consts::*};

use super::{Case, noted, said};

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
        .map(|option| (option, said("zmq_ctx_get", context.get(option))))
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
                    let result = said("zmq_ctx_set", context.set(option, value));
                    let new = get_all(context);
                    let changes: Vec<_> = new.iter().filter(|v| !values.contains(v)).collect();
                    say!("{value}: {result} {changes:?}");
                    values = new;
                }
                say!("term: {}", said("zmq_ctx_term", context.term()));
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
    say!("set: {}", said("zmq_ctx_set", context.set(option, value)));
    let mut sockets = Vec::new();
    for kind in PAIR..=STREAM {
        match noted("zmq_socket", context.try_socket(kind)) {
            Ok(socket) => {
                say!(
                    "socket {kind}: {} {}",
                    said("zmq_getsockopt", socket.get(LINGER)),
                    said("zmq_getsockopt", socket.get(IPV6))
                );
                sockets.push(socket);
            }
            Err(errno) => say!("socket {kind}: {errno:?}"),
        }
    }
    if let Some(socket) = sockets.first() {
        let [any, inproc] =
            ["tcp://127.0.0.1:*", "inproc://a"].map(|to| said("zmq_bind", socket.bind(to)));
        say!("bind: {any} {inproc}");
        let connected = socket.connect("tcp://127.0.0.1:1");
        say!("connect: {}", said("zmq_connect", connected));
        socket.set(LINGER, 0).expect("an option");
    }
    say!(
        "set again: {}",
        said("zmq_ctx_set", context.set(option, value))
    );
    say!("{:?}", get_all(context));
    say!("shutdown: {}", said("zmq_ctx_shutdown", context.shutdown()));
    say!("set: {}", said("zmq_ctx_set", context.set(option, value)));
    say!("{:?}", get_all(context));
    say!(
        "socket: {}",
        said("zmq_socket", context.try_socket(PAIR).map(|_| ()))
    );
    for socket in sockets {
        say!(
            "in shutdown: {} {}",
            said("zmq_setsockopt", socket.set(LINGER, 0)),
            said("zmq_getsockopt", socket.get(LINGER))
        );
        say!("close: {}", said("zmq_close", socket.close()));
    }
    say!("term: {}", said("zmq_ctx_term", context.term()));
}
