//! Conversations: what a raw peer says over one connection to a socket of a library, and what the application does
//! meanwhile; drawn from a seed or a fuzzer's octets, held with a library, and compared with a model.
//!
//! | module | holds |
//! |---|---|
//! | [`choices`] | decisions, from a seed or from octets |
//! | [`conversation`] | what a conversation is |
//! | [`curve`] | CURVE's commands and boxes |
//! | [`generate`] | conversations that are drawn |
//! | [`host`] | what is needed of a library |
//! | [`model`] | what must come of a conversation |
//! | [`peer`] | the raw peer's end of the connection |
//! | [`run`] | a conversation that is held |
//! | [`wire`] | how the protocol looks on the wire |
//!
//! `capi-tests` holds them with the library under test and with upstream's, and compares. `fuzz` holds them in libFuzzer's
//! process. Neither the conversations nor the model know anything of the library's inside.

pub mod choices;
pub mod conversation;
pub mod curve;
pub mod generate;
pub mod host;
pub mod model;
pub mod peer;
pub mod run;
pub mod wire;
