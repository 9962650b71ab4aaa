//! Tests of the library through its C ABI.

pub mod header;
pub mod library;
