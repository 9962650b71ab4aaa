//! Poller threads, and all that has a file descriptor.

mod engine;
pub mod resolve;
mod socket;
