//! The process has used up its descriptors: what exists goes on.

use std::{fs::File, thread, time::Duration};

use capi_tests::api::{Library, Socket, consts::*};

use super::alone;

/// Opens files until no descriptor is left.
fn use_up() -> Vec<File> {
    // SAFETY: a limit is read and set.
    unsafe {
        let mut limit = std::mem::zeroed::<libc::rlimit>();
        assert_eq!(libc::getrlimit(libc::RLIMIT_NOFILE, &mut limit), 0);
        limit.rlim_cur = limit.rlim_cur.min(256);
        assert_eq!(libc::setrlimit(libc::RLIMIT_NOFILE, &limit), 0);
    }
    std::iter::from_fn(|| File::open("/dev/null").ok()).collect()
}

fn pair(to: Socket, from: Socket, endpoint: &str) -> (Socket, Socket) {
    from.connect(endpoint).expect("a connection");
    (to, from)
}

/// Waiting made an eventfd when a thread first waited, and failed then.
#[test]
fn sockets_go_on_without_a_free_descriptor() {
    alone(
        "descriptors::sockets_go_on_without_a_free_descriptor",
        || {
            let library = Library::under_test();
            let context = library.context();
            let [to, from, inner, outer, idle] =
                [PULL, PUSH, PAIR, PAIR, DEALER].map(|kind| context.socket(kind));
            let (to, from) = pair(to, from, &to.bind_any("tcp"));
            inner.bind("inproc://inner").expect("bound");
            // A connection is there.
            from.send(b"first", 0).expect("sent");
            assert_eq!(to.recv(0).expect("received"), b"first");

            let held = use_up();
            // A new connection within the process, and a thread that waits for the first time.
            let (inner, outer) = pair(inner, outer, "inproc://inner");
            thread::scope(|scope| {
                let waits = scope.spawn(move || to.recv(0));
                // Most likely it waits by then.
                thread::sleep(Duration::from_millis(20));
                from.send(b"x", 0).expect("sent");
                assert_eq!(waits.join().expect("an end").expect("received"), b"x");
            });
            let mut items = [inner.item(POLLIN), idle.item(POLLIN)];
            assert_eq!(library.poll(&mut items, 10), Ok(0));
            outer.send(b"y", 0).expect("sent");
            assert_eq!(library.poll(&mut items, -1), Ok(1));
            assert_eq!(inner.recv(0).expect("received"), b"y");
            assert_eq!(idle.get(EVENTS), Ok(0));
            assert!(idle.get(FD).is_ok());
            idle.close().expect("closed");
            drop(held);
        },
    );
}
