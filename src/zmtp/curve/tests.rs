//! CURVE handshakes, honest and not, and the messages after them.

use super::{boxes::*, client::Client, *};
use crate::{
    consts::*,
    error::Error,
    options::SocketType,
    zmtp::{
        Codec, Command, Handshake, Limit, Local, Security, Step, Version,
        tests::{End, PIECES, Side, command, greeting, no_zap, reply, run, with_security},
        zap,
    },
};

const fn protocol(code: std::ffi::c_int) -> Failure {
    Failure::Protocol(code)
}

fn server_secret() -> SecretKey {
    SecretKey::from([1; 32])
}

fn client_keys() -> ClientKeys {
    let secret = SecretKey::from([2; 32]);
    ClientKeys {
        server: server_secret().public_key(),
        public: secret.public_key(),
        secret,
    }
}

fn client_with(keys: ClientKeys) -> Local {
    with_security(SocketType::Dealer, Security::CurveClient(keys))
}

fn client() -> Local {
    client_with(client_keys())
}

fn server() -> Local {
    let secret_key = server_secret();
    Local {
        zap_domain: b"test".into(),
        ..with_security(SocketType::Router, Security::CurveServer { secret_key })
    }
}

/// Sends a message from one side to the other.
fn send(from: &mut Codec, to: &mut Codec, flags: Flags, message: &[u8]) {
    let mut frame = Vec::new();
    from.encode(flags, &[message], &mut frame).unwrap();
    let header = to.parse(&frame, Limit::NONE).unwrap().unwrap();
    assert_eq!(header.frame_len(), frame.len());
    assert_eq!(header.flags, Flags::NONE);
    let body = &mut frame[header.header_len..];
    let (received, range) = to.decode(&header, body).unwrap();
    assert_eq!((received, &body[range]), (flags, message));
}

/// Two sides whose handshake is over.
fn codecs() -> (Codec, Codec) {
    let (ours, theirs) = run(client(), server(), &no_zap, usize::MAX);
    (ours.peer().codec, theirs.peer().codec)
}

#[test]
fn peers_talk_in_secret() {
    for piece in PIECES {
        let zap = |request: &zap::Request| {
            let public = client_keys().public;
            let frames: [&[u8]; 8] = [b"", b"1.0", b"1", b"test", b"", b"", b"CURVE", &public];
            assert_eq!(request.frames(), frames);
            reply("200")
        };
        let ours = Local {
            routing_id: b"us".into(),
            ..client()
        };
        let (ours, theirs) = run(ours, server(), &zap, piece);
        let (mut they, mut we) = (ours.peer(), theirs.peer());
        assert_eq!(they.socket_type(), Some(&b"ROUTER"[..]));
        assert_eq!(
            (&we.routing_id[..], we.version),
            (&b"us"[..], Version::V3_1)
        );
        assert_eq!(we.properties.get(b"User-Id"), Some(&b"someone"[..]));
        for len in [0, 1, 14, 220, 222, 223, 300, 70000] {
            let message = vec![b'x'; len];
            for flags in [Flags::NONE, Flags::MORE, Flags::COMMAND] {
                send(&mut they.codec, &mut we.codec, flags, &message);
                send(&mut we.codec, &mut they.codec, flags, &message);
            }
        }
    }
}

#[test]
fn subscriptions_are_encrypted_as_the_version_wants_them() {
    let (mut ours, mut theirs) = codecs();
    for (version, flags, text) in [
        (Version::V3_1, Flags::COMMAND, &b"\x09SUBSCRIBEA"[..]),
        (Version::V3_0, Flags::NONE, b"\x01A"),
    ] {
        let mut frame = Vec::new();
        ours.encode_subscription(version, true, b"A", &mut frame)
            .unwrap();
        let header = theirs.parse(&frame, Limit::NONE).unwrap().unwrap();
        let body = &mut frame[header.header_len..];
        let (received, range) = theirs.decode(&header, body).unwrap();
        assert_eq!((received, &body[range]), (flags, text));
    }
    let mut frame = Vec::new();
    ours.encode_command(&Command::Pong { context: b"" }, &mut frame)
        .unwrap();
    assert_eq!(frame.len(), 2 + OVERHEAD + 5);
}

