//! Peers whose socket type is no match for the socket's.

use super::*;

const EAGAIN: Errno = Errno(libc::EAGAIN);

/// Sockets that send to one of their peers, and types that none of these takes.
const PAIRS: [(i32, &[u8]); 3] = [(PUSH, b"PUB"), (DEALER, b"PUSH"), (PAIR, b"PUB")];

/// A peer says that it is of this type; the socket hangs up. What is told of that.
fn refuse(way: &Way, monitor: &Monitor, socket_type: &[u8]) -> Vec<u16> {
    let peer = way.peer();
    peer.say(&greeting(b"NULL", 0));
    peer.say(&ready(socket_type));
    let (_, closed) = peer.hear_all(long());
    assert!(closed, "the peer is refused");
    let events = monitor.until_disconnected();
    events.into_iter().map(|(event, _)| event).collect()
}

/// A socket that has connected is not told in time that its peer is refused: what it sends at first is accepted, up to the
/// high-water mark, and lost. Then the peer is gone for good, and counts no more.
#[test]
fn a_socket_that_connects_sends_up_to_the_mark() {
    for (kind, wrong) in PAIRS {
        let context = Context::new(Library::under_test());
        let socket = context.socket(kind);
        socket.set(SNDHWM, 10);
        socket.set(RECONNECT_IVL, 10);
        let monitor = Monitor::new(&context, &socket);
        let way = Way::new(&socket, true);
        let events = refuse(&way, &monitor, wrong);
        assert_eq!(events, [CONNECT_DELAYED, CONNECTED]);
        let sent = (0..100).map_while(|_| socket.try_send(b"lost").ok());
        let sent = sent.count();
        assert!((1..=10).contains(&sent), "{kind}: {sent} sent");
        assert_eq!(socket.try_send(b"too much"), Err(EAGAIN));
        assert!(way.peer_within(Duration::from_millis(200)).is_none());
        assert_eq!(socket.0.poll(POLLOUT, 0), Ok(false));
    }
}

/// What is sent once the socket has noticed goes to the peers that are left, all of it, however much the refused one had
/// room for. As with libzmq.
#[test]
fn the_others_get_everything() {
    for library in both() {
        for (kind, wrong) in [(PUSH, &b"PUB"[..]), (DEALER, b"PUSH")] {
            let context = Context::new(library);
            let socket = context.socket(kind);
            let monitor = Monitor::new(&context, &socket);
            let way = Way::new(&socket, true);
            refuse(&way, &monitor, wrong);
            // The end of the pipe is noticed by looking.
            let deadline = Instant::now() + long();
            while socket.0.poll(POLLOUT, 0) != Ok(false) {
                assert!(
                    Instant::now() < deadline,
                    "the refused peer takes messages for ever"
                );
                std::thread::sleep(Duration::from_millis(1));
            }
            let right = context.socket(if kind == PUSH { PULL } else { DEALER });
            socket
                .0
                .connect(&right.0.bind_any("tcp"))
                .expect("an endpoint");
            for n in 0..100_u8 {
                socket.0.send(&[n], 0).expect("room");
            }
            for n in 0..100_u8 {
                assert_eq!(right.recv_within(long()), Some(vec![n]));
            }
        }
    }
}

/// A socket that is bound never has a pipe to a refused peer, and waits for others.
#[test]
fn a_bound_socket_waits_for_other_peers() {
    for (library, (kind, wrong)) in both()
        .into_iter()
        .flat_map(|library| PAIRS.map(|pair| (library, pair)))
    {
        let context = Context::new(library);
        let socket = context.socket(kind);
        let monitor = Monitor::new(&context, &socket);
        let way = Way::new(&socket, false);
        let events = refuse(&way, &monitor, wrong);
        assert_eq!(events, [LISTENING, ACCEPTED]);
        assert_eq!(socket.try_send(b"nobody"), Err(EAGAIN));
    }
}

/// What waits for a refused peer holds up neither the socket's end nor that of the connection, with any ZMQ_LINGER. (libzmq
/// hangs here now and then: the session and the socket wait for each other to end the pipe.)
#[test]
fn a_refused_peer_holds_up_no_end() {
    for disconnects in [false, true] {
        let context = Context::new(Library::under_test());
        let socket = context.socket(PUSH);
        socket.set(LINGER, -1);
        let monitor = Monitor::new(&context, &socket);
        let way = Way::new(&socket, true);
        let Way::Connects(listener) = &way else {
            unreachable!("it connects")
        };
        let endpoint = format!("tcp://{}", listener.local_addr().expect("bound"));
        for _ in 0..5 {
            socket.try_send(b"waits").expect("room");
        }
        refuse(&way, &monitor, b"PUB");
        let _ = socket.try_send(b"waits, too");
        if disconnects {
            socket.0.disconnect(&endpoint).expect("it was connected to");
        }
        let began = Instant::now();
        drop((socket, monitor, context));
        assert!(began.elapsed() < long());
    }
}
