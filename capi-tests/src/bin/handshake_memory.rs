//! What connections cost that send a large handshake and stop before its last octet: memory for each, with the library
//! under test and with upstream's.
//!
//! `handshake_memory [connections]`. The handshake is the largest that the library under test takes, of at most 64 KiB.

use std::{
    env, io,
    path::Path,
    process::Command,
    thread,
    time::{Duration, Instant},
};

use capi_tests::{
    api::{Library, consts::*},
    library,
    process::resident,
    raw::Raw,
    reference,
};
use conversations::wire::{self, COMMAND, Version};

/// The largest handshake that is tried, in octets.
const LARGEST: usize = 64 * 1024;
/// The memory has come to rest if it was the same for so long.
const REST: Duration = Duration::from_millis(500);
/// It does so within this time.
const PATIENCE: Duration = Duration::from_secs(30);

/// A greeting, and a READY command with a body of this size whose properties are as small as can be.
fn handshake(size: usize) -> Vec<u8> {
    let mut body = wire::command(b"READY", &wire::metadata(b"PUSH", b""));
    for n in 0_u32.. {
        if body.len() + 8 > size {
            break;
        }
        // Each has a name of its own; none has a value.
        let name = [33 + n / 8836 % 94, 33 + n / 94 % 94, 33 + n % 94].map(|octet| octet as u8);
        body.extend([&[3], &name[..], &[0; 4]].concat());
    }
    // What is left is the value of the last.
    let last = body.len() - 1;
    let rest = size - body.len();
    body[last] = rest as u8;
    body.extend(vec![b'.'; rest]);
    let mut octets = wire::greeting(1, b"NULL", false);
    wire::frame(Version::V31, COMMAND, &body, &mut octets);
    octets
}

/// Whether a peer with such a handshake is let in.
fn is_taken(endpoint: &str, size: usize) -> bool {
    let taken = || -> io::Result<()> {
        let mut raw = Raw::connect(endpoint)?;
        raw.say(handshake(size))?;
        raw.ping()
    };
    taken().is_ok()
}

/// The memory when it has come to rest, in bytes.
fn at_rest() -> usize {
    let (mut last, mut since, began) = (resident(), Instant::now(), Instant::now());
    while since.elapsed() < REST && began.elapsed() < PATIENCE {
        thread::sleep(Duration::from_millis(20));
        let now = resident();
        if now.abs_diff(last) > 64 * 1024 {
            (last, since) = (now, Instant::now());
        }
    }
    last
}

/// Prints the largest handshake that is taken, and the memory for each connection in octets.
fn measure(directory: &Path, count: usize, size: usize) {
    let limit = libc::rlimit {
        rlim_cur: 16_384,
        rlim_max: 16_384,
    };
    // SAFETY: a limit. What fails is seen when descriptors are used up.
    unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &limit) };
    let library = Library::load(directory);
    let context = library.context();
    let socket = context.socket(PULL);
    socket.set(HANDSHAKE_IVL, 0).expect("an option");
    socket.set(BACKLOG, 1024).expect("an option");
    let endpoint = socket.bind_any("tcp");
    let (mut good, mut bad) = (100, size + 1);
    if is_taken(&endpoint, size) {
        good = size;
    }
    while good < size && bad - good > 1 {
        let middle = usize::midpoint(good, bad);
        match is_taken(&endpoint, middle) {
            true => good = middle,
            false => bad = middle,
        }
    }
    let mut octets = handshake(good);
    octets.pop();
    let mut raws = Vec::with_capacity(count);
    let before = at_rest();
    for _ in 0..count {
        let mut raw = Raw::connect(&endpoint).expect("a connection");
        raw.say(octets.clone()).expect("a connection");
        raws.push(raw);
    }
    let after = at_rest();
    drop(raws);
    let rest = at_rest();
    let each = |memory: usize| memory.saturating_sub(before) / count;
    println!("{good} {} {}", each(after), each(rest));
    let _ = socket.close();
}

fn main() {
    let arguments: Vec<String> = env::args().skip(1).collect();
    if let [flag, directory, count, size] = &arguments[..]
        && flag == "--measure"
    {
        let number = |text: &str| text.parse().expect("a number");
        return measure(Path::new(directory), number(count), number(size));
    }
    let count = arguments.first().map_or("1000", String::as_str);
    let this = env::current_exe().expect("this program");
    let mut size = LARGEST.to_string();
    let mut each = Vec::new();
    for (name, directory) in [
        ("ours", library::directory()),
        ("upstream", reference::library()),
    ] {
        let mut command = Command::new(&this);
        command.arg("--measure").arg(directory).args([count, &size]);
        let told = library::run(&mut command);
        let numbers: Vec<&str> = told.split_whitespace().collect();
        let [taken, open, closed] = numbers[..] else {
            panic!("{told}")
        };
        println!(
            "{name:<8}: a handshake of {taken} octets, but for the last: {open} octets of memory for each of {count} connections, {closed} after they closed"
        );
        size = taken.into();
        each.push(open.parse::<f64>().expect("a number"));
    }
    println!("ours - upstream's: {:.1} KiB", (each[0] - each[1]) / 1024.0);
}
