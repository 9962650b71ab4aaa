//! What the host process does to the library: its threads end or are cancelled, it forks, it has used up its descriptors or
//! its memory. None of that may cost it more than the call at hand.
//!
//! | module | holds |
//! |---|---|
//! | [`cancel`] | pthread_cancel(3) of a thread that is in a call |
//! | [`descriptors`] | no descriptor is left |
//! | [`fork`] | fork(2) while other threads are in calls |
//! | [`lent`] | when the host's buffers are given back |
//! | [`memory`] | no memory is left |
//! | [`switches`] | the host does without what makes calls fast |
//! | [`threads`] | calls by a thread that is ending |
//! | [`unwind`] | threads that are unwound, in calls and in the host's own functions |
//!
//! Each test is a process of its own, under a time limit: a crash or a hang is that test's.

mod cancel;
mod descriptors;
mod fork;
mod lent;
mod memory;
mod switches;
mod threads;
mod unwind;

use std::{path::PathBuf, process::Command, time::Duration};

use capi_tests::{
    library,
    process::{self, End},
};

/// The variable by which a process knows that it is to run the test itself.
const INSIDE: &str = "HOST_TEST_INSIDE";

/// How long a test may take, unless something hangs.
const LIMIT: Duration = Duration::from_secs(60);

/// Runs the test of this name in a process of its own.
fn alone(name: &str, test: impl FnOnce()) {
    alone_in(name, &[], test);
}

/// As [`alone`], with these variables in its environment.
fn alone_in(name: &str, environment: &[(&str, &str)], test: impl FnOnce()) {
    if std::env::var_os(INSIDE).is_some() {
        return test();
    }
    // It is built only once, and not while a test waits for it.
    library::directory();
    let directory = tempfile::tempdir().expect("a directory");
    let program: PathBuf = std::env::current_exe().expect("this program");
    let mut command = Command::new(program);
    command
        .args(["--exact", name, "--nocapture"])
        .env(INSIDE, "1")
        .envs(environment.iter().copied());
    let inside = directory.path().join("inside");
    std::fs::create_dir(&inside).expect("a directory");
    let (end, text) = process::run(&mut command, &inside, library::directory(), LIMIT);
    assert_eq!(end, End::Code(0), "{text}");
    assert!(text.contains("1 passed"), "there is no test {name}: {text}");
}
