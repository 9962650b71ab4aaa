//! Connecting through a SOCKS 5 proxy that logs in, takes its time, refuses, or falls silent (ZMQ_SOCKS_PROXY).

use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    thread,
    time::Duration,
};

use capi_tests::api::{Library, consts::*};

/// What the proxy does with a client.
#[derive(Clone, Copy)]
enum Mood {
    /// Hangs up, after so many octets of its answers.
    Cut(usize),
    /// Says that it will not, and leaves it at that.
    Refuse,
    /// Says nothing.
    Silent,
    /// Connects it, and says so octet by octet.
    Serve,
}

/// What the client says, and what it is answered.
struct Exchange {
    expected: Vec<u8>,
    answer: Vec<u8>,
}

fn exchanges(port: u16) -> [Exchange; 3] {
    let exchange = |expected: &[u8], answer: &[u8]| Exchange {
        expected: expected.into(),
        answer: answer.into(),
    };
    let request = [&b"\x05\x01\0\x03\x09some.host"[..], &port.to_be_bytes()].concat();
    [
        exchange(b"\x05\x01\x02", b"\x05\x02"),
        exchange(b"\x01\x02me\x06secret", b"\x01\0"),
        exchange(&request, b"\x05\0\0\x03\x03abc\0\x50"),
    ]
}

/// Serves one client. The stream, if it is to be kept open.
fn serve(mut client: TcpStream, mood: Mood, port: u16) -> Option<TcpStream> {
    let mut said = 0;
    for Exchange { expected, answer } in exchanges(port) {
        let mut heard = vec![0; expected.len()];
        client.read_exact(&mut heard).expect("a request");
        assert_eq!(heard, expected);
        match mood {
            Mood::Silent => return Some(client),
            Mood::Refuse => {
                client.write_all(b"\x05\xff").expect("written");
                return Some(client);
            }
            Mood::Cut(_) | Mood::Serve => {}
        }
        for octet in answer {
            if matches!(mood, Mood::Cut(limit) if limit == said) {
                return None;
            }
            client.write_all(&[octet]).expect("written");
            thread::sleep(Duration::from_millis(1));
            said += 1;
        }
    }
    let server = TcpStream::connect(("127.0.0.1", port)).expect("the server");
    let pump = |mut from: TcpStream, mut to: TcpStream| {
        thread::spawn(move || std::io::copy(&mut from, &mut to));
    };
    let clone = |stream: &TcpStream| stream.try_clone().expect("a descriptor");
    pump(clone(&client), clone(&server));
    pump(server, client);
    None
}

/// A client tries until the proxy is in the mood.
#[test]
fn connects_in_the_end() {
    let context = Library::under_test().context();
    let (from, to) = (context.socket(PUSH), context.socket(PULL));
    let endpoint = from.bind_any("tcp");
    let port: u16 = endpoint
        .rsplit(':')
        .next()
        .and_then(|port| port.parse().ok())
        .expect("a port");
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    // The proxy's own name is looked up.
    let proxy = format!(
        "localhost:{}",
        listener.local_addr().expect("an address").port()
    );
    thread::scope(|scope| {
        scope.spawn(|| {
            let cuts = [0, 1, 2, 3, 4, 7, 9, 12].map(Mood::Cut);
            let moods = [Mood::Refuse, Mood::Silent, Mood::Serve];
            // Kept open: the client has to give them up.
            let mut kept = Vec::new();
            for mood in cuts.into_iter().chain(moods) {
                let (client, _) = listener.accept().expect("a client");
                kept.extend(serve(client, mood, port));
            }
        });
        for (option, text) in [
            (SOCKS_PROXY, &*proxy),
            (SOCKS_USERNAME, "me"),
            (SOCKS_PASSWORD, "secret"),
        ] {
            to.set_bytes(option, text.as_bytes()).expect("an option");
        }
        to.set(HANDSHAKE_IVL, 200).expect("an option");
        to.set(RECONNECT_IVL, 1).expect("an option");
        to.connect(&format!("tcp://some.host:{port}"))
            .expect("an endpoint");
        from.send(b"through", 0).expect("sent");
        assert_eq!(to.recv(0).expect("a message"), b"through");
    });
    from.close().expect("closed");
    to.close().expect("closed");
    context.term().expect("an end");
}
