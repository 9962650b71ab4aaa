//! fork(2) while other threads are in calls: they don't exist in the child, but what they had locked is locked there.

use std::{
    ffi::c_int,
    sync::atomic::{AtomicBool, Ordering},
};

use capi_tests::api::{Context, Library, Socket, consts::*};

use super::alone;

/// How many children are forked: before, one of the first ten would hang as a rule.
const CHILDREN: usize = 100;

/// Runs something in a forked child, and returns how that ended: its exit status, or 128 and its signal.
fn in_child(run: impl FnOnce()) -> c_int {
    // SAFETY: the child runs on with what it has, and ends without returning.
    match unsafe { libc::fork() } {
        -1 => panic!("{}", std::io::Error::last_os_error()),
        0 => {
            // A child that hangs ends by SIGALRM.
            // SAFETY: takes a number.
            unsafe { libc::alarm(20) };
            let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(run));
            // SAFETY: ends the process.
            unsafe { libc::_exit(result.is_err().into()) }
        }
        child => {
            let mut status = 0;
            // SAFETY: our own child.
            assert_eq!(unsafe { libc::waitpid(child, &mut status, 0) }, child);
            match libc::WIFEXITED(status) {
                true => libc::WEXITSTATUS(status),
                false => 128 + libc::WTERMSIG(status),
            }
        }
    }
}

/// A context of the child's own is as good as any.
fn use_a_context(library: &'static Library) {
    let context = library.context();
    let (to, from) = (context.socket(PULL), context.socket(PUSH));
    from.connect(&to.bind_any("tcp")).expect("a connection");
    for _ in 0..20 {
        from.send(b"hello", 0).expect("sent");
        assert_eq!(to.recv(0).expect("received"), b"hello");
    }
    to.close().expect("closed");
    from.close().expect("closed");
    context.term().expect("an end");
}

/// Forks children that run `child` while other threads do something each, all the time.
fn fork_amid(busy: &[&(dyn Fn() + Sync)], child: impl Fn()) {
    let stop = AtomicBool::new(false);
    let ends: Vec<_> = std::thread::scope(|scope| {
        for run in busy {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    run();
                }
            });
        }
        let mut ends = Vec::new();
        while ends.len() < CHILDREN && ends.iter().all(|end| *end == 0) {
            ends.push(in_child(&child));
        }
        stop.store(true, Ordering::Relaxed);
        ends
    });
    assert_eq!(ends, vec![0; CHILDREN]);
}

fn open_and_close(context: Context) {
    let socket = context.socket(DEALER);
    socket.bind("tcp://127.0.0.1:*").expect("an endpoint");
    socket.close().expect("closed");
}

/// Every lock that is the process's own is taken again and again by some thread: those of the lists of sockets and contexts
/// that are not in use, and that of the memory which is kept. The child needs them all.
#[test]
fn a_child_uses_a_context_of_its_own() {
    alone("fork::a_child_uses_a_context_of_its_own", || {
        let library = Library::under_test();
        let context = library.context();
        let send_much = || {
            let (to, from) = (context.socket(PULL), context.socket(PUSH));
            from.connect(&to.bind_any("inproc")).expect("a connection");
            for _ in 0..100 {
                from.send(&[1; 20_000], 0).expect("sent");
                assert_eq!(to.recv(0).expect("received").len(), 20_000);
            }
            to.close().expect("closed");
            from.close().expect("closed");
        };
        let renew_a_context = || {
            let context = library.context();
            open_and_close(context);
            context.term().expect("an end");
        };
        let busy: [&(dyn Fn() + Sync); 3] =
            [&send_much, &renew_a_context, &|| open_and_close(context)];
        fork_amid(&busy, || use_a_context(library));
    });
}

/// As handlers do that run when a process exits: the child closes its parent's sockets, and ends its parent's context,
/// whether or not another thread of the parent's is in a call on them.
#[test]
fn a_child_closes_what_it_has_inherited() {
    alone("fork::a_child_closes_what_it_has_inherited", || {
        let library = Library::under_test();
        let context = library.context();
        let sockets: [Socket; 2] = [context.socket(DEALER), context.socket(PUB)];
        for socket in sockets {
            socket.bind("tcp://127.0.0.1:*").expect("an endpoint");
        }
        let look = |socket: Socket| {
            for _ in 0..100 {
                socket.get(EVENTS).expect("events");
            }
        };
        let busy: [&(dyn Fn() + Sync); 3] = [&|| look(sockets[0]), &|| look(sockets[1]), &|| {
            open_and_close(context)
        }];
        fork_amid(&busy, || {
            for socket in sockets {
                socket.close().expect("closed");
            }
            context.shutdown().expect("an end");
            context.term().expect("an end");
            use_a_context(library);
        });
        for socket in sockets {
            socket.close().expect("closed");
        }
        context.term().expect("an end");
    });
}

/// Opens a socket of its parent's context while other threads of the parent are in calls on that: it gets one, or is told that
/// there is no such context.
#[test]
fn a_child_opens_a_socket_of_an_inherited_context() {
    alone(
        "fork::a_child_opens_a_socket_of_an_inherited_context",
        || {
            let library = Library::under_test();
            let context = library.context();
            let busy: [&(dyn Fn() + Sync); 2] = [&|| open_and_close(context), &|| {
                context.set(MAX_SOCKETS, 1000).expect("an option");
            }];
            fork_amid(&busy, || {
                if let Err(error) = context.try_socket(DEALER) {
                    assert_eq!(error.0, libc::EFAULT);
                }
                let _ = context.get(MAX_SOCKETS);
                use_a_context(library);
            });
            context.term().expect("an end");
        },
    );
}
