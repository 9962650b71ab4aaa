//! What is measured: upstream's perf programs over each transport, by message size.

use std::process;

/// The sizes of messages, in bytes.
pub const SIZES: [usize; 9] = [1, 16, 64, 256, 1024, 4096, 8192, 65_536, 1 << 20];

/// What a program measures.
#[derive(Clone, Copy, PartialEq)]
pub enum Figure {
    /// Messages per second.
    Throughput,
    /// Microseconds of one way, as the half of a round trip.
    Latency,
}

/// The processes of a run.
#[derive(Clone, Copy)]
pub enum Cast {
    /// One, with threads that talk to each other: this program.
    Alone(&'static str),
    /// Two: the programs `local_…` and `remote_…`, over the transport.
    Pair(Transport),
}

/// What connects two processes.
#[derive(Clone, Copy)]
pub enum Transport {
    /// TCP over the loopback interface.
    Tcp,
    /// A Unix domain socket.
    Ipc,
}

/// A scenario, for all [`SIZES`].
pub struct Scenario {
    /// What connects the sockets.
    pub over: &'static str,
    /// What is measured.
    pub figure: Figure,
    /// By whom.
    pub cast: Cast,
    /// What happens, in a sentence.
    pub about: &'static str,
}

/// All of them.
pub const SCENARIOS: [Scenario; 7] = [
    Scenario {
        over: "tcp",
        figure: Figure::Throughput,
        cast: Cast::Pair(Transport::Tcp),
        about: "PUSH to PULL, two processes (local_thr, remote_thr).",
    },
    Scenario {
        over: "ipc",
        figure: Figure::Throughput,
        cast: Cast::Pair(Transport::Ipc),
        about: "PUSH to PULL, two processes (local_thr, remote_thr).",
    },
    Scenario {
        over: "inproc",
        figure: Figure::Throughput,
        cast: Cast::Alone("inproc_thr"),
        about: "PUSH to PULL, two threads (inproc_thr).",
    },
    Scenario {
        over: "proxy",
        figure: Figure::Throughput,
        cast: Cast::Alone("proxy_thr"),
        about: "Two XPUB through a proxy to one SUB over inproc, four threads (proxy_thr).",
    },
    Scenario {
        over: "tcp",
        figure: Figure::Latency,
        cast: Cast::Pair(Transport::Tcp),
        about: "REQ and REP, two processes (local_lat, remote_lat).",
    },
    Scenario {
        over: "ipc",
        figure: Figure::Latency,
        cast: Cast::Pair(Transport::Ipc),
        about: "REQ and REP, two processes (local_lat, remote_lat).",
    },
    Scenario {
        over: "inproc",
        figure: Figure::Latency,
        cast: Cast::Alone("inproc_lat"),
        about: "REQ and REP, two threads (inproc_lat).",
    },
];

impl Scenario {
    /// What it is called on the command line.
    pub fn name(&self) -> String {
        format!("{}_{}", self.over, self.figure.suffix())
    }
}

impl Figure {
    /// The end of the programs' names.
    pub fn suffix(self) -> &'static str {
        match self {
            Figure::Throughput => "thr",
            Figure::Latency => "lat",
        }
    }

    /// What it is called.
    pub fn title(self) -> &'static str {
        match self {
            Figure::Throughput => "throughput",
            Figure::Latency => "latency",
        }
    }

    /// What it counts.
    pub fn unit(self) -> &'static str {
        match self {
            Figure::Throughput => "messages/s",
            Figure::Latency => "µs one way",
        }
    }

    /// How fast it is: more is better.
    pub fn speed(self, figure: f64) -> f64 {
        match self {
            Figure::Throughput => figure,
            Figure::Latency => 1.0 / figure,
        }
    }

    /// How many messages of a size, or round trips, a run has at least, however slow the machine is just then. Of a
    /// shorter stream most is in buffers before its receiver begins, and its figure is none.
    pub fn least(self, size: usize) -> usize {
        match self {
            Figure::Throughput => (200_000_000 / size).clamp(100, 50_000),
            Figure::Latency => 500,
        }
    }
}

impl Transport {
    /// An address that nobody uses.
    pub fn endpoint(self) -> std::io::Result<String> {
        Ok(match self {
            // Free a moment ago: the programs don't tell which one they have been given.
            Transport::Tcp => {
                let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
                format!("tcp://{}", listener.local_addr()?)
            }
            // An abstract name leaves no file behind.
            Transport::Ipc => format!("ipc://@bench-{}", process::id()),
        })
    }
}
