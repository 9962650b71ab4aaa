//! pthread_cancel(3) of a thread that waits in a call: it ends there, and the process goes on.

use std::{ffi::c_void, ptr, thread, time::Duration};

use capi_tests::api::{Context, Library, Socket, consts::*};

use super::alone;

unsafe extern "C" {
    fn pthread_cancel(thread: libc::pthread_t) -> libc::c_int;
}

/// What pthread_join(3) tells of a thread that was cancelled.
const CANCELED: usize = usize::MAX;

/// A call, and the socket that it is made with.
struct Call {
    socket: Socket,
    made: fn(Socket),
}

/// Starts a thread of the C library's own, and cancels it when it has had time to begin to wait. Whether it is waiting by
/// then makes no difference to how it ends: a cancellation that comes first is acted upon when it waits.
fn cancelled(socket: Socket, made: fn(Socket)) {
    // One that is unwound takes no part of Rust's on its stack: the call is all that it has.
    extern "C-unwind" fn run(call: *mut c_void) -> *mut c_void {
        // SAFETY: of the caller, which waits for this thread's end.
        let call = unsafe { &*call.cast::<Call>() };
        (call.made)(call.socket);
        ptr::null_mut()
    }
    let call = Call { socket, made };
    let mut id = 0;
    let mut result = ptr::null_mut();
    // SAFETY: the call outlives the thread, and a thread may be unwound by the C library, which its type doesn't say.
    unsafe {
        let run: extern "C-unwind" fn(*mut c_void) -> *mut c_void = run;
        let run = std::mem::transmute::<
            extern "C-unwind" fn(*mut c_void) -> *mut c_void,
            extern "C" fn(*mut c_void) -> *mut c_void,
        >(run);
        let argument = ptr::from_ref(&call).cast_mut().cast();
        assert_eq!(libc::pthread_create(&mut id, ptr::null(), run, argument), 0);
        thread::sleep(Duration::from_millis(50));
        assert_eq!(pthread_cancel(id), 0);
        assert_eq!(libc::pthread_join(id, &mut result), 0);
    }
    assert_eq!(result as usize, CANCELED);
}

/// A PULL that others of its context don't depend on, and a pair that shows whether these still work.
fn others(context: Context) -> (Socket, impl Fn()) {
    let (idle, to, from) = (
        context.socket(PULL),
        context.socket(PULL),
        context.socket(PUSH),
    );
    idle.bind_any("tcp");
    from.connect(&to.bind_any("tcp")).expect("a connection");
    (idle, move || {
        from.send(b"x", 0).expect("sent");
        assert_eq!(to.recv(0).expect("received"), b"x");
    })
}

/// The process was aborted: "panic in a function that cannot unwind".
#[test]
fn a_thread_that_receives_is_cancelled() {
    alone("cancel::a_thread_that_receives_is_cancelled", || {
        let (idle, work) = others(Library::under_test().context());
        cancelled(idle, |socket| {
            let _ = socket.recv_into(&mut [], 0);
        });
        work();
    });
}

/// As one that receives.
#[test]
fn a_thread_that_polls_is_cancelled() {
    alone("cancel::a_thread_that_polls_is_cancelled", || {
        let (idle, work) = others(Library::under_test().context());
        cancelled(idle, |socket| {
            let _ = socket.poll(POLLIN, -1);
        });
        work();
    });
}

/// As one that receives, and its socket is free for others: a PUSH without peers.
#[test]
fn a_thread_that_sends_is_cancelled() {
    alone("cancel::a_thread_that_sends_is_cancelled", || {
        let context = Library::under_test().context();
        let (_, work) = others(context);
        cancelled(context.socket(PUSH), |socket| {
            let _ = socket.send(b"x", 0);
        });
        work();
    });
}
