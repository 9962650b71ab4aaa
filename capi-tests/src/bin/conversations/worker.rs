//! Holds conversations with one library, in a process of its own, as it is told on its standard input.

use std::{
    io::{BufRead as _, Write as _},
    os::fd::RawFd,
    path::Path,
};

use capi_tests::api::{self, Library, Part, PollItem, consts};
use conversations::{
    choices::Choices,
    conversation::{Conversation, Security},
    generate::generate,
    host::{self, Errno},
    model, run,
};

/// No conversation takes as long, in seconds.
const LIMIT: u32 = 60;
/// How many are held with one context.
const ROUND: usize = 64;

struct Host {
    library: &'static Library,
    context: api::Context,
}

struct Socket {
    library: &'static Library,
    socket: api::Socket,
}

impl Host {
    /// With a new context, in which a ZAP handler welcomes everybody.
    fn new(library: &'static Library) -> Host {
        let context = library.context();
        let handler = Socket {
            library,
            socket: context.socket(consts::REP),
        };
        handler.socket.bind(run::ZAP).expect("an endpoint");
        std::thread::spawn(move || run::welcome_everybody(&handler));
        Host { library, context }
    }
}

impl host::Host for Host {
    type Socket = Socket;

    fn socket(&self, kind: i32) -> Socket {
        let socket = self.context.socket(kind);
        let library = self.library;
        Socket { library, socket }
    }
}

impl host::Socket for Socket {
    fn set(&self, option: i32, value: &[u8]) -> Result<(), Errno> {
        self.socket
            .set_bytes(option, value)
            .map(drop)
            .map_err(|errno| errno.0)
    }

    fn bind(&self, endpoint: &str) -> Result<String, Errno> {
        self.socket.bind(endpoint).map_err(|errno| errno.0)?;
        self.socket
            .text(consts::LAST_ENDPOINT)
            .map_err(|errno| errno.0)
    }

    fn connect(&self, endpoint: &str) -> Result<(), Errno> {
        self.socket
            .connect(endpoint)
            .map(drop)
            .map_err(|errno| errno.0)
    }

    fn send(&self, part: &[u8], more: bool) -> Result<(), Errno> {
        let flags = consts::DONTWAIT | if more { consts::SNDMORE } else { 0 };
        // Both ways of sending, whose ways inside differ.
        let sent = match part.len() % 2 {
            0 => self.socket.send(part, flags),
            _ => Part::of(self.library, part).send(self.socket, flags),
        };
        sent.map(drop).map_err(|errno| errno.0)
    }

    fn recv(&self) -> Result<(Vec<u8>, bool), Errno> {
        self.socket
            .recv_with(consts::DONTWAIT, <[u8]>::to_vec)
            .map_err(|errno| errno.0)
    }

    fn events(&self) -> Result<i32, Errno> {
        self.socket.get(consts::EVENTS).map_err(|errno| errno.0)
    }

    fn wait(&self, input: bool, fd: RawFd, events: i16, timeout: i64) {
        let mut items = Vec::new();
        if fd >= 0 {
            let peer = PollItem {
                socket: std::ptr::null_mut(),
                fd,
                events: 0,
                revents: 0,
            };
            let wants = |event| if events & event != 0 { event } else { 0 };
            // Those of poll(2) and of zmq_poll(3) have numbers of their own.
            let events = if wants(libc::POLLIN) != 0 {
                consts::POLLIN
            } else {
                0
            } | if wants(libc::POLLOUT) != 0 {
                consts::POLLOUT
            } else {
                0
            };
            items.push(PollItem { events, ..peer });
        }
        if input {
            items.push(self.socket.item(consts::POLLIN));
        }
        let _ = self.library.poll(&mut items, timeout);
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        let _ = self.socket.close();
    }
}

/// A conversation: that of a seed, without some of its steps.
#[derive(Debug, Clone)]
pub struct Case {
    pub seed: u64,
    /// The numbers of the steps that are left out.
    pub without: Vec<usize>,
}

impl Case {
    pub fn conversation(&self) -> Conversation {
        let mut conversation = generate(&mut Choices::of_seed(self.seed));
        // Upstream's takes it for an error if a peer goes on before it has heard READY, unless it is slow. A server has
        // nothing to hear.
        conversation.pipelined &=
            !conversation.version.has_commands() || conversation.security.is_client();
        let mut n = 0;
        conversation.steps.retain(|_| {
            n += 1;
            !self.without.contains(&(n - 1))
        });
        conversation
    }

    /// How it is secured.
    pub fn security(&self) -> Security {
        self.conversation().security
    }

    pub fn line(&self) -> String {
        let without: Vec<String> = self.without.iter().map(usize::to_string).collect();
        format!("{} {}", self.seed, without.join(","))
    }

    pub fn parse(line: &str) -> Case {
        let (seed, without) = line.split_once(' ').expect("a seed, and steps");
        let without = without
            .trim()
            .split(',')
            .filter(|number| !number.is_empty());
        Case {
            seed: seed.parse().expect("a seed"),
            without: without
                .map(|number| number.parse().expect("a step"))
                .collect(),
        }
    }
}

/// Answers each line with what came of that conversation, and an empty line.
pub fn work(directory: &Path) {
    let library = Library::load(directory);
    let mut host = Host::new(library);
    for (n, line) in std::io::stdin()
        .lock()
        .lines()
        .map_while(Result::ok)
        .enumerate()
    {
        if n % ROUND == ROUND - 1 {
            let _ = host.context.term();
            host = Host::new(library);
        }
        // SAFETY: takes a number. It ends this process if it is late.
        unsafe { libc::alarm(LIMIT) };
        let conversation = Case::parse(&line).conversation();
        let (mut outcome, events) = run::run(&host, &conversation);
        model::canonical(&conversation, &mut outcome);
        let mut lines = outcome.lines();
        if let Some(mut expected) = model::expect(&conversation, &events, outcome.closed) {
            model::canonical(&conversation, &mut expected);
            let differences = model::compare(&expected, &outcome);
            if !differences.is_empty() {
                lines.extend(
                    differences
                        .into_iter()
                        .map(|what| format!("not by the model: {what}")),
                );
                lines.extend(expected.lines().iter().map(|line| format!("model: {line}")));
            }
        }
        let mut out = std::io::stdout().lock();
        for line in lines {
            writeln!(out, "{line}").expect("somebody who reads");
        }
        writeln!(out).expect("somebody who reads");
        out.flush().expect("somebody who reads");
    }
}
