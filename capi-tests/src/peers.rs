//! Two processes, each with its own library, in a conversation: see `peers/peer.c`.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

use crate::compile;
use crate::process::{End, Group};

const LIMIT: Duration = Duration::from_secs(100);

/// One side of a conversation.
#[derive(Debug, Clone, Copy)]
pub struct Side<'a> {
    /// The socket's type, such as "REQ".
    pub socket: &'a str,
    /// What it does: one of the roles of `peer.c`.
    pub role: &'a str,
    /// How it secures the connection: one of the words of `peer.c`.
    pub security: &'a str,
    /// The directory of the library it runs with.
    pub library: &'a Path,
}

/// What passes between the two sides.
#[derive(Debug, Clone, Copy)]
pub struct Load {
    /// How many messages, in each direction that the roles send in.
    pub messages: usize,
    /// The longest part, in bytes.
    pub longest: usize,
}

/// Lets `binder` bind to `endpoint` and `connecter` connect to what that became, until both are done.
///
/// An error is what both wrote and how they ended.
pub fn converse(binder: Side, connecter: Side, endpoint: &str, load: Load) -> Result<(), String> {
    let (lines, from_both) = mpsc::channel();
    let deadline = Instant::now() + LIMIT;
    let mut transcript = String::new();

    let mut first = start(binder, "bind", endpoint, load, 0, &lines);
    let mut second = None;
    let mut open = 1;
    while open > 0 {
        let (from, line) = match next(&from_both, deadline) {
            Ok(Some(said)) => said,
            Ok(None) => {
                transcript += "time is up\n";
                break;
            }
            Err(()) => break,
        };
        let Some(line) = line else {
            open -= 1;
            if let Some(other) = other(from, &mut first, &mut second) {
                drop(other.child().stdin.take());
            }
            continue;
        };
        if let (None, Some(bound)) = (&second, line.strip_prefix("endpoint ")) {
            second = Some(start(connecter, "connect", bound, load, 1, &lines));
            open += 1;
        } else if line == "heard" {
            let publisher = other(from, &mut first, &mut second);
            if let Some(input) = publisher.and_then(|peer| peer.child().stdin.as_mut()) {
                // A publisher that has failed says so itself.
                let _ = input.write_all(b"\n");
            }
        }
        transcript += &format!(
            "{}: {line}\n",
            if from == 0 { "binder" } else { "connecter" }
        );
    }

    let ends =
        [Some(&mut first), second.as_mut()].map(|peer| peer.map(|peer| peer.wait_until(deadline)));
    match ends == [Some(End::Code(0)); 2] {
        true => Ok(()),
        false => Err(format!(
            "{binder:?} <- {connecter:?} over {endpoint}, {load:?}: {ends:?}\n{transcript}"
        )),
    }
}

fn other<'a>(
    side: usize,
    first: &'a mut Group,
    second: &'a mut Option<Group>,
) -> Option<&'a mut Group> {
    if side == 0 {
        second.as_mut()
    } else {
        Some(first)
    }
}

/// What one side said, or `None` for the end of all it says.
type Said = (usize, Option<String>);

fn next(from: &Receiver<Said>, deadline: Instant) -> Result<Option<Said>, ()> {
    match from.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
        Ok(said) => Ok(Some(said)),
        Err(RecvTimeoutError::Timeout) => Ok(None),
        Err(RecvTimeoutError::Disconnected) => Err(()),
    }
}

fn start(
    side: Side,
    how: &str,
    endpoint: &str,
    load: Load,
    number: usize,
    lines: &Sender<Said>,
) -> Group {
    let (reader, writer) = std::io::pipe().expect("a pipe can be made");
    let mut command = Command::new(program());
    command
        .args([side.socket, how, endpoint, side.role])
        .args([load.messages.to_string(), load.longest.to_string()])
        .arg(side.security)
        .env("LD_LIBRARY_PATH", side.library)
        .stdin(Stdio::piped())
        .stdout(writer.try_clone().expect("a pipe can be shared"))
        .stderr(writer);
    let group = Group::start(&mut command).expect("the peer can be started");
    // Holds the pipe's other end, whose closing tells that the peer is gone.
    drop(command);
    let lines = lines.clone();
    std::thread::spawn(move || {
        for line in BufReader::new(reader).lines().map_while(Result::ok) {
            if lines.send((number, Some(line))).is_err() {
                return;
            }
        }
        let _ = lines.send((number, None));
    });
    group
}

fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| compile::program("peer", &[], &["peers/peer.c"]))
}
