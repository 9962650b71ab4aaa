//! A proxy whose other side is slow, or that is told to pause.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    thread,
    time::Duration,
};

use capi_tests::api::{Context, Errno, Library, Socket, consts::*};

use crate::{
    factor,
    idle::used,
    signals::{accept_signals, signal, this_thread},
};

/// A sender and a receiver, with a proxy's two sockets between them, and room for little.
fn chain(context: Context) -> [Socket; 4] {
    let [from, front, back, to] = [PUSH, PULL, PUSH, PULL].map(|kind| {
        let socket = context.socket(kind);
        for (option, value) in [(SNDHWM, 2), (RCVHWM, 2), (RCVTIMEO, -1), (SNDTIMEO, -1)] {
            socket.set(option, value).expect("an option");
        }
        socket
    });
    from.connect(&front.bind_any("inproc")).expect("connected");
    to.connect(&back.bind_any("inproc")).expect("connected");
    [from, front, back, to]
}

/// A signal ends zmq_proxy(3), but no message: what has no room yet isn't taken yet.
pub fn interrupted() {
    let messages = 2000 * factor() as u32;
    accept_signals();
    let context = Library::under_test().context();
    let [from, front, back, to] = chain(context);
    let interrupted = &AtomicUsize::new(0);
    thread::scope(|scope| {
        scope.spawn(|| {
            for number in 0..messages {
                from.send(&number.to_le_bytes(), SNDMORE).expect("sent");
                from.send(b"the other part", 0).expect("sent");
            }
        });
        let (numbers, proxy) = std::sync::mpsc::channel();
        let running = scope.spawn(move || {
            numbers.send(this_thread()).expect("a listener");
            loop {
                match front.proxy(back) {
                    Err(Errno(libc::EINTR)) => interrupted.fetch_add(1, Ordering::SeqCst),
                    end => return end,
                };
            }
        });
        let proxy = proxy.recv().expect("the proxy's thread");
        for number in 0..messages {
            if number % 100 == 0 {
                // Soon all is full, and it sleeps.
                let before = interrupted.load(Ordering::SeqCst);
                while interrupted.load(Ordering::SeqCst) == before {
                    signal(proxy);
                    thread::sleep(Duration::from_millis(1));
                }
            }
            let message = to.recv_all(0).expect("a message");
            assert_eq!(message, [&number.to_le_bytes()[..], b"the other part"]);
        }
        context.shutdown().expect("a shutdown");
        let end = running.join().expect("its end");
        assert_eq!(end, Err(Errno(ETERM)));
    });
    for socket in [from, front, back, to] {
        socket.close().expect("closed");
    }
    context.term().expect("an end");
}

/// While one side has no room for what the other has, it costs nothing, and then it goes on.
pub fn blocked() {
    let context = Library::under_test().context();
    let [from, front, back, to] = chain(context);
    thread::scope(|scope| {
        scope.spawn(|| front.proxy(back));
        // More than fits.
        let mut sent = 0_u32;
        while from.poll(POLLOUT, 100).expect("polled") {
            from.send(&sent.to_le_bytes(), 0).expect("sent");
            sent += 1;
        }
        let before = used();
        thread::sleep(Duration::from_secs(1));
        let cost = used() - before;
        assert!(cost < Duration::from_millis(5), "{cost:?}");
        for number in 0..sent {
            assert_eq!(to.recv(0).expect("a message"), number.to_le_bytes());
        }
        context.shutdown().expect("a shutdown");
    });
    for socket in [from, front, back, to] {
        socket.close().expect("closed");
    }
    context.term().expect("an end");
}

/// A proxy that is told PAUSE forwards nothing until it is told RESUME (zmq_proxy_steerable(3)). Its control socket may be
/// one that answers.
pub fn paused() {
    for kinds in [[PAIR, PAIR], [REP, REQ]] {
        let context = Library::under_test().context();
        let [from, front, back, to] = chain(context);
        let [control, operator] = kinds.map(|kind| context.socket(kind));
        operator
            .connect(&control.bind_any("inproc"))
            .expect("connected");
        thread::scope(|scope| {
            let running = scope.spawn(|| front.proxy_steerable(back, control));
            // It answers when it has done so, whatever its control socket is.
            let tell = |command: &[u8]| {
                operator.send(command, 0).expect("sent");
                assert_eq!(operator.recv(0).expect("an answer"), b"");
            };
            from.send(b"1", 0).expect("sent");
            assert_eq!(to.recv(0).expect("a message"), b"1");
            for _ in 0..3 {
                tell(b"PAUSE");
                from.send(b"2", 0).expect("sent");
                assert!(!to.poll(POLLIN, 50).expect("polled"));
                tell(b"RESUME");
                assert_eq!(to.recv(0).expect("a message"), b"2");
            }
            tell(b"TERMINATE");
            assert_eq!(running.join().expect("its end"), Ok(0));
        });
        for socket in [from, front, back, to, control, operator] {
            socket.close().expect("closed");
        }
        context.term().expect("an end");
    }
}
