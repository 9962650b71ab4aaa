//! Every option of sockets, contexts and messages, with values good and bad, in the library and in upstream's.

use std::{path::Path, process::Command, time::Duration};

use capi_tests::{cases, library, reference};

/// What each call returns, what errno is, and what can be read afterwards is the same. See `src/bin/sweep`.
#[test]
fn options_are_upstreams() {
    let [ours, theirs] = [library::directory(), reference::library()]
        .map(|directory| cases::run(|first| sweep(directory, first), Duration::from_secs(60)));
    assert_eq!(ours.len(), theirs.len());
    let mut differences = Vec::new();
    let mut died = 0;
    for (ours, theirs) in ours.iter().zip(&theirs) {
        assert_eq!(ours.name, theirs.name);
        if ours.died() {
            differences.push(format!("{}: {}", ours.name, ours.lines.join("\n")));
        } else if theirs.died() {
            died += 1;
        } else if ours != theirs {
            differences.extend(ours.differences(theirs));
        }
    }
    println!(
        "{} cases, of which upstream's crashes in {died}",
        ours.len()
    );
    assert!(
        differences.is_empty(),
        "{} differences\n{}",
        differences.len(),
        differences[..differences.len().min(100)].join("\n")
    );
}

fn sweep(directory: &Path, first: usize) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sweep"));
    command.arg(directory).arg(first.to_string());
    command
}