#[test]
fn a_command_has_its_bit_next_to_more() {
    let (mut ours, mut theirs) = codecs();
    for (flags, octet) in [
        (Flags::NONE, 0),
        (Flags::MORE, 1),
        (Flags::COMMAND, 2),
        (Flags::COMMAND.and_more(), 3),
    ] {
        let mut frame = Vec::new();
        ours.encode(flags, &[], &mut frame).unwrap();
        let header = theirs.parse(&frame, Limit::NONE).unwrap().unwrap();
        let body = &mut frame[header.header_len..];
        assert_eq!(theirs.decode(&header, body).unwrap().0, flags);
        assert_eq!(body[OVERHEAD - 1], octet);
    }
}

#[test]
fn whether_a_handler_is_needed_depends_on_options() {
    let (ours, theirs) = run(client(), server(), &no_zap, 64);
    ours.peer();
    theirs.peer();
    let strict = Local {
        zap_enforce_domain: true,
        ..server()
    };
    let (_, theirs) = run(client(), strict.clone(), &no_zap, 64);
    assert_eq!(theirs.failure(), Failure::NoDetail(Error::EFAULT));
    let unauthenticated = Local {
        zap_domain: Vec::new(),
        ..strict
    };
    let never = |_: &zap::Request| panic!("there is no one to ask");
    let (ours, theirs) = run(client(), unauthenticated, &never, 64);
    ours.peer();
    theirs.peer();
}

#[test]
fn a_refused_client_is_told_why_or_nothing() {
    let (ours, theirs) = run(client(), server(), &|_| reply("400"), 64);
    assert_eq!(ours.failure(), Failure::Denied(400));
    assert_eq!(theirs.refusal(), Failure::Denied(400));
    let (ours, theirs) = run(client(), server(), &|_| reply("300"), 64);
    assert!(matches!(ours, End::Waiting));
    assert_eq!(theirs.refusal(), Failure::Denied(300));
}

#[test]
fn keys_must_fit() {
    let wrong_server = ClientKeys {
        server: [3; 32],
        ..client_keys()
    };
    let wrong_public = ClientKeys {
        public: [3; 32],
        ..client_keys()
    };
    let no_public = ClientKeys {
        public: [0; 32],
        ..client_keys()
    };
    let no_secret = ClientKeys {
        secret: SecretKey::from([0; 32]),
        ..client_keys()
    };
    for keys in [wrong_server, wrong_public, no_public, no_secret] {
        let (_, theirs) = run(client_with(keys), server(), &|_| reply("200"), 64);
        assert_eq!(theirs.failure(), CRYPTOGRAPHIC);
    }
    let no_server = ClientKeys {
        server: [0; 32],
        ..client_keys()
    };
    let (ours, _) = run(client_with(no_server), server(), &no_zap, 64);
    assert_eq!(ours.failure(), CRYPTOGRAPHIC);
}

/// The HELLO of a client, and the state that goes with it.
fn hello() -> (Client, Vec<u8>) {
    let mut frame = Vec::new();
    let client = Client::start(client_keys(), &mut frame).unwrap();
    assert_eq!(frame[..2], [4, 200]);
    (client, frame.split_off(2))
}

/// How a server ends that is sent this as HELLO.
fn server_end(hello: &[u8]) -> End {
    let zap = |_: &zap::Request| reply("200");
    let mut side = Side::new(server(), &zap);
    side.feed(&greeting(1, b"CURVE"));
    side.feed(&command(hello));
    side.end
}

#[test]
fn a_hello_has_the_layout_of_the_rfc() {
    let (_, hello) = hello();
    assert_eq!(hello.len(), 200);
    assert!(hello.starts_with(b"\x05HELLO\x01\x00"));
    assert_eq!(hello[8..80], [0; 72]);
    assert_eq!(hello[112..120], [0, 0, 0, 0, 0, 0, 0, 1]);
    assert!(matches!(server_end(&hello), End::Waiting));
}

