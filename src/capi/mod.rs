//! The C edge: the functions of `zmq.h`, one file for each group of manual pages.
//!
//! Each is a few lines: check, call, convert. `guard` alone turns an error into the failure value and sets
//! errno. Nothing here knows how anything works, and nothing below knows C. Types, names and parameters are the header's,
//! which cbindgen makes from these files.
//!
//! What each function asks of its caller is what its manual page asks: pointers are null or valid for what the function
//! reads and writes, strings end in a zero byte, and handles are what the library gave out. Null, closed and foreign
//! handles are told apart from live ones and refused.
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
