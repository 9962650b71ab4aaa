//! Fuzz targets: a function of octets for each thing that sees what a peer says.
//!
//! Each checks more than that nothing panics: what is encoded decodes to the same, a stream comes to the same however it
//! is cut, nothing is kept or said beyond a bound, nobody comes in who may not.
//!
//! | module | its targets' octets are |
//! |---|---|
//! | [`framing`] | frames, commands, metadata, the ZAP handler's reply |
//! | [`handshake`] | greetings, and handshakes with NULL and PLAIN |
//! | [`curve`] | what an attacker with keys puts into boxes, and does to them |
//! | [`connection`] | all that comes over a connection, over a socket |
//! | [`conversation`] | all that a peer says and an application does, over a socket of the C API |
//! | [`text`] | endpoints, Z85, the answers of a SOCKS proxy |
//!
//! `cargo test --release --package fuzz` runs them all for some seconds, from [`seeds`] and with a mutator of its own.
//! `make fuzz` has libFuzzer run each for `FUZZ_SECONDS` with the address sanitizer; it wants a nightly compiler.

pub mod connection;
pub mod conversation;
pub mod curve;
pub mod framing;
pub mod handshake;
mod input;
mod library;
mod memory;
pub mod seeds;
pub mod text;

/// A target: what it is called, what it does with octets, and some to begin with.
pub struct Target {
    pub name: &'static str,
    pub run: fn(&[u8]),
    pub seeds: fn() -> Vec<Vec<u8>>,
}

macro_rules! targets {
    ($($module:ident :: $name:ident),* $(,)?) => {
        /// All of them.
        pub const TARGETS: &[Target] = &[$(Target {
            name: stringify!($name),
            run: $module::$name,
            seeds: seeds::$name,
        }),*];
    };
}

targets! {
    framing::frames,
    framing::commands,
    framing::metadata,
    framing::zap_reply,
    handshake::greetings,
    handshake::null,
    handshake::plain_client,
    handshake::plain_server,
    curve::curve_client,
    curve::curve_server,
    curve::curve_messages,
    connection::connection,
    connection::curve_connection,
    connection::stream,
    conversation::conversations,
    text::endpoints,
    text::z85,
    text::socks,
}
