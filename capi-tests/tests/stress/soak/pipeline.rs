//! PUSH to PULL: several of both, directly or through a proxy.

use std::{thread, time::Instant};

use capi_tests::api::{Socket, consts::*};

use super::{
    ledger::{Ledger, Order},
    message::{self, Id},
    plan::Plan,
    stage::{Proxy, Stage, connect, in_rounds, receive, socket},
    watch,
};
use capi_tests::random::Random;

pub fn pipeline(plan: &Plan) {
    let stage = Stage::new(plan);
    let threads = if plan.shared { 2 } else { 1 };
    let ledger = Ledger::new(plan, plan.senders * threads);
    let proxy = plan
        .proxied
        .then(|| Proxy::new(plan, stage.middle, PULL, PUSH));
    let receivers: Vec<Socket> = (0..plan.receivers)
        .map(|_| socket(stage.right, PULL, plan.marks[1]))
        .collect();
    let mut endpoints = Vec::new();
    match &proxy {
        Some(proxy) => {
            endpoints.push(proxy.front.clone());
            receivers.iter().for_each(|to| connect(*to, &proxy.back));
        }
        None if plan.senders_bind => {}
        None => endpoints.extend(receivers.iter().map(|to| to.bind_any(plan.transport))),
    }
    let open = || {
        let from = socket(stage.left, PUSH, plan.marks[0]);
        endpoints.iter().for_each(|to| connect(from, to));
        from
    };
    let senders: Vec<Socket> = (0..plan.senders).map(|_| open()).collect();
    if plan.senders_bind {
        for from in &senders {
            let endpoint = from.bind_any(plan.transport);
            receivers.iter().for_each(|to| connect(*to, &endpoint));
        }
    }

    thread::scope(|scope| {
        if let Some(proxy) = &proxy {
            scope.spawn(|| proxy.run(plan));
        }
        let groups = match plan.grouped {
            true => vec![&*receivers],
            false => receivers.chunks(1).collect(),
        };
        let gapless = receivers.len() == 1 && !plan.shared;
        let receiving: Vec<_> = groups
            .into_iter()
            .flat_map(|group| vec![group; threads])
            .map(|group| {
                let ledger = &ledger;
                scope.spawn(move || {
                    let mut orders: Vec<Order> = group.iter().map(|_| Order::default()).collect();
                    receive(plan, "receiver", group, |n, message| {
                        let id = message::check(plan, &message);
                        orders[n].follows(plan, id, gapless);
                        ledger.arrived(id);
                    });
                })
            })
            .collect();
        let sending: Vec<_> = (0..senders.len() * threads)
            .map(|sender| {
                let (ledger, open) = (&ledger, &open);
                let socket = senders[sender / threads];
                scope.spawn(move || {
                    let last = send(plan, ledger, sender, socket, open);
                    if !plan.shared {
                        last.close().expect("closed");
                    }
                })
            })
            .collect();
        watch::idling("lets senders finish", 0);
        sending
            .into_iter()
            .for_each(|thread| thread.join().expect("sent"));
        if plan.shared {
            for one in &senders {
                one.close().expect("closed");
            }
        }
        stage.end_left();
        ledger.complete();
        stage.shut_down();
        watch::doing("joins receivers", 0);
        receiving
            .into_iter()
            .for_each(|thread| thread.join().expect("received"));
    });
    for one in &receivers {
        one.close().expect("closed");
    }
    stage.end();
}

/// Sends for as long as the plan says, and returns the socket that it has then.
fn send(
    plan: &Plan,
    ledger: &Ledger,
    sender: usize,
    mut socket: Socket,
    open: &(dyn Fn() -> Socket + Sync),
) -> Socket {
    let until = Instant::now() + plan.time;
    let mut random = Random::new(plan.seed + 2 * sender as u64);
    let mut id = Id {
        sender: sender as u32,
        life: 0,
        number: 0,
    };
    in_rounds(plan, "sender", || {
        for _ in 0..=random.below(300) {
            watch::doing("sends", id.number);
            message::send(plan, socket, None, id, 0).expect("sent");
            id.number += 1;
            if random.below(300) == 0 {
                thread::sleep(std::time::Duration::from_millis(random.below(4) as u64));
            }
            if Instant::now() > until {
                return false;
            }
        }
        if plan.restarts && random.below(4) == 0 {
            watch::doing("makes a new socket", id.number);
            socket.close().expect("closed");
            socket = open();
            id.life += 1;
        }
        true
    });
    ledger.finished(sender, id.number);
    socket
}
