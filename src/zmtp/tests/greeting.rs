//! The greeting, octet by octet, and peers older than ZMTP 3.

use super::*;
use crate::error::Error;

#[test]
fn the_greeting_goes_out_as_the_peer_is_understood() {
    let ours = Local {
        routing_id: b"abc".into(),
        ..local(SocketType::Req)
    };
    let mut side = Side::new(ours, &no_zap);
    let signature = [0xff, 0, 0, 0, 0, 0, 0, 0, 4, 0x7f];
    assert_eq!(side.out, signature);
    let theirs = greeting(0, b"NULL");
    side.feed(&theirs[..9]);
    assert_eq!(side.out, signature);
    side.feed(&theirs[9..10]);
    assert_eq!(side.out[10..], [3]);
    side.feed(&theirs[10..11]);
    assert_eq!(side.out[11..], greeting(1, b"NULL")[11..]);
    side.feed(&theirs[11..63]);
    assert_eq!(side.out.len(), 64);
    side.feed(&theirs[63..]);
    assert_eq!(
        side.out[64..],
        command(b"\x05READY\x0bSocket-Type\0\0\0\x03REQ\x08Identity\0\0\0\x03abc")
    );
    let left = side.feed(b"\x04\x19\x05READY\x0bSocket-Type\0\0\0\x03REP\0\x05hello");
    assert_eq!(left, b"\0\x05hello");
    assert_eq!(side.end.peer().version, Version::V3_0);
}

#[test]
fn later_revisions_are_spoken_to_as_3_1() {
    for (revision, minor) in [(2, 0), (3, 1), (3, 7), (4, 0), (255, 0)] {
        let mut theirs = greeting(minor, b"NULL");
        theirs[10] = revision;
        let script = [&theirs[..], &command(READY_ROUTER)];
        let (end, _) = scripted(local(SocketType::Dealer), &no_zap, &script);
        let peer = end.peer();
        assert_eq!(peer.version, Version::V3_1);
        assert_eq!(peer.routing_id, b"id");
    }
}

#[test]
fn a_zmtp_2_peer_gets_a_short_greeting() {
    let ours = Local {
        routing_id: b"abc".into(),
        ..local(SocketType::Push)
    };
    let theirs = b"\xff\0\0\0\0\0\0\0\x01\x7f\x01\x07\0\x02id";
    let (end, out) = scripted(ours, &no_zap, &[theirs]);
    assert_eq!(out, b"\xff\0\0\0\0\0\0\0\x04\x7f\x03\x08\0\x03abc");
    let peer = end.peer();
    assert_eq!(
        (peer.version, &peer.routing_id[..]),
        (Version::V2, &b"id"[..])
    );
    assert!(matches!(peer.codec, Codec::Clear) && !peer.wants_everything);
}

#[test]
fn a_zmtp_1_peer_with_a_revision_gets_its_framing() {
    let ours = Local {
        routing_id: b"abc".into(),
        ..local(SocketType::Push)
    };
    let theirs = b"\xff\0\0\0\0\0\0\0\x01\x7f\0\x07\x03\0id";
    let (end, out) = scripted(ours, &no_zap, &[theirs]);
    assert_eq!(out, b"\xff\0\0\0\0\0\0\0\x04\x7f\x03\x08\x04\0abc");
    let peer = end.peer();
    assert_eq!(
        (peer.version, &peer.routing_id[..]),
        (Version::V1, &b"id"[..])
    );
    assert!(matches!(peer.codec, Codec::V1));
}

#[test]
fn a_zmtp_1_peer_takes_the_signature_for_a_header() {
    let greetings: [(&[u8], &[u8]); 4] = [
        (b"\x01\0", b""),
        (b"\x03\0id", b"id"),
        (b"\xff\0\0\0\0\0\0\0\x03\0id", b"id"),
        (b"\xff\0\0\0\0\0\0\0\x01\0", b""),
    ];
    for (theirs, routing_id) in greetings {
        let ours = Local {
            routing_id: b"abc".into(),
            ..local(SocketType::XPub)
        };
        let (end, out) = scripted(ours, &no_zap, &[theirs]);
        assert_eq!(out, b"\xff\0\0\0\0\0\0\0\x04\x7fabc");
        let peer = end.peer();
        assert_eq!(
            (peer.version, &peer.routing_id[..]),
            (Version::V1, routing_id)
        );
        assert!(peer.wants_everything);
    }
    let mut side = Side::new(local(SocketType::Pull), &no_zap);
    assert_eq!(side.feed(b"\x01\0\x06\0hello"), b"\x06\0hello");
    assert!(!side.end.peer().wants_everything);
}

#[test]
fn old_peers_do_not_get_past_authentication() {
    let quiet = Failure::Quiet(Error::EPROTO);
    for theirs in [
        &b"\x01\0\x08\0sneaky\0"[..],
        b"\xff\0\0\0\0\0\0\0\x01\x7f\0\x07\x01\0",
        b"\xff\0\0\0\0\0\0\0\x01\x7f\x01\x07\0\0",
    ] {
        for ours in [null_server(), plain_server(), plain_client()] {
            assert_eq!(scripted(ours, &no_zap, &[theirs]).0.failure(), quiet);
        }
    }
}

#[test]
fn routing_ids_of_old_peers_are_checked() {
    for (theirs, error) in [
        (&b"\0"[..], Error::EPROTO),
        (b"\xff\0\0\0\0\0\0\0\0\0", Error::EPROTO),
        (b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\0", Error::EMSGSIZE),
        (
            b"\xff\0\0\0\0\0\0\0\x01\x7f\x01\x07\x02\xff\0\0\0\0\0\0\0",
            Error::EMSGSIZE,
        ),
    ] {
        let (end, _) = scripted(local(SocketType::Router), &no_zap, &[theirs]);
        assert_eq!(end.failure(), Failure::Quiet(error), "{theirs:?}");
    }
}
