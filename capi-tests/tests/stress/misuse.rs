//! Handles used as the manual pages forbid: an errno or a turn, never a crash.

use std::{
    sync::Barrier,
    thread,
    time::{Duration, Instant},
};

use capi_tests::api::{Errno, Library, Result, Socket, consts::*};

use crate::factor;

fn errno<T: std::fmt::Debug>(result: Result<T>) -> i32 {
    result.expect_err("it should have failed").0
}

/// A call on a socket, and its errno.
type Call = fn(Socket) -> i32;

/// Handles of what was closed are known as such.
pub fn stale_handles() {
    let library = Library::under_test();
    let context = library.context();
    for kind in PAIR..=XPUB {
        let socket = context.socket(kind);
        socket.bind_any("tcp");
        socket.close().expect("closed");
        let calls: [(&str, Call); 13] = [
            ("close", |s| errno(s.close())),
            ("send", |s| errno(s.send(b"", DONTWAIT))),
            ("recv", |s| errno(s.recv(DONTWAIT))),
            ("bind", |s| errno(s.bind("tcp://127.0.0.1:*"))),
            ("connect", |s| errno(s.connect("tcp://127.0.0.1:1"))),
            ("unbind", |s| errno(s.unbind("tcp://127.0.0.1:1"))),
            ("disconnect", |s| errno(s.disconnect("tcp://127.0.0.1:1"))),
            ("setsockopt", |s| errno(s.set(LINGER, 0))),
            ("getsockopt", |s| errno(s.get(LINGER))),
            ("monitor", |s| errno(s.monitor("inproc://monitor"))),
            ("poll", |s| errno(s.poll(POLLIN, 0))),
            ("poll forever", |s| errno(s.poll(POLLIN, -1))),
            ("proxy", |s| errno(s.proxy(s))),
        ];
        for (name, call) in calls {
            assert_eq!(call(socket), libc::ENOTSOCK, "{name} on type {kind}");
        }
    }
    let socket = context.socket(PAIR);
    socket.close().expect("closed");
    context.term().expect("an end");
    assert_eq!(errno(context.term()), libc::EFAULT);
    assert_eq!(errno(context.shutdown()), libc::EFAULT);
    assert_eq!(errno(context.set(MAX_SOCKETS, 1)), libc::EFAULT);
    assert_eq!(
        context.try_socket(PAIR).err().map(|e| e.0),
        Some(libc::EFAULT)
    );
    assert_eq!(errno(socket.close()), libc::ENOTSOCK);
    // A handle of something else is none.
    let context = library.context();
    assert_eq!(errno(context.try_socket(99).map(|_| ())), libc::EINVAL);
    context.term().expect("an end");
}

/// Two threads close one socket at the same time: one of them does.
pub fn two_close() {
    let context = Library::under_test().context();
    for _ in 0..500 * factor() {
        let socket = context.socket(DEALER);
        let barrier = Barrier::new(2);
        let close = || {
            barrier.wait();
            socket.close()
        };
        let results = thread::scope(|scope| {
            let threads = [scope.spawn(close), scope.spawn(close)];
            threads.map(|thread| thread.join().expect("a result"))
        });
        let errors: Vec<_> = results.into_iter().filter_map(Result::err).collect();
        assert_eq!(errors, [Errno(libc::ENOTSOCK)]);
    }
    context.term().expect("an end");
}

/// Two threads use one socket: they take turns, and no message is lost or doubled.
pub fn threads_in_a_socket() {
    const THREADS: usize = 2;
    let count = 20_000 * factor();
    let library = Library::under_test();
    for transport in ["tcp", "ipc", "inproc"] {
        let context = library.context();
        let (from, to) = (context.socket(PUSH), context.socket(PULL));
        from.connect(&to.bind_any(transport)).expect("a connection");
        let mut received: Vec<u32> = thread::scope(|scope| {
            for thread in 0..THREADS {
                scope.spawn(move || {
                    for i in 0..count {
                        let number = (thread * count + i) as u32;
                        from.send(&number.to_le_bytes(), 0).expect("sent");
                    }
                });
            }
            let receivers: Vec<_> = (0..THREADS)
                .map(|_| {
                    scope.spawn(move || {
                        let number = |_| {
                            let body = to.recv(0).expect("a message");
                            u32::from_le_bytes(body.try_into().expect("four bytes"))
                        };
                        (0..count).map(number).collect::<Vec<u32>>()
                    })
                })
                .collect();
            let receivers = receivers.into_iter();
            receivers
                .flat_map(|r| r.join().expect("received"))
                .collect()
        });
        received.sort_unstable();
        assert!(received.into_iter().eq(0..(THREADS * count) as u32));
        from.close().expect("closed");
        to.close().expect("closed");
        context.term().expect("an end");
    }
}

/// Sockets are closed while other threads are in them, and made anew meanwhile.
pub fn close_under_use() {
    let library = Library::under_test();
    let context = library.context();
    let deadline = Instant::now() + Duration::from_secs(3 * factor() as u64);
    let mut rounds = 0_u32;
    while Instant::now() < deadline {
        rounds += 1;
        let transport = ["tcp", "ipc", "inproc"][rounds as usize % 3];
        let (one, other) = (context.socket(DEALER), context.socket(DEALER));
        other
            .connect(&one.bind_any(transport))
            .expect("a connection");
        thread::scope(|scope| {
            for use_it in [
                (|s| s.send(b"message", 0).map(drop)) as fn(Socket) -> Result<()>,
                |s| s.recv(0).map(drop),
                |s| s.poll(POLLIN | POLLOUT, -1).map(drop),
                |s| s.get(EVENTS).map(drop),
            ] {
                scope.spawn(move || {
                    let error = loop {
                        if let Err(error) = use_it(one) {
                            break error;
                        }
                    };
                    assert_eq!(error.0, libc::ENOTSOCK);
                });
            }
            scope.spawn(move || {
                while other.send(b"message", 0).is_ok() {
                    let _ = other.recv(DONTWAIT);
                }
            });
            thread::sleep(Duration::from_millis(u64::from(rounds % 7)));
            one.close().expect("closed");
            other.close().expect("closed");
        });
    }
    context.term().expect("an end");
}
