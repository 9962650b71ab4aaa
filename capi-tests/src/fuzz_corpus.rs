//! The input of upstream's fuzzers.
//!
//! Upstream keeps its corpus elsewhere and skips the fuzzers without it. Here each gets a few inputs: one that is
//! right for as long as it can be, and copies of it with bytes changed, cut off or added.

use std::fs;
use std::io;
use std::path::Path;

use conversations::wire;

/// Writes the corpus of the fuzzer `program` below `dir`, where it looks for it. Other programs get none.
pub fn write(program: &str, dir: &Path) -> io::Result<()> {
    let inputs = inputs(program);
    if inputs.is_empty() {
        return Ok(());
    }
    let corpus = dir
        .join("tests/libzmq-fuzz-corpora")
        .join(format!("{program}_seed_corpus"));
    fs::create_dir_all(&corpus)?;
    for (n, input) in inputs.iter().enumerate() {
        fs::write(corpus.join(format!("{n:02}")), input)?;
    }
    Ok(())
}

fn inputs(program: &str) -> Vec<Vec<u8>> {
    // Those that take a connection wait half a second for each input, and have a minute for all.
    let few = 8;
    match program {
        "test_bind_fuzzer" | "test_connect_fuzzer" => ENDPOINTS
            .iter()
            .map(|endpoint| endpoint.to_vec())
            .chain(ENDPOINTS.iter().flat_map(|endpoint| mutations(endpoint, 8)))
            .collect(),
        "test_z85_decode_fuzzer" => mutations(b"rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7", 60),
        "test_socket_options_fuzzer" => [1, 2, 4, 8, 32, 40, 41, 255, 256, 4096]
            .into_iter()
            .flat_map(|length| mutations(&vec![0; length], 6))
            .collect(),
        "test_bind_null_fuzzer" => mutations(
            &[greeting(b"NULL", 0), ready(b"SUB"), frames()].concat(),
            few,
        ),
        "test_connect_null_fuzzer" => mutations(
            &[greeting(b"NULL", 0), ready(b"PUSH"), frames()].concat(),
            few,
        ),
        "test_bind_stream_fuzzer" | "test_connect_stream_fuzzer" => {
            mutations(&[greeting(b"NULL", 0), frames()].concat(), few)
        }
        "test_bind_curve_fuzzer" => {
            let hello = command(b"\x05HELLO\x01\x00", 200);
            mutations(&[greeting(b"CURVE", 0), hello, frames()].concat(), few)
        }
        "test_connect_curve_fuzzer" => {
            let welcome = command(b"\x07WELCOME", 168);
            mutations(&[greeting(b"CURVE", 1), welcome, frames()].concat(), few)
        }
        _ => Vec::new(),
    }
}

/// Endpoints that no look-up of a name takes long over.
const ENDPOINTS: [&[u8]; 12] = [
    b"tcp://127.0.0.1:*",
    b"tcp://127.0.0.1:0;127.0.0.1:65536",
    b"tcp://[::1]:99999",
    b"tcp://[::1%lo]:*",
    b"tcp://*:*",
    b"ipc://@\x01\xff",
    b"ipc://fuzz/\xc3\x28",
    b"inproc://",
    b"tipc://{5555,0,1}",
    b"udp://224.0.0.1:5555",
    b"pgm://eth0;239.192.1.1:5555",
    b"://\x00:",
];

/// A ZMTP 3.0 greeting.
pub fn greeting(mechanism: &[u8], as_server: u8) -> Vec<u8> {
    wire::greeting(0, mechanism, as_server != 0)
}

/// The READY command of a socket of this type.
pub fn ready(socket_type: &[u8]) -> Vec<u8> {
    let mut body = b"\x05READY\x0bSocket-Type\x00\x00\x00".to_vec();
    body.push(socket_type.len() as u8);
    body.extend(socket_type);
    command(&body, body.len())
}

/// A command frame of `length` bytes that starts with `body`.
fn command(body: &[u8], length: usize) -> Vec<u8> {
    let mut frame = vec![4, length as u8];
    frame.extend(body);
    frame.resize(2 + length, 0x5a);
    frame
}

/// A subscription, a message of two parts, a ping, a long frame, and one that claims more than will ever come.
fn frames() -> Vec<u8> {
    let mut bytes = b"\x00\x02\x01A\x01\x03abc\x00\x00\x04\x08\x04PING\x00\x00x".to_vec();
    bytes.extend([2, 0, 0, 0, 0, 0, 0, 1, 0]);
    bytes.resize(bytes.len() + 256, 7);
    bytes.extend([2, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1]);
    bytes
}

/// `seed` itself and `count - 1` changed copies, the same ones each time.
fn mutations(seed: &[u8], count: usize) -> Vec<Vec<u8>> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64 ^ seed.len() as u64;
    let mut next = |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % below.max(1) as u64) as usize
    };
    let mut inputs = vec![seed.to_vec()];
    while inputs.len() < count {
        let mut input = seed.to_vec();
        for _ in 0..=next(8) {
            let at = next(input.len());
            match next(4) {
                0 => input.truncate(at.max(1)),
                1 => input.insert(at, next(256) as u8),
                _ => input[at] = next(256) as u8,
            }
        }
        inputs.push(input);
    }
    inputs
}
