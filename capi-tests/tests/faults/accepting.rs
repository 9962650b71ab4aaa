//! Errors of accept(2) that last: nothing spins, and what has waited comes in when it can.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use super::{inject::Injector, *};

/// There is no descriptor for a connection: accepting it isn't tried all the time.
#[test]
fn without_descriptors_nothing_spins() {
    let _alone = alone();
    let injector = Injector::new(&[libc::SYS_accept4, libc::SYS_accept]);
    let context = context();
    let (pull, other) = (context.socket(PULL), context.socket(PULL));
    let monitor = Monitor::new(context, pull);
    let endpoints = [pull, other].map(|socket| socket.bind_any("tcp"));
    let tries = Arc::new(AtomicUsize::new(0));
    let count = tries.clone();
    injector.set(move |_| {
        count.fetch_add(1, Ordering::SeqCst);
        Some(libc::EMFILE)
    });
    let waiting = Peer::connect(&endpoints[0]);
    wait_until("a try", || tries.load(Ordering::SeqCst) > 0);
    std::thread::sleep(Duration::from_millis(1000));
    // After 0, 100, 300 and 700 milliseconds.
    let tries = tries.load(Ordering::SeqCst);
    assert!(tries <= 4, "{tries}");
    assert!(monitor.count(EVENT_ACCEPT_FAILED) <= 4);
    injector.clear();
    let mut peer = Peer::shake_hands(waiting, "PUSH").expect("a handshake");
    assert!(peer.write(0, b"hello"));
    assert_eq!(pull.recv(0), Ok(b"hello".to_vec()));
}
