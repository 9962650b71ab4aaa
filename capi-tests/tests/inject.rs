//! System calls and allocations fail while sockets talk: afterwards they talk again, and nothing was lost that may not be.
//!
//! Each run is a process, `inject/inject.c`, in which calls of some classes fail as its seed says. `RUNS=n` makes them n,
//! `SEED=n` begins with another one: see `make inject`.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use capi_tests::{
    compile, library,
    process::{self, End},
};

/// How many runs there are side by side: they mostly wait.
const AT_ONCE: usize = 4;
/// The program's own watchdog is faster.
const LIMIT: Duration = Duration::from_secs(60);
/// How many failures are told.
const SHOWN: usize = 20;

fn number(variable: &str, default: u64) -> u64 {
    env::var(variable).map_or(default, |text| {
        text.parse()
            .unwrap_or_else(|_| panic!("{variable} is a number"))
    })
}

/// A program, whose functions are in the place of libc's.
fn program(name: &str) -> PathBuf {
    // It defines the functions that these builtins stand for.
    let flags = ["-rdynamic", "-fno-builtin"];
    let source = format!("inject/{name}.c");
    compile::program(name, &flags, &[&source, "inject/faults.c"])
}

/// What is wrong with a run, if anything is.
fn run(program: &Path, dir: &Path, seed: u64) -> Option<String> {
    let dir = dir.join(seed.to_string());
    fs::create_dir(&dir).expect("a directory");
    let mut command = Command::new(program);
    command.arg(seed.to_string());
    let (end, output) = process::run(&mut command, &dir, library::directory(), LIMIT);
    let panicked = output.contains("panicked");
    match end {
        End::Code(0) if !panicked => None,
        end => Some(format!("seed {seed}: {end:?}\n{output}")),
    }
}

/// Calls that have no memory for what is large have done nothing, and no message is cut.
#[test]
fn calls_without_memory_do_nothing() {
    let scratch = tempfile::tempdir().expect("a directory");
    let mut command = Command::new(program("memory"));
    let (end, output) = process::run(&mut command, scratch.path(), library::directory(), LIMIT);
    assert!(matches!(end, End::Code(0)), "{end:?}\n{output}");
}

/// The process lives, nothing spins, nobody hangs, no connection stays open and silent, and no message comes twice.
#[test]
fn sockets_talk_again_after_calls_have_failed() {
    library::directory();
    let program = program("inject");
    let scratch = tempfile::tempdir().expect("a directory");
    let (count, first) = (number("RUNS", 48), number("SEED", 0));
    let next = AtomicU64::new(first);
    let failures = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= first + count {
                        return;
                    }
                    if let Some(failure) = run(&program, scratch.path(), seed) {
                        failures.lock().expect("failures").push(failure);
                    }
                }
            });
        }
    });
    let failures = failures.into_inner().expect("failures");
    let shown: Vec<_> = failures.iter().take(SHOWN).map(String::as_str).collect();
    assert!(
        failures.is_empty(),
        "{} of {count} runs from SEED={first} fail:\n{}",
        failures.len(),
        shown.join("\n")
    );
}
