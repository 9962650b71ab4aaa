//! Tests of the library through its C ABI.
