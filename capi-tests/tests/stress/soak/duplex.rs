//! PAIR, DEALER and ROUTER: both sides send and receive at once. A ROUTER may have several on the other side.

use std::{
    thread,
    time::{Duration, Instant},
};

use capi_tests::api::{Errno, Result, Socket, consts::*};

use super::{
    ledger::{Ledger, Order},
    message::{self, Id, again},
    plan::Plan,
    stage::{Stage, Stalls, connect, in_rounds, receive, receive_one, socket},
    watch,
};
use crate::way::Way;
use capi_tests::random::Random;

/// A socket, and who is on its other side.
struct End<'a> {
    name: String,
    socket: Socket,
    /// Where what it sends is to arrive.
    to: Vec<Line<'a>>,
    /// Where what it receives is to be entered.
    from: &'a Ledger,
    random: Random,
    order: Order,
}

/// The messages to one of the others.
struct Line<'a> {
    address: Option<Vec<u8>>,
    ledger: &'a Ledger,
    next: Id,
    over: bool,
}

pub fn duplex(plan: &Plan) {
    let plan = &Plan {
        // Whether it may send, and whether there is something to receive: one edge would tell of both.
        way: match plan.way {
            Way::Edge => Way::Fd,
            Way::Recv if !plan.shared => Way::Poll,
            way => way,
        },
        ..*plan
    };
    let kinds = [
        (PAIR, PAIR),
        (DEALER, DEALER),
        (DEALER, ROUTER),
        (ROUTER, ROUTER),
    ];
    let (spoke_kind, hub_kind) = kinds[plan.kinds];
    let count = if hub_kind == ROUTER { plan.senders } else { 1 };
    let up = Ledger::new(plan, count);
    let down: Vec<Ledger> = (0..count).map(|_| Ledger::new(plan, 1)).collect();

    let stage = Stage::new(plan);
    let open = |context, kind, mark, name: &str| {
        let socket = socket(context, kind, mark);
        again(|| socket.set_bytes(ROUTING_ID, name.as_bytes())).expect("an option");
        if kind == ROUTER {
            again(|| socket.set(ROUTER_MANDATORY, 1)).expect("an option");
        }
        socket
    };
    let line = |kind, name: &str, ledger, sender| Line {
        address: (kind == ROUTER).then(|| name.as_bytes().to_vec()),
        ledger,
        next: Id {
            sender,
            life: 0,
            number: 0,
        },
        over: false,
    };
    let end = |name: String, socket, to, from| End {
        name,
        socket,
        to,
        from,
        random: Random::new(plan.seed),
        order: Order::default(),
    };
    let spoke_name = |n: usize| format!("spoke {n}");
    let hub = open(stage.right, hub_kind, plan.marks[1], "hub");
    let endpoint = (!plan.senders_bind).then(|| hub.bind_any(plan.transport));
    let mut ends: Vec<End> = (0..count)
        .map(|n| {
            let spoke = open(stage.left, spoke_kind, plan.marks[0], &spoke_name(n));
            match &endpoint {
                Some(endpoint) => connect(spoke, endpoint),
                None => connect(hub, &spoke.bind_any(plan.transport)),
            }
            let to = line(spoke_kind, "hub", &up, n as u32);
            end(spoke_name(n), spoke, vec![to], &down[n])
        })
        .collect();
    let to = (0..count).map(|n| line(hub_kind, &spoke_name(n), &down[n], 0));
    ends.push(end("hub".into(), hub, to.collect(), &up));
    let sockets: Vec<Socket> = ends.iter().map(|end| end.socket).collect();

    thread::scope(|scope| {
        let threads: Vec<_> = ends
            .into_iter()
            .flat_map(|mut end| match plan.shared {
                true => {
                    let name = format!("{} receiving", end.name);
                    let mut receiving = End {
                        name: name.clone(),
                        socket: end.socket,
                        to: Vec::new(),
                        from: end.from,
                        random: Random::new(1),
                        order: Order::default(),
                    };
                    let is_router = end.to[0].address.is_some();
                    vec![
                        scope.spawn(move || send_all(plan, &mut end)),
                        scope.spawn(move || {
                            let socket = receiving.socket;
                            receive(plan, &name, &[socket], |_, message| {
                                receiving.take(plan, message, is_router);
                            });
                        }),
                    ]
                }
                false => vec![scope.spawn(move || both_ways(plan, end))],
            })
            .collect();
        up.complete();
        down.iter().for_each(Ledger::complete);
        stage.shut_down();
        again(|| stage.left.shutdown()).expect("a shutdown");
        watch::doing("joins both sides", 0);
        threads
            .into_iter()
            .for_each(|thread| thread.join().expect("an end"));
    });
    for one in &sockets {
        one.close().expect("closed");
    }
    stage.end_left();
    stage.end();
}

