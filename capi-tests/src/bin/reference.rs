//! Prints the directory of the reference's `libzmq.so.5`, which is built first if it isn't there.

fn main() {
    println!("{}", capi_tests::reference::library().display());
}
