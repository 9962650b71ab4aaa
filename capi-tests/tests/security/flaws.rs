//! The flaws of libzmq's history, by number, one test each.

use super::*;

// A greeting that names a weaker mechanism than the socket's was gone along with.
#[test]
fn cve_2014_7202_no_downgrade_to_a_weaker_mechanism() {
    let _alone = alone();
    let context = Context::new();
    let keys = Keys::new();
    let (curve, plain) = (context.socket(PULL, SHORT), context.socket(PULL, SHORT));
    keys.serve(&curve);
    plain.set(PLAIN_SERVER, 1);
    let hello = b"\x04\x08\x05HELLO\x00\x00\x04\x09\x08INITIATE";
    for (server, weaker) in [(curve, &[&b"NULL"[..], b"PLAIN"][..]), (plain, &[b"NULL"])] {
        let endpoint = server.bind();
        for mechanism in weaker {
            for introduction in [&ready(b"PUSH")[..], hello] {
                let bytes = [&greeting(mechanism, 0)[..], introduction, SNEAKY].concat();
                is_refused(&endpoint, &server, &bytes);
            }
        }
    }

    // A client, too, tells nothing to a server that wants no encryption.
    let client = context.socket(PUSH, LONG);
    keys.connect(&client);
    client.set(RECONNECT_IVL, -1);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    client.connect(&format!("tcp://{}", listener.local_addr().unwrap()));
    assert!(client.send(b"a secret"));
    let (server, _) = listener.accept().unwrap();
    throw(
        &server,
        &[&greeting(b"NULL", 1)[..], &ready(b"PULL")].concat(),
    );
    let said = last_words(&server).expect("the client hangs up");
    assert!(said.len() <= 64, "more than a greeting: {said:?}");
}

// What was encrypted for the server could be sent to it again, by anybody who had seen it.
#[test]
fn cve_2014_7203_nothing_can_be_replayed() {
    let _alone = alone();
    let context = Context::new();
    let keys = Keys::new();
    let server = context.socket(PULL, SHORT);
    keys.serve(&server);
    let endpoint = server.bind();

    // Each of the client's frames is kept; its second message is passed on twice.
    let client = context.socket(PUSH, LONG);
    keys.connect(&client);
    client.set(RECONNECT_IVL, -1);
    let (keep, kept) = mpsc::channel();
    let middle = between(&endpoint, move |number, bytes| {
        let _ = keep.send(bytes.clone());
        // Before it: HELLO, INITIATE, and the first message.
        bytes.repeat(if number == 3 { 2 } else { 1 })
    });
    client.connect(&middle);
    assert!(client.send(b"1") && client.send(b"2"));
    server.set(RCVTIMEO, LONG);
    assert_eq!(server.recv().as_deref(), Some(&b"1"[..]));
    assert_eq!(server.recv().as_deref(), Some(&b"2"[..]));
    server.set(RCVTIMEO, SHORT);
    assert_eq!(server.recv(), None);
    // The connection is over: nothing else comes in by it.
    client.set(SNDTIMEO, SHORT);
    client.send(b"3");
    assert_eq!(server.recv(), None);

    // All that the client has said, said again on a connection of the attacker's own.
    let frames: Vec<Vec<u8>> = kept.try_iter().collect();
    assert!(frames.len() >= 4);
    let all = [greeting(b"CURVE", 0), frames.concat()].concat();
    is_refused(&endpoint, &server, &all);
}

// The headers of older versions led past all security.
#[test]
fn cve_2014_9721_older_versions_do_not_bypass_security() {
    let _alone = alone();
    let context = Context::new();
    let keys = Keys::new();
    let (curve, plain) = (context.socket(PULL, SHORT), context.socket(PULL, SHORT));
    keys.serve(&curve);
    plain.set(PLAIN_SERVER, 1);
    let signature = b"\xff\0\0\0\0\0\0\0\x01\x7f";
    for server in [curve, plain] {
        let endpoint = server.bind();
        // ZMTP 1, without and with a signature; and 2, with a routing id that is a frame of its own version.
        is_refused(&endpoint, &server, b"\x01\x00\x08\x00sneaky\x00");
        for (revision, routing_id) in [(0, &b"\x01\x00"[..]), (1, b"\x00\x00")] {
            let old = [&signature[..], &[revision, 8], routing_id, SNEAKY].concat();
            is_refused(&endpoint, &server, &old);
        }
    }
}

