//! What a handshake may cost, and how a bad one ends.

use super::*;

/// The most octets of a handshake command.
const MOST: usize = 1 << 16;

const HANDSHAKE_FAILED_PROTOCOL: u16 = 0x2000;
const MALFORMED_COMMAND_UNSPECIFIED: u32 = 0x1000_0011;

/// A frame with a long header that announces this size, and what comes of its body.
fn command(announced: usize, body: &[u8]) -> Vec<u8> {
    let mut frame = vec![6];
    frame.extend((announced as u64).to_be_bytes());
    frame.extend(body);
    frame
}

/// The largest READY of a PUSH, with as many properties as it can hold.
fn largest_ready() -> Vec<u8> {
    let mut body = b"\x05READY\x0bSocket-Type\0\0\0\x04PUSH".to_vec();
    for n in 0..(MOST - body.len()) / 7 {
        let name = [1 + (n >> 7) as u8, 1 + (n & 127) as u8];
        body.extend([2, name[0], name[1], 0, 0, 0, 0]);
    }
    body
}

/// A command that is longer than any is to be ends the handshake when its header is there, and an event says so.
#[test]
fn an_oversized_command_ends_the_handshake() {
    let context = Context::new(Library::under_test());
    let socket = context.socket(PULL);
    let monitor = Monitor::new(&context, &socket);
    let way = Way::new(&socket, false);
    let peer = way.peer();
    peer.say(&greeting(b"NULL", 0));
    peer.say(&command(MOST + 1, b""));
    assert!(peer.hear_all(long()).1, "it is closed");
    let told = monitor.until_disconnected();
    let failed = (HANDSHAKE_FAILED_PROTOCOL, MALFORMED_COMMAND_UNSPECIFIED);
    assert_eq!(told.last(), Some(&failed));
    // Others come in as ever, those with the largest command, too.
    let peer = way.peer();
    peer.say(&greeting(b"NULL", 0));
    let body = largest_ready();
    peer.say(&command(body.len(), &body));
    peer.say(b"\0\x02hi");
    assert_eq!(socket.recv_within(long()).as_deref(), Some(&b"hi"[..]));
}

/// Connections that send the largest handshake there is, and stop, whole or unfinished: each costs what it has sent and not
/// much more. (libzmq: 85 KiB unfinished, 1860 KiB whole.)
#[test]
fn a_handshake_costs_what_it_sends() {
    const COUNT: usize = 200;
    let body = largest_ready();
    let whole = command(body.len(), &body);
    for end in [whole.len() - 1, whole.len()] {
        let context = Context::new(Library::under_test());
        let socket = context.socket(PULL);
        let monitor = Monitor::new(&context, &socket);
        let way = Way::new(&socket, false);
        let before = resident();
        let peers: Vec<_> = (0..COUNT)
            .map(|_| {
                let peer = way.peer();
                peer.say(&greeting(b"NULL", 0));
                peer.say(&whole[..end]);
                peer.hear(64);
                peer
            })
            .collect();
        // By the time that one that comes after them is heard, most of what they said was, too.
        let last = way.peer();
        last.say(&greeting(b"NULL", 0));
        last.say(&ready(b"PUSH"));
        last.say(b"\0\x02hi");
        while socket.recv_within(long()).expect("a message") != b"hi" {}
        let each = resident().saturating_sub(before) / COUNT;
        assert!(each <= 2 * MOST, "{each} bytes each");
        drop((peers, monitor));
    }
}
