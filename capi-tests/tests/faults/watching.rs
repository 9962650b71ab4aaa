//! Errors of epoll_ctl(2): whoever waits for the library to look at something is told that it doesn't.

use super::{inject::Injector, *};

/// There is no room to watch another descriptor: binding fails, a connection that is accepted ends at once, and all
/// works again when there is room.
#[test]
fn what_cannot_be_watched_ends() {
    let _alone = alone();
    let injector = Injector::new(&[libc::SYS_epoll_ctl]);
    for error in [libc::ENOSPC, libc::ENOMEM] {
        let context = context();
        let (before, during) = (context.socket(PULL), context.socket(PULL));
        let endpoint = before.bind_any("tcp");
        // It is accepting.
        drop(Peer::new(&endpoint, "PUSH"));
        injector
            .set(move |call| (call.arguments[1] == libc::EPOLL_CTL_ADD as u64).then_some(error));
        for any in ["tcp://127.0.0.1:*", "ipc://*"] {
            assert_eq!(during.bind(any), Err(api::Errno(error)), "{any}");
        }
        let mut refused = Peer(Peer::connect(&endpoint));
        while refused.exactly(&mut [0]).is_some() {}
        injector.clear();
        for (socket, endpoint) in [(before, endpoint), (during, during.bind_any("tcp"))] {
            let mut peer = Peer::new(&endpoint, "PUSH");
            assert!(peer.write(0, b"hello"));
            assert_eq!(socket.recv(0), Ok(b"hello".to_vec()));
        }
    }
}

/// A connection that is made can't be watched, either: it is tried again, as one that was lost.
#[test]
fn what_cannot_be_watched_is_connected_again() {
    let _alone = alone();
    let injector = Injector::new(&[libc::SYS_epoll_ctl]);
    let context = context();
    let (push, pull) = (context.socket(PUSH), context.socket(PULL));
    let endpoint = pull.bind_any("tcp");
    let mut left = 5;
    injector.set(move |call| {
        let fails = call.arguments[1] == libc::EPOLL_CTL_ADD as u64 && left > 0;
        left -= i32::from(fails);
        fails.then_some(libc::ENOSPC)
    });
    push.connect(&endpoint).unwrap();
    push.send(b"hello", 0).unwrap();
    assert_eq!(pull.recv(0), Ok(b"hello".to_vec()));
}
