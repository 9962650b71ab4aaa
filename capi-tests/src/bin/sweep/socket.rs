//! zmq_setsockopt(3), zmq_getsockopt(3) and zmq_socket(3).

use std::{ffi::c_int, fmt, ptr};

use capi_tests::{
    api::{Errno, Library, Result, Socket, consts::*},
    random::Random,
};

use super::{Case, hex, noted, said};

/// The numbers of the stable socket types.
const TYPES: std::ops::RangeInclusive<c_int> = 0..=11;
/// What is tried as a socket type and is none, not even in the draft API.
const NO_TYPES: [c_int; 6] = [-1, 21, 22, 255, c_int::MIN, c_int::MAX];

/// What is tried as an option: all that zmq.h has a number for, and some more.
fn options() -> impl Iterator<Item = c_int> {
    (-2..=130).chain([256, 1 << 16, c_int::MIN, c_int::MAX])
}

const LENGTHS: [usize; 17] = [
    0, 1, 2, 3, 4, 5, 8, 16, 31, 32, 33, 40, 41, 42, 255, 256, 300,
];

/// Where upstream's goes wrong, and the library does not follow: the type, the option, a value's first byte, and why.
const LEFT_OUT: [(c_int, c_int, u8, &str); 1] = [(
    SUB,
    UNSUBSCRIBE,
    1,
    "it is taken for a message of XSUB, and subscribes to what follows the first byte",
)];

/// As [`LEFT_OUT`], for null pointers that come with a length.
const LEFT_OUT_NULL: [(c_int, &str); 1] = [(
    ZAP_DOMAIN,
    "it becomes as many bytes of memory from somewhere",
)];

fn is_left_out(kind: c_int, option: c_int, value: &[u8]) -> bool {
    let case = (kind, option, value.first());
    LEFT_OUT
        .iter()
        .any(|(kind, option, first, _)| case == (*kind, *option, Some(first)))
}

/// Lengths for null pointers: not that of an int, which upstream's reads before it looks at the option.
const NULL_LENGTHS: [usize; 5] = [1, 8, 32, 40, 256];
/// The types for which they are tried: those that have options of their own.
const WITH_NULL: [c_int; 7] = [PAIR, SUB, REQ, ROUTER, XPUB, XSUB, STREAM];

const INTS: [i32; 26] = [
    0,
    1,
    2,
    3,
    4,
    7,
    99,
    100,
    101,
    199,
    200,
    255,
    256,
    65535,
    65536,
    6_553_599,
    6_553_600,
    i32::MAX,
    i32::MIN,
    -1,
    -2,
    -3,
    -99,
    -100,
    -101,
    -200,
];

const LONGS: [i64; 8] = [
    0,
    1,
    -1,
    i64::MAX,
    i64::MIN,
    i32::MAX as i64 + 1,
    i32::MIN as i64 - 1,
    1 << 32,
];

/// Texts that some option makes something of.
const TEXTS: [&str; 60] = [
    "X-a:b",
    "X-a:b:c",
    "X-a:",
    "X-:b",
    ":b",
    "a:b",
    "X-ab",
    "x-a:b",
    "X-a:c",
    "X-a\0:b",
    "X-ü:b",
    "X-b:\0\0",
    "127.0.0.1",
    "127.0.0.1/8",
    "127.0.0.1/0",
    "127.0.0.1/00",
    "127.0.0.1/33",
    "127.0.0.1/-1",
    "127.0.0.1/",
    "127.0.0.1/8x",
    "127.0.0.1/ 8",
    "127.0.0.1/+8",
    "127.0.0.1/x",
    "127.0.0.1//8",
    "127.0.0.1\0x",
    "127.0.0.1:80",
    "127.1",
    "127.0.0.01",
    "1.2.3",
    "0x7f.0.0.1",
    "256.0.0.1",
    " 127.0.0.1",
    "127.0.0.1 ",
    "localhost",
    "*",
    "[*]",
    "/8",
    "::1",
    "[::1]",
    "[::1]/128",
    "::1/129",
    "::ffff:1.2.3.4",
    "[fe80::1%lo]",
    "fe80::1%lo/10",
    "fe80::1%nolink",
    "[::1",
    "::1]",
    "::",
    "::/0",
    "lo",
    "eth0",
    "no such thing",
    "host:1080",
    "127.0.0.1:1080",
    "\0",
    "\0\0\0\0\0",
    "\0\x01\x02\x03\x04",
    "a\0b",
    "ab\0",
    "%",
];