// A length near 2^64 overflowed the sum that it was checked with.
#[test]
fn cve_2019_6250_lengths_do_not_overflow() {
    let _alone = alone();
    let context = Context::new();
    let server = context.socket(PULL, LONG);
    let endpoint = server.bind();
    for length in [
        u64::MAX,
        u64::MAX - 8,
        u64::MAX - 0xffff,
        i64::MAX as u64,
        1 << 62,
    ] {
        for flags in [2, 3, 6] {
            for before in [&b""[..], b"\x01\x03abc"] {
                let attacker = raw(&endpoint);
                let mut bytes = [&greeting(b"NULL", 0)[..], &ready(b"PUSH"), before].concat();
                bytes.push(flags);
                bytes.extend(length.to_be_bytes());
                bytes.resize(bytes.len() + 70_000, b'A');
                throw(&attacker, &bytes);
                assert!(last_words(&attacker).is_some(), "{length:x}");
            }
        }
    }
    let client = context.socket(PUSH, LONG);
    client.connect(&endpoint);
    assert!(client.send(b"well"));
    assert_eq!(server.recv().as_deref(), Some(&b"well"[..]));
}

// An INITIATE longer than what libzmq itself would send overflowed the stack. So might have the other commands.
#[test]
fn cve_2019_13132_handshake_commands_do_not_overflow() {
    let _alone = alone();
    let context = Context::new();
    let keys = Keys::new();
    let server = context.socket(PULL, SHORT);
    keys.serve(&server);
    let endpoint = server.bind();
    for changed in [0, 1] {
        for more in [1, 300, 5000, 100_000, 900_000] {
            let client = context.socket(PUSH, LONG);
            keys.connect(&client);
            client.set(RECONNECT_IVL, -1);
            let (tell, told) = mpsc::channel();
            let middle = between(&endpoint, move |number, bytes| {
                if number != changed {
                    return bytes;
                }
                let _ = tell.send(());
                let head = if bytes[0] & 2 == 0 { 2 } else { 9 };
                let mut long = frame(false, &[&bytes[head..], &vec![b'A'; more]].concat());
                long[0] |= 4;
                long
            });
            client.connect(&middle);
            assert!(client.send(b"sneaky"));
            let patience = Duration::from_millis(LONG as u64);
            assert_eq!(told.recv_timeout(patience), Ok(()), "it comes to that");
            assert_eq!(server.recv(), None, "command {changed}, {more} more");
        }
    }
    let client = context.socket(PUSH, LONG);
    keys.connect(&client);
    client.connect(&endpoint);
    server.set(RCVTIMEO, LONG);
    assert!(client.send(b"well"));
    assert_eq!(server.recv().as_deref(), Some(&b"well"[..]));
}

// Connections that never got further than TCP took part in the socket's turns, and messages for others went to them.
#[test]
fn cve_2020_15166_raw_connections_do_not_starve_others() {
    let _alone = alone();
    let context = Context::new();
    let keys = Keys::new();
    let server = context.socket(DEALER, LONG);
    keys.serve(&server);
    let endpoint = server.bind();
    let idle: Vec<TcpStream> = (0..20).map(|_| raw(&endpoint)).collect();
    for (i, connection) in idle.iter().enumerate() {
        // Some say nothing, some begin a greeting, some wait for WELCOME.
        throw(connection, &greeting(b"CURVE", 0)[..[0, 5, 64][i % 3]]);
    }
    hear(&idle[2], 64);
    let client = context.socket(DEALER, LONG);
    keys.connect(&client);
    client.connect(&endpoint);
    for n in 0..100_u32 {
        assert!(client.send(&n.to_be_bytes()));
        assert_eq!(server.recv().as_deref(), Some(&n.to_be_bytes()[..]));
        assert!(server.send(&n.to_be_bytes()));
        assert_eq!(client.recv().as_deref(), Some(&n.to_be_bytes()[..]));
    }
    // Nor do they hold up the end.
    let began = Instant::now();
    drop((client, server, context));
    assert!(began.elapsed() < Duration::from_secs(5));
}

// What had come of a message when the server hung up was never freed (GHSA-wfr2-29gj-5w87).
#[test]
fn cve_2021_20234_unfinished_messages_do_not_leak() {
    const ROUNDS: usize = 60;
    let _alone = alone();
    let context = Context::new();
    let client = context.socket(PULL, SHORT);
    client.set(RECONNECT_IVL, 1);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    client.connect(&format!("tcp://{}", listener.local_addr().unwrap()));
    let part = vec![b'A'; 1 << 20];
    let mut before = 0;
    for round in 0..ROUNDS {
        if round == 10 {
            before = resident();
        }
        let (server, _) = listener.accept().unwrap();
        throw(&server, &[greeting(b"NULL", 0), ready(b"PUSH")].concat());
        // A whole part, then less than the next one's length says.
        throw(&server, &frame(true, &part));
        let rest = frame(false, &part);
        throw(&server, &rest[..rest.len() / 2]);
    }
    let grown = resident().saturating_sub(before);
    assert!(grown < ROUNDS / 4 * part.len(), "{grown} bytes");
    assert_eq!(client.recv(), None);
}

