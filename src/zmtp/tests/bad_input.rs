//! Peers and handlers that break the protocol.

use super::*;
use crate::{consts::*, error::Error};

#[test]
fn an_answer_to_no_question_is_an_error() {
    let mut out = Vec::new();
    let handshake = Handshake::new(local(SocketType::Rep), &mut out);
    let failure = handshake.zap_no_handler(&mut out).unwrap_err();
    assert_eq!(failure, Failure::Quiet(Error::EFSM));
}

#[test]
fn bad_commands_have_their_codes() {
    let protocol = Failure::Protocol;
    let null: [(&[u8], Failure); 9] = [
        (b"", Failure::UNEXPECTED_COMMAND),
        (b"\x05HELLO", Failure::UNEXPECTED_COMMAND),
        (b"\x05READY\x01", Failure::Quiet(Error::EPROTO)),
        (
            b"\x05READY\x0bSocket-Type\0\0\0\x03SUB",
            Failure::Quiet(Error::EINVAL),
        ),
        (
            b"\x05ERROR",
            protocol(ZMQ_PROTOCOL_ERROR_ZMTP_MALFORMED_COMMAND_ERROR),
        ),
        (
            b"\x05ERROR\x04400",
            protocol(ZMQ_PROTOCOL_ERROR_ZMTP_MALFORMED_COMMAND_ERROR),
        ),
        (b"\x05ERROR\x03400", Failure::Denied(400)),
        (b"\x05ERROR\x03200", Failure::Quiet(Error::EPROTO)),
        (b"\x05ERROR\x07no luck", Failure::Quiet(Error::EPROTO)),
    ];
    for (body, failure) in null {
        let script = [&greeting(1, b"NULL")[..], &command(body)];
        let (end, _) = scripted(local(SocketType::Dealer), &no_zap, &script);
        assert_eq!(end.failure(), failure, "{body:?}");
    }

    let client: [(&[&[u8]], Failure); 6] = [
        (&[b"\x05HELLO"], Failure::UNEXPECTED_COMMAND),
        (&[b"\x05READY"], Failure::UNEXPECTED_COMMAND),
        (
            &[b"\x07WELCOMEx"],
            protocol(ZMQ_PROTOCOL_ERROR_ZMTP_MALFORMED_COMMAND_WELCOME),
        ),
        (
            &[b"\x07WELCOME", b"\x07WELCOME"],
            Failure::UNEXPECTED_COMMAND,
        ),
        (
            &[b"\x07WELCOME", b"\x05READY\x02x"],
            protocol(ZMQ_PROTOCOL_ERROR_ZMTP_INVALID_METADATA),
        ),
        (&[b"\x07WELCOME", b"\x05ERROR\x03500"], Failure::Denied(500)),
    ];
    for (bodies, failure) in client {
        let commands: Vec<u8> = bodies.iter().flat_map(|body| command(body)).collect();
        let script = [&greeting(1, b"PLAIN")[..], &commands];
        let (end, _) = scripted(plain_client(), &no_zap, &script);
        assert_eq!(end.failure(), failure, "{bodies:?}");
    }

    let hello = protocol(ZMQ_PROTOCOL_ERROR_ZMTP_MALFORMED_COMMAND_HELLO);
    let unspecified = protocol(ZMQ_PROTOCOL_ERROR_ZMTP_MALFORMED_COMMAND_UNSPECIFIED);
    let server: [(&[&[u8]], Failure); 11] = [
        (&[b""], unspecified),
        (&[b"\x05"], unspecified),
        (&[b"\x06HELLO"], unspecified),
        (&[b"\x05HELLX"], Failure::UNEXPECTED_COMMAND),
        (&[b"\x05HELLO"], hello),
        (&[b"\x05HELLO\x05user"], hello),
        (&[b"\x05HELLO\x04user"], hello),
        (&[b"\x05HELLO\x04user\x05pass"], hello),
        (&[b"\x05HELLO\x04user\x04pass!"], hello),
        (
            &[b"\x05HELLO\x04user\x04pass", b"\x05HELLO"],
            Failure::UNEXPECTED_COMMAND,
        ),
        (
            &[b"\x05HELLO\0\0", b"\x08INITIATE\x01"],
            Failure::Quiet(Error::EPROTO),
        ),
    ];
    for (bodies, failure) in server {
        let commands: Vec<u8> = bodies.iter().flat_map(|body| command(body)).collect();
        let script = [&greeting(1, b"PLAIN")[..], &commands];
        let (end, _) = scripted(plain_server(), &|_| reply("200"), &script);
        assert_eq!(end.failure(), failure, "{bodies:?}");
    }
}