#[test]
fn bad_hellos_have_their_codes() {
    let malformed = protocol(ZMQ_PROTOCOL_ERROR_ZMTP_MALFORMED_COMMAND_HELLO);
    let unspecified = protocol(ZMQ_PROTOCOL_ERROR_ZMTP_MALFORMED_COMMAND_UNSPECIFIED);
    for (body, failure) in [
        (&b""[..], unspecified),
        (b"\x05", unspecified),
        (b"\x06HELLO", unspecified),
        (b"\x05HELLX", Failure::UNEXPECTED_COMMAND),
        (b"\x05HELLO", malformed),
        (b"\x05HELLO\x01\0", malformed),
    ] {
        assert_eq!(server_end(body).failure(), failure, "{body:?}");
    }
    let damages: [(usize, u8, Failure); 6] = [
        (4, b'X', Failure::UNEXPECTED_COMMAND),
        (6, 2, malformed),
        (7, 1, malformed),
        (80, 0xff, CRYPTOGRAPHIC),
        (119, 0xff, CRYPTOGRAPHIC),
        (199, 0xff, CRYPTOGRAPHIC),
    ];
    for (at, damage, failure) in damages {
        let (_, mut hello) = hello();
        hello[at] ^= damage;
        assert_eq!(server_end(&hello).failure(), failure, "{at}");
    }
    let (_, mut long) = hello();
    long.push(0);
    assert_eq!(server_end(&long).failure(), malformed);
}

/// What a client knows of a server that said WELCOME, for tests that make their own INITIATE.
struct Initiate {
    transient: SecretKey,
    server: PublicKey,
    cookie: [u8; 96],
    counter: u64,
    vouched: [PublicKey; 2],
    public: PublicKey,
    metadata: &'static [u8],
}

impl Initiate {
    fn body(&self) -> Vec<u8> {
        let mut text = self.public.to_vec();
        text.extend_from_slice(&[9; 16]);
        let nonce = long_nonce(b"VOUCH---", &[9; 16]);
        let to_server = SharedKey::new(&self.server, &client_keys().secret).unwrap();
        to_server
            .append(&nonce, &self.vouched.concat(), &mut text)
            .unwrap();
        text.extend_from_slice(self.metadata);
        let mut body = b"\x08INITIATE".to_vec();
        body.extend_from_slice(&self.cookie);
        body.extend_from_slice(&self.counter.to_be_bytes());
        let key = SharedKey::new(&self.server, &self.transient).unwrap();
        key.append(
            &short_nonce(b"CurveZMQINITIATE", self.counter),
            &text,
            &mut body,
        )
        .unwrap();
        body
    }
}

/// How a server ends that is sent an INITIATE that was tampered with before or after it was sealed.
fn initiate_end(before: fn(&mut Initiate), after: fn(&mut Vec<u8>)) -> End {
    let (client, hello) = hello();
    let Client::AwaitWelcome { transient, keys } = client else {
        unreachable!()
    };
    let zap = |_: &zap::Request| reply("200");
    let mut side = Side::new(server(), &zap);
    side.feed(&greeting(1, b"CURVE"));
    side.out.clear();
    side.feed(&command(&hello));
    assert!(side.out.starts_with(b"\x04\xa8\x07WELCOME"));
    assert_eq!(side.out.len(), 2 + 168);
    let nonce = long_nonce(b"WELCOME-", side.out[10..26].try_into().unwrap());
    let to_server = SharedKey::new(&keys.server, &transient).unwrap();
    let text = to_server.open(&nonce, &mut side.out[26..]).unwrap();
    let mut initiate = Initiate {
        server: text[..32].try_into().unwrap(),
        cookie: text[32..].try_into().unwrap(),
        counter: 2,
        vouched: [transient.public_key(), keys.server],
        public: keys.public,
        metadata: b"",
        transient,
    };
    before(&mut initiate);
    let mut body = initiate.body();
    after(&mut body);
    let mut frame = Vec::new();
    frame::write(Flags::COMMAND, &body, &mut frame).unwrap();
    side.feed(&frame);
    side.end
}

