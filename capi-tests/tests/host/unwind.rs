//! Threads that are cancelled or that end themselves (pthread_exit(3)) amid a call, in functions of the host's as well: they are
//! unwound, and nothing is lost or stays locked. In C, as a Rust program can't be unwound so.

use std::{path::PathBuf, process::Command, sync::OnceLock};

use capi_tests::{
    compile, library,
    process::{self, End},
};

use super::LIMIT;

/// Runs a case of the program's.
fn ends_well(case: &str) {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    let program = PROGRAM.get_or_init(|| compile::program("unwind", &[], &["host/unwind.c"]));
    let library = library::directory();
    let directory = tempfile::tempdir().expect("a directory");
    let inside = directory.path().join("inside");
    std::fs::create_dir(&inside).expect("a directory");
    let (end, text) = process::run(Command::new(program).arg(case), &inside, library, LIMIT);
    assert_eq!(end, End::Code(0), "{text}");
}

/// zmq_send_const, zmq_sendiov and zmq_recviov could not be cancelled where they wait, and zmq_sleep and zmq_threadclose had
/// no right to be.
#[test]
fn threads_that_wait_in_the_rarer_calls() {
    ends_well("waiting");
}

/// A thread whose calls always succeed at once never came to where it could be cancelled.
#[test]
fn threads_that_never_wait() {
    ends_well("busy");
}

/// A proxy that always had something to do could not be cancelled.
#[test]
fn a_proxy_that_never_waits() {
    ends_well("proxy");
}

/// Nor could one that waits for its capture socket.
#[test]
fn a_proxy_whose_capture_socket_is_full() {
    ends_well("captured_proxy");
}

/// What zmq_threadstart() runs ends its thread, or has it cancelled.
#[test]
fn threads_of_zmq_threadstart() {
    ends_well("threads");
}

/// A handler that ends its thread ended the process; afterwards its timer is due again.
#[test]
fn handlers_of_timers() {
    ends_well("timers");
}

/// A function that gives a body back and ends its thread ended the process; the bodies that were to follow are given back.
#[test]
fn functions_that_free_bodies() {
    ends_well("free_functions");
}
