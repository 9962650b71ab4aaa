//! What a peer that sends as fast as it can costs the others on the same I/O thread: the time that a handshake, a PING and
//! a message there and back take, with the library under test and with upstream's in turn.
//!
//! `fairness [rounds]`. Times are in microseconds; the ratio is ours to upstream's.

use std::{
    env,
    path::Path,
    process::Command,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Instant,
};

use capi_tests::{
    api::{Library, consts::*},
    library,
    raw::Raw,
    reference,
};
use conversations::wire::{self, Version};

/// What is measured, in this order.
const WHAT: [&str; 3] = ["handshake", "heartbeat", "message"];
/// How often each is measured in a round.
const SAMPLES: usize = 200;
/// The high-water marks of the socket that is flooded, the first of which is none.
const MARKS: [i32; 2] = [0, 1000];

/// Measures with a library, and prints a line of times for each of [`WHAT`].
fn measure(directory: &Path, mark: i32) {
    let library = Library::load(directory);
    let context = library.context();
    let (flooded, other) = (context.socket(PULL), context.socket(ROUTER));
    flooded.set(RCVHWM, mark).expect("an option");
    let endpoints = [flooded, other].map(|socket| socket.bind_any("tcp"));
    let (stop, stopped) = (AtomicBool::new(false), AtomicBool::new(false));
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut raw = Raw::shake_hands(&endpoints[0], "PUSH").expect("a connection");
            let mut burst = Vec::new();
            (0..10_000).for_each(|_| wire::frame(Version::V31, 0, b"8 octets", &mut burst));
            while !stop.load(Ordering::Relaxed) {
                raw.say(burst.clone()).expect("a connection");
            }
            stopped.store(true, Ordering::Relaxed);
        });
        scope.spawn(|| {
            let mut buffer = [0; 8];
            flooded.set(RCVTIMEO, 100).expect("an option");
            while !stopped.load(Ordering::Relaxed) {
                let _ = flooded.recv_into(&mut buffer, 0);
            }
        });
        scope.spawn(|| {
            other.set(RCVTIMEO, 100).expect("an option");
            while !stop.load(Ordering::Relaxed) {
                if let Ok(message) = other.recv_all(0) {
                    let parts: Vec<&[u8]> = message.iter().map(Vec::as_slice).collect();
                    other.send_all(&parts).expect("sent");
                }
            }
        });
        let mut times = [const { Vec::new() }; WHAT.len()];
        let mut note = |what: usize, began: Instant| times[what].push(began.elapsed().as_micros());
        for _ in 0..SAMPLES {
            let began = Instant::now();
            let mut raw = Raw::shake_hands(&endpoints[1], "DEALER").expect("a connection");
            note(0, began);
            // The first of each tells that the handshake is over there, too.
            raw.ping().expect("a connection");
            let began = Instant::now();
            raw.ping().expect("a connection");
            note(1, began);
            let began = Instant::now();
            let mut question = Vec::new();
            wire::frame(Version::V31, 0, b"question", &mut question);
            raw.say(question).expect("a connection");
            raw.frame().expect("an answer");
            note(2, began);
        }
        stop.store(true, Ordering::Relaxed);
        for times in times {
            let times: Vec<String> = times.iter().map(u128::to_string).collect();
            println!("{}", times.join(" "));
        }
    });
    for socket in [flooded, other] {
        let _ = socket.close();
    }
}

/// The median and the 99th percentile.
fn summary(times: &mut [f64]) -> [f64; 2] {
    times.sort_by(f64::total_cmp);
    [50, 99].map(|percent| times[times.len() * percent / 100])
}

fn main() {
    let arguments: Vec<String> = env::args().skip(1).collect();
    if let [flag, directory, mark] = &arguments[..]
        && flag == "--measure"
    {
        return measure(Path::new(directory), mark.parse().expect("a mark"));
    }
    let rounds = arguments
        .first()
        .map_or(3, |text| text.parse().expect("a number"));
    let this = env::current_exe().expect("this program");
    let libraries = [library::directory(), reference::library()];
    println!(
        "mark  what         ours: median      p99   upstream: median      p99   ratio: median    p99"
    );
    for mark in MARKS {
        let mut times = [const { [const { Vec::new() }; WHAT.len()] }; 2];
        for _ in 0..rounds {
            for (times, directory) in times.iter_mut().zip(libraries) {
                let mut command = Command::new(&this);
                command
                    .arg("--measure")
                    .arg(directory)
                    .arg(mark.to_string());
                for (times, line) in times.iter_mut().zip(library::run(&mut command).lines()) {
                    let numbers = line
                        .split(' ')
                        .map(|time| time.parse::<f64>().expect("a time"));
                    times.extend(numbers);
                }
            }
        }
        let [ours, theirs] = &mut times;
        for ((what, ours), theirs) in WHAT.iter().zip(ours).zip(theirs) {
            let ([a, b], [c, d]) = (summary(ours), summary(theirs));
            println!(
                "{mark:>4}  {what:<10} {a:>14.0} {b:>8.0} {c:>18.0} {d:>8.0} {:>15.2} {:>6.2}",
                a / c,
                b / d
            );
        }
    }
}
