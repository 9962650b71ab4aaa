//! The mechanisms: who is let in, who is not, and what each side learns.

use super::*;
use crate::{consts::*, error::Error};

#[test]
fn null_peers_learn_of_each_other() {
    for piece in PIECES {
        let ours = Local {
            routing_id: b"us".into(),
            metadata: vec![(b"X-Key".into(), b"value".into())],
            ..local(SocketType::Dealer)
        };
        let (ours, theirs) = run(ours, local(SocketType::Router), &no_zap, piece);
        let (they, we) = (ours.peer(), theirs.peer());
        assert_eq!(they.version, Version::V3_1);
        assert_eq!(they.socket_type(), Some(&b"ROUTER"[..]));
        assert!(they.routing_id.is_empty() && !they.wants_everything);
        assert!(matches!(they.codec, Codec::Clear));
        assert_eq!(we.routing_id, b"us");
        assert_eq!(we.properties.get(b"X-Key"), Some(&b"value"[..]));
        assert_eq!(we.properties.get(b"Identity"), Some(&b"us"[..]));
    }
}

#[test]
fn only_types_with_a_routing_id_send_it() {
    let ours = Local {
        routing_id: b"us".into(),
        ..local(SocketType::Push)
    };
    let (_, theirs) = run(ours, local(SocketType::Pull), &no_zap, 64);
    let we = theirs.peer();
    assert!(we.routing_id.is_empty());
    assert!(we.properties.get(b"Identity").is_none());
}

#[test]
fn plain_peers_come_in_when_the_handler_says_so() {
    for piece in PIECES {
        let zap = |request: &zap::Request| {
            let frames: [&[u8]; 9] = [
                b"", b"1.0", b"1", b"test", b"", b"", b"PLAIN", b"admin", b"secret",
            ];
            assert_eq!(request.frames(), frames);
            reply("200")
        };
        let (client, server) = run(plain_client(), plain_server(), &zap, piece);
        assert_eq!(client.peer().socket_type(), Some(&b"ROUTER"[..]));
        let properties = server.peer().properties;
        assert_eq!(properties.get(b"User-Id"), Some(&b"someone"[..]));
        assert_eq!(properties.get(b"Hello"), Some(&b"World"[..]));
        assert_eq!(properties.get(b"Socket-Type"), Some(&b"DEALER"[..]));
    }
}

#[test]
fn null_peers_are_authenticated_where_there_is_a_domain() {
    for piece in PIECES {
        let zap = |request: &zap::Request| {
            let frames: [&[u8]; 7] = [b"", b"1.0", b"1", b"test", b"10.0.0.1", b"server", b"NULL"];
            assert_eq!(request.frames(), frames);
            reply("200")
        };
        let (client, server) = run(local(SocketType::Dealer), null_server(), &zap, piece);
        assert_eq!(client.peer().routing_id, b"server");
        assert_eq!(
            server.peer().properties.get(b"User-Id"),
            Some(&b"someone"[..])
        );
    }
}

#[test]
fn both_sides_learn_of_a_refusal() {
    for (status, number) in [("400", 400), ("500", 500)] {
        for piece in PIECES {
            for (client, server) in [
                (local(SocketType::Dealer), null_server()),
                (plain_client(), plain_server()),
            ] {
                let (client, server) = run(client, server, &|_| reply(status), piece);
                assert_eq!(client.failure(), Failure::Denied(number));
                assert_eq!(server.refusal(), Failure::Denied(number));
            }
        }
    }
}

#[test]
fn a_peer_is_told_nothing_of_a_temporary_error() {
    for (client, server) in [
        (local(SocketType::Dealer), null_server()),
        (plain_client(), plain_server()),
    ] {
        let (client, server) = run(client, server, &|_| reply("300"), 64);
        assert!(matches!(client, End::Waiting));
        assert_eq!(server.refusal(), Failure::Denied(300));
    }
}

