//! A soak: conversations of all kinds, one after another and several at once, while all processors are busy and threads
//! get signals. Every message is numbered: none may be lost, come twice, change or change places, and nobody may wait
//! forever.
//!
//! `SOAK_SECONDS` is how long it takes. Each conversation follows from its seed (see [`plan`]), which is told when it
//! begins; `SOAK_SEED` has that one held again and again.
//!
//! | module | holds |
//! |---|---|
//! | [`plan`] | what a conversation is like |
//! | [`message`] | numbered messages |
//! | [`ledger`] | what was sent and what has arrived |
//! | [`watch`] | who waits for what, and for how long |
//! | [`stage`] | contexts, sockets, and what connects them |
//! | [`pipeline`], [`publish`], [`duplex`], [`request`], [`recovery`] | the conversations |

mod duplex;
mod ledger;
mod message;
mod pipeline;
mod plan;
mod publish;
mod recovery;
mod request;
mod stage;
mod watch;

use std::{
    backtrace::Backtrace,
    env, panic,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant, SystemTime},
};

use crate::{busy::among_busy_threads, signals::accept_signals};
use capi_tests::random::Random;
use plan::{Pattern, Plan};

/// Conversations that are held at once.
const STAGES: u64 = 3;

fn number(variable: &str) -> Option<u64> {
    let text = env::var(variable).ok()?;
    let number = text.parse();
    Some(number.unwrap_or_else(|_| panic!("{variable} wants a number, not {text:?}")))
}

/// How long it takes, beside what the last conversations take.
pub fn time() -> Duration {
    Duration::from_secs(number("SOAK_SECONDS").unwrap_or(8))
}

pub fn soak() {
    // A thread that fails has others wait for it: better all end at once, and tell where they are.
    panic::set_hook(Box::new(|panic| {
        watch::fail(&format!("{panic}\n{}", Backtrace::force_capture()));
    }));
    accept_signals();
    let now = SystemTime::UNIX_EPOCH
        .elapsed()
        .expect("a time")
        .as_micros() as u64;
    let first = number("SEED").unwrap_or(now % 1_000_000_000);
    let until = Instant::now() + time();
    let ended = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut random = Random::new(first);
            while !ended.load(Ordering::Relaxed) {
                watch::look();
                for _ in 0..20 {
                    thread::sleep(Duration::from_millis(random.below(20) as u64));
                    watch::interrupt(&mut random);
                }
            }
        });
        among_busy_threads(|| {
            thread::scope(|scope| {
                for stage in 0..STAGES {
                    scope.spawn(move || {
                        for n in 0.. {
                            if Instant::now() > until {
                                break;
                            }
                            let seed = first + stage * 1_000_000 + n;
                            hold(&Plan::of(number("SOAK_SEED").unwrap_or(seed)));
                        }
                    });
                }
            });
        });
        ended.store(true, Ordering::Relaxed);
    });
    // All contexts have ended, and with them all messages.
    assert_eq!(message::still_lent(), 0, "bodies not given back");
}

fn hold(plan: &Plan) {
    println!("{plan:?}");
    let _post = watch::enter(format!("{:?} {}", plan.pattern, plan.seed));
    let began = Instant::now();
    // Which of the threads at work wait too long is for these to say.
    watch::idling("goes on", 0);
    match plan.pattern {
        Pattern::Pipeline => pipeline::pipeline(plan),
        Pattern::Publish => publish::publish(plan),
        Pattern::Duplex => duplex::duplex(plan),
        Pattern::Request => request::request(plan),
        Pattern::Acknowledge => recovery::acknowledge(plan),
        Pattern::Retry => recovery::retry(plan),
    }
    println!("{} took {} ms", plan.seed, began.elapsed().as_millis());
}
