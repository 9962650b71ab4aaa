//! Gives the shared library its soname, and tells the code of the thread sanitizer.

fn main() {
    println!("cargo:rustc-cdylib-link-arg=-Wl,-soname,libzmq.so.5");
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-env-changed=CARGO_ENCODED_RUSTFLAGS");
    // Only the nightly compiler has a cfg of its own for this.
    let flags = std::env::var("CARGO_ENCODED_RUSTFLAGS").unwrap_or_default();
    if flags.contains("sanitizer=thread") {
        println!("cargo:rustc-cfg=unbiased");
    }
}
