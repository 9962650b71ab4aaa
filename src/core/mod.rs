//! What contexts, sockets and their helpers are, without C.
//!
//! A [`socket::Socket`] joins a pattern, its pipes and its options, and is the only place where
//! patterns meet endpoints. Threads that use it take turns ([`slot`]); one that has to wait leaves
//! the socket to others meanwhile ([`wait`]).
#![forbid(unsafe_code)]

pub mod context;
pub mod host;
pub mod inproc;
mod lane;
pub mod monitor;
pub mod poll;
pub mod proxy;
pub mod slot;
pub mod socket;
pub mod timers;
pub mod wait;
mod waiter;
