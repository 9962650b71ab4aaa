//! What all conversations need: contexts, sockets, proxies, threads that are watched.

use std::{cell::RefCell, thread, time::Duration};

use capi_tests::api::{Context, Errno, Library, Result, Socket, consts::*};

use super::{message::again, plan::Plan, watch};
use crate::way::Way;
use capi_tests::random::Random;

/// The contexts of senders, receivers and what is between them. With inproc they are one.
pub struct Stage {
    pub left: Context,
    pub right: Context,
    pub middle: Context,
    one: bool,
}

impl Stage {
    pub fn new(plan: &Plan) -> Self {
        let library = Library::under_test();
        let left = library.context();
        let one = plan.transport == "inproc";
        let another = || if one { left } else { library.context() };
        Stage {
            left,
            right: another(),
            middle: another(),
            one,
        }
    }

    /// Waits until what senders have sent is gone, if they have a context of their own; all of its sockets are closed.
    pub fn end_left(&self) {
        if !self.one {
            end(self.left);
        }
    }

    /// Ends all waiting.
    pub fn shut_down(&self) {
        for context in [self.right, self.middle] {
            again(|| context.shutdown()).expect("a shutdown");
        }
    }

    /// Ends the rest; all sockets are closed.
    pub fn end(&self) {
        end(self.right);
        if !self.one {
            end(self.middle);
        }
    }
}

pub fn end(context: Context) {
    watch::doing("ends a context", 0);
    again(|| context.term()).expect("an end");
    watch::idling("goes on", 0);
}

/// A socket that waits for as long as it takes.
pub fn socket(context: Context, kind: i32, mark: i32) -> Socket {
    let socket = again(|| context.try_socket(kind)).expect("a socket");
    // Subscriptions for a publisher that is gone would wait for it to come back.
    let linger = if [SUB, XSUB].contains(&kind) { 0 } else { -1 };
    for (option, value) in [
        (LINGER, linger),
        (SNDHWM, mark),
        (RCVHWM, mark),
        (RECONNECT_IVL, 10),
    ] {
        again(|| socket.set(option, value)).expect("an option");
    }
    socket
}

pub fn connect(socket: Socket, endpoint: &str) {
    again(|| socket.connect(endpoint)).expect("a connection");
}

/// Two sockets with a proxy between them, and the endpoints of both.
pub struct Proxy {
    sockets: [Socket; 2],
    pub front: String,
    pub back: String,
}

impl Proxy {
    pub fn new(plan: &Plan, context: Context, front: i32, back: i32) -> Self {
        let sockets = [front, back].map(|kind| socket(context, kind, plan.marks[0]));
        let [front, back] = sockets.map(|socket| socket.bind_any(plan.transport));
        Proxy {
            sockets,
            front,
            back,
        }
    }

    /// Runs it until its context is shut down.
    pub fn run(&self, plan: &Plan) {
        let _post = watch::enter(format!("{} proxy", plan.seed));
        let [front, back] = self.sockets;
        watch::idling("runs", 0);
        let result = again(|| front.proxy(back));
        assert_eq!(result, Err(Errno(ETERM)));
        for socket in self.sockets {
            socket.close().expect("closed");
        }
    }
}

/// Does something in rounds until it says that it's over; where sockets migrate each round is a new thread's.
pub fn in_rounds(plan: &Plan, name: &str, mut round: impl FnMut() -> bool + Send) {
    let name = || format!("{} {name}", plan.seed);
    if !plan.migrates {
        let _post = watch::enter(name());
        while round() {}
        return;
    }
    let in_a_thread = |round: &mut (dyn FnMut() -> bool + Send)| {
        thread::scope(|scope| {
            let round = scope.spawn(|| {
                let _post = watch::enter(name());
                round()
            });
            round.join().expect("a round")
        })
    };
    while in_a_thread(&mut round) {}
}

/// The pauses of a receiver, during which pipes fill up.
pub struct Stalls {
    random: Random,
    /// How long they may be in all: thousands of messages may be under way when the last one is sent.
    left: Duration,
}

impl Stalls {
    pub fn new(plan: &Plan) -> Self {
        Stalls {
            random: Random::new(plan.seed),
            left: if plan.stalls {
                plan.time
            } else {
                Duration::ZERO
            },
        }
    }

    /// Sleeps now and then.
    pub fn stall(&mut self) {
        if !self.left.is_zero() && self.random.below(200) == 0 {
            watch::doing("stalls", 0);
            let longest = if self.random.below(20) == 0 { 300 } else { 30 };
            let pause = Duration::from_millis(self.random.below(longest) as u64);
            self.left = self.left.saturating_sub(pause);
            thread::sleep(pause);
        }
    }
}

/// Receives messages from sockets until these are shut down, and has each taken, with the number of its socket.
pub fn receive(
    plan: &Plan,
    name: &str,
    sockets: &[Socket],
    mut take: impl FnMut(usize, Vec<Vec<u8>>) + Send,
) {
    let mut random = Random::new(plan.seed);
    let mut stalls = Stalls::new(plan);
    let mut count = 0;
    in_rounds(plan, name, || {
        let mut left = 1 + random.below(300);
        loop {
            let mut quiet = true;
            for (n, socket) in sockets.iter().enumerate() {
                watch::idling("receives", count);
                match receive_one(plan, *socket) {
                    Ok(message) => {
                        quiet = false;
                        take(n, message);
                        count += 1;
                        left = left.saturating_sub(1);
                        stalls.stall();
                    }
                    Err(Errno(libc::EAGAIN)) => {}
                    Err(Errno(ETERM)) => return false,
                    Err(error) => watch::fail(&format!("{error:?}: {plan:?}")),
                }
            }
            // Whether or not there are more: a descriptor must tell the next thread, too.
            if left == 0 {
                return true;
            }
            if quiet {
                watch::idling("waits to receive", count);
                match again(|| plan.way.wait(sockets, POLLIN, -1)) {
                    Ok(_) => {}
                    Err(Errno(ETERM)) => return false,
                    Err(error) => watch::fail(&format!("{error:?}: {plan:?}")),
                }
            }
        }
    });
}

/// Receives a message, by a call that waits if that is the way.
pub fn receive_one(plan: &Plan, socket: Socket) -> Result<Vec<Vec<u8>>> {
    let flags = if plan.way == Way::Recv { 0 } else { DONTWAIT };
    if !plan.buffered {
        return again(|| socket.recv_all(flags));
    }
    thread_local! {
        static BUFFER: RefCell<Vec<u8>> = RefCell::new(vec![0; 2 << 20]);
    }
    let mut parts = Vec::new();
    loop {
        parts.push(BUFFER.with_borrow_mut(|buffer| {
            let size = again(|| socket.recv_into(buffer, flags))?;
            Ok(buffer[..size].to_vec())
        })?);
        if again(|| socket.get(RCVMORE))? == 0 {
            return Ok(parts);
        }
    }
}
