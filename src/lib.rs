//! libzmq in Rust: the C ABI of ZeroMQ 4.3.5 over a core of pipes that hold wire bytes.
//!
//! The rooms, from the ground up. A module imports only from rooms below it.
//!
//! | room | holds |
//! |---|---|
//! | [`consts`], [`error`], [`endpoint`], [`z85`] | the `ZMQ_*` numbers, errno values, addresses, Z85 |
//! | [`sync`] | the lock of what C programs hold, and what a forked child makes of locks |
//! | [`policy`] | when a written message goes out, and how a thread waits |
//! | `memory` | large blocks of memory, kept to be used again; copying few bytes |
//! | [`frame`] | the layout of a frame, wherever one is |
//! | [`message`] | the 64-byte C layout, body ownership and free callbacks, metadata |
//! | [`options`] | the table of socket options |
//! | [`zmtp`] | the protocol without I/O |
//! | [`pipe`] | queues of wire bytes, high-water marks, inboxes and wakers |
//! | [`pattern`] | one file for each socket type, and what they are composed of |
//! | [`io`] | poller threads, timers, sessions, listeners, connecters, transports |
//! | [`core`] | context, socket, inproc, monitor, poll, proxy, timers |
//! | [`capi`] | the `extern "C"` functions |

pub mod capi;
pub mod consts;
pub mod core;
pub mod endpoint;
pub mod error;
pub mod frame;
pub mod io;
mod memory;
pub mod message;
pub mod options;
pub mod pattern;
pub mod pipe;
pub mod policy;
pub mod sync;
pub mod z85;
pub mod zmtp;
