//! What each target begins with: octets that lead far into it.
//!
//! The first octets of most are decisions, for which zero stands for what is usual.

use conversations::choices::Choices;

use crate::handshake::greeting;

const READY: &[u8] = b"\x05READY\x0bSocket-Type\0\0\0\x06ROUTER\x08Identity\0\0\0\x02id";
const HELLO: &[u8] = b"\x05HELLO\x04name\x08password";
const INITIATE: &[u8] = b"\x08INITIATE\x0bSocket-Type\0\0\0\x06ROUTER";

fn all<const N: usize>(seeds: [&[u8]; N]) -> Vec<Vec<u8>> {
    seeds.map(<[u8]>::to_vec).to_vec()
}

/// A short command frame.
fn command(body: &[u8]) -> Vec<u8> {
    [&[4, body.len() as u8], body].concat()
}

fn length(flags: u8, length: u64) -> Vec<u8> {
    [&[flags], &length.to_be_bytes()[..]].concat()
}

pub fn frames() -> Vec<Vec<u8>> {
    let long = [&length(2, 256)[..], &[7; 256]].concat();
    let old = [&length(0xff, 301)[..], &[0; 301]].concat();
    vec![
        [b"\0\x06\x01\x02ab\0\0\x04\x06\x04PINGx", &long[..]].concat(),
        [&b"\x01\x06\x03\x01ab\x01\0"[..], &old].concat(),
        [&b"\0\x06"[..], &length(3, u64::MAX)].concat(),
        [&b"\x01\x06"[..], &length(0xff, 0)].concat(),
        [&b"\0\x03"[..], &length(2, 1 << 40)].concat(),
    ]
}

pub fn commands() -> Vec<Vec<u8>> {
    all([
        b"\x04PING\0\x0acontext",
        b"\x04PONGcontext",
        b"\x09SUBSCRIBEtopic",
        b"\x06CANCELtopic",
        b"\x05ERROR\x03400",
        b"\x04\x03\x03\x05OTHERbody",
    ])
}

pub fn metadata() -> Vec<Vec<u8>> {
    all([
        &READY[6..],
        b"\x01A\0\0\0\x01x\x01A\0\0\0\x05",
        b"\x01A\xff\xff\xff\xffx",
    ])
}

pub fn zap_reply() -> Vec<Vec<u8>> {
    all([
        b"",
        b"\0\x01\x06\x0e\x05Hello\0\0\0\x05World",
        b"\x02\x02\x06\x12\x07User-Id\0\0\0\x04root\x05\x03bob",
        b"\x01\x01\x07\x01x\x01\x03",
    ])
}

/// Of all versions.
pub fn greetings() -> Vec<Vec<u8>> {
    // The mechanism, ZAP, the routing id, the limit, the socket's type, no ZAP handler, one piece.
    let head = |mechanism: u8| vec![mechanism, 0, 0, 0, 5, 0, 0, 0];
    let signature = b"\xff\0\0\0\0\0\0\0\x01\x7f";
    let plain = [greeting(0, b"PLAIN"), command(HELLO), command(INITIATE)];
    vec![
        [&head(0), &greeting(1, b"NULL")[..], &command(READY)].concat(),
        [&head(0)[..], signature, b"\x01\x05\0\x02id\0\x01x"].concat(),
        [&head(0)[..], signature, b"\0\x05\x03\0id\x02\0x"].concat(),
        [&head(0)[..], b"\x03\0id\x02\0x"].concat(),
        [head(1), greeting(1, b"PLAIN"), command(b"\x07WELCOME")].concat(),
        [head(2), plain.concat()].concat(),
        [head(3), greeting(1, b"CURVE"), command(b"\x07WELCOME")].concat(),
        [head(4), greeting(1, b"CURVE"), command(b"\x05HELLO\x01\0")].concat(),
    ]
}

/// What the mechanisms' targets begin with: no ZAP handler, or one that is asked and says yes; one piece or several.
fn scripts(words: &[&[u8]]) -> Vec<Vec<u8>> {
    let words = words.iter().map(|word| command(word));
    let words: Vec<u8> = words.flatten().collect();
    let heads: [&[u8]; 3] = [
        // ZAP, the routing id, the limit, the socket's type, no handler, one piece, version, no commands to be framed.
        &[0, 0, 0, 5, 0, 0, 0, 1, 0],
        // A domain, a routing id; a handler that says 200 and nothing else.
        &[1, 1, b'x', 0, 5, 1, 0, 0, 0, 9, 7, 0, 0],
        // One that says 400.
        &[1, 0, 0, 5, 1, 2, 0, 0, 0, 0, 1, 0],
    ];
    heads.map(|head| [head, &words].concat()).to_vec()
}