// Two messages of ZMTP 1 beyond the size of a buffer made libzmq write behind it (GHSA-fc3w-qxf5-7hp6).
#[test]
fn cve_2021_20235_large_messages_of_zmtp_1() {
    let _alone = alone();
    let context = Context::new();
    let server = context.socket(PULL, LONG);
    let endpoint = server.bind();
    for size in [8191, 8192, 8193, 20_000, 65_536, 300_000] {
        for chunk in [1000, 8193, 1 << 20] {
            let attacker = raw(&endpoint);
            let mut bytes = b"\x01\x00".to_vec();
            for i in 0..3 {
                bytes.push(0xff);
                bytes.extend((size as u64 + 1).to_be_bytes());
                bytes.push(0);
                bytes.resize(bytes.len() + size, b'a' + i);
            }
            bytes
                .chunks(chunk)
                .for_each(|chunk| throw(&attacker, chunk));
            for i in 0..3 {
                assert!(server.recv().is_some_and(|got| got == vec![b'a' + i; size]));
            }
        }
    }
    // Lengths that make no sense: none, and more than there can be.
    for length in [0, u64::MAX, 1 << 63] {
        let attacker = raw(&endpoint);
        throw(&attacker, b"\x01\x00\xff");
        throw(&attacker, &length.to_be_bytes());
        throw(&attacker, &[b'A'; 20_000]);
        assert!(last_words(&attacker).is_some(), "{length:x}");
    }
}

// A subscription to a long topic was removed by a recursion as deep (GHSA-qq65-x72m-9wr8).
#[test]
fn cve_2021_20236_long_topics_do_not_overflow_the_stack() {
    let _alone = alone();
    let context = Context::new();
    let topic = vec![b'A'; 4 << 20];
    for socket_type in [PUB, XPUB] {
        let server = context.socket(socket_type, LONG);
        let endpoint = server.bind();
        for again in [&[0][..], &[]] {
            let attacker = raw(&endpoint);
            throw(&attacker, &[greeting(b"NULL", 0), ready(b"SUB")].concat());
            throw(&attacker, &frame(false, &[&[1], &topic[..]].concat()));
            // Given up in so many words, or by hanging up.
            for first in again {
                throw(&attacker, &frame(false, &[&[*first], &topic[..]].concat()));
            }
            if socket_type == XPUB {
                assert!(server.recv().is_some_and(|got| got[0] == 1));
                drop(attacker);
                assert!(server.recv().is_some_and(|got| got[0] == 0));
            }
        }
        // It goes on.
        let client = context.socket(SUB, LONG);
        client.set_bytes(SUBSCRIBE, b"A");
        client.connect(&endpoint);
        client.set(RCVTIMEO, 10);
        let began = Instant::now();
        while client.recv().is_none() {
            assert!(server.send(b"A"));
            assert!(began.elapsed() < Duration::from_secs(20));
        }
    }
}

// Messages to a PUB, which receives none, were kept for ever (GHSA-4p5v-h92w-6wxw).
#[test]
fn cve_2021_20237_messages_to_a_publisher_do_not_leak() {
    const COUNT: usize = 2000;
    let _alone = alone();
    let context = Context::new();
    let server = context.socket(PUB, LONG);
    let endpoint = server.bind();
    let attacker = raw(&endpoint);
    throw(&attacker, &[greeting(b"NULL", 0), ready(b"SUB")].concat());
    let message = frame(false, &vec![b'A'; 64 * 1024]);
    let mut before = 0;
    for n in 0..COUNT {
        if n == COUNT / 10 {
            before = resident();
        }
        throw(&attacker, &message);
        // The publisher's calls take what has come.
        assert!(server.send(b""));
    }
    let grown = resident().saturating_sub(before);
    assert!(grown < COUNT / 4 * message.len(), "{grown} bytes");
}

// After 4.3.5: a pipe that ended from both sides at once was freed twice, with the messages in it.
#[test]
fn pipes_that_end_from_both_sides_are_freed_once() {
    const ROUNDS: usize = 200;
    let _alone = alone();
    let library = Library::under_test();
    let given_back = Arc::default();
    for round in 1..=ROUNDS {
        let context = Context::new();
        let (one, other) = (context.socket(PAIR, LONG), context.socket(PAIR, LONG));
        let endpoint = match round % 2 {
            0 => "inproc://pair".to_string(),
            _ => one.0.bind_any("tcp"),
        };
        if round % 2 == 0 {
            one.0.bind(&endpoint).expect("bound");
        }
        other.connect(&endpoint);
        for socket in [&one, &other] {
            for _ in 0..3 {
                let mut part = api::Part::lend(library, vec![7; 20_000], &given_back);
                part.send(socket.0, 0).expect("sent");
            }
        }
        thread::scope(|scope| {
            scope.spawn(move || drop(one));
            scope.spawn(move || drop(other));
        });
        drop(context);
        assert_eq!(given_back.load(Ordering::Relaxed), 6 * round);
    }
}
