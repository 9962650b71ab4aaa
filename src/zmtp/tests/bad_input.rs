//! Peers and handlers that break the protocol.

use super::*;
use crate::{consts::*, error::Error, zmtp::metadata::SOCKET_TYPE};

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

/// A command that is longer than any is to be is refused when its header is there, before anything is kept of it, and
/// that is told; but not if the application has set a lower limit, of which libzmq tells nothing.
#[test]
fn oversized_commands_are_refused_by_their_header() {
    let too_large = Failure::Protocol(ZMQ_PROTOCOL_ERROR_ZMTP_MALFORMED_COMMAND_UNSPECIFIED);
    let header = |len: u32| [&[6, 0, 0, 0, 0][..], &len.to_be_bytes()].concat();
    for (name, ours) in [
        (&b"NULL"[..], local(SocketType::Pull)),
        (b"NULL", null_server()),
        (b"PLAIN", plain_client()),
        (b"PLAIN", plain_server()),
    ] {
        let greeting = greeting(1, name);
        let end = |len, limit| {
            let ours = Local {
                limit,
                ..ours.clone()
            };
            scripted(ours, &no_zap, &[&greeting, &header(len)]).0
        };
        assert_eq!(end(65_537, Limit::NONE).failure(), too_large);
        let limit = Limit::new(65_536);
        assert_eq!(
            end(65_537, limit).failure(),
            Failure::Quiet(Error::EMSGSIZE)
        );
        assert!(!matches!(end(65_536, limit), End::Failed(_)));
    }
    for old in [
        &b"\xff\0\0\0\0\0\x01\0\x02\0"[..],
        b"\xff\0\0\0\0\0\0\0\x01\x7f\x01\x07\x02\0\0\0\0\0\x01\0\x01",
    ] {
        let (end, _) = scripted(local(SocketType::Router), &no_zap, &[old]);
        assert_eq!(end.failure(), too_large);
    }
}

/// The largest command that is taken, full of the smallest properties.
#[test]
fn the_largest_command_is_taken() {
    let mut body = b"\x05READY\x0bSocket-Type\0\0\0\x04PUSH".to_vec();
    while body.len() + 7 <= 65_536 {
        let n = body.len() as u16;
        body.extend(n.to_be_bytes().iter().fold(vec![2], |mut name, octet| {
            name.push(*octet);
            name
        }));
        body.extend([0; 4]);
    }
    let mut frame = [&[6, 0, 0, 0, 0][..], &(body.len() as u32).to_be_bytes()].concat();
    frame.extend(&body);
    let (end, _) = scripted(
        local(SocketType::Pull),
        &no_zap,
        &[&greeting(1, b"NULL"), &frame],
    );
    let properties = end.peer().properties;
    assert_eq!(properties.iter().count(), 1 + (body.len() - 25) / 7);
    assert_eq!(properties.get(SOCKET_TYPE), Some(&b"PUSH"[..]));
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

/// The application's limit on messages (ZMQ_MAXMSGSIZE) holds for commands, too.
#[test]
fn the_size_of_a_command_is_limited() {
    let small = Local {
        limit: Limit::new(20),
        ..local(SocketType::Dealer)
    };
    let script = [&greeting(1, b"NULL")[..], &command(READY_ROUTER)];
    let failure = scripted(small, &no_zap, &script).0.failure();
    assert_eq!(failure, Failure::Quiet(Error::EMSGSIZE));
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
