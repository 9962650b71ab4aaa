//! Writes down what a library says to each option of each object, with good and bad values of all lengths.
//!
//! `sweep DIRECTORY CASE`: of the `libzmq.so.5` in the directory, from that case on; see [`capi_tests::cases`].
//!
//! Left out, since upstream's library reads through them: a null pointer for the length of zmq_getsockopt(3). And null
//! pointers that are given with a length crash it for some options; the test leaves out the cases in which it does.

/// Writes a line down.
macro_rules! say {
    ($($what:tt)*) => { $crate::write(format_args!($($what)*)) };
}

mod context;
mod message;
mod socket;

use std::{cell::RefCell, fmt, path::Path};

use capi_tests::{
    api::{Library, Result},
    cases,
};

/// A case: its name, and what writes down what happens.
type Case = (String, Box<dyn Fn(&'static Library)>);

fn main() {
    let mut arguments = std::env::args().skip(1);
    let mut argument = || arguments.next().expect("a directory and a number");
    let library = Library::load(Path::new(&argument()));
    let first: usize = argument().parse().expect("a number");
    let cases = [socket::cases(), context::cases(), message::cases()];
    for (name, run) in cases.into_iter().flatten().skip(first) {
        cases::begin(&name);
        run(library);
        print!("{}", LINES.take());
    }
}

thread_local! {
    /// Those of a case, which go out together: there are many.
    static LINES: RefCell<String> = const { RefCell::new(String::new()) };
}

fn write(line: fmt::Arguments) {
    LINES.with_borrow_mut(|lines| *lines += &format!("{line}\n"));
}

/// What a call has returned, or its errno.
fn said(result: Result<usize>) -> String {
    match result {
        Ok(value) => format!("{value}"),
        Err(errno) => format!("{errno:?}"),
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
