//! The process has no memory left (`RLIMIT_AS`): what is large fails with ENOMEM, or costs a connection, and all goes on when
//! there is memory again.
//!
//! What is sent and received is large, so that the little that the test and the library need besides still finds room.

use capi_tests::{
    api::{Errno, Library, Socket, consts::*},
    process,
    raw::Raw,
};

use super::alone;

/// A message, and how much memory there is until there is none (bytes).
const LARGE: usize = 8 << 20;
const LEFT: usize = 40 << 20;

/// How long is waited for a message, in milliseconds.
const PATIENCE: i32 = 20_000;

/// There is only so much memory more. The limit that there was is to be given back to [`limit`].
fn use_up() -> libc::rlimit {
    // SAFETY: a limit is read.
    let mut old = unsafe { std::mem::zeroed::<libc::rlimit>() };
    // SAFETY: as above.
    assert_eq!(unsafe { libc::getrlimit(libc::RLIMIT_AS, &mut old) }, 0);
    let now = 1024 * process::status("VmSize:") + LEFT;
    limit(&libc::rlimit {
        rlim_cur: now as libc::rlim_t,
        ..old
    });
    old
}

fn limit(limit: &libc::rlimit) {
    // SAFETY: a limit is set.
    assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_AS, limit) }, 0);
}

fn enomem<T>(result: Result<T, Errno>) -> bool {
    matches!(result, Err(error) if error.0 == libc::ENOMEM)
}

/// A number is sent until one arrives, whatever comes before it, as connections may have to be made again.
fn talk(from: Socket, to: Socket) {
    to.set(RCVTIMEO, 100).expect("set");
    from.set(SNDTIMEO, 100).expect("set");
    let found = (0..PATIENCE / 100).any(|number: i32| {
        let number = number.to_ne_bytes();
        let _ = from.send(&number, 0);
        let mut received = std::iter::from_fn(|| to.recv_with(0, |body| body == number).ok());
        received.any(|(is_it, _)| is_it)
    });
    assert!(found, "nothing comes any more");
}

/// A process that sends more than there is memory for is told so, over each transport, and what it has sent arrives.
#[test]
fn senders_are_told() {
    alone("memory::senders_are_told", || {
        let library = Library::under_test();
        let body = vec![7; LARGE];
        for transport in ["inproc", "tcp"] {
            let context = library.context();
            let (to, from) = (context.socket(PULL), context.socket(PUSH));
            to.set(RCVHWM, 0).expect("set");
            from.set(SNDHWM, 0).expect("set");
            match transport {
                "inproc" => {
                    to.bind("inproc://large").expect("bound");
                    from.connect("inproc://large").expect("connected");
                }
                _ => drop(from.connect(&to.bind_any("tcp")).expect("connected")),
            }
            talk(from, to);
            let old = use_up();
            // What arrives needs memory, too, and may cost the connection meanwhile.
            let is_told = (0..1000).any(|_| enomem(from.send(&body, 0)));
            assert!(is_told, "{transport}");
            limit(&old);
            talk(from, to);
            for socket in [to, from] {
                socket.set(LINGER, 0).expect("set");
                socket.close().expect("closed");
            }
            context.term().expect("terminated");
        }
    });
}

/// A peer that sends more than there is memory for loses its connection, and others don't.
#[test]
fn peers_lose_their_connection() {
    alone("memory::peers_lose_their_connection", || {
        let library = Library::under_test();
        let context = library.context();
        let (to, from) = (context.socket(PULL), context.socket(PUSH));
        let endpoint = to.bind_any("tcp");
        from.connect(&endpoint).expect("connected");
        talk(from, to);
        let mut raw = Raw::shake_hands(&endpoint, "PUSH").expect("a handshake");
        let old = use_up();
        let mut head = vec![2];
        head.extend_from_slice(&(8 * LEFT as u64).to_be_bytes());
        // It is closed as soon as this has come.
        let said = raw.say(head).and_then(|()| raw.frame());
        assert!(matches!(said, Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset));
        talk(from, to);
        limit(&old);
        talk(from, to);
    });
}

/// Subscriptions that there is no memory for are an error of the program's own, and cost a peer its connection, after
/// which it subscribes again.
#[test]
fn subscriptions_are_made_good() {
    alone("memory::subscriptions_are_made_good", || {
        let library = Library::under_test();
        let context = library.context();
        let (publisher, subscriber) = (context.socket(XPUB), context.socket(SUB));
        subscriber.set(RECONNECT_IVL, 10).expect("set");
        subscriber
            .connect(&publisher.bind_any("tcp"))
            .expect("connected");
        let old = use_up();
        let mut topic = vec![b'x'; LARGE];
        let is_told = (0..100).any(|number| {
            topic[0] = number;
            enomem(subscriber.set_bytes(SUBSCRIBE, &topic))
        });
        assert!(is_told);
        limit(&old);
        subscriber.set_bytes(SUBSCRIBE, &[]).expect("subscribed");
        publisher.set(RCVTIMEO, PATIENCE).expect("set");
        while publisher.recv(0).expect("a subscription") != [1] {}
        talk(publisher, subscriber);
        for socket in [publisher, subscriber] {
            socket.set(LINGER, 0).expect("set");
        }
    });
}
