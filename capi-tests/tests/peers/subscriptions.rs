//! SUBSCRIBE and CANCEL as commands (RFC 37), of all lengths and many at once.

use super::*;

/// A SUBSCRIBE that fits into a short frame.
fn subscribe(topic: &[u8]) -> Vec<u8> {
    let size = 10 + topic.len() as u8;
    [&[4, size], &b"\x09SUBSCRIBE"[..], topic].concat()
}

/// An XPUB with a raw XSUB.
fn subscriber(context: &Context) -> (Socket, Raw) {
    let socket = context.socket(XPUB);
    let peer = Way::new(&socket, false).peer();
    peer.say(&[greeting(b"NULL", 0), ready(b"XSUB")].concat());
    // Upstream hangs up on a peer that goes on before it has heard READY.
    peer.hear(64);
    let size = peer.hear(2)[1];
    peer.hear(size.into());
    (socket, peer)
}

fn told(socket: &Socket) -> Vec<u8> {
    socket.recv_within(long()).expect("told")
}

/// What a command is longer than the message it becomes once went into a record whose size was miscounted, from which on
/// the peer's bytes were taken for the library's own. Every count of commands, with what looks like a head behind them.
#[test]
fn many_commands_in_one_read_are_told_one_by_one() {
    for library in both() {
        for (count, tail) in
            (1..40).flat_map(|count| [&b"\0\x05hello"[..], b"\x80AAAAAA"].map(|t| (count, t)))
        {
            let context = Context::new(library);
            let (socket, peer) = subscriber(&context);
            let topics = (0..count).map(|n| format!("topic-{n:02}").into_bytes());
            let last = [b"X", tail].concat();
            let topics: Vec<_> = topics.chain([last]).collect();
            // So that all that follows comes in one read.
            peer.say(&subscribe(b"first"));
            assert_eq!(told(&socket), b"\x01first");
            let mut said: Vec<_> = topics.iter().flat_map(|topic| subscribe(topic)).collect();
            said.extend(b"\x04\x07\x04PING\0\0");
            said.extend(subscribe(b"one more"));
            peer.say(&said);
            for topic in topics {
                assert_eq!(told(&socket), [b"\x01", &topic[..]].concat());
            }
            assert_eq!(told(&socket), b"\x01one more");
        }
    }
}

/// A topic of 8192 bytes or more went over the wire as a frame that is no command.
#[test]
fn topics_of_all_lengths_are_told() {
    let library = Library::under_test();
    let context = Context::new(library);
    for (transport, kind) in ["tcp", "ipc", "inproc"]
        .iter()
        .flat_map(|transport| [SUB, XSUB].map(|kind| (transport, kind)))
    {
        let (publisher, subscriber) = (context.socket(XPUB), context.socket(kind));
        let endpoint = publisher.0.bind_any(transport);
        subscriber.0.connect(&endpoint).expect("an endpoint");
        let want = |wanted: bool, topic: &[u8]| {
            let option = if wanted { SUBSCRIBE } else { UNSUBSCRIBE };
            match kind {
                SUB => subscriber.0.set_bytes(option, topic),
                _ => subscriber.0.send(&[&[wanted.into()], topic].concat(), 0),
            }
            .expect("done");
            assert_eq!(told(&publisher), [&[wanted.into()], topic].concat());
        };
        let around = |n: usize| n - 12..n + 3;
        let sizes = [1, 33].into_iter().chain(around(256)).chain(around(4096));
        for size in sizes.chain(around(8192)).chain([10_000, 70_000]) {
            let topic = vec![b't'; size];
            want(true, &topic);
            publisher.0.send(&topic, 0).expect("sent");
            let message = subscriber.recv_within(long()).expect("a message");
            assert!(message == topic, "{transport}, {size} bytes");
            want(false, &topic);
        }
    }
}
