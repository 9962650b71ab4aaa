//! Puts the library under stress: many peers, big messages, bad peers, misuse, signals, forks, lost wake-ups.
//!
//! `cargo test --release --package capi-tests --test stress -- [filter]... [--list]`. Each test is a process of its
//! own, under a time limit, so that a crash, or what it costs, is that test's. `STRESS=n` makes them n times as long.

mod busy;
mod endings;
mod fork;
mod garbage;
mod idle;
mod limits;
mod misuse;
mod nothing;
mod only_peer;
mod proxy;
mod restart;
mod signals;
mod soak;
mod traffic;
mod wake;
mod way;

use std::{
    process::{Command, ExitCode},
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use capi_tests::{
    compile::JOBS,
    library,
    process::{self, End},
    reference,
};

/// A test.
struct Test {
    name: &'static str,
    run: fn(),
    /// How long it may take, in seconds.
    limit: u64,
    /// It takes all processors.
    alone: bool,
}

const fn test(name: &'static str, limit: u64, run: fn()) -> Test {
    Test {
        name,
        run,
        limit,
        alone: false,
    }
}

const fn alone(name: &'static str, limit: u64, run: fn()) -> Test {
    Test {
        alone: true,
        ..test(name, limit, run)
    }
}

const TESTS: &[Test] = &[
    test("many_clients", 60, traffic::many_clients),
    test("in_order_tcp", 60, || traffic::in_order("tcp")),
    test("in_order_ipc", 60, || traffic::in_order("ipc")),
    test("in_order_inproc", 60, || traffic::in_order("inproc")),
    test("many_parts_tcp", 30, || traffic::many_parts("tcp")),
    test("many_parts_ipc", 30, || traffic::many_parts("ipc")),
    test("many_parts_inproc", 30, || traffic::many_parts("inproc")),
    test("only_peer_tcp", 30, || {
        only_peer::one_after_the_other("tcp")
    }),
    test("only_peer_inproc", 30, || {
        only_peer::one_after_the_other("inproc")
    }),
    test("rest_of_a_message", 30, only_peer::the_rest_of_a_message),
    test(
        "disconnected_too_late",
        30,
        only_peer::disconnected_too_late,
    ),
    test("errno_kept_tcp", 60, || traffic::errno_kept("tcp")),
    test("errno_kept_inproc", 60, || traffic::errno_kept("inproc")),
    test("server_restarts", 60, restart::server_restarts),
    test("silent_peer", 30, restart::silent_peer),
    test("high_water_marks", 60, limits::high_water_marks),
    test("garbage_tcp", 60, || garbage::garbage("tcp")),
    test("garbage_ipc", 60, || garbage::garbage("ipc")),
    test("garbage_from_server", 60, garbage::from_server),
    test("raised_mark", 30, limits::raised_mark),
    test("lent_buffers", 60, traffic::lent_buffers),
    test("lent_and_used_again", 30, traffic::lent_and_used_again),
    test("idle", 30, idle::idle),
    test("peer_gone", 30, idle::peer_gone),
    test("proxy_interrupted", 30, proxy::interrupted),
    test("proxy_blocked", 30, proxy::blocked),
    test("proxy_paused", 30, proxy::paused),
    test("endings", 60, endings::endings),
    test("fork", 30, fork::fork),
    test("stale_handles", 30, misuse::stale_handles),
    test("null_pointers", 30, nothing::null_pointers),
    test("no_message", 30, nothing::no_message),
    test("two_close", 30, misuse::two_close),
    test("threads_in_a_socket", 60, misuse::threads_in_a_socket),
    test("close_under_use", 60, misuse::close_under_use),
    test("woken_by_shutdown", 30, wake::woken_by_shutdown),
    test("woken_by_term", 30, wake::woken_by_term),
    test("woken_by_close", 30, wake::woken_by_close),
    test("fd_of_a_new_link", 30, wake::fd_of_a_new_link),
    test("guests_are_welcomed", 30, wake::guests_are_welcomed),
    test("fresh_subscriptions", 30, wake::fresh_subscriptions),
    test("woken_by_signal", 30, wake::woken_by_signal),
    test("dripping_body", 30, wake::dripping_body),
    alone("ping_pong_tcp", 60, || wake::ping_pong("tcp")),
    alone("ping_pong_ipc", 60, || wake::ping_pong("ipc")),
    alone("ping_pong_inproc", 60, || wake::ping_pong("inproc")),
    alone("soak", 60, soak::soak),
];

/// How many times as long as usual.
fn factor() -> usize {
    std::env::var("STRESS").map_or(1, |text| text.parse().expect("STRESS is a number"))
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match &*arguments.iter().map(String::as_str).collect::<Vec<_>>() {
        ["--run", name] => {
            let test = TESTS.iter().find(|test| test.name == *name);
            (test.expect("a test").run)();
            return ExitCode::SUCCESS;
        }
        ["--serve", endpoint] => {
            restart::serve(endpoint);
            return ExitCode::SUCCESS;
        }
        _ => {}
    }
    // What cargo's own harness takes and this one has no use for begins with a dash.
    let filters: Vec<&String> = arguments.iter().filter(|a| !a.starts_with('-')).collect();
    let wanted =
        |test: &&Test| filters.is_empty() || filters.iter().any(|f| test.name.contains(*f));
    let tests: Vec<&Test> = TESTS.iter().filter(wanted).collect();
    if arguments.iter().any(|argument| argument == "--list") {
        tests
            .iter()
            .for_each(|test| println!("{}: test", test.name));
        return ExitCode::SUCCESS;
    }
    println!("\nrunning {} tests", tests.len());
    let began = Instant::now();
    let failures = run_all(&tests);
    println!(
        "\ntest result: {}. {} passed; {failures} failed; 0 ignored; {} filtered out; finished in {:.2}s\n",
        if failures == 0 { "ok" } else { "FAILED" },
        tests.len() - failures,
        TESTS.len() - tests.len(),
        began.elapsed().as_secs_f32(),
    );
    match failures {
        0 => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    }
}

/// Runs the tests, [`JOBS`] at once where they bear it, and returns how many have failed.
fn run_all(tests: &[&Test]) -> usize {
    // What has to be built takes nothing of a test's time.
    library::directory();
    reference::library();
    let (alone, together): (Vec<&Test>, Vec<&Test>) = tests.iter().partition(|test| test.alone);
    let (next, failures) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let output = Mutex::new(());
    let run = |test: &Test| {
        let began = Instant::now();
        let result = run_one(test);
        let seconds = began.elapsed().as_secs_f32();
        let _turn = output.lock();
        match result {
            Ok(()) => println!("test {} ... ok ({seconds:.2} s)", test.name),
            Err(what) => {
                failures.fetch_add(1, Ordering::Relaxed);
                println!("test {} ... FAILED ({seconds:.2} s)\n{what}", test.name);
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..JOBS {
            scope.spawn(|| {
                while let Some(test) = together.get(next.fetch_add(1, Ordering::Relaxed)) {
                    run(test);
                }
            });
        }
    });
    alone.iter().for_each(|test| run(test));
    failures.into_inner()
}

/// Runs a test in a process of its own. An error is how it ended and what it wrote.
fn run_one(test: &Test) -> Result<(), String> {
    let scratch = tempfile::tempdir().map_err(|error| error.to_string())?;
    let dir = scratch.path().join("run");
    std::fs::create_dir(&dir).map_err(|error| error.to_string())?;
    let mut limit = Duration::from_secs(test.limit * factor() as u64);
    if test.name == "soak" {
        limit += soak::time();
    }
    let mut command = this(["--run", test.name]);
    match process::run(&mut command, &dir, library::directory(), limit) {
        (End::Code(0), _) => Ok(()),
        (end, output) => Err(format!("{end:?}\n{output}")),
    }
}

/// This program, to be run with these arguments and the same library.
fn this<const N: usize>(arguments: [&str; N]) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("this program"));
    command
        .args(arguments)
        .env("LIBZMQ_DIR", library::directory());
    command
}
