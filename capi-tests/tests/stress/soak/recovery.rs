//! Receivers that go with what they haven't received: senders send again what nobody has acknowledged.

use std::{
    sync::Mutex,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use capi_tests::api::{Errno, consts::*};

use super::{
    ledger::Ledger,
    message::{self, Id, again},
    plan::Plan,
    stage::{Stage, Stalls, connect, in_rounds, socket},
    watch,
};
use crate::restart;
use capi_tests::random::Random;

/// PUSH to a PULL that is closed and made again: all of a window's messages arrive before the next window's are sent.
pub fn acknowledge(plan: &Plan) {
    let stage = Stage::new(plan);
    let ledger = Ledger::with_repeats(plan, 1);
    let first = socket(stage.right, PULL, plan.marks[1]);
    let endpoint = match plan.transport {
        "tcp" => first.bind_any("tcp"),
        // The directory of a name that the library makes up goes with the socket.
        _ => {
            let endpoint = format!("ipc://{}", plan.seed);
            first.bind(&endpoint).expect("an endpoint");
            endpoint
        }
    };
    thread::scope(|scope| {
        let receiving = scope.spawn(|| {
            let mut random = Random::new(plan.seed);
            let mut stalls = Stalls::new(plan);
            let mut receiver = first;
            in_rounds(plan, "receiver", || {
                receiver.set(RCVTIMEO, 20).expect("an option");
                let until = Instant::now() + Duration::from_millis(random.below(200) as u64);
                while Instant::now() < until && !ledger.is_complete() {
                    watch::doing("receives", 0);
                    match again(|| receiver.recv_all(0)) {
                        Ok(message) => ledger.arrived(message::check(plan, &message)),
                        Err(error) => assert_eq!(error.0, libc::EAGAIN),
                    }
                    stalls.stall();
                }
                watch::doing("comes back", 0);
                receiver.close().expect("closed");
                if ledger.is_complete() {
                    return false;
                }
                thread::sleep(Duration::from_millis(random.below(40) as u64));
                receiver = socket(stage.right, PULL, plan.marks[1]);
                // The last one's listener goes when it can.
                while let Err(error) = again(|| receiver.bind(&endpoint)) {
                    assert_eq!(error.0, libc::EADDRINUSE, "{endpoint}");
                    thread::sleep(Duration::from_millis(1));
                }
                true
            });
        });
        send(plan, &stage, &ledger, &endpoint);
        watch::doing("joins the receiver", 0);
        receiving.join().expect("received");
    });
    stage.end_left();
    stage.end();
}

fn send(plan: &Plan, stage: &Stage, ledger: &Ledger, endpoint: &str) {
    let window = plan.marks[0].min(50) as u64;
    let sender = socket(stage.left, PUSH, plan.marks[0]);
    connect(sender, endpoint);
    let until = Instant::now() + plan.time;
    let mut sent = 0;
    in_rounds(plan, "sender", || {
        let (from, to) = (sent, sent + window);
        let began = Instant::now();
        loop {
            let missing = ledger.missing(0, from..to);
            if missing.is_empty() {
                break;
            }
            if began.elapsed() > watch::limit() {
                watch::fail(&format!("{missing:?} don't arrive: {plan:?}"));
            }
            for number in missing {
                watch::doing("sends", number);
                let id = Id {
                    sender: 0,
                    life: 0,
                    number,
                };
                message::send(plan, sender, None, id, 0).expect("sent");
            }
            ledger.wait_a_while_for(to, Duration::from_millis(100));
        }
        sent = to;
        Instant::now() < until
    });
    // What was sent again may not be wanted any more.
    sender.set(LINGER, 0).expect("an option");
    sender.close().expect("closed");
    ledger.finished(0, sent);
}

/// So long a request is given to be answered.
const PATIENCE: Duration = Duration::from_millis(200);

/// REQ to a server that is killed: each request is repeated until it is answered.
pub fn retry(plan: &Plan) {
    let stage = Stage::new(plan);
    let ledger = Ledger::new(plan, plan.senders);
    let (server, endpoint) = restart::start("tcp://127.0.0.1:*");
    let server = Mutex::new(Some(server));
    let ended = AtomicBool::new(false);
    thread::scope(|scope| {
        let asking: Vec<_> = (0..plan.senders)
            .map(|sender| {
                let (stage, ledger, endpoint) = (&stage, &ledger, &endpoint);
                scope.spawn(move || ask(plan, stage, ledger, endpoint, sender))
            })
            .collect();
        scope.spawn(|| {
            let mut random = Random::new(plan.seed);
            while !ended.load(Ordering::Relaxed) {
                thread::sleep(Duration::from_millis(100 + random.below(300) as u64));
                let mut server = server.lock().expect("the server");
                // Killed when dropped.
                drop(server.take());
                thread::sleep(Duration::from_millis(random.below(50) as u64));
                *server = Some(restart::start(&endpoint).0);
            }
        });
        watch::idling("lets clients finish", 0);
        asking
            .into_iter()
            .for_each(|thread| thread.join().expect("asked"));
        ended.store(true, Ordering::Relaxed);
        ledger.complete();
    });
    stage.end_left();
    stage.end();
}

fn ask(plan: &Plan, stage: &Stage, ledger: &Ledger, endpoint: &str, sender: usize) {
    let client = socket(stage.left, REQ, plan.marks[0]);
    for (option, value) in [
        (REQ_RELAXED, 1),
        (REQ_CORRELATE, 1),
        (RCVTIMEO, PATIENCE.as_millis() as i32),
        (LINGER, 0),
    ] {
        again(|| client.set(option, value)).expect("an option");
    }
    connect(client, endpoint);
    let until = Instant::now() + plan.time;
    let mut id = Id {
        sender: sender as u32,
        life: 0,
        number: 0,
    };
    in_rounds(plan, "client", || {
        watch::doing("asks until it is answered", id.number);
        let reply = loop {
            message::send(plan, client, None, id, 0).expect("a request");
            // Each wait that is interrupted has all of its time again.
            let asked = Instant::now();
            let reply = loop {
                match client.recv_all(0) {
                    Err(Errno(libc::EINTR)) if asked.elapsed() < PATIENCE => {}
                    reply => break reply,
                }
            };
            match reply {
                Err(Errno(libc::EAGAIN | libc::EINTR)) => {}
                reply => break reply.expect("a reply"),
            }
        };
        assert_eq!(message::check(plan, &reply), id, "the reply");
        ledger.arrived(id);
        id.number += 1;
        Instant::now() < until
    });
    ledger.finished(sender, id.number);
    client.close().expect("closed");
}
