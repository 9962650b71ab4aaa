//! Runs the steps of a script.

use std::{collections::HashMap, ffi::c_int};

use capi_tests::api::{Context, Library, Part, PollItem, Result, Socket, consts::*};

use crate::{
    quiet,
    script::{Body, NAMES, Name, Step},
};

/// Pipes that end take some messages between their sockets, each of which is only seen when the socket is called.
const ROUNDS: usize = 4;

/// The state between the steps.
pub struct Machine {
    library: &'static Library,
    context: Context,
    sockets: HashMap<usize, Socket>,
    /// What the system has picked for those of TCP.
    endpoints: HashMap<Name, String>,
    /// What the library has made up, in the order in which it came.
    ids: Vec<Vec<u8>>,
}

impl Machine {
    pub fn new(library: &'static Library) -> Machine {
        Machine {
            library,
            context: library.context(),
            sockets: HashMap::new(),
            endpoints: HashMap::new(),
            ids: Vec::new(),
        }
    }

    /// Runs a step, waits until it has had its effects, and returns what it has come to.
    pub fn run(&mut self, step: &Step) -> String {
        let said = self.step(step).unwrap_or("skipped".into());
        self.settle();
        said
    }

    /// Receives what is left, and ends it all.
    pub fn end(mut self) {
        let mut slots: Vec<usize> = self.sockets.keys().copied().collect();
        slots.sort();
        for &slot in &slots {
            println!("left in {slot}: {}", self.run(&Step::RecvAll(slot)));
        }
        for slot in slots {
            println!("close {slot}: {}", self.run(&Step::Close(slot)));
        }
        println!("term: {:?}", self.context.term());
    }

    /// Lets everybody see what has happened: threads at work, and sockets that are only told so when they are called.
    fn settle(&self) {
        for _ in 0..ROUNDS {
            quiet::wait();
            for socket in self.sockets.values() {
                // It looks at what has happened before it finds that this is no endpoint.
                let _ = socket.unbind("nothing");
                // Upstream's takes no new peer before it has read that the old one is gone.
                if socket.get(TYPE) == Ok(PAIR) {
                    let _ = socket.get(EVENTS);
                }
            }
        }
    }

    fn step(&mut self, step: &Step) -> Option<String> {
        let socket = |slot: &usize| self.sockets.get(slot).copied();
        Some(match step {
            Step::Open(slot, kind) => {
                if self.sockets.contains_key(slot) {
                    return None;
                }
                match self.context.try_socket(*kind) {
                    Err(errno) => format!("{errno:?}"),
                    Ok(socket) => {
                        // Whatever blocks gives up.
                        for option in [RCVTIMEO, SNDTIMEO] {
                            socket.set(option, 2).expect("an option");
                        }
                        socket.set(LINGER, 0).expect("an option");
                        self.sockets.insert(*slot, socket);
                        "ok".into()
                    }
                }
            }
            Step::Set(slot, option, value) => {
                format!("{:?}", socket(slot)?.set_bytes(*option, value))
            }
            Step::Get(slot, option @ (ROUTING_ID | LAST_ENDPOINT)) => {
                let mut buffer = [0; 300];
                match socket(slot)?.get_bytes(*option, &mut buffer) {
                    Ok(size) => self.show(&buffer[..size]),
                    Err(errno) => format!("{errno:?}"),
                }
            }
            Step::Get(slot, option) => format!("{:?}", socket(slot)?.get(*option)),
            Step::Bind(slot, name) => {
                let socket = socket(slot)?;
                if name.is_remote() && self.endpoints.contains_key(name) {
                    return None;
                }
                let result = socket.bind(&name.to_bind());
                if result.is_ok() && name.is_remote() {
                    let endpoint = socket.text(LAST_ENDPOINT).expect("an endpoint");
                    self.endpoints.insert(*name, endpoint);
                }
                format!("{result:?}")
            }
            Step::Connect(slot, name) => {
                format!("{:?}", socket(slot)?.connect(&self.endpoint(name)?))
            }
            Step::Unbind(slot, name) => {
                format!("{:?}", socket(slot)?.unbind(&self.endpoint(name)?))
            }
            Step::Disconnect(slot, name) => {
                format!("{:?}", socket(slot)?.disconnect(&self.endpoint(name)?))
            }
            Step::Send(slot, parts, flags) => {
                let (socket, mut said) = (socket(slot)?, Vec::new());
                for (i, part) in parts.iter().enumerate() {
                    let more = if i + 1 < parts.len() { SNDMORE } else { 0 };
                    let result = socket.send(&self.bytes(part), flags | more);
                    said.push(format!("{result:?}"));
                    if result.is_err() {
                        break;
                    }
                }
                said.join(", ")
            }
            Step::SendCopies(slot, parts, flags) => {
                let (socket, mut said) = (socket(slot)?, Vec::new());
                for part in parts {
                    let mut original = Part::of(self.library, &self.bytes(part));
                    let mut copy = Part::new(self.library);
                    copy.copy(&mut original).expect("a copy");
                    said.push(format!("{:?}", copy.send(socket, *flags)));
                    said.push(format!("{}", copy.bytes().len()));
                    // There may be room for the next one by then.
                    self.settle();
                }
                said.join(", ")
            }
            Step::Recv(slot, flags) => {
                let (socket, mut flags, mut said) = (socket(slot)?, *flags, Vec::new());
                loop {
                    let result = self.recv(socket, flags);
                    let more = matches!(result, Ok((_, true)));
                    said.push(self.received(result));
                    if !more {
                        break said.join(" ");
                    }
                    flags = DONTWAIT;
                }
            }
            Step::RecvInto(slot, size, flags) => {
                let mut buffer = vec![b'-'; *size];
                let socket = socket(slot)?;
                let result = socket.recv_into(&mut buffer, *flags);
                // What is made up may be cut.
                let shown = match (&result, *size) {
                    (Ok(4 | 5), ..5) => "an id?".into(),
                    (Ok(length), _) => self.show(&buffer[..*length.min(size)]),
                    _ => String::new(),
                };
                format!("{result:?} {shown} more {:?}", socket.get(RCVMORE))
            }
            Step::RecvAll(slot) => {
                let (socket, mut said) = (socket(slot)?, Vec::new());
                for _ in 0..100 {
                    let result = self.recv(socket, DONTWAIT);
                    let failed = result.is_err();
                    said.push(self.received(result));
                    if failed {
                        break;
                    }
                    // There may be room for more.
                    self.settle();
                }
                said.join(", ")
            }
            Step::Poll(items) => {
                let mut polled: Vec<PollItem> = items
                    .iter()
                    .map(|(slot, events)| Some(socket(slot)?.item(*events)))
                    .collect::<Option<_>>()?;
                let result = self.library.poll(&mut polled, 0);
                let events: Vec<_> = polled.iter().map(|item| item.revents).collect();
                format!("{result:?} {events:?}")
            }
            Step::Close(slot) => {
                let socket = self.sockets.remove(slot)?;
                format!("{:?}", socket.close())
            }
            Step::Shutdown => format!("{:?}", self.context.shutdown()),
        })
    }

