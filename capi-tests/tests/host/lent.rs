//! Buffers that the host lends (zmq_msg_init_data(3)): when they are given back.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
    mpsc,
};

use capi_tests::api::{Library, Part, consts::*};

use super::{LIMIT, alone};

/// Within a process nothing is copied: a body is lent until its receiver has closed the message, whatever its size.
#[test]
fn a_body_stays_lent_until_its_receiver_is_done() {
    alone("lent::a_body_stays_lent_until_its_receiver_is_done", || {
        let library = Library::under_test();
        let context = library.context();
        let (to, from) = (context.socket(PAIR), context.socket(PAIR));
        to.bind("inproc://lent").expect("bound");
        from.connect("inproc://lent").expect("connected");
        for size in [1, 8, 29, 30, 33, 34, 100, 255, 256, 2000, 2048, 65_536] {
            let given_back = Arc::new(AtomicUsize::new(0));
            let mut part = Part::lend(library, vec![1; size], &given_back);
            part.send(from, 0).expect("sent");
            drop(part);
            let mut part = Part::new(library);
            part.recv(to, 0).expect("received");
            assert_eq!(given_back.load(Ordering::Relaxed), 0, "{size} bytes");
            drop(part);
            assert_eq!(given_back.load(Ordering::Relaxed), 1, "{size} bytes");
        }
    });
}

/// A thread that has sent and then waits in zmq_poll for something else kept what it had lent until it was back.
#[test]
fn a_thread_that_waits_gives_back_what_was_written() {
    alone(
        "lent::a_thread_that_waits_gives_back_what_was_written",
        || {
            let library = Library::under_test();
            let context = library.context();
            let (to, from) = (context.socket(DEALER), context.socket(DEALER));
            from.connect(&to.bind_any("tcp")).expect("connected");
            from.send(b"first", 0).expect("sent");
            to.recv(0).expect("received");
            for _ in 0..20 {
                let (given_back, is_given_back) = mpsc::channel();
                for _ in 0..3 {
                    let given_back = given_back.clone();
                    let then = move || given_back.send(()).expect("somebody waits");
                    Part::lend_for(library, vec![1; 20_000], then)
                        .send(from, 0)
                        .expect("sent");
                }
                std::thread::scope(|scope| {
                    // The poll ends by the answer, which is sent when all have come back.
                    scope.spawn(move || {
                        for _ in 0..3 {
                            is_given_back.recv_timeout(LIMIT / 2).expect("given back");
                        }
                        to.send(b"all", 0).expect("sent");
                    });
                    assert_eq!(library.poll(&mut [from.item(POLLIN)], -1), Ok(1));
                });
                assert_eq!(from.recv(0).expect("received"), b"all");
                for _ in 0..3 {
                    assert_eq!(to.recv(0).expect("received").len(), 20_000);
                }
            }
        },
    );
}