#[test]
fn bad_initiates_have_their_codes() {
    initiate_end(|_| {}, |_| {}).peer();
    initiate_end(|i| i.metadata = b"\x0bSocket-Type\0\0\0\x06DEALER", |_| {}).peer();

    let after = |after| initiate_end(|_| {}, after).failure();
    let malformed = protocol(ZMQ_PROTOCOL_ERROR_ZMTP_MALFORMED_COMMAND_INITIATE);
    assert_eq!(after(|body| body.truncate(9)), malformed);
    assert_eq!(after(|body| body.truncate(256)), malformed);
    assert_eq!(after(|body| body[8] = b'X'), Failure::UNEXPECTED_COMMAND);
    assert_eq!(
        after(|body| body.truncate(8)),
        protocol(ZMQ_PROTOCOL_ERROR_ZMTP_MALFORMED_COMMAND_UNSPECIFIED)
    );
    // In turn: the cookie's nonce and box, the short nonce, the box, octets after it.
    assert_eq!(after(|body| body[9] ^= 1), CRYPTOGRAPHIC);
    assert_eq!(after(|body| body[104] ^= 1), CRYPTOGRAPHIC);
    assert_eq!(after(|body| body[112] ^= 1), CRYPTOGRAPHIC);
    assert_eq!(after(|body| body[113] ^= 1), CRYPTOGRAPHIC);
    assert_eq!(after(|body| body.push(0)), CRYPTOGRAPHIC);

    let before = |before| initiate_end(before, |_| {}).failure();
    let key_exchange = protocol(ZMQ_PROTOCOL_ERROR_ZMTP_KEY_EXCHANGE);
    assert_eq!(before(|i| i.vouched[0] = [7; 32]), key_exchange);
    assert_eq!(before(|i| i.vouched[1] = [7; 32]), key_exchange);
    assert_eq!(before(|i| i.public = [7; 32]), CRYPTOGRAPHIC);
    assert_eq!(before(|i| i.public = [0; 32]), CRYPTOGRAPHIC);
    assert_eq!(
        before(|i| i.counter = 1),
        protocol(ZMQ_PROTOCOL_ERROR_ZMTP_INVALID_SEQUENCE)
    );
    assert_eq!(
        before(|i| i.metadata = b"\x02x"),
        Failure::Quiet(Error::EPROTO)
    );
    assert_eq!(
        before(|i| i.metadata = b"\x0bSocket-Type\0\0\0\x03PUB"),
        Failure::Quiet(Error::EINVAL)
    );
}

/// A server that makes its own WELCOME and READY.
struct FakeServer {
    client: Handshake,
    transient: PublicKey,
}

impl FakeServer {
    fn new() -> FakeServer {
        let mut out = Vec::new();
        let client = Handshake::new(client(), &mut out);
        let (Step::More(client), _) = client.on(&greeting(1, b"CURVE"), &mut out).unwrap() else {
            panic!("no HELLO");
        };
        let transient = out[64 + 2 + 80..64 + 2 + 112].try_into().unwrap();
        FakeServer { client, transient }
    }

    /// Says WELCOME, with this for the server's transient key.
    fn welcome(self, transient: &PublicKey) -> Result<FakeServer, Failure> {
        let mut body = b"\x07WELCOME".to_vec();
        body.extend_from_slice(&[8; 16]);
        let to_client = SharedKey::new(&self.transient, &server_secret()).unwrap();
        let text = [&transient[..], &[5; 96]].concat();
        to_client
            .append(&long_nonce(b"WELCOME-", &[8; 16]), &text, &mut body)
            .unwrap();
        self.say(&body)
    }

    fn say(self, body: &[u8]) -> Result<FakeServer, Failure> {
        match self.client.on(&command(body), &mut Vec::new())?.0 {
            Step::More(client) => Ok(FakeServer { client, ..self }),
            step => panic!("{step:?}"),
        }
    }

    /// READY with this metadata.
    fn ready(&self, transient: &SecretKey, metadata: &[u8]) -> Vec<u8> {
        let mut body = b"\x05READY\0\0\0\0\0\0\0\x01".to_vec();
        let to_client = SharedKey::new(&self.transient, transient).unwrap();
        to_client
            .append(&short_nonce(b"CurveZMQREADY---", 1), metadata, &mut body)
            .unwrap();
        body
    }
}

