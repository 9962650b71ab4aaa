//! Writes down what a library says to each option of each object, with good and bad values of all lengths, and to each
//! function with good and bad arguments.
//!
//! `sweep DIRECTORY CASE`: of the `libzmq.so.5` in the directory, from that case on; see [`capi_tests::cases`].
//!
//! Left out, since upstream's library reads through them: a null pointer for the length of zmq_getsockopt(3). And null
//! pointers that are given with a length crash it for some options, as do many bad arguments; the test leaves out the
//! cases in which it does.
//!
//! Each case ends with a line of [`FAILURES`] that tells which functions have failed with which errno in it.

/// Writes a line down.
macro_rules! say {
    ($($what:tt)*) => { $crate::write(format_args!($($what)*)) };
}

mod calls;
mod context;
mod message;
mod socket;

use std::{cell::RefCell, collections::BTreeSet, fmt, path::Path};

use capi_tests::{
    api::{Errno, Library, Result, consts},
    cases::{self, FAILURES},
};

/// A case: its name, and what writes down what happens.
type Case = (String, Box<dyn Fn(&'static Library)>);

fn main() {
    let mut arguments = std::env::args().skip(1);
    let mut argument = || arguments.next().expect("a directory and a number");
    let library = Library::load(Path::new(&argument()));
    let first: usize = argument().parse().expect("a number");
    let cases = [
        socket::cases(),
        context::cases(),
        message::cases(),
        calls::cases(),
    ];
    for (name, run) in cases.into_iter().flatten().skip(first) {
        cases::begin(&name);
        run(library);
        let failures = FAILED.take();
        if !failures.is_empty() {
            let failures = Vec::from_iter(failures).join(", ");
            say!("{FAILURES}{failures}");
        }
        print!("{}", LINES.take());
    }
}

thread_local! {
    /// Those of a case, which go out together: there are many.
    static LINES: RefCell<String> = const { RefCell::new(String::new()) };
    /// Functions of a case, each with an errno that it has failed with.
    static FAILED: RefCell<BTreeSet<String>> = const { RefCell::new(BTreeSet::new()) };
}

fn write(line: fmt::Arguments) {
    LINES.with_borrow_mut(|lines| *lines += &format!("{line}\n"));
}

/// What a call of the function has returned, or its errno.
fn said<T: fmt::Debug>(function: &str, result: Result<T>) -> String {
    match noted(function, result) {
        Ok(value) => format!("{value:?}"),
        Err(errno) => name(errno),
    }
}

/// The same result; if it is a failure, it is one of the case's.
fn noted<T>(function: &str, result: Result<T>) -> Result<T> {
    if let Err(errno) = result {
        FAILED.with_borrow_mut(|failed| failed.insert(format!("{function} {}", name(errno))));
    }
    result
}

/// What C calls an errno, of those that some function is known to fail with.
fn name(errno: Errno) -> String {
    macro_rules! named {
        ($($name:ident)*) => {
            match errno.0 {
                consts::ETERM => "ETERM".into(),
                consts::EFSM => "EFSM".into(),
                consts::ENOCOMPATPROTO => "ENOCOMPATPROTO".into(),
                consts::EMTHREAD => "EMTHREAD".into(),
                $(libc::$name => stringify!($name).into(),)*
                number => format!("errno {number}"),
            }
        };
    }
    named! {
        EACCES EADDRINUSE EADDRNOTAVAIL EAGAIN EBADF EDEADLK EFAULT EHOSTUNREACH EINTR EINVAL EMFILE ENAMETOOLONG ENODEV
        ENOENT ENOMEM ENOTDIR ENOTSOCK ENOTSUP EPROTONOSUPPORT
    }
}

/// Bytes in hexadecimal digits, and what is repeated at their end just once.
fn hex(bytes: &[u8]) -> String {
    let Some(&last) = bytes.last() else {
        return "[]".into();
    };
    let same = bytes.iter().rev().take_while(|&&byte| byte == last).count();
    let mut text: String = bytes[..bytes.len() - same]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    text += &format!("{last:02x}*{same}");
    text
}