pub fn null() -> Vec<Vec<u8>> {
    [scripts(&[READY]), scripts(&[b"\x05ERROR\x03400"])].concat()
}

pub fn plain_client() -> Vec<Vec<u8>> {
    [
        scripts(&[b"\x07WELCOME", READY]),
        scripts(&[b"\x05ERROR\x03400"]),
    ]
    .concat()
}

pub fn plain_server() -> Vec<Vec<u8>> {
    scripts(&[HELLO, INITIATE])
}

pub fn curve_client() -> Vec<Vec<u8>> {
    // Nothing twisted; then messages each way.
    vec![
        vec![0; 12],
        [&[0; 12], &b"\0\0\x01\x03abc\0\0\x01\x01\x05hello\x02"[..]].concat(),
    ]
}

pub fn curve_server() -> Vec<Vec<u8>> {
    let honest = [0, 0, 0, 0, 0, 0, 0, 1];
    vec![
        honest.to_vec(),
        [
            &honest[..],
            &[0; 8],
            b"\0\0\x01\x03abc\0\0\x01\x01\x05hello\x02",
        ]
        .concat(),
        // A handler that says yes, and one that says no.
        [&[0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1][..], &[0; 8]].concat(),
        [&[0, 1, 2, 0, 0, 0, 0, 0, 0, 0, 1][..], &[0; 8]].concat(),
    ]
}

pub fn curve_messages() -> Vec<Vec<u8>> {
    all([
        b"\0\0\x01\x03abc\0\0\0\0\0\x02\x05\x04PING\0\0\x01\0\x04text\x02",
        b"\0\x01\x05\0\x03abc\0\x01\0\x02\x01x\0\x01\x02\x03\x03abc\0\0",
        b"\0\0\0\x03abc\0\x01\0\x05\x08",
    ])
}

pub fn connection() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    for version in [0, 1, 2, 3, 16, 3 + 32] {
        for cuts in [0, 77] {
            let head = [0, 1, version, 0, cuts];
            // A message of two parts, a subscription, a long body, a ping, a subscription in a message.
            let frames = [
                &[7, 1, 0, 0, 2][..],
                b"ab",
                &[
                    0, 0, 10, 4, 1, 0, 1, b't', 4, 3, 0, 3, 0, 0, b'x', 1, 0, 11, 6, 1, 11, 0, 0,
                    0, 0,
                ],
                b"\0\x01x\x01\x02ab",
            ];
            seeds.push([&head[..], &frames.concat()].concat());
        }
    }
    seeds
}

pub fn curve_connection() -> Vec<Vec<u8>> {
    let frames = [4, 1, 0, 0, 1, b'a', 0, 0, 10, 4, 1, 0, 1, b't', 0, 0, 13];
    vec![
        [&[0, 0, 0, 0][..], &frames].concat(),
        [&[1, 1, 1, 7][..], &frames].concat(),
    ]
}

pub fn stream() -> Vec<Vec<u8>> {
    all([b"\0\0\0\0\x01some octets", b"\0\x01\x07\x07\x40many octets"])
}

/// Octets at random: all of them say something.
pub fn conversations() -> Vec<Vec<u8>> {
    let octets = |seed| {
        let mut choices = Choices::of_seed(seed);
        (0..40 + 20 * seed)
            .map(|_| choices.below(256) as u8)
            .collect()
    };
    (0..24).map(octets).collect()
}

pub fn endpoints() -> Vec<Vec<u8>> {
    all([
        b"tcp://127.0.0.1:5555",
        b"tcp://*:*",
        b"tcp://eth0:0;[fe80::1%lo]:65536",
        b"ipc:///tmp/socket",
        b"ipc://@abstract",
        b"inproc://name",
        b"127.1",
        b"0x7f.010.0.1",
        b"::ffff:1.2.3.4",
        b"2001:db8::1:0:0:1",
    ])
}

pub fn z85() -> Vec<Vec<u8>> {
    all([
        b"HelloWorld",
        b"rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7",
        b"%nSc0",
        b"%nSc1",
    ])
}

pub fn socks() -> Vec<Vec<u8>> {
    all([
        b"\0\0\0\0\x05\0\x05\0\0\x01\x01\x02\x03\x04\0\x50rest",
        b"\x01\0\x07\x01\x04name\x05\x02\x01\0\x05\0\0\x04\x01\x02\x03\x04\x01\x02\x03\x04\x01\x02\x03\x04\x01\x02\x03\x04\0\x50",
        b"\x02\0\x09\0\x05\0\x05\0\0\x03\x04name\0\x50",
        b"\x02\0\0\0\x05\xff",
    ])
}
