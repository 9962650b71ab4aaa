//! The C edge: the functions of `zmq.h`, one file for each group of manual pages.
//!
//! Each is a few lines: check, call, convert. `guard` alone turns an error into the failure value
//! and sets errno. Nothing here knows how anything works, and nothing below knows C. Types, names
//! and parameters are the header's, which cbindgen makes from these files.
//!
//! What each function asks of its caller is what its manual page asks: pointers are null or valid
//! for what the function reads and writes, strings end in a zero byte, and handles are what the
//! library gave out. Null, closed and foreign handles are told apart from live ones and refused.
//!
//! The documentation of each function has the same sections, and its `Errors` names each errno that
//! the function fails with. The test `sweep` in `capi-tests` compares these with those that there
//! are. Two things go without saying in each:
//!
//! - `ENOTRECOVERABLE` is a bug of this library that was met on the way. The call has failed then,
//!   and if it was one on a socket, so do all later ones on that socket but zmq_close().
//! - In a forked child, a socket or context of the parent's that one of its threads was using at
//!   the fork is as good as none: calls fail with `ENOTSOCK` or `EFAULT`.
#![allow(non_camel_case_types, clippy::missing_safety_doc)]

pub mod atomics;
mod blocking;
pub mod context;
pub mod endpoint;
mod guard;
mod handle;
pub mod message;
pub mod monitor;
pub mod poll;
#[cfg(feature = "draft")]
pub mod poller;
pub mod property;
pub mod proxy;
pub mod receive;
mod registry;
pub mod security;
pub mod send;
pub mod socket;
pub mod timers;
pub mod util;
