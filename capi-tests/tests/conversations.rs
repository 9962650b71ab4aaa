//! Some conversations of a raw peer come to the same with the library as with upstream's, and to what the model says.
//!
//! `make conversations` holds many more. The two libraries are in processes of their own, so that one that dies is told.

use std::{path::Path, process::Command, time::Duration};

use capi_tests::{
    library,
    process::{self, End},
    reference,
};

/// How many are held, and how long that may take however busy the machine is.
const COUNT: &str = "400";
const LIMIT: Duration = Duration::from_secs(240);

/// Whatever a peer says, the application receives that and nothing else, and the peer is answered as by upstream's.
#[test]
fn conversations_end_as_upstreams() {
    // What has to be built takes nothing of the test's time.
    library::directory();
    let upstreams = reference::library();
    let scratch = tempfile::tempdir().expect("a directory");
    let dir = scratch.path().join("run");
    std::fs::create_dir(&dir).expect("a directory");
    let mut command = Command::new(Path::new(env!("CARGO_BIN_EXE_conversations")));
    command
        .args([COUNT, "0"])
        .env("LIBZMQ_DIR", library::directory());
    let (end, output) = process::run(&mut command, &dir, upstreams, LIMIT);
    assert_eq!(end, End::Code(0), "{output}");
}
