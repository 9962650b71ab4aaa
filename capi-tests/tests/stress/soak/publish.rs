//! PUB or XPUB to several SUB or XSUB. No more messages are under way than fit, so that none may be dropped.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    thread,
    time::{Duration, Instant},
};

use capi_tests::api::{Errno, Socket, consts::*};

use super::{
    ledger::{Ledger, Order},
    message::{self, Id, again},
    plan::Plan,
    stage::{Proxy, Stage, connect, in_rounds, receive, socket},
    watch,
};

/// The sender of greetings, which tell the publisher who hears it.
const GREETER: u32 = 99;

/// A subscriber: what it has received, and the last greeting that it has heard.
struct Subscriber {
    socket: Socket,
    ledger: Ledger,
    heard: AtomicU64,
}

pub fn publish(plan: &Plan) {
    let plan = &Plan {
        marks: plan.marks.map(|mark| mark.max(8)),
        ..*plan
    };
    let stage = Stage::new(plan);
    let proxy = plan
        .proxied
        .then(|| Proxy::new(plan, stage.middle, XSUB, XPUB));
    let publisher = socket(stage.left, [PUB, XPUB][plan.kinds % 2], plan.marks[0]);
    let near = match &proxy {
        Some(proxy) => {
            connect(publisher, &proxy.front);
            Some(proxy.back.clone())
        }
        None if plan.senders_bind => Some(publisher.bind_any(plan.transport)),
        None => None,
    };
    let subscribers: Vec<Subscriber> = (0..plan.receivers)
        .map(|_| {
            let kind = [SUB, XSUB][plan.kinds / 2];
            let socket = socket(stage.right, kind, plan.marks[1]);
            let subscribed = match kind {
                SUB => again(|| socket.set_bytes(SUBSCRIBE, b"")),
                _ => again(|| socket.send(b"\x01", 0)),
            };
            subscribed.expect("a subscription");
            match &near {
                Some(endpoint) => connect(socket, endpoint),
                None => connect(publisher, &socket.bind_any(plan.transport)),
            }
            Subscriber {
                socket,
                ledger: Ledger::new(plan, 1),
                heard: AtomicU64::new(0),
            }
        })
        .collect();

    thread::scope(|scope| {
        if let Some(proxy) = &proxy {
            scope.spawn(|| proxy.run(plan));
        }
        let groups = match plan.grouped {
            true => vec![&*subscribers],
            false => subscribers.chunks(1).collect(),
        };
        let receiving: Vec<_> = groups
            .into_iter()
            .map(|group| scope.spawn(move || subscribe(plan, group)))
            .collect();
        send(plan, publisher, &subscribers);
        watch::doing("closes", 0);
        publisher.close().expect("closed");
        watch::idling("goes on", 0);
        stage.end_left();
        subscribers.iter().for_each(|to| to.ledger.complete());
        stage.shut_down();
        watch::doing("joins subscribers", 0);
        receiving
            .into_iter()
            .for_each(|thread| thread.join().expect("received"));
    });
    for one in &subscribers {
        one.socket.close().expect("closed");
    }
    stage.end();
}

fn subscribe(plan: &Plan, group: &[Subscriber]) {
    let sockets: Vec<Socket> = group.iter().map(|one| one.socket).collect();
    let mut orders: Vec<Order> = group.iter().map(|_| Order::default()).collect();
    receive(plan, "subscriber", &sockets, |n, message| {
        let id = message::check(plan, &message);
        orders[n].follows(plan, id, id.sender != GREETER);
        match id.sender {
            GREETER => group[n].heard.store(id.number, Ordering::SeqCst),
            _ => group[n].ledger.arrived(id),
        }
    });
}

fn send(plan: &Plan, publisher: Socket, subscribers: &[Subscriber]) {
    // Credit comes back in batches of half a mark, and later than messages are acknowledged: a window may be acknowledged
    // while it still takes room, and the next one is then under way.
    let window = (plan.marks.into_iter().min().expect("a mark") / 4) as u64;
    let id = |sender, number| Id {
        sender,
        life: 0,
        number,
    };
    let mut greeting = 0;
    let mut number: u64 = 0;
    let until = Instant::now() + plan.time;
    let began = Instant::now();
    in_rounds(plan, "publisher", || {
        // When all have heard the last greeting, none is under way any more.
        let heard = |n| {
            subscribers
                .iter()
                .all(|to| to.heard.load(Ordering::SeqCst) == n)
        };
        while greeting == 0 || !heard(greeting) && number == 0 {
            watch::idling("greets", greeting);
            if began.elapsed() > watch::limit() {
                watch::fail(&format!("subscribers don't hear: {plan:?}"));
            }
            greeting += 1;
            message::send(plan, publisher, None, id(GREETER, greeting), 0).expect("sent");
            // The longer it takes, the longer the next one waits: or those under way would become ever more where large
            // bodies are received slowly.
            for _ in 0..(20 * greeting).min(3000) {
                if heard(greeting) {
                    break;
                }
                thread::sleep(Duration::from_millis(1));
            }
        }
        for _ in 0..300 {
            if Instant::now() > until && number > 0 {
                return false;
            }
            // An XPUB's subscriptions are messages, too.
            if plan.kinds % 2 == 1 {
                let subscription = again(|| publisher.recv(DONTWAIT));
                assert!(
                    subscription.as_deref().is_ok_and(|s| s == b"\x01")
                        || subscription == Err(Errno(libc::EAGAIN))
                );
            }
            let behind = (number + 1).saturating_sub(window);
            subscribers.iter().for_each(|to| to.ledger.wait_for(behind));
            watch::doing("publishes", number);
            message::send(plan, publisher, None, id(0, number), 0).expect("sent");
            number += 1;
        }
        true
    });
    subscribers
        .iter()
        .for_each(|to| to.ledger.finished(0, number));
}
