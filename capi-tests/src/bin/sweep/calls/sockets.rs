//! zmq_socket(3), zmq_setsockopt(3), zmq_bind(3), zmq_socket_monitor(3) and their siblings.

use std::{
    ffi::{CString, c_char, c_int, c_void},
    ptr,
};

use capi_tests::api::{Library, Socket, consts::*};

use super::{Case, case, foreign, null, with_socket};

/// The functions that take an endpoint.
const LINKS: [&str; 5] = ["bind", "connect", "unbind", "disconnect", "socket_monitor"];

const USE_FD: c_int = 89;

/// What is no endpoint, or none that a socket can have. There are no names of hosts, which might be
/// looked up for long.
const ENDPOINTS: [&str; 25] = [
    "",
    "tcp",
    "tcp:/127.0.0.1:1",
    "tcp://",
    "://x",
    "nope://x",
    "ws://127.0.0.1:1",
    "udp://127.0.0.1:1",
    "tcp://127.0.0.1",
    "tcp://127.0.0.1:",
    "tcp://127.0.0.1:x",
    "tcp://127.0.0.1:65536",
    "tcp://*:x1",
    "tcp://[::1]:*",
    "tcp://[fe80::1%nolink]:1",
    "tcp://192.0.2.1:*",
    "ipc://",
    "ipc://@",
    "ipc:///no such directory/x",
    "ipc:///dev/null/x",
    "ipc:///0123456789/0123456789/0123456789/0123456789/0123456789/0123456789/0123456789/0123456789/0123456789/\
     0123456789",
    "inproc://",
    "inproc://nobody",
    "inproc",
    "tcp://127.0.0.1:*;127.0.0.1:*",
];

/// Calls one of [`LINKS`].
fn link(library: &'static Library, name: &str, socket: *mut c_void, to: *const c_char) {
    match name {
        "bind" => call!(library, bind(socket, to)),
        "connect" => call!(library, connect(socket, to)),
        "unbind" => call!(library, unbind(socket, to)),
        "disconnect" => call!(library, disconnect(socket, to)),
        _ => call!(library, socket_monitor(socket, to, 0xffff)),
    };
}

fn link_to(library: &'static Library, name: &str, socket: Socket, to: &str) {
    let to = CString::new(to).expect("no zero bytes");
    link(library, name, socket.raw(), to.as_ptr());
}

pub fn cases() -> Vec<Case> {
    let mut cases = sockets();
    cases.extend(options());
    for name in LINKS {
        cases.extend(links(name));
    }
    cases
}

fn sockets() -> Vec<Case> {
    vec![
        case("socket", |library| {
            let context = library.context();
            let one = call!(library, socket(context.raw(), PAIR));
            call!(library, socket(context.raw(), -1));
            call!(library, close(one));
            context.term().expect("an end");
        }),
        case("socket one too many", |library| {
            let context = library.context();
            context.set(MAX_SOCKETS, 1).expect("an option");
            let one = call!(library, socket(context.raw(), PAIR));
            call!(library, socket(context.raw(), PAIR));
            call!(library, close(one));
            context.term().expect("an end");
        }),
        case("socket in shutdown", |library| {
            let context = library.context();
            context.shutdown().expect("shut down");
            call!(library, socket(context.raw(), PAIR));
            context.term().expect("an end");
        }),
        case("close null", |library| {
            call!(library, close(null()));
        }),
        case("close foreign", |library| {
            call!(library, close(foreign()));
        }),
    ]
}

fn options() -> Vec<Case> {
    let set = |library: &'static Library, socket| {
        let value = 1;
        call!(
            library,
            setsockopt(socket, LINGER, ptr::from_ref(&value).cast(), 4)
        );
    };
    let get = |library: &'static Library, socket, option| {
        let (mut value, mut size) = (0, 4);
        let to = ptr::from_mut::<c_int>(&mut value).cast();
        call!(library, getsockopt(socket, option, to, &mut size));
    };
    vec![
        case("options null", move |library| {
            set(library, null());
            get(library, null(), LINGER);
        }),
        case("options foreign", move |library| {
            set(library, foreign());
            get(library, foreign(), LINGER);
        }),
        case("options in shutdown", move |library| {
            with_socket(library, PAIR, |context, socket| {
                context.shutdown().expect("shut down");
                // As long as the socket hasn't heard of it, or doesn't look.
                set(library, socket.raw());
                get(library, socket.raw(), LINGER);
                get(library, socket.raw(), EVENTS);
                set(library, socket.raw());
                get(library, socket.raw(), LINGER);
            });
        }),
        case("getsockopt to null", |library| {
            with_socket(library, PAIR, |_, socket| {
                call!(
                    library,
                    getsockopt(socket.raw(), LINGER, null(), &mut 4usize)
                );
            });
        }),
        case("getsockopt null length", |library| {
            with_socket(library, PAIR, |_, socket| {
                let mut value = 0;
                let to = ptr::from_mut::<c_int>(&mut value).cast();
                call!(library, getsockopt(socket.raw(), LINGER, to, null()));
            });
        }),
    ]
}

/// What is tried with one of [`LINKS`].
fn links(name: &'static str) -> Vec<Case> {
    let mut cases = vec![
        case(format!("{name} null socket"), move |library| {
            link(library, name, null(), c"inproc://a".as_ptr());
        }),
        case(format!("{name} foreign socket"), move |library| {
            link(library, name, foreign(), c"inproc://a".as_ptr());
        }),
        case(format!("{name} null"), move |library| {
            with_socket(library, PAIR, |_, socket| {
                link(library, name, socket.raw(), ptr::null());
            });
        }),
        case(format!("{name} in shutdown"), move |library| {
            with_socket(library, PAIR, |context, socket| {
                context.shutdown().expect("shut down");
                link_to(library, name, socket, "inproc://a");
                // By now it has heard of that.
                assert!(socket.get(EVENTS).is_err());
                link_to(library, name, socket, "inproc://a");
            });
        }),
        case(format!("{name} in use"), move |library| {
            let context = library.context();
            let [one, other] = [PAIR, PAIR].map(|kind| context.socket(kind));
            for transport in ["inproc", "tcp"] {
                let to = one.bind_any(transport);
                link_to(library, name, other, &to);
            }
            super::end(context, &[one, other]);
        }),
        case(format!("{name} without I/O threads"), move |library| {
            let context = library.context();
            context.set(IO_THREADS, 0).expect("an option");
            let socket = context.socket(PAIR);
            for to in ["inproc://a", "tcp://127.0.0.1:1", "ipc://a"] {
                link_to(library, name, socket, to);
            }
            super::end(context, &[socket]);
        }),
        case(
            format!("{name} with a descriptor of nothing"),
            move |library| {
                with_socket(library, PAIR, |_, socket| {
                    socket.set(USE_FD, c_int::MAX).expect("an option");
                    link_to(library, name, socket, "tcp://127.0.0.1:1");
                });
            },
        ),
    ];
    cases.extend(ENDPOINTS.map(|to| {
        case(format!("{name} {to:?}"), move |library| {
            with_socket(library, PAIR, |_, socket| {
                link_to(library, name, socket, to)
            });
        })
    }));
    cases
}
