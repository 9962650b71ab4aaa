//! REQ and REP: several of both, directly or through a proxy.

use std::{thread, time::Instant};

use capi_tests::api::{Errno, Socket, consts::*};

use super::{
    ledger::Ledger,
    message::{self, Id, again},
    plan::Plan,
    stage::{Proxy, Stage, connect, in_rounds, receive, receive_one, socket},
    watch,
};
use capi_tests::random::Random;

pub fn request(plan: &Plan) {
    let plan = &Plan {
        // A REP drops replies for which there is no room, and credit comes back in batches of half a mark.
        marks: plan.marks.map(|mark| mark.max(8)),
        ..*plan
    };
    let stage = Stage::new(plan);
    let ledger = Ledger::new(plan, plan.senders);
    let proxy = plan
        .proxied
        .then(|| Proxy::new(plan, stage.middle, ROUTER, DEALER));
    let servers: Vec<Socket> = (0..plan.receivers)
        .map(|_| socket(stage.right, REP, plan.marks[1]))
        .collect();
    let mut endpoints = Vec::new();
    match &proxy {
        Some(proxy) => {
            endpoints.push(proxy.front.clone());
            servers.iter().for_each(|to| connect(*to, &proxy.back));
        }
        None => endpoints.extend(servers.iter().map(|to| to.bind_any(plan.transport))),
    }
    let open = || {
        let client = socket(stage.left, REQ, plan.marks[0]);
        endpoints.iter().for_each(|to| connect(client, to));
        client
    };

    thread::scope(|scope| {
        if let Some(proxy) = &proxy {
            scope.spawn(|| proxy.run(plan));
        }
        let groups = match plan.grouped {
            true => vec![&*servers],
            false => servers.chunks(1).collect(),
        };
        let serving: Vec<_> = groups
            .into_iter()
            .map(|group| {
                scope.spawn(move || {
                    receive(plan, "server", group, |n, message| {
                        let id = message::check(plan, &message);
                        watch::doing("replies", id.number);
                        message::send(plan, group[n], None, id, 0).expect("a reply");
                    });
                })
            })
            .collect();
        let asking: Vec<_> = (0..plan.senders)
            .map(|sender| {
                let (ledger, open) = (&ledger, &open);
                scope.spawn(move || ask(plan, ledger, sender, open))
            })
            .collect();
        watch::idling("lets clients finish", 0);
        asking
            .into_iter()
            .for_each(|thread| thread.join().expect("asked"));
        stage.end_left();
        ledger.complete();
        stage.shut_down();
        watch::doing("joins servers", 0);
        serving
            .into_iter()
            .for_each(|thread| thread.join().expect("served"));
    });
    for one in &servers {
        one.close().expect("closed");
    }
    stage.end();
}

fn ask(plan: &Plan, ledger: &Ledger, sender: usize, open: &(dyn Fn() -> Socket + Sync)) {
    let until = Instant::now() + plan.time;
    let mut random = Random::new(plan.seed + 2 * sender as u64);
    let mut client = open();
    let mut id = Id {
        sender: sender as u32,
        life: 0,
        number: 0,
    };
    in_rounds(plan, "client", || {
        for _ in 0..=random.below(100) {
            watch::doing("asks", id.number);
            message::send(plan, client, None, id, 0).expect("a request");
            watch::doing("waits for its reply", id.number);
            let reply = loop {
                match receive_one(plan, client) {
                    Err(Errno(libc::EAGAIN)) => {
                        again(|| plan.way.wait(&[client], POLLIN, -1)).expect("a reply");
                    }
                    reply => break reply.expect("a reply"),
                }
            };
            assert_eq!(message::check(plan, &reply), id, "the reply");
            ledger.arrived(id);
            id.number += 1;
            if Instant::now() > until {
                return false;
            }
        }
        if plan.restarts && random.below(3) == 0 {
            client.close().expect("closed");
            client = open();
        }
        true
    });
    ledger.finished(sender, id.number);
    client.close().expect("closed");
}
