//! Calls by a thread that is ending: the destructors of its pthread_key_create(3) keys run when thread-local values of
//! Rust's have been destroyed.

use std::{
    ffi::c_void,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use capi_tests::api::{Context, Library, Part, Socket, consts::*};

use super::alone;

/// Runs something in a new thread, and something else when that thread ends.
fn at_the_end(now: impl FnOnce() + Send, then: impl FnOnce() + Send) {
    type Then<'a> = Box<dyn FnOnce() + Send + 'a>;
    unsafe extern "C" fn run(then: *mut c_void) {
        // SAFETY: left below for this thread alone.
        let then = unsafe { Box::from_raw(then.cast::<Then>()) };
        then();
    }
    let mut key = 0;
    // SAFETY: the place for the key is there.
    assert_eq!(unsafe { libc::pthread_key_create(&mut key, Some(run)) }, 0);
    std::thread::scope(|scope| {
        let then: Box<Then> = Box::new(Box::new(then));
        let thread = scope.spawn(move || {
            // SAFETY: the thread has ended before what the box borrows does, and `run` takes the box.
            unsafe { libc::pthread_setspecific(key, Box::into_raw(then).cast()) };
            now();
        });
        thread.join().expect("the thread ends");
    });
}

fn pair(context: Context, transport: &str) -> (Socket, Socket) {
    let (to, from) = (context.socket(PULL), context.socket(PUSH));
    from.connect(&to.bind_any(transport)).expect("a connection");
    // Once there is a connection, senders and receivers drive it by themselves.
    from.send(b"first", 0).expect("sent");
    assert_eq!(to.recv(0).expect("received"), b"first");
    (to, from)
}

fn ends_well(transport: &str) {
    let library = Library::under_test();
    let context = library.context();
    let (to, from) = pair(context, transport);
    let (to_close, _) = pair(context, transport);
    at_the_end(
        || assert_eq!(from.send(b"now", 0), Ok(3)),
        || {
            assert_eq!(from.send(b"at the end", 0), Ok(10));
            let mut item = [to.item(POLLIN)];
            assert_eq!(library.poll(&mut item, -1), Ok(1));
            assert_eq!(to.recv(0).expect("received"), b"now");
            assert_eq!(to.recv(0).expect("received"), b"at the end");
            // Nothing comes: the thread sleeps.
            to.set(RCVTIMEO, 10).expect("an option");
            assert_eq!(to.recv(0).expect_err("nothing").0, libc::EAGAIN);
            assert_eq!(library.poll(&mut [to.item(POLLIN)], 10), Ok(0));
            to_close.close().expect("closed");
        },
    );
    // What the thread has left behind is usable by others.
    to.set(RCVTIMEO, 10_000).expect("an option");
    from.send(b"afterwards", 0).expect("sent");
    assert_eq!(to.recv(0).expect("received"), b"afterwards");
}

/// Each panicked in the library, which then refused the socket to all threads: a connection's scratch memory and the
/// sleeping thread's parker were thread-local values.
#[test]
fn a_thread_that_ends_sends_receives_polls_and_closes_over_tcp() {
    alone(
        "threads::a_thread_that_ends_sends_receives_polls_and_closes_over_tcp",
        || ends_well("tcp"),
    );
}

/// As over tcp, without a connection.
#[test]
fn a_thread_that_ends_sends_receives_polls_and_closes_over_inproc() {
    alone(
        "threads::a_thread_that_ends_sends_receives_polls_and_closes_over_inproc",
        || ends_well("inproc"),
    );
}

/// A buffer that is lent in a thread that ends, and whose message is closed there, is given back before the call returns.
#[test]
fn a_thread_that_ends_gets_lent_buffers_back() {
    alone("threads::a_thread_that_ends_gets_lent_buffers_back", || {
        let library = Library::under_test();
        let (to, from) = pair(library.context(), "inproc");
        let lend = || {
            let given_back = Arc::new(AtomicUsize::new(0));
            let mut part = Part::lend(library, vec![1; 100_000], &given_back);
            part.send(from, 0).expect("sent");
            part.recv(to, 0).expect("received");
            drop(part);
            assert_eq!(given_back.load(Ordering::Relaxed), 1);
        };
        at_the_end(lend, lend);
    });
}
