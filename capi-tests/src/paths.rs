//! Where things are: the workspace, the library under test, upstream's tree.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The workspace's root.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("capi-tests is in the workspace")
}

/// The directory of the `zmq.h` to compile against: `LIBZMQ_INCLUDE`, or else ours.
pub fn include() -> PathBuf {
    match std::env::var_os("LIBZMQ_INCLUDE") {
        Some(dir) => Path::new(&dir)
            .canonicalize()
            .expect("LIBZMQ_INCLUDE is a directory"),
        None => root().join("include"),
    }
}

/// Cargo's target directory.
pub fn target() -> &'static Path {
    &metadata().target
}

/// Upstream's 4.3.5 tree: the `vendor` directory of the package `zeromq-src`.
pub fn vendor() -> &'static Path {
    &metadata().vendor
}

/// The directory of the library under test, which holds `libzmq.so` and `libzmq.so.5`: `LIBZMQ_DIR`, or else the
/// release build, brought up to date first so that no test runs against yesterday's.
///
/// Panics if the library doesn't build, or isn't in `LIBZMQ_DIR`.
pub fn library() -> &'static Path {
    static DIR: OnceLock<PathBuf> = OnceLock::new();
    DIR.get_or_init(|| match std::env::var_os("LIBZMQ_DIR") {
        Some(dir) => {
            let dir = Path::new(&dir)
                .canonicalize()
                .expect("LIBZMQ_DIR is a directory");
            assert!(
                dir.join("libzmq.so.5").exists(),
                "no libzmq.so.5 in {}",
                dir.display()
            );
            dir
        }
        None => build(),
    })
}

/// The directory of the library to link with: our own where there is one, whatever `LIBZMQ_DIR` says, so that the same
/// programs run with either.
pub fn linked() -> PathBuf {
    let under_test = library();
    let ours = target().join("release");
    match ours.join("libzmq.so").exists() {
        true => ours,
        false => under_test.into(),
    }
}

fn build() -> PathBuf {
    let status = cargo()
        .args(["build", "--quiet", "--release", "--package", "libzmq"])
        .status()
        .expect("cargo runs");
    assert!(status.success(), "the library doesn't build");
    let dir = target().join("release");
    if !dir.join("libzmq.so.5").exists() {
        // A link that another test made in the meantime will do as well.
        let _ = std::os::unix::fs::symlink("libzmq.so", dir.join("libzmq.so.5"));
    }
    dir
}

fn cargo() -> Command {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(root());
    cargo
}

struct Metadata {
    target: PathBuf,
    vendor: PathBuf,
}

fn metadata() -> &'static Metadata {
    static METADATA: OnceLock<Metadata> = OnceLock::new();
    METADATA.get_or_init(|| {
        let out = cargo()
            .args(["metadata", "--format-version", "1", "--locked"])
            .output()
            .expect("cargo runs");
        assert!(
            out.status.success(),
            "cargo metadata: {}",
            String::from_utf8_lossy(&out.stderr)
        );
        let json = String::from_utf8(out.stdout).expect("cargo writes UTF-8");
        let strings = |key: &str| -> Vec<PathBuf> {
            json.split(&format!("\"{key}\":\""))
                .skip(1)
                .map(|rest| PathBuf::from(rest.split('"').next().unwrap_or_default()))
                .collect()
        };
        let vendor = strings("manifest_path")
            .iter()
            .filter_map(|manifest| manifest.parent())
            .find(|dir| {
                dir.components().next_back().is_some_and(|name| {
                    name.as_os_str()
                        .to_string_lossy()
                        .starts_with("zeromq-src-")
                })
            })
            .expect("zeromq-src is a dependency")
            .join("vendor");
        let target = strings("target_directory").swap_remove(0);
        Metadata { target, vendor }
    })
}
