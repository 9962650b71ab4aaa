//! Runs a program in a process group of its own, under a time limit, and leaves nothing of it behind. And what this process has
//! of the system's.

use std::fs::{self, File};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// How a program ended.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum End {
    /// With this exit code.
    Code(i32),
    /// By this signal.
    Signal(i32),
    /// Killed, since its time was up.
    TimedOut,
}

/// A child process that takes its whole group with it when dropped.
pub struct Group(Child);

impl Group {
    /// Starts `command` as the leader of a new process group.
    pub fn start(command: &mut Command) -> std::io::Result<Self> {
        command.process_group(0).spawn().map(Group)
    }

    /// The child, for its pipes.
    pub fn child(&mut self) -> &mut Child {
        &mut self.0
    }

    /// Waits until the child has ended, or until `deadline`.
    pub fn wait_until(&mut self, deadline: Instant) -> End {
        let mut pause = Duration::from_millis(1);
        loop {
            match self.0.try_wait() {
                Ok(Some(status)) => return end(status),
                Ok(None) if Instant::now() < deadline => {
                    std::thread::sleep(pause);
                    pause = (pause * 2).min(Duration::from_millis(20));
                }
                Ok(None) | Err(_) => return End::TimedOut,
            }
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // A group outlives its leader for as long as it has other members, and its number isn't given out meanwhile.
        // SAFETY: kill takes two numbers and touches no memory.
        unsafe { libc::kill(-(self.0.id() as i32), libc::SIGKILL) };
        let _ = self.0.wait();
    }
}

fn end(status: ExitStatus) -> End {
    match status.code() {
        Some(code) => End::Code(code),
        None => End::Signal(status.signal().unwrap_or_default()),
    }
}

/// Runs a command in the directory `dir` with the libraries of `library`, for at most `limit` times [`patience`].
///
/// What it writes goes through a file beside `dir`, so that a program that writes much never waits for its reader.
/// Returns how it ended and what it wrote, its standard output and error together in the order written.
pub fn run(command: &mut Command, dir: &Path, library: &Path, limit: Duration) -> (End, String) {
    let log = dir.with_extension("log");
    let open = || File::options().append(true).create(true).open(&log);
    let (out, err) = match (open(), open()) {
        (Ok(out), Ok(err)) => (out, err),
        (Err(error), _) | (_, Err(error)) => return (End::TimedOut, error.to_string()),
    };
    command
        .current_dir(dir)
        .env("LD_LIBRARY_PATH", library)
        .env("TMPDIR", dir)
        .stdin(Stdio::null())
        .stdout(out)
        .stderr(err);
    let end = match Group::start(command) {
        Ok(mut group) => group.wait_until(Instant::now() + limit * patience()),
        Err(error) => return (End::TimedOut, error.to_string()),
    };
    let text = fs::read(&log).unwrap_or_default();
    (end, String::from_utf8_lossy(&text).into_owned())
}

/// How many times as long as usual things may take: the variable `PATIENCE`.
pub fn patience() -> u32 {
    std::env::var("PATIENCE").map_or(1, |text| text.parse().expect("PATIENCE is a number"))
}

/// A number of this process's from the line of `/proc/self/status` that begins so, such as `Threads:`, or `VmRSS:` in KiB.
pub fn status(line: &str) -> usize {
    let text = fs::read_to_string("/proc/self/status").expect("the process's status");
    let mut words = text.lines().filter_map(|text| text.strip_prefix(line));
    let word = words.next().expect("the line").split_whitespace().next();
    word.expect("a number").parse().expect("a number")
}

/// The memory that this process has, in bytes.
pub fn resident() -> usize {
    1024 * status("VmRSS:")
}

/// How many descriptors this process has.
pub fn descriptors() -> usize {
    let list = fs::read_dir("/proc/self/fd").expect("the descriptors");
    list.count()
}