fn values() -> Vec<Vec<u8>> {
    let mut values = Vec::new();
    values.extend(INTS.map(|number| number.to_ne_bytes().to_vec()));
    values.extend(LONGS.map(|number| number.to_ne_bytes().to_vec()));
    for filler in [b'0', 0, 0xff] {
        values.extend(LENGTHS.map(|length| vec![filler; length]));
    }
    values.extend(TEXTS.map(|text| text.as_bytes().to_vec()));
    // Z85 with a bad letter, a group that is too great, an early end, a quote and a high letter.
    for bad in [b"\"".as_slice(), b"#####", b"\0", b" ", b"\x7f", b"\xe9"] {
        for at in [0, 5, 22, 35] {
            let mut key = vec![b'a'; 40];
            key[at..at + bad.len()].copy_from_slice(bad);
            values.push(key.clone());
            key.push(0);
            values.push(key);
        }
    }
    // A key that is not followed by a zero.
    values.push([b'k'; 41].into());
    // The longest names of properties, and the first that are too long.
    for length in [253, 254] {
        values.push([b"X-", &vec![b'n'; length][..], b":value"].concat());
    }
    values
}

/// What reading an option says: the length or an error, and the whole buffer.
#[derive(PartialEq, Eq)]
struct Reading {
    result: Result<usize>,
    buffer: [u8; 300],
    length: usize,
}

impl Reading {
    /// With a buffer of this length.
    fn new(socket: Socket, option: c_int, length: usize) -> Reading {
        let mut buffer = [0xaa; 300];
        let result = noted(
            "zmq_getsockopt",
            socket.get_bytes(option, &mut buffer[..length]),
        );
        if option == FD && result.is_ok() {
            // A number that the system picks.
            buffer[..4].fill(b'#');
        }
        Reading {
            result,
            buffer,
            length,
        }
    }

    /// Whether it says more than that this can't be.
    fn is_refused(&self) -> bool {
        self.result == Err(Errno(libc::EINVAL)) && self.buffer == [0xaa; 300]
    }
}

impl fmt::Display for Reading {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let result = said("zmq_getsockopt", self.result);
        write!(f, "{result} {}", hex(&self.buffer[..self.length]))
    }
}

/// All that can be read, as far as it could be at the beginning.
struct Readings(Vec<(c_int, Reading)>);

impl Readings {
    fn new(socket: Socket) -> Readings {
        let readings = options().filter_map(|option| {
            [300, 41, 8, 4]
                .map(|length| (option, Reading::new(socket, option, length)))
                .into_iter()
                .find(|(_, reading)| !reading.is_refused())
        });
        Readings(readings.collect())
    }

    /// What has changed since the last look.
    fn changes(&mut self, socket: Socket) -> String {
        let mut text = String::new();
        for (option, old) in &mut self.0 {
            let new = Reading::new(socket, *option, old.length);
            if new != *old {
                text += &format!(" {option}={new}");
                *old = new;
            }
        }
        text
    }
}

