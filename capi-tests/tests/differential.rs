//! The same random scripts of socket calls with the library and with upstream's: the same results, errno and messages.
//!
//! `DIFFERENTIAL=n` runs n scripts instead of a few, `DIFFERENTIAL_SEED=n` begins with another one.

use std::{env, path::Path, process::Command, time::Duration};

use capi_tests::{
    cases::{self, Case},
    library, reference,
};

/// No script takes as long, however busy the machine is.
const LIMIT: Duration = Duration::from_secs(30);
/// How often a script that makes a difference is run again, to see whether it does so each time.
const AGAIN: usize = 3;
/// How many scripts that differ are looked at.
const SHOWN: usize = 8;

fn number(variable: &str) -> Option<u64> {
    let text = env::var(variable).ok()?;
    Some(
        text.parse()
            .unwrap_or_else(|_| panic!("{variable} is a number")),
    )
}

/// A script of random calls has one outcome.
#[test]
fn scripts_end_as_upstreams() {
    let count = number("DIFFERENTIAL").unwrap_or(150);
    let first = number("DIFFERENTIAL_SEED").unwrap_or(0);
    let [ours, theirs] = [library::directory(), reference::library()].map(|directory| {
        let scripts = |done| {
            let mut command = command(directory, first + done as u64);
            command.arg((count - done as u64).to_string());
            command
        };
        cases::run(scripts, LIMIT)
    });
    assert_eq!((ours.len(), theirs.len()), (count as usize, count as usize));

    let died = theirs.iter().filter(|case| case.died()).count();
    let pairs = ours.iter().zip(&theirs);
    let seeds = pairs
        .filter(|(ours, theirs)| differ(ours, theirs))
        .map(|(ours, _)| &ours.name);
    let mut failures = Vec::new();
    for seed in seeds {
        let seed = seed.parse().expect("a seed");
        let steps: Vec<usize> = (0..steps(seed)).collect();
        // What depends on time, in upstream's or in this test, doesn't always go the same way.
        if (0..AGAIN).all(|_| difference(seed, &steps).is_some()) {
            failures.push(shrunk(seed, steps));
            println!("{}\n", failures[failures.len() - 1]);
        }
        if failures.len() == SHOWN {
            break;
        }
    }
    println!("{count} scripts, of which upstream's crashes in {died}");
    assert!(failures.is_empty(), "{} scripts differ", failures.len());
}

/// Upstream's may crash where the library must not.
fn differ(ours: &Case, theirs: &Case) -> bool {
    ours.died() || (!theirs.died() && ours != theirs)
}

fn command(directory: &Path, seed: u64) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_differential"));
    command.arg(directory).arg(seed.to_string());
    command
}

/// How many steps a script has.
fn steps(seed: u64) -> usize {
    let mut command = Command::new(env!("CARGO_BIN_EXE_differential"));
    let output = library::run(command.args(["count", &seed.to_string()]));
    output.trim().parse().expect("a number")
}

/// Where a script with only these steps differs, if it does: what was done until then, and both results.
fn difference(seed: u64, steps: &[usize]) -> Option<String> {
    let [ours, theirs] = [library::directory(), reference::library()].map(|directory| {
        let only = |_| {
            let mut command = command(directory, seed);
            command.arg("only").args(steps.iter().map(usize::to_string));
            command
        };
        cases::run_one(only(0), LIMIT)
    });
    if !differ(&ours, &theirs) {
        return None;
    }
    let lines = ours.lines.iter().zip(&theirs.lines);
    let same = lines.take_while(|(ours, theirs)| ours == theirs).count();
    let line = |case: &Case| case.lines.get(same).cloned().unwrap_or_default();
    Some(format!(
        "seed {seed}\n{}\n  ours   {}\n  theirs {}",
        ours.lines[..same].join("\n"),
        line(&ours),
        line(&theirs)
    ))
}

/// The difference that is left with as few steps as possible.
fn shrunk(seed: u64, mut steps: Vec<usize>) -> String {
    let mut size = steps.len().div_ceil(2);
    loop {
        let mut at = 0;
        while at < steps.len() {
            let mut fewer = steps.clone();
            fewer.drain(at..steps.len().min(at + size));
            match difference(seed, &fewer) {
                Some(_) => steps = fewer,
                None => at += size,
            }
        }
        if size == 1 {
            break;
        }
        size = size.div_ceil(2);
    }
    difference(seed, &steps).unwrap_or_else(|| format!("seed {seed}: not each time"))
}
