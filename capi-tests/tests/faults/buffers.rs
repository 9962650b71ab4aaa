//! Buffers of the least size that the system has.

use super::*;

/// Large messages through a receive buffer of a few hundred bytes take no more than the calls for it. When reads leave
/// something there, as they did for some sizes of what came before, the peer sends a segment each fifth of a second.
#[test]
fn a_small_receive_buffer_is_read_on_time() {
    let _alone = alone();
    for before in [None, Some(0), Some(10), Some(100), Some(300)] {
        let context = context();
        let pull = context.socket(PULL);
        set(pull, &[(RCVBUF, 1024)]);
        let mut peer = Peer::new(&pull.bind_any("tcp"), "PUSH");
        if let Some(size) = before {
            assert!(peer.write(0, &vec![0; size]));
            assert_eq!(pull.recv(0).map(|body| body.len()), Ok(size));
        }
        let began = Instant::now();
        let writer = std::thread::spawn(move || {
            // The program waits by then, and reads by itself.
            std::thread::sleep(Duration::from_millis(20));
            (0..3).for_each(|_| assert!(peer.write(0, &[0; 70_000])));
            peer
        });
        for _ in 0..3 {
            assert_eq!(pull.recv(0).map(|body| body.len()), Ok(70_000));
        }
        writer.join().unwrap();
        assert!(began.elapsed() < Duration::from_secs(8), "{before:?}");
    }
}

/// The same for a small send buffer.
#[test]
fn a_small_send_buffer_is_written_on_time() {
    let _alone = alone();
    for size in [200, 3000, 70_000] {
        let context = context();
        let push = context.socket(PUSH);
        set(push, &[(SNDBUF, 1024)]);
        let mut peer = Peer::new(&push.bind_any("tcp"), "PULL");
        let count = 350_000 / size;
        let began = Instant::now();
        let reader = std::thread::spawn(move || {
            (0..count)
                .for_each(|_| assert_eq!(peer.read().map(|(_, body)| body.len()), Some(size)));
        });
        for _ in 0..count {
            push.send(&vec![0; size], 0).unwrap();
        }
        reader.join().unwrap();
        assert!(began.elapsed() < Duration::from_secs(8), "{size}");
    }
}
