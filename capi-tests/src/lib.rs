//! Tests of the library through its C ABI, and what they share.
//!
//! | module | holds |
//! |---|---|
//! | [`api`] | the C API of a given library, called without C |
//! | [`cases`] | what two libraries do in the same cases, compared |
//! | [`header`] | the generator of `include/zmq.h` |
//! | [`library`] | where the library under test, the header and upstream's tree are |
//! | [`compile`] | C and C++ compiled only when something changed |
//! | [`peers`] | two processes with a library each, in a conversation |
//! | [`process`] | a program run in a process group of its own, under a time limit |
//! | [`random`] | random numbers of a seed |
//! | [`raw`] | a raw peer that waits for what it is told |
//! | [`mod@reference`] | upstream's libzmq 4.3.5, built from its sources |
//! | [`upstream`] | upstream's own test programs: which there are, and how they are built and run |
//! | [`fuzz_corpus`] | the input of upstream's fuzzers |
//!
//! `LIBZMQ_DIR` names a directory with another `libzmq.so.5` to test instead of the one built here, `LIBZMQ_INCLUDE`
//! one with another `zmq.h` to compile against.

pub mod api;
pub mod cases;
pub mod compile;
pub mod fuzz_corpus;
pub mod header;
pub mod library;
pub mod peers;
pub mod process;
pub mod random;
pub mod raw;
pub mod reference;
pub mod upstream;