pub fn cases() -> Vec<Case> {
    let mut cases: Vec<Case> = Vec::new();
    for kind in NO_TYPES {
        cases.push(case(format!("type {kind}"), move |library| {
            let context = library.context();
            say!(
                "{}",
                said("zmq_socket", context.try_socket(kind).map(|_| ()))
            );
            context.term().expect("an end");
        }));
    }
    for kind in TYPES {
        cases.push(on(kind, format!("type {kind} get"), |socket| {
            for option in options() {
                for length in LENGTHS {
                    let reading = Reading::new(socket, option, length);
                    if !reading.is_refused() {
                        say!("get {option} {length}: {reading}");
                    }
                }
            }
        }));
        for option in options() {
            cases.push(on(
                kind,
                format!("type {kind} set {option}"),
                move |socket| {
                    let mut readings = Readings::new(socket);
                    for value in &values() {
                        if is_left_out(kind, option, value) {
                            continue;
                        }
                        let result = socket.set_bytes(option, value);
                        show(&hex(value), result, &readings.changes(socket));
                        if result.is_ok() {
                            lengths(socket, option, value);
                        }
                    }
                    // SAFETY: it takes no bytes, so there is nothing to be read.
                    let result = unsafe { socket.set_raw(option, ptr::null(), 0) };
                    show("null", result, &readings.changes(socket));
                },
            ));
            let left_out = LEFT_OUT_NULL.iter().any(|(other, _)| *other == option);
            if left_out || !WITH_NULL.contains(&kind) {
                continue;
            }
            for length in NULL_LENGTHS {
                let name = format!("type {kind} null {option} {length}");
                cases.push(on(kind, name, move |socket| {
                    let mut readings = Readings::new(socket);
                    // SAFETY: if it crashes, that is what the case is about.
                    let result = unsafe { socket.set_raw(option, ptr::null(), length) };
                    show("null", result, &readings.changes(socket));
                }));
            }
        }
        for seed in 0..40 {
            cases.push(on(
                kind,
                format!("type {kind} mixed {seed}"),
                move |socket| {
                    mixed(kind, socket, seed);
                },
            ));
        }
    }
    cases
}

/// Says what has come of setting an option. EINVAL that changes nothing is what is said nothing about.
fn show(what: &str, result: Result<usize>, changes: &str) {
    let said = said("zmq_setsockopt", result);
    if result != Err(Errno(libc::EINVAL)) || !changes.is_empty() {
        say!("{what}: {said}{changes}");
    }
}

/// What buffers around the length of what was set make of it.
fn lengths(socket: Socket, option: c_int, value: &[u8]) {
    let length = value.len();
    for length in [length.saturating_sub(1), length, length + 1, length + 2] {
        if length <= 300 {
            say!("  get {length}: {}", Reading::new(socket, option, length));
        }
    }
}

/// Sets options in a random order: what one does to others.
fn mixed(kind: c_int, socket: Socket, seed: u64) {
    let mut random = Random::new(seed);
    let values = values();
    let mut readings = Readings::new(socket);
    for _ in 0..200 {
        let option = 4 + random.below(113) as c_int;
        let value = &values[random.below(values.len())];
        // Few values are taken by an option that is picked blindly.
        let value = match random.below(3) {
            0 => (random.below(3) as i32).to_ne_bytes().to_vec(),
            1 => (random.below(3) as u64 + 1).to_ne_bytes().to_vec(),
            _ => value.clone(),
        };
        if is_left_out(kind, option, &value) {
            continue;
        }
        let result = match random.below(8) {
            // SAFETY: it takes no bytes, so there is nothing to be read.
            0 => unsafe { socket.set_raw(option, ptr::null(), 0) },
            _ => socket.set_bytes(option, &value),
        };
        let what = format!("{option} {}", hex(&value));
        show(&what, result, &readings.changes(socket));
    }
}

fn case(name: String, run: impl Fn(&'static Library) + 'static) -> Case {
    (name, Box::new(run))
}

/// A case with a socket of its own.
fn on(kind: c_int, name: String, run: impl Fn(Socket) + 'static) -> Case {
    case(name, move |library| {
        let context = library.context();
        // It takes no time to end a thread that was never there.
        context.set(IO_THREADS, 0).expect("an option");
        let socket = context.try_socket(kind).expect("a socket");
        run(socket);
        say!("close: {}", said("zmq_close", socket.close()));
        say!("term: {}", said("zmq_ctx_term", context.term()));
    })
}
