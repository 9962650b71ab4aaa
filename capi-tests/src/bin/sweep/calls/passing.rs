//! What passes messages: zmq_send(3), zmq_recv(3), zmq_poll(3), zmq_proxy(3) and their siblings.

use std::{
    ffi::{c_int, c_void},
    ptr,
};

use capi_tests::api::{Context, Library, Message, PollItem, Socket, consts::*};
use libc::iovec;

use super::{BAD, Case, bad, case, end, foreign, interrupted, null, pair, with_socket};

/// Passes a part of one byte, or in the case of buffers, with `SNDMORE` two.
type Pass = fn(&'static Library, *mut c_void, c_int) -> c_int;

const SENDERS: [(&str, Pass); 5] = [
    ("send", |library, socket, flags| {
        call!(library, send(socket, c"x".as_ptr().cast(), 1, flags))
    }),
    ("send_const", |library, socket, flags| {
        call!(library, send_const(socket, c"x".as_ptr().cast(), 1, flags))
    }),
    ("msg_send", |library, socket, flags| {
        with_message(library, |message| {
            call!(library, msg_send(message, socket, flags))
        })
    }),
    ("sendmsg", |library, socket, flags| {
        with_message(library, |message| {
            call!(library, sendmsg(socket, message, flags))
        })
    }),
    ("sendiov", |library, socket, flags| {
        let mut buffers = [buffer(1), buffer(1)];
        let count = if flags & SNDMORE == 0 { 1 } else { 2 };
        call!(library, sendiov(socket, buffers.as_mut_ptr(), count, flags))
    }),
];

const RECEIVERS: [(&str, Pass); 4] = [
    ("recv", |library, socket, flags| {
        let mut byte = 0u8;
        let to = ptr::from_mut(&mut byte).cast();
        call!(library, recv(socket, to, 1, flags))
    }),
    ("msg_recv", |library, socket, flags| {
        with_message(library, |message| {
            call!(library, msg_recv(message, socket, flags))
        })
    }),
    ("recvmsg", |library, socket, flags| {
        with_message(library, |message| {
            call!(library, recvmsg(socket, message, flags))
        })
    }),
    ("recviov", |library, socket, flags| {
        let nothing = iovec {
            iov_base: null(),
            iov_len: 0,
        };
        let (mut buffers, mut count) = ([nothing; 2], 2);
        let result = call!(
            library,
            recviov(socket, buffers.as_mut_ptr(), &mut count, flags)
        );
        say!("  {count} buffers");
        for buffer in &buffers {
            // SAFETY: null, or received, and then the caller's to free.
            unsafe { libc::free(buffer.iov_base) };
        }
        result
    }),
];

/// A buffer of so many bytes, at most 1.
fn buffer(size: usize) -> iovec {
    iovec {
        iov_base: c"x".as_ptr().cast_mut().cast(),
        iov_len: size,
    }
}

/// Runs something with a message of one byte, which is closed afterwards.
fn with_message<T>(library: &'static Library, run: impl FnOnce(*mut Message) -> T) -> T {
    let mut message = Message([0; 64]);
    call!(library, msg_init_size(&mut message, 1));
    let result = run(&mut message);
    call!(library, msg_close(&mut message));
    result
}

pub fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for (name, pass) in SENDERS {
        cases.extend(both(name, pass, PUSH, [PULL, SUB]));
        cases.extend(sending(name, pass));
    }
    for (name, pass) in RECEIVERS {
        cases.extend(both(name, pass, PULL, [PUSH, PUB]));
        cases.extend(receiving(name, pass));
    }
    cases.extend(bad_buffers());
    cases.extend(polling());
    for name in PROXIES {
        cases.extend(proxies(name));
    }
    cases
}