#[test]
fn bad_servers_have_their_codes() {
    let server_transient = SecretKey::from([4; 32]);
    let failure = |body: &[u8]| FakeServer::new().say(body).err().unwrap();
    assert_eq!(failure(b"\x05HELLO"), Failure::UNEXPECTED_COMMAND);
    assert_eq!(failure(b"\x05READY"), Failure::UNEXPECTED_COMMAND);
    assert_eq!(failure(b"\x07WELCOME"), CRYPTOGRAPHIC);
    assert_eq!(
        failure(&[&b"\x07WELCOME"[..], &[0; 160]].concat()),
        CRYPTOGRAPHIC
    );
    assert_eq!(failure(b"\x05ERROR\x03400"), Failure::Denied(400));
    let malformed = protocol(ZMQ_PROTOCOL_ERROR_ZMTP_MALFORMED_COMMAND_ERROR);
    assert_eq!(failure(b"\x05ERROR"), malformed);
    // libzmq aborts on this one.
    let weak = FakeServer::new().welcome(&[0; 32]).err().unwrap();
    assert_eq!(weak, CRYPTOGRAPHIC);

    let welcomed = || {
        FakeServer::new()
            .welcome(&server_transient.public_key())
            .unwrap()
    };
    let again = welcomed().welcome(&server_transient.public_key());
    assert_eq!(again.err().unwrap(), Failure::UNEXPECTED_COMMAND);
    let failure = |body: &[u8]| welcomed().say(body).err().unwrap();
    assert_eq!(failure(b"\x05ERROR\x03500"), Failure::Denied(500));
    let malformed = protocol(ZMQ_PROTOCOL_ERROR_ZMTP_MALFORMED_COMMAND_READY);
    assert_eq!(failure(&[&b"\x05READY"[..], &[0; 23]].concat()), malformed);
    assert_eq!(
        failure(&[&b"\x05READY"[..], &[0; 24]].concat()),
        CRYPTOGRAPHIC
    );
    let server = welcomed();
    let ready = server.ready(&server_transient, b"\x02x");
    assert_eq!(
        server.say(&ready).err().unwrap(),
        protocol(ZMQ_PROTOCOL_ERROR_ZMTP_INVALID_METADATA)
    );
}

/// However it is computed, a box is the one that NaCl's crypto_box makes, and only that is opened.
#[test]
fn boxes_are_the_same_whatever_their_length() {
    let shared = SharedKey::generate().unwrap();
    let prefix = b"CurveZMQMESSAGEC";
    let key = DirectedKey::new(&shared, prefix);
    for (counter, len) in (1..).map(|i| i << 40 | i).zip(0..100) {
        let text: Vec<u8> = (0..len).collect();
        let (mut one, mut other) = (text.clone(), text.clone());
        let tag = key.seal(counter, &mut one);
        let same = shared.seal(&short_nonce(prefix, counter), &mut other);
        assert_eq!((&one, tag), (&other, same), "{len} octets");
        let sealed = [&tag[..], &one].concat();
        assert_eq!(key.open(counter, &mut sealed.clone()).unwrap(), text);
        assert!(key.open(counter + 1, &mut sealed.clone()).is_err());
        for at in 0..sealed.len() {
            let mut forged = sealed.clone();
            forged[at] ^= 1;
            assert!(key.open(counter, &mut forged).is_err());
        }
    }
}

#[test]
fn damaged_messages_are_refused() {
    let (mut ours, theirs) = codecs();
    let Codec::Curve(mut theirs) = theirs else {
        unreachable!()
    };
    let mut frame = Vec::new();
    ours.encode(Flags::NONE, &[b"hello"], &mut frame).unwrap();
    let body = frame.split_off(2);
    let last = theirs.last;
    for at in 0..body.len() {
        let mut damaged = body.clone();
        damaged[at] ^= 0x20;
        theirs.last = last;
        theirs.decode(&mut damaged).unwrap_err();
    }
    let cut = |len: usize| body[..len].to_vec();
    theirs.last = last;
    for (mut body, code) in [
        (
            cut(0),
            ZMQ_PROTOCOL_ERROR_ZMTP_MALFORMED_COMMAND_UNSPECIFIED,
        ),
        (
            cut(7),
            ZMQ_PROTOCOL_ERROR_ZMTP_MALFORMED_COMMAND_UNSPECIFIED,
        ),
        (
            b"\x05HELLO".to_vec(),
            ZMQ_PROTOCOL_ERROR_ZMTP_UNEXPECTED_COMMAND,
        ),
        (cut(8), ZMQ_PROTOCOL_ERROR_ZMTP_MALFORMED_COMMAND_MESSAGE),
        (cut(32), ZMQ_PROTOCOL_ERROR_ZMTP_MALFORMED_COMMAND_MESSAGE),
    ] {
        assert_eq!(theirs.decode(&mut body), Err(protocol(code)));
    }
    theirs.decode(&mut body.clone()).unwrap();
    let replayed = theirs.decode(&mut body.clone());
    assert_eq!(
        replayed,
        Err(protocol(ZMQ_PROTOCOL_ERROR_ZMTP_INVALID_SEQUENCE))
    );
}

