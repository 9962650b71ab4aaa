//! Errors of send(2): a connection delivers after all, or ends.

use std::{
    os::fd::AsRawFd,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use super::{inject::Injector, *};

const SENDS: [i64; 3] = [libc::SYS_sendto, libc::SYS_sendmsg, libc::SYS_writev];

/// So many sends of the library's fail from now on; the test's own peer has this descriptor.
fn fail(injector: &Injector, error: i32, times: usize, peer: i32) -> Arc<AtomicUsize> {
    let left = Arc::new(AtomicUsize::new(times));
    let count = left.clone();
    injector.set(move |call| {
        let one_less = |left: usize| left.checked_sub(1);
        let is_ours = call.fd() != peer;
        let fails = is_ours
            && count
                .fetch_update(Ordering::SeqCst, Ordering::SeqCst, one_less)
                .is_ok();
        fails.then_some(error)
    });
    left
}

/// The system has no memory for what is sent, for a while. Then all arrives, in order, and PINGs are answered.
#[test]
fn a_lack_of_memory_delays_messages() {
    let _alone = alone();
    let injector = Injector::new(&SENDS);
    for error in [libc::ENOBUFS, libc::ENOMEM, libc::EINTR] {
        let context = context();
        let dealer = context.socket(DEALER);
        let mut peer = Peer::new(&dealer.bind_any("tcp"), "DEALER");
        dealer.send(b"first", 0).unwrap();
        assert_eq!(peer.read(), Some((0, b"first".to_vec())));
        let left = fail(&injector, error, 3, peer.0.as_raw_fd());
        for number in 0..10u8 {
            dealer.send(&[number], 0).unwrap();
        }
        for number in 0..10u8 {
            assert_eq!(peer.read(), Some((0, vec![number])), "{error}");
        }
        assert_eq!(left.load(Ordering::SeqCst), 0);
        peer.ping();
        injector.clear();
    }
}

/// An error that doesn't pass ends the connection, and is not the end of what the peer has sent before.
#[test]
fn a_lasting_error_ends_the_connection() {
    let _alone = alone();
    let injector = Injector::new(&SENDS);
    for error in [libc::EPERM, libc::EHOSTUNREACH, libc::EPIPE] {
        let context = context();
        let dealer = context.socket(DEALER);
        let mut peer = Peer::new(&dealer.bind_any("tcp"), "DEALER");
        for number in 0..10u8 {
            assert!(peer.write(0, &[number]));
        }
        assert_eq!(dealer.recv(0), Ok(vec![0]));
        fail(&injector, error, 1, peer.0.as_raw_fd());
        dealer.send(b"lost", 0).unwrap();
        assert_eq!(peer.read(), None, "{error}");
        for number in 1..10u8 {
            assert_eq!(dealer.recv(0), Ok(vec![number]), "{error}");
        }
        injector.clear();
    }
}

/// The same in the midst of a handshake: it goes on.
#[test]
fn a_lack_of_memory_delays_a_handshake() {
    let _alone = alone();
    let injector = Injector::new(&SENDS);
    for error in [libc::ENOBUFS, libc::ENOMEM] {
        let context = context();
        let pull = context.socket(PULL);
        let stream = Peer::connect(&pull.bind_any("tcp"));
        let left = fail(&injector, error, 5, stream.as_raw_fd());
        let mut peer = Peer::shake_hands(stream, "PUSH").expect("a handshake");
        assert_eq!(left.load(Ordering::SeqCst), 0);
        assert!(peer.write(0, b"hello"));
        assert_eq!(pull.recv(0), Ok(b"hello".to_vec()));
        injector.clear();
    }
}