/// What can happen to those that send and to those that receive. A socket of a type `kind` without
/// peers waits in the call; those of `others` can't do it at all.
fn both(name: &str, pass: Pass, kind: c_int, others: [c_int; 2]) -> Vec<Case> {
    let mut cases = vec![
        case(format!("{name} null socket"), move |library| {
            pass(library, null(), DONTWAIT);
        }),
        case(format!("{name} foreign socket"), move |library| {
            pass(library, foreign(), DONTWAIT);
        }),
        case(format!("{name} that would wait"), move |library| {
            with_socket(library, kind, |_, socket| {
                pass(library, socket.raw(), DONTWAIT);
            });
        }),
        case(format!("{name} that waits"), move |library| {
            with_socket(library, kind, |_, socket| {
                for option in [SNDTIMEO, RCVTIMEO] {
                    socket.set(option, 1).expect("an option");
                }
                pass(library, socket.raw(), 0);
            });
        }),
        case(format!("{name} in shutdown"), move |library| {
            with_socket(library, kind, |context, socket| {
                context.shutdown().expect("shut down");
                pass(library, socket.raw(), 0);
            });
        }),
        case(format!("{name} interrupted"), move |library| {
            with_socket(library, kind, |_, socket| {
                interrupted(|| pass(library, socket.raw(), 0));
            });
        }),
    ];
    cases.extend(others.map(|kind| {
        case(format!("{name} of type {kind}"), move |library| {
            with_socket(library, kind, |_, socket| {
                pass(library, socket.raw(), 0);
            });
        })
    }));
    cases
}

fn sending(name: &str, pass: Pass) -> Vec<Case> {
    vec![
        case(format!("{name} a message"), move |library| {
            let context = library.context();
            let sockets = pair(context, PULL, PUSH);
            pass(library, sockets[1].raw(), 0);
            end(context, &sockets);
        }),
        case(format!("{name} no reply"), move |library| {
            with_socket(library, REP, |_, socket| {
                pass(library, socket.raw(), 0);
            });
        }),
        case(format!("{name} a second request"), move |library| {
            let context = library.context();
            let sockets = pair(context, REP, REQ);
            for _ in 0..2 {
                pass(library, sockets[1].raw(), 0);
            }
            end(context, &sockets);
        }),
        case(format!("{name} to nobody by a router"), move |library| {
            with_socket(library, ROUTER, |_, socket| {
                socket.set(ROUTER_MANDATORY, 1).expect("an option");
                pass(library, socket.raw(), SNDMORE);
            });
        }),
        case(format!("{name} to nobody by a stream"), move |library| {
            with_socket(library, STREAM, |_, socket| {
                pass(library, socket.raw(), SNDMORE);
            });
        }),
    ]
}

fn receiving(name: &str, pass: Pass) -> Vec<Case> {
    vec![
        case(format!("{name} a message"), move |library| {
            let context = library.context();
            let sockets = pair(context, PULL, PUSH);
            sockets[1].send_all(&[b"x", b"y"]).expect("sent");
            pass(library, sockets[0].raw(), 0);
            end(context, &sockets);
        }),
        case(format!("{name} no reply"), move |library| {
            with_socket(library, REQ, |_, socket| {
                pass(library, socket.raw(), 0);
            });
        }),
        case(format!("{name} a second request"), move |library| {
            let context = library.context();
            let sockets = pair(context, REP, REQ);
            sockets[1].send(b"x", 0).expect("sent");
            for _ in 0..2 {
                pass(library, sockets[0].raw(), 0);
            }
            end(context, &sockets);
        }),
    ]
}

/// Runs something with two sockets, the first of which has received a message.
fn with_received(library: &'static Library, run: impl FnOnce(&[Socket; 2])) {
    let context = library.context();
    let sockets = pair(context, PULL, PUSH);
    sockets[1].send(b"x", 0).expect("sent");
    run(&sockets);
    end(context, &sockets);
}

