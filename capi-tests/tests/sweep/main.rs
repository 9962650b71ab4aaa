//! Every option of sockets, contexts and messages, with values good and bad, and every function
//! with arguments good and bad, in the library and in upstream's; and what the library's
//! documentation says of that.

mod docs;

use std::{path::Path, process::Command, sync::LazyLock, time::Duration};

use capi_tests::{
    cases::{self, Case},
    library, reference,
};

/// What the library does.
static OURS: LazyLock<Vec<Case>> = LazyLock::new(|| sweep(library::directory()));

/// Cases in which the library refuses what upstream's doesn't look at.
const REFUSED: [(&str, &str); 4] = [
    (
        "call msg_more foreign",
        "upstream's reads what is no message",
    ),
    (
        "call msg_get foreign",
        "upstream's reads what is no message",
    ),
    (
        "call msg_gets foreign",
        "upstream's reads what is no message",
    ),
    ("call device of null", "upstream's waits for nothing"),
];

/// What each call returns, what errno is, and what can be read afterwards is the same. See
/// `src/bin/sweep`.
#[test]
fn options_and_calls_are_upstreams() {
    let theirs = sweep(reference::library());
    assert_eq!(OURS.len(), theirs.len());
    let mut differences = Vec::new();
    let mut died = 0;
    for (ours, theirs) in OURS.iter().zip(&theirs) {
        assert_eq!(ours.name, theirs.name);
        let is_refused = REFUSED.iter().any(|(name, _)| *name == ours.name);
        if ours.died() {
            differences.push(format!("{}: {}", ours.name, ours.lines.join("\n")));
        } else if theirs.died() {
            died += 1;
        } else if is_refused {
            assert_ne!(ours, theirs, "{} is refused by both", ours.name);
        } else if ours != theirs {
            differences.extend(ours.differences(theirs));
        }
    }
    println!(
        "{} cases, of which upstream's crashes in {died}",
        OURS.len()
    );
    assert!(
        differences.is_empty(),
        "{} differences\n{}",
        differences.len(),
        differences[..differences.len().min(100)].join("\n")
    );
}

/// What the library in a directory does.
fn sweep(directory: &Path) -> Vec<Case> {
    let from = |first: usize| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sweep"));
        command.arg(directory).arg(first.to_string());
        command
    };
    cases::run(from, Duration::from_secs(60))
}
