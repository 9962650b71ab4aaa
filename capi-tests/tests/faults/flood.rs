//! Peers that send as fast as they can, and others in the same I/O thread.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use super::*;

/// While six peers send as fast as they can to a socket that is read as fast, a healthy one has its handshakes and PONGs
/// from another socket of the same I/O thread: two hundred of each, which takes part of a second. Each took long before.
#[test]
fn others_have_their_turn() {
    let _alone = alone();
    let context = context();
    let (flooded, healthy) = (context.socket(PULL), context.socket(PULL));
    let endpoint = flooded.bind_any("tcp");
    let stop = Arc::new(AtomicBool::new(false));
    let bytes = frame(0, &[0; 8000]).repeat(32);
    let senders: Vec<_> = (0..6)
        .map(|_| {
            let (mut peer, stop) = (Peer::new(&endpoint, "PUSH"), stop.clone());
            let bytes = bytes.clone();
            std::thread::spawn(move || {
                while !stop.load(Ordering::Relaxed) && peer.0.write_all(&bytes).is_ok() {}
            })
        })
        .collect();
    let reader = std::thread::spawn({
        let stop = stop.clone();
        move || {
            flooded.set(RCVTIMEO, 100).unwrap();
            while !stop.load(Ordering::Relaxed) {
                let _ = flooded.recv(0);
            }
        }
    });
    let endpoint = healthy.bind_any("tcp");
    let began = Instant::now();
    for _ in 0..200 {
        Peer::new(&endpoint, "PUSH").ping();
    }
    let took = began.elapsed();
    stop.store(true, Ordering::Relaxed);
    reader.join().unwrap();
    // Senders that are blocked end with their connections.
    flooded.close().unwrap();
    senders
        .into_iter()
        .for_each(|sender| sender.join().unwrap());
    assert!(took < LONG, "{took:?}");
}
