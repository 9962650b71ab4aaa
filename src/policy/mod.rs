//! What adapts: when a written message goes out, and how a thread waits.
//!
//! Two policies, each pure: they are told what has happened and what time it is, and answer what to do; whoever asks does it.
//! So all of them are tested on a virtual clock. [`flush`] decides who writes a connection, and when; [`wait`] decides whether
//! a thread that has nothing to do tries again, lets others run, or sleeps. All numbers are in [`constants`], each with the
//! measurement that it comes from. ARCHITECTURE.md tells what each mechanism is worth.
#![forbid(unsafe_code)]

mod backoff;
pub mod constants;
pub mod flush;
pub mod wait;

pub use self::backoff::Backoff;