#[test]
fn a_message_cannot_be_sent_back_to_its_sender() {
    let (mut ours, _) = codecs();
    let mut frame = Vec::new();
    ours.encode(Flags::NONE, &[b"hello"], &mut frame).unwrap();
    let header = ours.parse(&frame, Limit::NONE).unwrap().unwrap();
    let reflected = ours.decode(&header, &mut frame[2..]);
    assert_eq!(reflected, Err(CRYPTOGRAPHIC));
}

#[test]
fn messages_count_on_from_the_handshakes_commands() {
    let (mut ours, mut theirs) = codecs();
    for (codec, counter) in [(&mut ours, 3), (&mut theirs, 2)] {
        let mut frame = Vec::new();
        codec.encode(Flags::NONE, &[], &mut frame).unwrap();
        assert_eq!(frame[..10], *b"\x00\x21\x07MESSAGE");
        assert_eq!(frame[10..18], [0, 0, 0, 0, 0, 0, 0, counter]);
    }
}

/// Octets from their hexadecimal digits.
fn unhex(digits: &str) -> Vec<u8> {
    (0..digits.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap())
        .collect()
}

#[test]
fn no_damage_to_a_handshake_goes_unnoticed() {
    // The client's greeting has 64 octets, its HELLO 202; the padding in there is not looked at, nor are flags.
    let ignored = |at: usize| at == 64 || (66 + 8..66 + 80).contains(&at) || at == 266;
    for at in (64..266 + 290).filter(|&at| !ignored(at)).step_by(7) {
        let zap = |_: &zap::Request| reply("200");
        let mut ours = Side::new(client(), &zap);
        let mut theirs = Side::new(server(), &zap);
        let mut sent = 0;
        while !ours.out.is_empty() || !theirs.out.is_empty() {
            let mut octets = std::mem::take(&mut ours.out);
            if let Some(octet) = at.checked_sub(sent).and_then(|at| octets.get_mut(at)) {
                *octet ^= 0x10;
            }
            sent += octets.len();
            theirs.feed(&octets);
            ours.feed(&std::mem::take(&mut theirs.out));
        }
        assert!(sent > at, "{sent}");
        assert!(!matches!(theirs.end, End::Done(_)), "{at}");
    }
}

#[test]
fn boxes_are_those_of_nacl() {
    let counting = |from: u8| std::array::from_fn(|i| from + i as u8);
    let (ours, theirs) = (SecretKey::from(counting(0)), SecretKey::from(counting(32)));
    assert_eq!(
        ours.public_key()[..],
        unhex("8f40c5adb68f25624ae5b214ea767a6ec94d829d3d7b5e1ad1ba6f3e2138285f")
    );
    assert_eq!(
        theirs.public_key()[..],
        unhex("358072d6365880d1aeea329adf9121383851ed21a28e3b75e965d0d2cd166254")
    );
    let nonce: [u8; 24] = std::array::from_fn(|i| i as u8);
    let text: [u8; 80] = std::array::from_fn(|i| 100 + i as u8);
    let mut sealed = Vec::new();
    let key = SharedKey::new(&theirs.public_key(), &ours).unwrap();
    key.append(&nonce, &text, &mut sealed).unwrap();
    assert_eq!(
        sealed,
        unhex(concat!(
            "3faabc09b6e98f89dcd72a60f079c562",
            "07b7d957141122c42d1ed89e54db85e579c3f60a39d0fad601e456c0427d1a47",
            "7010b02222eaacacedeff5c996a25e9e9a72cf4e1b1c853c680dd8afd1f1fc26",
            "1ad77cb8deb8771f21511e1a78c90339"
        ))
    );
    let key = SharedKey::new(&ours.public_key(), &theirs).unwrap();
    assert_eq!(key.open(&nonce, &mut sealed).unwrap(), text);
}
