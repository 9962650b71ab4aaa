//! Peers of ZMTP 1.0 (RFC 13) and 2.0 (RFC 15): those of the first can't say what they subscribe to.

use super::*;

/// A peer's version: how it introduces itself, how much it is answered, and how it frames a short message.
struct Old {
    hello: &'static [u8],
    answer: usize,
    frame: fn(&[u8]) -> Vec<u8>,
    /// Whether it is one that doesn't subscribe.
    gets_all: bool,
}

fn frame_1(body: &[u8]) -> Vec<u8> {
    [&[body.len() as u8 + 1, 0], body].concat()
}

fn frame_2(body: &[u8]) -> Vec<u8> {
    [&[0, body.len() as u8], body].concat()
}

const OLD: [Old; 4] = [
    Old {
        hello: b"\x01\0",
        answer: 10,
        frame: frame_1,
        gets_all: true,
    },
    // With a routing id.
    Old {
        hello: b"\x03\0id",
        answer: 10,
        frame: frame_1,
        gets_all: true,
    },
    // Of revision 0, which says so and subscribes.
    Old {
        hello: b"\xff\0\0\0\0\0\0\0\x01\x7f\0\x02\x01\0",
        answer: 14,
        frame: frame_1,
        gets_all: false,
    },
    Old {
        hello: b"\xff\0\0\0\0\0\0\0\x01\x7f\x01\x02\0\0",
        answer: 14,
        frame: frame_2,
        gets_all: false,
    },
];

/// A PUB's peer that can't subscribe gets everything, whichever of the two has connected, and after a reconnect, too. One
/// that can gets what it has subscribed to.
#[test]
fn a_peer_that_cannot_subscribe_gets_everything() {
    for (library, connects) in both()
        .into_iter()
        .flat_map(|library| WAYS.map(|way| (library, way)))
    {
        for old in &OLD {
            let context = Context::new(library);
            let socket = context.socket(PUB);
            socket.set(RECONNECT_IVL, 10);
            let way = Way::new(&socket, connects);
            for _ in 0..2 {
                let peer = way.peer();
                peer.say(old.hello);
                peer.hear(old.answer);
                if !old.gets_all {
                    peer.say(&(old.frame)(b"\x01mess"));
                }
                // The socket may not have noticed the peer yet, which isn't told. So it may miss the first ones.
                let (other, wanted) = ((old.frame)(b"other"), (old.frame)(b"message"));
                let has =
                    |heard: &[u8], frame: &[u8]| heard.windows(frame.len()).any(|w| w == frame);
                let deadline = Instant::now() + long();
                let mut heard = Vec::new();
                while !has(&heard, &wanted) || old.gets_all && !has(&heard, &other) {
                    assert!(Instant::now() < deadline, "{:?}: {heard:?}", old.hello);
                    for message in [b"other", &b"message"[..]] {
                        socket.try_send(message).expect("a PUB never waits");
                    }
                    heard.extend(peer.hear_all(Duration::from_millis(20)).0);
                }
                assert_eq!(has(&heard, &other), old.gets_all, "{:?}", old.hello);
            }
        }
    }
}

/// An XPUB's program is told of the subscription that a peer can't make, as if it had made it. After a reconnect the
/// subscription is there already, and is told again only on request.
#[test]
fn an_xpub_is_told_that_a_peer_gets_everything() {
    for (library, connects) in both()
        .into_iter()
        .flat_map(|library| WAYS.map(|way| (library, way)))
    {
        for (old, verbose) in OLD.iter().flat_map(|old| [(old, 0), (old, 1)]) {
            let context = Context::new(library);
            let socket = context.socket(XPUB);
            socket.set(RECONNECT_IVL, 10);
            socket.set(XPUB_VERBOSE, verbose);
            let way = Way::new(&socket, connects);
            for round in 0..2 {
                let peer = way.peer();
                peer.say(old.hello);
                peer.hear(old.answer);
                let told = || socket.recv_within(long());
                let again = round > 0 && connects && verbose == 0;
                if old.gets_all && !again {
                    assert_eq!(told().as_deref(), Some(&b"\x01"[..]));
                }
                // What the peer says by itself comes behind that. That it says anything shows that there was no more.
                peer.say(&(old.frame)(b"hello"));
                assert_eq!(told().as_deref(), Some(&b"hello"[..]));
                drop(peer);
                if old.gets_all && !connects {
                    assert_eq!(told().as_deref(), Some(&b"\0"[..]));
                }
            }
        }
    }
}
