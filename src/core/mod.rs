//! What contexts, sockets and their helpers are, without C.
#![forbid(unsafe_code)]

pub mod timers;