#[test]
fn a_plain_client_in_a_hurry_is_turned_away() {
    let script = [
        &greeting(1, b"PLAIN")[..],
        &command(b"\x05HELLO\0\0"),
        &command(b"\x08INITIATE"),
    ];
    let (end, out) = scripted(plain_server(), &|_| reply("400"), &script);
    assert_eq!(
        end.failure(),
        Failure::Protocol(ZMQ_PROTOCOL_ERROR_ZMTP_UNSPECIFIED)
    );
    assert!(out.ends_with(b"\x04\x0a\x05ERROR\x03400"));
}

#[test]
fn the_handlers_mistakes_are_reported() {
    for (frame, text, code) in [
        (1, "1.1", ZMQ_PROTOCOL_ERROR_ZAP_BAD_VERSION),
        (
            6,
            "\x0bSocket-Type\0\0\0\x03PUB",
            ZMQ_PROTOCOL_ERROR_ZAP_INVALID_METADATA,
        ),
    ] {
        let zap = |_: &zap::Request| {
            let mut frames = reply("200")?;
            frames[frame] = text.into();
            Some(frames)
        };
        let (_, server) = run(plain_client(), plain_server(), &zap, 64);
        assert_eq!(server.failure(), Failure::Protocol(code));
    }
}

#[test]
fn the_size_of_a_command_is_limited() {
    let huge = [&greeting(1, b"NULL")[..], &[6, 0, 0, 0, 0, 0, 0x10, 0, 1]];
    let quiet = Failure::Quiet(Error::EMSGSIZE);
    let (end, _) = scripted(local(SocketType::Dealer), &no_zap, &huge);
    assert_eq!(end.failure(), quiet);
    let small = Local {
        limit: Limit::new(20),
        ..local(SocketType::Dealer)
    };
    let script = [&greeting(1, b"NULL")[..], &command(READY_ROUTER)];
    assert_eq!(scripted(small, &no_zap, &script).0.failure(), quiet);
}

#[test]
fn failures_name_their_event() {
    let event = |failure: Failure| failure.event().unwrap();
    assert_eq!(
        event(Failure::UNEXPECTED_COMMAND),
        (
            ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL,
            ZMQ_PROTOCOL_ERROR_ZMTP_UNEXPECTED_COMMAND
        )
    );
    assert_eq!(
        event(Failure::Denied(400)),
        (ZMQ_EVENT_HANDSHAKE_FAILED_AUTH, 400)
    );
    assert_eq!(
        event(Failure::NoDetail(Error::EFAULT)),
        (ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL, libc::EFAULT)
    );
}

#[test]
fn no_damage_to_a_handshake_makes_it_panic() {
    let scripts = [
        (
            null_server as fn() -> Local,
            [greeting(1, b"NULL"), command(READY_ROUTER)].concat(),
        ),
        (
            plain_server,
            [
                greeting(1, b"PLAIN"),
                command(b"\x05HELLO\x04user\x04pass"),
                command(b"\x08INITIATE\x0bSocket-Type\0\0\0\x06DEALER"),
            ]
            .concat(),
        ),
        (
            plain_client,
            [
                greeting(0, b"PLAIN"),
                command(b"\x07WELCOME"),
                command(READY_ROUTER),
            ]
            .concat(),
        ),
    ];
    for (ours, script) in scripts {
        for at in 0..script.len() {
            for value in [0, 1, 2, 0x7f, 0x80, 0xff] {
                let mut script = script.clone();
                script[at] = value;
                for piece in [1, usize::MAX] {
                    let mut side = Side::new(ours(), &|_| reply("200"));
                    for octets in script.chunks(piece) {
                        side.feed(octets);
                    }
                }
            }
        }
    }
}