fn bad_buffers() -> Vec<Case> {
    let mut cases = vec![
        case("send null", |library| {
            with_received(library, |[_, socket]| {
                call!(library, send(socket.raw(), null(), 0, 0));
                call!(library, send(socket.raw(), null(), 1, 0));
            });
        }),
        case("send_const null", |library| {
            with_received(library, |[_, socket]| {
                call!(library, send_const(socket.raw(), null(), 0, 0));
                call!(library, send_const(socket.raw(), null(), 1, 0));
            });
        }),
        case("recv to null", |library| {
            with_received(library, |[socket, _]| {
                call!(library, recv(socket.raw(), null(), 1, 0));
                call!(library, recv(socket.raw(), null(), 0, 0));
            });
        }),
        case("sendiov null", |library| {
            with_received(library, |[_, socket]| {
                call!(library, sendiov(socket.raw(), null(), 1, 0));
                call!(library, sendiov(socket.raw(), &mut buffer(1), 0, 0));
            });
        }),
        case("sendiov a null buffer", |library| {
            with_received(library, |[_, socket]| {
                let mut nothing = iovec {
                    iov_base: null(),
                    iov_len: 1,
                };
                call!(library, sendiov(socket.raw(), &mut nothing, 1, 0));
            });
        }),
        case("recviov null", |library| {
            with_received(library, |[socket, _]| {
                let mut place = buffer(0);
                call!(library, recviov(socket.raw(), null(), &mut 1, 0));
                call!(library, recviov(socket.raw(), &mut place, &mut 0, 0));
                call!(library, recviov(socket.raw(), &mut place, null(), 0));
            });
        }),
    ];
    for what in BAD {
        cases.extend([
            case(format!("msg_send {what}"), move |library| {
                with_received(library, |[_, socket]| {
                    call!(library, msg_send(bad(what), socket.raw(), 0));
                });
            }),
            case(format!("sendmsg {what}"), move |library| {
                with_received(library, |[_, socket]| {
                    call!(library, sendmsg(socket.raw(), bad(what), 0));
                });
            }),
            case(format!("msg_recv {what}"), move |library| {
                with_received(library, |[socket, _]| {
                    call!(library, msg_recv(bad(what), socket.raw(), 0));
                });
            }),
            case(format!("recvmsg {what}"), move |library| {
                with_received(library, |[socket, _]| {
                    call!(library, recvmsg(socket.raw(), bad(what), 0));
                });
            }),
        ]);
    }
    cases
}

fn polling() -> Vec<Case> {
    vec![
        case("poll", |library| {
            with_received(library, |sockets| {
                let mut items = sockets.map(|socket| socket.item(POLLIN));
                call!(library, poll(items.as_mut_ptr(), 2, -1));
                say!("{:?}", items.map(|item| item.revents));
                call!(library, poll(items.as_mut_ptr(), -1, 0));
            });
        }),
        case("poll nothing", |library| {
            call!(library, poll(null(), 0, 0));
            call!(library, poll(null(), 0, 1));
        }),
        case("poll null", |library| {
            call!(library, poll(null(), 1, 0));
        }),
        case("poll foreign", |library| {
            let mut item = PollItem {
                socket: foreign(),
                fd: -1,
                events: POLLIN,
                revents: 0,
            };
            call!(library, poll(&mut item, 1, 0));
        }),
        case("poll in shutdown", |library| {
            with_socket(library, PULL, |context, socket| {
                context.shutdown().expect("shut down");
                call!(library, poll(&mut socket.item(POLLIN), 1, -1));
            });
        }),
        case("poll interrupted", |library| {
            with_socket(library, PULL, |_, socket| {
                let mut item = socket.item(POLLIN);
                interrupted(|| call!(library, poll(&mut item, 1, -1)));
            });
        }),
    ]
}

const PROXIES: [&str; 3] = ["proxy", "proxy_steerable", "device"];

/// Calls one of [`PROXIES`].
fn proxy(library: &'static Library, name: &str, sides: [*mut c_void; 2], capture: *mut c_void) {
    let [front, back] = sides;
    match name {
        "proxy" => call!(library, proxy(front, back, capture)),
        "device" => call!(library, device(0, front, back)),
        _ => call!(library, proxy_steerable(front, back, capture, null())),
    };
}

