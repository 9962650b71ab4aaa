//! The table at the head of `src/lib.rs` is true: a room uses only those above it there, and the protocol and the
//! patterns know no clock, no descriptor and no unsafe code, and the policies read no clock.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

fn sources() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../src")
}

/// The rooms, in the table's order.
fn rooms() -> Vec<String> {
    let head = fs::read_to_string(sources().join("lib.rs")).expect("the head");
    let rows = head.lines().filter_map(|line| line.strip_prefix("//! | "));
    let cells = rows.filter_map(|row| row.split('|').next());
    let names = cells.flat_map(|cell| cell.split('`').skip(1).step_by(2));
    names.map(String::from).collect()
}

/// The files of a room, and what is in them but for comments and tests of its own.
fn files(room: &str) -> Vec<(PathBuf, String)> {
    let mut left = vec![sources().join(room), sources().join(format!("{room}.rs"))];
    let mut files = Vec::new();
    while let Some(path) = left.pop() {
        if path.ends_with("tests") {
            continue;
        }
        if path.is_dir() {
            let entries = fs::read_dir(&path).expect("a directory");
            left.extend(entries.map(|entry| entry.expect("an entry").path()));
        } else if let Ok(text) = fs::read_to_string(&path) {
            let code = text
                .split("#[cfg(test)]\nmod tests {")
                .next()
                .unwrap_or_default();
            let lines = code
                .lines()
                .map(|line| line.split("//").next().unwrap_or_default());
            files.push((path, lines.collect::<Vec<_>>().join("\n")));
        }
    }
    assert!(!files.is_empty(), "{room}: no such room");
    files
}

/// The rooms that a file names, as `crate::room` or `crate::{room.., room..}`.
fn used(code: &str) -> BTreeSet<String> {
    let mut used = BTreeSet::new();
    let in_name = |c: char| c.is_alphanumeric() || c == '_';
    for rest in code.split("crate::").skip(1) {
        let (mut depth, mut name) = (0, String::new());
        for c in rest.chars() {
            match c {
                '{' => depth += 1,
                '}' => depth -= 1,
                // What is deeper is within a room.
                c if depth <= 1 && in_name(c) => {
                    name.push(c);
                    continue;
                }
                _ => {}
            }
            if !name.is_empty() {
                used.insert(std::mem::take(&mut name));
            }
            if depth == 0 {
                break;
            }
        }
    }
    used
}

#[test]
fn a_room_uses_only_those_above_it() {
    let rooms = rooms();
    assert!(rooms.len() > 10, "{rooms:?}");
    let mut uses = 0;
    for (place, room) in rooms.iter().enumerate() {
        for (file, code) in files(room) {
            for name in used(&code) {
                if let Some(other) = rooms.iter().position(|other| *other == name) {
                    uses += 1;
                    assert!(other <= place, "{}: uses {name}", file.display());
                }
            }
        }
    }
    assert!(uses > 100, "only {uses} uses found");
}

#[test]
fn the_protocol_and_the_patterns_know_no_system() {
    let words = [
        "unsafe",
        "Instant",
        "SystemTime",
        "OwnedFd",
        "RawFd",
        "AsFd",
        "std::thread",
    ];
    // The policies are told what time it is.
    let clocks = ["unsafe", "now()", "elapsed()", "std::thread"];
    let rooms = [
        ("zmtp", &words[..]),
        ("pattern", &words),
        ("policy", &clocks),
    ];
    for (room, words) in rooms {
        for (file, code) in files(room) {
            let code = code.replace("forbid(unsafe_code)", "");
            for word in words {
                assert!(!code.contains(word), "{}: knows {word}", file.display());
            }
        }
    }
}
