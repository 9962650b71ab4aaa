//! Runs upstream's own test programs against the library.
//!
//! `cargo test --package capi-tests --test upstream -- [filter]... [--exact] [--skip part] [--repeat n] [--list]`;
//! `REPEAT=n` is the same as `--repeat n`; `LOAD=n` runs n programs at once, with all processors kept busy. Programs that fail are shown with what they wrote; those that
//! `expected-failures.txt` names must fail.

use std::collections::{HashMap, HashSet};
use std::process::ExitCode;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use capi_tests::compile::JOBS;
use capi_tests::upstream::{self, Outcome, Program};

#[derive(Default)]
struct Options {
    filters: Vec<String>,
    skips: Vec<String>,
    exact: bool,
    list: bool,
    repeat: Option<usize>,
}

impl Options {
    fn read(mut arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut options = Options::default();
        if let Ok(times) = std::env::var("REPEAT") {
            options.repeat = Some(number("REPEAT", &times)?);
        }
        while let Some(argument) = arguments.next() {
            let (name, value) = match argument.split_once('=') {
                Some((name, value)) => (name, Some(value.to_string())),
                None => (&*argument, None),
            };
            let mut value = || {
                value
                    .clone()
                    .or_else(|| arguments.next())
                    .unwrap_or_default()
            };
            match name {
                "--repeat" => options.repeat = Some(number("--repeat", &value())?),
                "--skip" => options.skips.push(value()),
                "--exact" => options.exact = true,
                "--list" => options.list = true,
                // What cargo's own harness takes and this one has no use for.
                "--test-threads" | "--color" | "--format" | "--logfile" | "-Z" => drop(value()),
                _ if name.starts_with('-') => (),
                _ => options.filters.push(argument),
            }
        }
        Ok(options)
    }

    fn wants(&self, name: &str) -> bool {
        let fits = |part: &String| match self.exact {
            true => name == part,
            false => name.contains(part),
        };
        (self.filters.is_empty() || self.filters.iter().any(fits)) && !self.skips.iter().any(fits)
    }
}

fn number(name: &str, text: &str) -> Result<usize, String> {
    text.parse()
        .map_err(|_| format!("{name} wants a number, not {text:?}"))
}

/// What is still to be run, and what the running ones keep for themselves.
struct Queue<'a> {
    waiting: Vec<(&'a Program, usize)>,
    taken: HashSet<&'a str>,
}

struct Report {
    expected: HashMap<String, String>,
    passed: usize,
    skipped: usize,
    expected_failures: usize,
    failures: Vec<String>,
}

impl Report {
    fn add(&mut self, name: &str, seconds: f32, outcome: Outcome) {
        let verdict = match (outcome, self.expected.get(name)) {
            (Outcome::Passed, None) => {
                self.passed += 1;
                "ok".into()
            }
            (Outcome::Skipped, _) => {
                self.skipped += 1;
                "skipped".into()
            }
            (Outcome::Failed(_), Some(reason)) => {
                self.expected_failures += 1;
                format!("failed as expected: {reason}")
            }
            (Outcome::Failed(what), None) => {
                self.failures
                    .push(format!("---- {name}: {}", what.trim_end()));
                "FAILED".into()
            }
            (Outcome::Passed, Some(_)) => {
                self.failures.push(format!(
                    "---- {name}: passes; take it out of expected-failures.txt"
                ));
                "FAILED (passes unexpectedly)".into()
            }
        };
        println!("test {name} ... {verdict} ({seconds:.2} s)");
    }
}

fn main() -> ExitCode {
    let options = match Options::read(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::FAILURE;
        }
    };
    let all = upstream::programs();
    let total = all.len();
    let programs: Vec<Program> = all
        .into_iter()
        .filter(|program| options.wants(&program.name))
        .collect();
    if options.list {
        for program in &programs {
            println!("{}: test", program.name);
        }
        return ExitCode::SUCCESS;
    }

    let repeat = options.repeat.unwrap_or(1);
    println!("\nrunning {} tests", programs.len() * repeat);
    if programs.is_empty() {
        println!("\ntest result: ok. 0 passed; 0 failed; {total} filtered out\n");
        return ExitCode::SUCCESS;
    }
    let started = Instant::now();
    let report = run(&programs, repeat);
    let verdict = if report.failures.is_empty() {
        "ok"
    } else {
        println!("\nfailures:\n");
        for failure in &report.failures {
            println!("{failure}\n");
        }
        "FAILED"
    };
    println!(
        "\ntest result: {verdict}. {} passed; {} failed; {} skipped; {} failed as expected; {} filtered out; finished in {:.2}s\n",
        report.passed,
        report.failures.len(),
        report.skipped,
        report.expected_failures,
        total - programs.len(),
        started.elapsed().as_secs_f32(),
    );
    match report.failures.is_empty() {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}

