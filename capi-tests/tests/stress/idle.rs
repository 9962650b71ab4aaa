//! What waiting costs.

use std::{thread, time::Duration};

use capi_tests::{
    api::{Library, consts::*},
    process::patience,
};

/// The processor time that this process has used so far.
pub fn used() -> Duration {
    // SAFETY: a local structure, filled by the call.
    let usage = unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        libc::getrusage(libc::RUSAGE_SELF, &mut usage);
        usage
    };
    let time = |time: libc::timeval| {
        Duration::from_secs(time.tv_sec as u64) + Duration::from_micros(time.tv_usec as u64)
    };
    time(usage.ru_utime) + time(usage.ru_stime)
}

/// Ten connected sockets, and a thread that waits in each of two of them, cost nothing.
pub fn idle() {
    let context = Library::under_test().context();
    let mut sockets = Vec::new();
    for transport in ["tcp", "tcp", "ipc", "ipc", "inproc"] {
        let (one, other) = (context.socket(DEALER), context.socket(DEALER));
        other
            .connect(&one.bind_any(transport))
            .expect("a connection");
        one.send(b"", 0).expect("sent");
        other.send(b"", 0).expect("sent");
        one.recv(0).expect("a message");
        other.recv(0).expect("a message");
        one.set(RCVTIMEO, -1).expect("an option");
        sockets.extend([one, other]);
    }
    thread::scope(|scope| {
        scope.spawn(|| sockets[0].recv(0));
        scope.spawn(|| sockets[2].poll(POLLIN, -1));
        thread::sleep(Duration::from_millis(500));
        let before = used();
        thread::sleep(Duration::from_secs(5));
        let cost = used() - before;
        context.shutdown().expect("a shutdown");
        assert!(cost < Duration::from_millis(1) * patience(), "{cost:?}");
    });
    for socket in sockets {
        socket.close().expect("closed");
    }
    context.term().expect("an end");
}

/// Nor does a thread that goes on to wait when its only peer is gone: the descriptor that it has watched is closed.
pub fn peer_gone() {
    let library = Library::under_test();
    let (context, peers) = (library.context(), library.context());
    let (received, polled) = (context.socket(PULL), context.socket(PULL));
    let endpoints = [received, polled].map(|socket| socket.bind_any("tcp"));
    received.set(RCVTIMEO, -1).expect("an option");
    let clients = endpoints.map(|endpoint| {
        let client = peers.socket(PUSH);
        client.connect(&endpoint).expect("a connection");
        client.send(b"", 0).expect("sent");
        client
    });
    received.recv(0).expect("a message");
    polled.recv(0).expect("a message");
    thread::scope(|scope| {
        scope.spawn(|| received.recv(0));
        scope.spawn(|| polled.poll(POLLIN, -1));
        thread::sleep(Duration::from_millis(300));
        for client in clients {
            client.close().expect("closed");
        }
        peers.term().expect("an end");
        thread::sleep(Duration::from_millis(200));
        let before = used();
        thread::sleep(Duration::from_secs(2));
        let cost = used() - before;
        context.shutdown().expect("a shutdown");
        assert!(cost < Duration::from_millis(1) * patience(), "{cost:?}");
    });
    received.close().expect("closed");
    polled.close().expect("closed");
    context.term().expect("an end");
}
