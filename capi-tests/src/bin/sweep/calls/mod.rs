//! Each function of `zmq.h`, called as C may call it: with null pointers, with handles of something
//! else, and at the wrong time. Each call is a case, for upstream's library crashes in many.
//!
//! All that a function can be brought to fail with is here, so that its documentation can be
//! compared with it.

/// Calls a function of a library, says what comes of it, and returns that.
macro_rules! call {
    ($library:expr, $name:ident($($argument:expr),* $(,)?)) => {{
        // SAFETY: if it crashes, that is what the case is about.
        let (result, errno) = unsafe {
            let function = $library.functions().$name;
            *libc::__errno_location() = 0;
            (function($($argument),*), *libc::__errno_location())
        };
        $crate::calls::tell(concat!("zmq_", stringify!($name)), &result, errno);
        result
    }};
}

mod messages;
mod passing;
mod plain;
mod sockets;

use std::{
    ffi::{c_int, c_long, c_ulong, c_void},
    mem, ptr,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

use capi_tests::api::{Context, Errno, Library, Socket};

use super::{Case, said};

pub fn cases() -> Vec<Case> {
    [
        plain::cases(),
        messages::cases(),
        sockets::cases(),
        passing::cases(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn case(name: impl Into<String>, run: impl Fn(&'static Library) + 'static) -> Case {
    (format!("call {}", name.into()), Box::new(run))
}

/// What a function returns.
trait Outcome {
    /// As far as it is the same each time.
    fn text(&self) -> String;
    /// Whether it has failed, if that isn't a matter of errno alone.
    fn has_failed(&self) -> Option<bool>;
}

impl Outcome for c_int {
    fn text(&self) -> String {
        self.to_string()
    }

    fn has_failed(&self) -> Option<bool> {
        Some(*self < 0)
    }
}

impl Outcome for c_long {
    fn text(&self) -> String {
        match self {
            ..=0 => self.to_string(),
            _ => "a time".into(),
        }
    }

    fn has_failed(&self) -> Option<bool> {
        None
    }
}

impl Outcome for usize {
    fn text(&self) -> String {
        self.to_string()
    }

    fn has_failed(&self) -> Option<bool> {
        None
    }
}

impl Outcome for c_ulong {
    fn text(&self) -> String {
        "a time".into()
    }

    fn has_failed(&self) -> Option<bool> {
        None
    }
}

impl Outcome for () {
    fn text(&self) -> String {
        "done".into()
    }

    fn has_failed(&self) -> Option<bool> {
        None
    }
}

impl<T> Outcome for *mut T {
    fn text(&self) -> String {
        "a pointer".into()
    }

    fn has_failed(&self) -> Option<bool> {
        Some(self.is_null())
    }
}

impl<T> Outcome for *const T {
    fn text(&self) -> String {
        "a pointer".into()
    }

    fn has_failed(&self) -> Option<bool> {
        Some(self.is_null())
    }
}

/// Says what has come of a call that began with an errno of 0.
fn tell(function: &str, outcome: &impl Outcome, errno: c_int) {
    match outcome.has_failed().unwrap_or(errno != 0) {
        true => say!("{function}: {}", said::<()>(function, Err(Errno(errno)))),
        false => say!("{function}: {}", outcome.text()),
    }
}

/// Memory that is no object of a library's, and as large as any.
static FOREIGN: [u64; 4096] = [0; 4096];

/// A handle that is none.
fn foreign() -> *mut c_void {
    FOREIGN.as_ptr().cast_mut().cast()
}

fn null<T>() -> *mut T {
    ptr::null_mut()
}

/// What is no handle and no message, by name, for [`bad`].
const BAD: [&str; 2] = ["null", "foreign"];

fn bad<T>(what: &str) -> *mut T {
    match what {
        "null" => null(),
        _ => foreign().cast(),
    }
}

/// Runs a call that waits, which signals are to end.
fn interrupted<T>(run: impl FnOnce() -> T) -> T {
    extern "C" fn nothing(_: c_int) {}
    // SAFETY: the handler does nothing.
    let this = unsafe {
        let mut action: libc::sigaction = mem::zeroed();
        action.sa_sigaction = nothing as extern "C" fn(c_int) as usize;
        libc::sigaction(libc::SIGUSR1, &action, ptr::null_mut());
        libc::pthread_self()
    };
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            // Again and again, for one may come before the call waits.
            while !over.load(Ordering::SeqCst) {
                // SAFETY: the thread waits for this one before it ends.
                unsafe { libc::pthread_kill(this, libc::SIGUSR1) };
                thread::sleep(Duration::from_millis(1));
            }
        });
        let result = run();
        over.store(true, Ordering::SeqCst);
        result
    })
}

/// Runs something with a socket, and closes it and the context.
fn with_socket(library: &'static Library, kind: c_int, run: impl FnOnce(Context, Socket)) {
    let context = library.context();
    let socket = context.socket(kind);
    run(context, socket);
    socket.close().expect("closed");
    context.term().expect("an end");
}

/// Two sockets that are connected, the first one bound.
fn pair(context: Context, one: c_int, other: c_int) -> [Socket; 2] {
    let [one, other] = [one, other].map(|kind| context.socket(kind));
    other.connect(&one.bind_any("inproc")).expect("connected");
    [one, other]
}

/// Closes sockets and their context.
fn end(context: Context, sockets: &[Socket]) {
    for socket in sockets {
        socket.close().expect("closed");
    }
    context.term().expect("an end");
}
