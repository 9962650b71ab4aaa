//! Peers that are idle, slow, or not read: none of them is dead.

use super::*;

/// Both sides ask for a sign of life and say how long theirs will last, as zmq_setsockopt(3) suggests: an idle
/// connection stays, whatever the ratio of the times. One piece of evidence that one clock took from the other cut it.
#[test]
fn idle_connections_stay() {
    let _alone = alone();
    let context = context();
    let times = [(150, 3000, 3000), (300, 2500, 5000), (500, 2000, 2000)];
    let kinds = [(XPUB, SUB), (ROUTER, DEALER)];
    let mut monitors = Vec::new();
    for (interval, timeout, ttl) in times {
        for (server, client) in kinds {
            let (server, client) = (context.socket(server), context.socket(client));
            for socket in [server, client] {
                let options = [
                    (HEARTBEAT_IVL, interval),
                    (HEARTBEAT_TIMEOUT, timeout),
                    (HEARTBEAT_TTL, ttl),
                ];
                set(socket, &options);
            }
            monitors.push((interval, Monitor::new(context, client)));
            client.connect(&server.bind_any("tcp")).unwrap();
        }
    }
    std::thread::sleep(Duration::from_millis(8500));
    for (interval, monitor) in monitors {
        assert_eq!(monitor.count(EVENT_DISCONNECTED), 0, "{interval}");
    }
}

/// A consumer that doesn't read for a while keeps its connection although no PING of ours can be answered: none is sent,
/// as other bytes wait in front of it, and then no time runs.
#[test]
fn a_slow_consumer_keeps_its_connection() {
    let _alone = alone();
    for transport in ["tcp", "ipc"] {
        let context = context();
        let (push, pull) = (context.socket(PUSH), context.socket(PULL));
        set(push, &[(HEARTBEAT_IVL, 100), (HEARTBEAT_TIMEOUT, 400)]);
        set(push, &[(SNDHWM, 10), (SNDBUF, 30_000)]);
        set(pull, &[(RCVHWM, 10), (RCVBUF, 30_000)]);
        let monitor = Monitor::new(context, push);
        push.connect(&pull.bind_any(transport)).unwrap();
        let sent = fill(push, 20_000);
        std::thread::sleep(Duration::from_millis(1500));
        for number in 0..sent {
            let body = pull.recv(0).unwrap();
            assert_eq!(body[..4], (number as u32).to_ne_bytes(), "{transport}");
        }
        assert_eq!(monitor.count(EVENT_DISCONNECTED), 0, "{transport}");
    }
}

/// Sends numbered messages until there has been no room for a tenth of a second.
fn fill(socket: api::Socket, size: usize) -> usize {
    let (mut sent, mut quiet) = (0, Instant::now());
    let mut body = vec![0; size];
    while quiet.elapsed() < Duration::from_millis(100) {
        body[..4].copy_from_slice(&(sent as u32).to_ne_bytes());
        match socket.send(&body, DONTWAIT) {
            Ok(_) => (sent, quiet) = (sent + 1, Instant::now()),
            Err(_) => std::thread::sleep(Duration::from_millis(1)),
        }
    }
    sent
}

/// As long as the program doesn't take what a peer has sent, the peer's PONG waits behind that, and can't be missed.
#[test]
fn a_peer_that_is_not_read_is_not_given_up() {
    let _alone = alone();
    let context = context();
    let pull = context.socket(PULL);
    set(pull, &[(HEARTBEAT_IVL, 100), (HEARTBEAT_TIMEOUT, 300)]);
    set(pull, &[(RCVHWM, 5), (RCVBUF, 30_000)]);
    let endpoint = pull.bind_any("tcp");
    let monitor = Monitor::new(context, pull);
    let mut peer = Peer::new(&endpoint, "PUSH");
    let mut messages = Peer(peer.0.try_clone().unwrap());
    let writer = std::thread::spawn(move || (0..200).all(|_| messages.write(0, &[0; 20_000])));
    // It answers only when all is written.
    std::thread::sleep(Duration::from_millis(1500));
    assert_eq!(monitor.count(EVENT_DISCONNECTED), 0);
    for _ in 0..200 {
        assert_eq!(pull.recv(0).unwrap().len(), 20_000);
    }
    assert!(writer.join().unwrap());
    // It is there, indeed.
    assert_eq!(peer.read().unwrap().1[..5], *b"\x04PING");
}

/// Of the PINGs for a peer that takes nothing one waits, and not one for each interval.
#[test]
fn pings_do_not_pile_up() {
    let _alone = alone();
    let context = context();
    let push = context.socket(PUSH);
    set(push, &[(HEARTBEAT_IVL, 10), (HEARTBEAT_TIMEOUT, 0)]);
    set(push, &[(SNDHWM, 10), (SNDBUF, 30_000)]);
    let endpoint = push.bind_any("tcp");
    let mut peer = Peer::new(&endpoint, "PULL");
    let messages = fill(push, 20_000);
    let mut pings = 0;
    std::thread::sleep(Duration::from_millis(1500));
    let mut left = messages;
    while left > 0 {
        let (flags, body) = peer.read().expect("a frame");
        left -= usize::from(flags == 0);
        pings += usize::from(flags == 4 && body.starts_with(b"\x04PING"));
    }
    // Those that were waiting are in front of the next message, or have come before. The rest are for
    // the time that filling and reading take.
    let next = (0..50).filter(|_| peer.read().expect("a PING").0 == 4);
    let began = Instant::now();
    assert_eq!(next.count(), 50);
    assert!(pings < 50, "{pings}");
    assert!(
        began.elapsed() > Duration::from_millis(250),
        "they came at once"
    );
}
