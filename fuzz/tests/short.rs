//! Each target for a moment: `FUZZ_MILLISECONDS` on what a seeded mutator makes of its seeds.

use std::{
    panic::{self, AssertUnwindSafe},
    time::{Duration, Instant},
};

use fuzz::{TARGETS, Target};

/// Random numbers of a seed (xorshift).
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % limit.max(1) as u64) as usize
    }
}

/// Octets that are often a border of something.
const EDGES: [u8; 8] = [0, 1, 2, 4, 0x7f, 0x80, 0xfe, 0xff];

/// Changes octets in one way, with `other` to take from.
fn mutate(octets: &mut Vec<u8>, other: &[u8], random: &mut Random) {
    let at = random.below(octets.len() + 1);
    let end = at + random.below(octets.len() + 1 - at);
    match random.below(9) {
        0 => octets.truncate(at),
        1 => octets.insert(at, random.below(256) as u8),
        2 => octets.insert(at, EDGES[random.below(EDGES.len())]),
        3 => drop(octets.drain(at..end)),
        4 => {
            let copy = octets[at..end].to_vec();
            octets.splice(at..at, copy);
        }
        5 => {
            let from = random.below(other.len() + 1);
            octets.splice(at..at, other[from..].iter().copied());
        }
        _ => {
            let edge = EDGES[random.below(EDGES.len())];
            let any = random.below(256) as u8;
            if let Some(octet) = octets.get_mut(at) {
                *octet =
                    [edge, any, *octet ^ 1 << (any % 8), octet.wrapping_add(1)][random.below(4)];
            }
        }
    }
    octets.truncate(4096);
}

/// Runs a target until the time is over. False, and the octets, if it doesn't like some.
fn bears(target: &Target, time: Duration) -> bool {
    let seeds = (target.seeds)();
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let began = Instant::now();
    for round in 0.. {
        let mut octets = seeds[random.below(seeds.len())].clone();
        match seeds.get(round) {
            Some(seed) => octets.clone_from(seed),
            None if began.elapsed() > time => {
                println!("{}: {round} rounds", target.name);
                break;
            }
            None => {
                for _ in 0..1 << random.below(6) {
                    let other = &seeds[random.below(seeds.len())];
                    mutate(&mut octets, other, &mut random);
                }
            }
        }
        if panic::catch_unwind(AssertUnwindSafe(|| (target.run)(&octets))).is_err() {
            eprintln!("{} fails with b\"{}\"", target.name, octets.escape_ascii());
            return false;
        }
    }
    true
}

/// All of them, one after the other.
#[test]
fn each_target_bears_what_a_mutator_makes_of_its_seeds() {
    let time = std::env::var("FUZZ_MILLISECONDS");
    let time = time.map_or(500, |text| {
        text.parse().expect("FUZZ_MILLISECONDS is a number")
    });
    let time = Duration::from_millis(time);
    let failed = TARGETS.iter().filter(|target| !bears(target, time));
    assert_eq!(failed.count(), 0);
}
