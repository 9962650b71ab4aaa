//! What a library does in many small cases, each written down by a process that may crash in any of them.
//!
//! The process writes [`begin`] and then what happens, case by case, from a given one on, and ends with exit code 0. One
//! that crashes or hangs is started again after the case that it happened in, which says so.

use std::{
    io::{BufRead, BufReader},
    process::{Command, Stdio},
    sync::mpsc,
    time::{Duration, Instant},
};

use crate::process::{End, Group};

const MARK: &str = "=== ";
/// What the line begins with that tells which functions have failed with which errno.
pub const FAILURES: &str = "failures: ";
/// What the line begins with that tells of a crash.
const DIED: &str = "died: ";

/// A case, and what happened in it.
#[derive(Debug, PartialEq, Eq)]
pub struct Case {
    /// What it is about.
    pub name: String,
    /// What was written.
    pub lines: Vec<String>,
}

impl Case {
    /// Whether the process has crashed or hung in it.
    pub fn died(&self) -> bool {
        self.lines.last().is_some_and(|line| line.starts_with(DIED))
    }

    /// Where this one and another of the same name are not the same.
    pub fn differences(&self, other: &Case) -> Vec<String> {
        let count = self.lines.len().max(other.lines.len());
        let line = |lines: &[String], i| lines.get(i).map_or("nothing".into(), String::clone);
        (0..count)
            .map(|i| (line(&self.lines, i), line(&other.lines, i)))
            .filter(|(ours, theirs)| ours != theirs)
            .map(|(ours, theirs)| format!("{}\n  ours   {ours}\n  theirs {theirs}", self.name))
            .collect()
    }
}

/// Called by the process: what it writes from now on belongs to this case.
pub fn begin(name: &str) {
    println!("{MARK}{name}");
}

/// Runs the process that `from` makes to run the cases from a number on; none may say nothing for longer than `limit`.
pub fn run(from: impl Fn(usize) -> Command, limit: Duration) -> Vec<Case> {
    let mut cases = Vec::new();
    loop {
        let before = cases.len();
        if run_some(from(before), limit, &mut cases) {
            return cases;
        }
        assert!(cases.len() > before, "it ends before the first case");
    }
}

/// Runs the process that runs one case.
pub fn run_one(command: Command, limit: Duration) -> Case {
    let mut cases = Vec::new();
    run_some(command, limit, &mut cases);
    cases.pop().expect("a case")
}

/// Adds cases up to the last one, or to one that it dies in. False if there may be more.
fn run_some(mut command: Command, limit: Duration, cases: &mut Vec<Case>) -> bool {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    command
        .stdin(Stdio::null())
        .stdout(writer.try_clone().expect("a pipe"))
        .stderr(writer);
    let mut group = Group::start(&mut command).expect("a process");
    // It holds the pipe's other end.
    drop(command);
    let (lines, heard) = mpsc::channel();
    std::thread::spawn(move || {
        for line in BufReader::new(reader).split(b'\n').map_while(Result::ok) {
            let line = String::from_utf8_lossy(&line).into_owned();
            if lines.send(line).is_err() {
                return;
            }
        }
    });
    let mut deadline = Instant::now() + limit;
    while let Ok(line) = heard.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
        match (line.strip_prefix(MARK), cases.last_mut()) {
            (Some(name), _) => cases.push(Case {
                name: name.into(),
                lines: Vec::new(),
            }),
            (None, Some(case)) => case.lines.push(line),
            (None, None) => panic!("{line}"),
        }
        deadline = Instant::now() + limit;
    }
    match group.wait_until(deadline) {
        End::Code(0) => true,
        end => {
            let case = cases.last_mut().expect("a case");
            case.lines.push(format!("{DIED}{end:?}"));
            false
        }
    }
}
