//! Input and output.

pub mod resolve;