    fn endpoint(&self, name: &Name) -> Option<String> {
        match name.is_remote() {
            true => self.endpoints.get(name).cloned(),
            false => Some(name.to_bind()),
        }
    }

    fn recv(&self, socket: Socket, flags: c_int) -> Result<(Vec<u8>, bool)> {
        socket.recv_with(flags, <[u8]>::to_vec)
    }

    fn received(&mut self, result: Result<(Vec<u8>, bool)>) -> String {
        match result {
            Ok((bytes, more)) => self.show(&bytes) + if more { "+" } else { "" },
            Err(errno) => format!("{errno:?}"),
        }
    }

    fn bytes(&self, body: &Body) -> Vec<u8> {
        match body {
            Body::Bytes(bytes) => bytes.clone(),
            Body::Long(size) => (0..*size).map(|i| i as u8).collect(),
            Body::Id(number) if self.ids.is_empty() => format!("no id {number}").into(),
            Body::Id(number) => self.ids[number % self.ids.len()].clone(),
        }
    }

    /// What is made up is told by its length: routing ids have 5 bytes, of which the first is zero, and what REQ counts
    /// with has 4. Scripts send no such thing. And endpoints have numbers of the system's.
    fn show(&mut self, bytes: &[u8]) -> String {
        if let Some(name) = NAMES.iter().find(|name| {
            let endpoint = self.endpoints.get(name).map(String::as_bytes);
            endpoint.is_some_and(|endpoint| bytes.strip_suffix(b"\0") == Some(endpoint))
        }) {
            return format!("{name:?}");
        }
        match bytes {
            [0, _, _, _, _] | [_, _, _, _] => {
                let known = self.ids.iter().position(|id| id == bytes);
                let number = known.unwrap_or_else(|| {
                    self.ids.push(bytes.to_vec());
                    self.ids.len() - 1
                });
                format!("id {number}")
            }
            [head @ .., _] if head.len() >= 40 => {
                let sum: u64 = bytes.iter().map(|&byte| u64::from(byte)).sum();
                format!("{} bytes, {sum} in all", bytes.len())
            }
            _ => format!("{:?}", String::from_utf8_lossy(bytes)),
        }
    }
}
