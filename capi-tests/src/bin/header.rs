//! Writes `include/zmq.h` anew.

use std::fs;

fn main() {
    let root = capi_tests::library::root();
    fs::write(
        root.join("include/zmq.h"),
        capi_tests::header::generate(root),
    )
    .expect("include/zmq.h");
}