#[test]
fn without_a_handler_it_depends_on_options_and_mechanism() {
    let no_detail = Failure::NoDetail(Error::EFAULT);
    let (client, server) = run(local(SocketType::Dealer), null_server(), &no_zap, 64);
    client.peer();
    server.peer();
    let strict = Local {
        zap_enforce_domain: true,
        ..null_server()
    };
    let (_, server) = run(local(SocketType::Dealer), strict, &no_zap, 64);
    assert_eq!(server.refusal(), no_detail);
    let (_, server) = run(plain_client(), plain_server(), &no_zap, 64);
    assert_eq!(server.failure(), no_detail);
    let nowhere_to_ask = Local {
        zap_domain: Vec::new(),
        zap_enforce_domain: true,
        ..plain_server()
    };
    let (_, server) = run(plain_client(), nowhere_to_ask, &|_| reply("200"), 64);
    assert_eq!(server.failure(), no_detail);
}

#[test]
fn the_handler_may_answer_after_the_peer_has_gone_on() {
    let mut out = Vec::new();
    let handshake = Handshake::new(null_server(), &mut out);
    let greeting = greeting(1, b"NULL");
    let (Step::AskZap(handshake, _), 64) = handshake.on(&greeting, &mut out).unwrap() else {
        panic!("no question for the handler");
    };
    let ready = command(b"\x05READY\x0bSocket-Type\0\0\0\x03REQ");
    let (Step::More(handshake), _) = handshake.on(&ready, &mut out).unwrap() else {
        panic!("no wait for the handler");
    };
    let Step::Done(peer) = handshake
        .zap_reply(&reply("200").unwrap(), &mut out)
        .unwrap()
    else {
        panic!("not done");
    };
    assert_eq!(peer.socket_type(), Some(&b"REQ"[..]));
}

#[test]
fn mechanisms_and_roles_must_fit() {
    let mismatch = Failure::Protocol(ZMQ_PROTOCOL_ERROR_ZMTP_MECHANISM_MISMATCH);
    let (ours, theirs) = run(local(SocketType::Dealer), plain_server(), &no_zap, 64);
    assert_eq!((ours.failure(), theirs.failure()), (mismatch, mismatch));
    let (ours, theirs) = run(plain_client(), plain_client(), &no_zap, 64);
    let unexpected = Failure::UNEXPECTED_COMMAND;
    assert_eq!((ours.failure(), theirs.failure()), (unexpected, unexpected));
    let (ours, theirs) = run(plain_server(), plain_server(), &no_zap, 64);
    assert!(matches!((ours, theirs), (End::Waiting, End::Waiting)));
}

#[test]
fn socket_types_must_fit() {
    let (ours, theirs) = run(local(SocketType::Req), local(SocketType::Pub), &no_zap, 64);
    let quiet = Failure::Quiet(Error::EINVAL);
    assert_eq!((ours.failure(), theirs.failure()), (quiet, quiet));
    assert_eq!(quiet.event(), None);
    let server = Local {
        socket_type: SocketType::Pub,
        ..plain_server()
    };
    let (_, server) = run(plain_client(), server, &|_| reply("200"), 64);
    assert_eq!(server.failure(), quiet);
    let script = [
        &greeting(1, b"PLAIN")[..],
        &command(b"\x07WELCOME"),
        &command(b"\x05READY\x0bSocket-Type\0\0\0\x03PUB"),
    ];
    assert_eq!(
        scripted(plain_client(), &no_zap, &script).0.failure(),
        Failure::Protocol(ZMQ_PROTOCOL_ERROR_ZMTP_INVALID_METADATA)
    );
}

#[test]
fn a_plain_client_sends_what_the_rfc_says() {
    let script = [&greeting(1, b"PLAIN")[..], &command(b"\x07WELCOME")];
    let (_, out) = scripted(plain_client(), &no_zap, &script);
    let mut expected = greeting(1, b"PLAIN");
    expected.extend(command(b"\x05HELLO\x05admin\x06secret"));
    expected.extend(command(
        b"\x08INITIATE\x0bSocket-Type\0\0\0\x06DEALER\x08Identity\0\0\0\0",
    ));
    assert_eq!(out, expected);
}