/// Builds the programs and runs each `repeat` times, [`JOBS`] at once.
fn run(programs: &[Program], repeat: usize) -> Report {
    let mut report = Report {
        expected: expected(),
        passed: 0,
        skipped: 0,
        expected_failures: 0,
        failures: Vec::new(),
    };
    let mut good: Vec<&Program> = Vec::new();
    for (program, built) in programs.iter().zip(upstream::build(programs)) {
        match built {
            Ok(()) => good.push(program),
            Err(what) => report.add(&program.name, 0.0, Outcome::Failed(what)),
        }
    }

    // From the end, since the next is popped there.
    let waiting = (0..repeat)
        .flat_map(|round| good.iter().map(move |program| (*program, round)))
        .rev()
        .collect();
    let queue = Mutex::new(Queue {
        waiting,
        taken: HashSet::new(),
    });
    let freed = Condvar::new();
    let report = Mutex::new(report);
    let jobs = load().unwrap_or(JOBS);
    std::thread::scope(|scope| {
        for _ in 0..jobs {
            scope.spawn(|| {
                while let Some((program, round)) = take(&queue, &freed) {
                    let started = Instant::now();
                    let outcome = upstream::run(program, round);
                    let seconds = started.elapsed().as_secs_f32();
                    hold(&report).add(&program.name, seconds, outcome);
                    let mut queue = hold(&queue);
                    for need in needs(program) {
                        queue.taken.remove(need);
                    }
                    freed.notify_all();
                }
            });
        }
    });
    report.into_inner().unwrap_or_else(PoisonError::into_inner)
}

/// How many programs are to run at once under load, if they are to. The load begins.
fn load() -> Option<usize> {
    let jobs = std::env::var("LOAD").ok()?;
    let jobs = number("LOAD", &jobs).unwrap_or_else(|error| panic!("{error}"));
    for _ in 0..std::thread::available_parallelism().map_or(2, usize::from) {
        std::thread::spawn(|| {
            loop {
                std::hint::spin_loop();
            }
        });
    }
    Some(jobs)
}

fn expected() -> HashMap<String, String> {
    if std::env::var_os("LIBZMQ_DIR").is_some() {
        return HashMap::new();
    }
    let known: HashSet<String> = upstream::programs()
        .into_iter()
        .map(|program| program.name)
        .collect();
    let expected: HashMap<String, String> = upstream::expected_failures().into_iter().collect();
    for name in expected.keys() {
        assert!(
            known.contains(name),
            "expected-failures.txt: there is no {name}"
        );
    }
    expected
}

/// Takes the next program of which nothing it needs is in use, waiting if there is none now.
fn take<'a>(queue: &Mutex<Queue<'a>>, freed: &Condvar) -> Option<(&'a Program, usize)> {
    let mut queue = hold(queue);
    while !queue.waiting.is_empty() {
        let free = |(program, _): &(&Program, usize)| {
            needs(program).all(|need| !queue.taken.contains(need))
        };
        if let Some(n) = queue.waiting.iter().rposition(free) {
            let (program, round) = queue.waiting.remove(n);
            queue.taken.extend(needs(program));
            return Some((program, round));
        }
        queue = freed.wait(queue).unwrap_or_else(PoisonError::into_inner);
    }
    None
}

/// A program also keeps others of itself away, whose names in the abstract namespace would be its own.
fn needs(program: &Program) -> impl Iterator<Item = &str> {
    program
        .needs
        .iter()
        .chain([&program.name])
        .map(|need| &**need)
}

fn hold<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