/// Has one of [`PROXIES`] forward a message of two parts from a PULL to another socket, and to a
/// capture socket.
fn forward(
    library: &'static Library,
    name: &str,
    back: c_int,
    capture: Option<c_int>,
    prepare: fn(Context, Socket),
) {
    let context = library.context();
    let [front, source] = pair(context, PULL, PUSH);
    let peer = if back == ROUTER { DEALER } else { PULL };
    let [back, sink] = pair(context, back, peer);
    let mut sockets = vec![front, source, back, sink];
    let mut capturing = null();
    if let Some(capture) = capture {
        let capture = context.socket(capture);
        capture.set(SNDTIMEO, 0).expect("an option");
        capturing = capture.raw();
        prepare(context, capture);
        sockets.push(capture);
    } else {
        prepare(context, back);
    }
    source.send_all(&[b"nobody", b"x"]).expect("sent");
    proxy(library, name, [front.raw(), back.raw()], capturing);
    end(context, &sockets);
}

fn proxies(name: &'static str) -> Vec<Case> {
    let mandatory = |_, socket: Socket| {
        socket.set(ROUTER_MANDATORY, 1).expect("an option");
    };
    let mut cases = vec![
        case(format!("{name} interrupted"), move |library| {
            let context = library.context();
            let [front, back] = [PULL, PUSH].map(|kind| context.socket(kind));
            interrupted(|| proxy(library, name, [front.raw(), back.raw()], null()));
            end(context, &[front, back]);
        }),
        case(format!("{name} in shutdown"), move |library| {
            let context = library.context();
            let [front, back] = [PULL, PUSH].map(|kind| context.socket(kind));
            context.shutdown().expect("shut down");
            proxy(library, name, [front.raw(), back.raw()], null());
            end(context, &[front, back]);
        }),
        case(format!("{name} to nobody"), move |library| {
            forward(library, name, ROUTER, None, mandatory);
        }),
        case(format!("{name} no reply"), move |library| {
            let context = library.context();
            let [router, front] = pair(context, ROUTER, REQ);
            let [back, sink] = pair(context, PUSH, PULL);
            front.send(b"x", 0).expect("sent");
            let mut request = router.recv_all(0).expect("a request");
            // Without the part that is to be empty.
            request[1] = b"x".to_vec();
            let parts: Vec<&[u8]> = request.iter().map(Vec::as_slice).collect();
            router.send_all(&parts).expect("sent");
            proxy(library, name, [front.raw(), back.raw()], null());
            end(context, &[router, front, back, sink]);
        }),
    ];
    for what in BAD {
        cases.push(case(format!("{name} of {what}"), move |library| {
            with_socket(library, PAIR, |_, socket| {
                // Upstream's zmq_device(3) waits for nothing.
                interrupted(|| proxy(library, name, [bad(what), socket.raw()], null()));
                interrupted(|| proxy(library, name, [socket.raw(), bad(what)], null()));
            });
        }));
    }
    if name != "device" {
        cases.extend([
            case(
                format!("{name} to a capture without peers"),
                move |library| {
                    forward(library, name, PUSH, Some(PUSH), |_, _| {});
                },
            ),
            case(
                format!("{name} to a capture whose turn it isn't"),
                move |library| {
                    forward(library, name, PUSH, Some(REP), |_, _| {});
                },
            ),
            case(
                format!("{name} to a capture that can't send"),
                move |library| {
                    forward(library, name, PUSH, Some(PULL), |_, _| {});
                },
            ),
            case(
                format!("{name} to a capture that reaches nobody"),
                move |library| {
                    forward(library, name, PUSH, Some(ROUTER), mandatory);
                },
            ),
        ]);
    }
    if name == "proxy_steerable" {
        cases.push(case(format!("{name} terminated"), move |library| {
            let context = library.context();
            let [front, back] = [PULL, PUSH].map(|kind| context.socket(kind));
            let [control, steering] = pair(context, REP, REQ);
            steering.send(b"TERMINATE", 0).expect("sent");
            call!(
                library,
                proxy_steerable(front.raw(), back.raw(), null(), control.raw())
            );
            end(context, &[front, back, control, steering]);
        }));
    }
    cases
}
