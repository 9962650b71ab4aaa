//! fork(2) in a program that uses the library.

use capi_tests::api::{Context, Library, Socket, consts::*};

fn pair(context: Context, transport: &str) -> (Socket, Socket) {
    let (server, client) = (context.socket(REP), context.socket(REQ));
    client
        .connect(&server.bind_any(transport))
        .expect("a connection");
    (server, client)
}

/// Another client of a server that is there already.
fn join(context: Context, (server, _): (Socket, Socket)) -> (Socket, Socket) {
    let client = context.socket(REQ);
    let endpoint = server.text(LAST_ENDPOINT).expect("an endpoint");
    client.connect(&endpoint).expect("a connection");
    (server, client)
}

fn round_trip((server, client): (Socket, Socket)) {
    client.send(b"request", 0).expect("sent");
    assert_eq!(server.recv(0).expect("a request"), b"request");
    server.send(b"reply", 0).expect("sent");
    assert_eq!(client.recv(0).expect("a reply"), b"reply");
}

fn end(context: Context, sockets: &[(Socket, Socket)]) {
    for (one, other) in sockets {
        one.close().expect("closed");
        other.close().expect("closed");
    }
    context.term().expect("an end");
}

/// Runs something in a forked child, and waits for it.
fn in_child(run: impl FnOnce()) {
    // SAFETY: the child runs on with what it has, and ends without returning.
    match unsafe { libc::fork() } {
        -1 => panic!("{}", std::io::Error::last_os_error()),
        0 => {
            let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(run));
            // SAFETY: ends the process.
            unsafe { libc::_exit(result.is_err().into()) };
        }
        child => {
            let mut status = 0;
            // SAFETY: our own child.
            assert_eq!(unsafe { libc::waitpid(child, &mut status, 0) }, child);
            assert_eq!(status, 0, "the child has failed");
        }
    }
}

/// A child uses a context of its own, closes and ends those that it has inherited, and the parent notices nothing: not
/// on its connections, and not where it listens.
pub fn fork() {
    let library = Library::under_test();
    let context = library.context();
    let pairs = [
        pair(context, "tcp"),
        pair(context, "ipc"),
        pair(context, "inproc"),
    ];
    pairs.into_iter().for_each(round_trip);
    for _ in 0..5 {
        in_child(|| {
            let own = library.context();
            let own_pairs = [pair(own, "tcp"), pair(own, "inproc")];
            own_pairs.into_iter().for_each(round_trip);
            end(own, &own_pairs);
            end(context, &pairs);
        });
        pairs.into_iter().for_each(round_trip);
        for pair in pairs {
            let joined = join(context, pair);
            round_trip(joined);
            joined.1.close().expect("closed");
        }
    }
    end(context, &pairs);
}