impl End<'_> {
    fn take(&mut self, plan: &Plan, mut message: Vec<Vec<u8>>, with_address: bool) {
        let address = with_address.then(|| message.remove(0));
        let id = message::check(plan, &message);
        if let Some(address) = address
            && address != b"hub"
            && address != format!("spoke {}", id.sender).into_bytes()
        {
            watch::fail(&format!("{id:?} comes from {address:?}: {plan:?}"));
        }
        self.order.follows(plan, id, true);
        self.from.arrived(id);
    }
}

impl Line<'_> {
    /// Sends the next message. False if that isn't possible now.
    fn send(&mut self, plan: &Plan, socket: Socket, flags: i32) -> Result<bool> {
        match message::send(plan, socket, self.address.as_deref(), self.next, flags) {
            Ok(()) => {
                self.next.number += 1;
                Ok(true)
            }
            Err(Errno(libc::EAGAIN)) => Ok(false),
            // It isn't connected yet.
            Err(Errno(libc::EHOSTUNREACH)) if self.next.number == 0 => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn finish(&mut self) {
        self.over = true;
        self.ledger
            .finished(self.next.sender as usize, self.next.number);
    }
}

/// Sends to all by turns, by calls that wait.
fn send_all(plan: &Plan, end: &mut End) {
    let until = Instant::now() + plan.time;
    in_rounds(plan, &end.name, || {
        for _ in 0..=end.random.below(300) {
            for line in &mut end.to {
                watch::doing("sends", line.next.number);
                while !line.send(plan, end.socket, 0).expect("sent") {
                    thread::sleep(Duration::from_millis(1));
                }
            }
            if Instant::now() > until {
                end.to.iter_mut().for_each(Line::finish);
                return false;
            }
        }
        true
    });
}

/// Sends and receives whatever is possible, until the socket is shut down.
fn both_ways(plan: &Plan, mut end: End) {
    let until = Instant::now() + plan.time;
    let is_router = end.to[0].address.is_some();
    let (name, socket) = (end.name.clone(), end.socket);
    let mut stalls = Stalls::new(plan);
    in_rounds(plan, &name, || {
        for _ in 0..=end.random.below(300) {
            let mut quiet = true;
            for line in end.to.iter_mut().filter(|line| !line.over) {
                watch::doing("sends", line.next.number);
                match line.send(plan, socket, DONTWAIT) {
                    Ok(sent) => quiet &= !sent,
                    Err(error) => watch::fail(&format!("{error:?}: {plan:?}")),
                }
                if line.next.number > 0 && Instant::now() > until {
                    line.finish();
                }
            }
            watch::doing("receives", 0);
            match receive_one(plan, socket) {
                Ok(message) => {
                    quiet = false;
                    end.take(plan, message, is_router);
                    stalls.stall();
                }
                Err(Errno(libc::EAGAIN)) => {}
                Err(Errno(ETERM)) => return false,
                Err(error) => watch::fail(&format!("{error:?}: {plan:?}")),
            }
            if !quiet {
                continue;
            }
            watch::idling("waits", 0);
            let open: Vec<&Line> = end.to.iter().filter(|line| !line.over).collect();
            // That a ROUTER may send to one says nothing of the others, nor of those that aren't connected.
            let (events, time) = match open.as_slice() {
                [] => (POLLIN, -1),
                [line] if end.to.len() == 1 && line.next.number > 0 => (POLLIN | POLLOUT, -1),
                _ => (POLLIN, 1),
            };
            match again(|| plan.way.wait(&[socket], events, time)) {
                Ok(_) => {}
                Err(Errno(ETERM)) => return false,
                Err(error) => watch::fail(&format!("{error:?}: {plan:?}")),
            }
        }
        true
    });
}
