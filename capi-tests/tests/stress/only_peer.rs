//! Sockets with one peer, where short messages go past the pattern: between those that don't.

use capi_tests::{
    api::{Library, consts::*},
    random::Random,
};

/// Of one part and of several, short, at the edge, and long, messages come as they were sent, and in that order.
pub fn one_after_the_other(transport: &str) {
    let library = Library::under_test();
    let mut random = Random::new(1);
    for (from, to) in [(PUSH, PULL), (DEALER, DEALER), (PAIR, PAIR), (XPUB, SUB)] {
        let context = library.context();
        let (from, to) = (context.socket(from), context.socket(to));
        let timeout = to.set(RCVTIMEO, 10_000).and(from.set(RCVTIMEO, 10_000));
        timeout.expect("a timeout");
        if to.get(TYPE) == Ok(SUB) {
            to.set_bytes(SUBSCRIBE, b"").expect("subscribed");
        }
        to.connect(&from.bind_any(transport)).expect("a connection");
        if from.get(TYPE) == Ok(XPUB) {
            from.recv(0).expect("a subscription");
        }
        for _ in 0..2000 {
            let sent: Vec<Vec<Vec<u8>>> = (0..random.below(10))
                .map(|_| {
                    let parts = 1 + random.below(6).saturating_sub(3);
                    let sizes = [0, 1, 16, 40, 41, 255, 256, 1000, 9000];
                    let mut part = || vec![random.below(256) as u8; *random.of(&sizes)];
                    (0..parts).map(|_| part()).collect()
                })
                .collect();
            for message in &sent {
                let parts: Vec<&[u8]> = message.iter().map(Vec::as_slice).collect();
                from.send_all(&parts).expect("sent");
            }
            for message in &sent {
                assert_eq!(to.recv_all(0).as_ref(), Ok(message));
                assert_eq!(to.get(RCVMORE), Ok(0));
            }
        }
        from.close().and(to.close()).expect("closed");
        context.term().expect("an end");
    }
}

/// What is left of a message whose peer has gone in the midst of it isn't for the next one.
pub fn the_rest_of_a_message() {
    let context = Library::under_test().context();
    for (from, to) in [(PUSH, PULL), (DEALER, DEALER)] {
        let from = context.socket(from);
        let endpoint = from.bind_any("inproc");
        let peer = || {
            let peer = context.socket(to);
            peer.set(RCVTIMEO, 10_000).expect("a timeout");
            peer.connect(&endpoint).expect("a connection");
            peer
        };
        let (first, second) = (peer(), peer());
        for _ in 0..100 {
            for peer in [first, second] {
                from.send(b"whole", 0).expect("sent");
                assert_eq!(peer.recv(0).as_deref(), Ok(&b"whole"[..]));
            }
        }
        from.send(b"part", SNDMORE).expect("sent");
        first.close().expect("closed");
        from.send(b"part", SNDMORE).expect("dropped");
        from.send(b"the last", 0).expect("dropped");
        from.send(b"the next", 0).expect("sent");
        assert_eq!(second.recv(0).as_deref(), Ok(&b"the next"[..]));
        from.close().and(second.close()).expect("closed");
    }
    context.term().expect("an end");
}

/// What a peer has sent before it closed is received, also after a disconnection from it.
pub fn disconnected_too_late() {
    let context = Library::under_test().context();
    for (from, to) in [(PUSH, PULL), (DEALER, DEALER), (PAIR, PAIR)] {
        let (from, to) = (context.socket(from), context.socket(to));
        let endpoint = from.bind_any("inproc");
        to.connect(&endpoint).expect("a connection");
        from.send(b"the last", 0).expect("sent");
        from.close().expect("closed");
        to.disconnect(&endpoint).expect("disconnected");
        assert_eq!(to.recv(DONTWAIT).as_deref(), Ok(&b"the last"[..]));
        assert!(to.recv(DONTWAIT).is_err());
        to.close().expect("closed");
    }
    context.term().expect("an end");
}
