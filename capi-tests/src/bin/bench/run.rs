//! Upstream's perf programs, built as they are, and one run of them.

use std::{
    fs,
    io::Read,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use capi_tests::{
    compile, library,
    process::{End, Group},
    reference, upstream,
};

use crate::scenario::{Cast, Figure, Scenario, Transport};

const NAMES: [&str; 7] = [
    "local_thr",
    "remote_thr",
    "local_lat",
    "remote_lat",
    "inproc_thr",
    "inproc_lat",
    "proxy_thr",
];

/// How long a run is meant to take with the reference, in seconds.
const AIM: f64 = 0.25;

/// The time after which a run has failed.
const LIMIT: Duration = Duration::from_secs(20);

/// How long a receiver may take after its sender has handed over everything and ended.
const GRACE: Duration = Duration::from_secs(2);

/// The built programs.
pub struct Programs(PathBuf);

impl Programs {
    /// Builds them in a directory, against upstream's header: which library they run with is decided then.
    ///
    /// Panics if one doesn't build.
    pub fn build(directory: &Path) -> Self {
        let _lock = compile::lock(directory);
        let steps = NAMES.map(|name| {
            let source = library::upstream().join("perf").join(name);
            let flags = ["-std=c++11", "-O2", "-DNDEBUG", "-w"].map(Into::into);
            let arguments = flags.into_iter().chain(upstream::configuration()).chain([
                source.with_extension("cpp").display().to_string(),
                format!("-L{}", reference::library().display()),
                "-lzmq".into(),
                "-lpthread".into(),
            ]);
            compile::compiler("c++", &directory.join(name), arguments)
        });
        compile::run_all(&steps);
        Programs(directory.into())
    }

    /// How many messages, or round trips, make a run that is neither over at once nor long.
    pub fn fitting_count(&self, scenario: &Scenario, size: usize, library: &Path) -> usize {
        let mut count = scenario.figure.least(size);
        loop {
            let began = Instant::now();
            let result = self.run(scenario, size, count, library);
            let part = began.elapsed().as_secs_f64() / AIM;
            if result.is_err() || part > 0.5 {
                return count;
            }
            count = (count as f64 / part) as usize;
        }
    }

    /// Runs a scenario with the library in a directory. An error is what went wrong.
    pub fn run(
        &self,
        scenario: &Scenario,
        size: usize,
        count: usize,
        library: &Path,
    ) -> Result<f64, String> {
        let deadline = Instant::now() + LIMIT;
        let work = [size.to_string(), count.to_string()];
        let start = |name: &str, endpoint: Option<&str>| {
            let mut command = Command::new(self.0.join(name));
            command
                .args(endpoint)
                .args(&work)
                .env("LD_LIBRARY_PATH", library)
                .stdin(Stdio::null())
                .stdout(Stdio::piped())
                .stderr(Stdio::inherit());
            Group::start(&mut command).map_err(|error| format!("{name}: {error}"))
        };
        let figure = scenario.figure;
        let text = match scenario.cast {
            Cast::Alone(name) => output(&mut start(name, None)?, deadline)?,
            Cast::Pair(transport) => {
                let endpoint = transport.endpoint().map_err(|error| error.to_string())?;
                let suffix = figure.suffix();
                let mut local = start(&format!("local_{suffix}"), Some(&endpoint))?;
                // A program that connects too early tries again after a while, and counts that in.
                wait_for_listener(transport, &endpoint, deadline)?;
                let mut remote = start(&format!("remote_{suffix}"), Some(&endpoint))?;
                match figure {
                    Figure::Throughput => {
                        output(&mut remote, deadline)?;
                        // What isn't there soon now was lost.
                        let deadline = deadline.min(Instant::now() + GRACE);
                        output(&mut local, deadline)?
                    }
                    // The other side only sleeps when all is done, and may be killed.
                    Figure::Latency => output(&mut remote, deadline)?,
                }
            }
        };
        parse(figure, &text).ok_or_else(|| format!("printed {text:?}"))
    }
}

/// What a program prints until its end, which has to be a good one.
fn output(group: &mut Group, deadline: Instant) -> Result<String, String> {
    // Too little to fill the pipe, so that it can wait there.
    let end = group.wait_until(deadline);
    if end == End::TimedOut {
        return Err("still ran when its time was up".into());
    }
    let mut text = String::new();
    let stdout = group.child().stdout.as_mut();
    stdout
        .map_or(Ok(0), |stdout| stdout.read_to_string(&mut text))
        .map_err(|error| error.to_string())?;
    match end {
        End::Code(0) => Ok(text),
        end => Err(format!("{end:?}, printed {text:?}")),
    }
}

/// The figure among what a program prints.
fn parse(figure: Figure, text: &str) -> Option<f64> {
    let (before, after) = match figure {
        Figure::Throughput => ("mean throughput: ", " [msg/s]"),
        Figure::Latency => ("average latency: ", " [us]"),
    };
    let number = text
        .lines()
        .find_map(|line| line.strip_prefix(before)?.strip_suffix(after))?;
    number.parse().ok().filter(|number| *number > 0.0)
}

fn wait_for_listener(
    transport: Transport,
    endpoint: &str,
    deadline: Instant,
) -> Result<(), String> {
    let (file, is_there): (_, fn(&str, &str) -> bool) = match transport {
        Transport::Tcp => ("/proc/net/tcp", listens_on_tcp),
        Transport::Ipc => ("/proc/net/unix", listens_on_ipc),
    };
    loop {
        let sockets = fs::read_to_string(file).map_err(|error| format!("{file}: {error}"))?;
        if is_there(&sockets, endpoint) {
            return Ok(());
        }
        if Instant::now() > deadline {
            return Err(format!("nobody was bound to {endpoint}"));
        }
        thread::sleep(Duration::from_millis(1));
    }
}

/// Whether the kernel's list of TCP sockets has a listener on the endpoint's port.
fn listens_on_tcp(sockets: &str, endpoint: &str) -> bool {
    let port = endpoint
        .rsplit(':')
        .next()
        .and_then(|port| port.parse().ok());
    let Some(port): Option<u16> = port else {
        return false;
    };
    sockets.lines().any(|line| {
        let mut words = line.split_whitespace().skip(1);
        let (local, state) = (words.next(), words.nth(1));
        local.is_some_and(|local| local.ends_with(&format!(":{port:04X}"))) && state == Some("0A")
    })
}

/// Whether the kernel's list of Unix domain sockets has a listener of the endpoint's name.
fn listens_on_ipc(sockets: &str, endpoint: &str) -> bool {
    let name = endpoint.trim_start_matches("ipc://");
    sockets.lines().any(|line| {
        let mut words = line.split_whitespace();
        // __SO_ACCEPTCON
        words.nth(3) == Some("00010000") && words.next_back() == Some(name)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    // A figure of the wrong line, or one that is none, would spoil all that is made of it.
    #[test]
    fn reads_what_the_programs_print() {
        let thr = "message size: 1 [B]\nmean throughput: 5400000 [msg/s]\nmean throughput: 43.200 [Mb/s]\n";
        let lat = "roundtrip count: 100\naverage latency: 52.250 [us]\n";
        assert_eq!(parse(Figure::Throughput, thr), Some(5_400_000.0));
        assert_eq!(parse(Figure::Latency, lat), Some(52.25));
        assert_eq!(parse(Figure::Latency, thr), None);
        assert_eq!(
            parse(Figure::Throughput, "mean throughput: -2147483648 [msg/s]"),
            None
        );
    }

    // A listener seen too early makes a run's latency that of a second attempt to connect.
    #[test]
    fn sees_listeners() {
        let tcp = "  sl  local_address rem_address   st tx_queue rx_queue
   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1
   1: 0100007F:1F91 0100007F:1F90 01 00000000:00000000 00:00000000 00000000     0        0 2";
        assert!(listens_on_tcp(tcp, "tcp://127.0.0.1:8080"));
        assert!(!listens_on_tcp(tcp, "tcp://127.0.0.1:8081"));
        assert!(!listens_on_tcp(tcp, "tcp://127.0.0.1:80"));
        let unix = "Num       RefCount Protocol Flags    Type St Inode Path
0000000000000000: 00000002 00000000 00010000 0001 01 100 @bench-1
0000000000000000: 00000003 00000000 00000000 0001 03 101 @bench-2
0000000000000000: 00000003 00000000 00010000 0001 03 102";
        assert!(listens_on_ipc(unix, "ipc://@bench-1"));
        assert!(!listens_on_ipc(unix, "ipc://@bench-2"));
        assert!(!listens_on_ipc(unix, "ipc://@bench-"));
    }
}
