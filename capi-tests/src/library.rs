//! Where things are: the workspace, the library under test, upstream's tree.
//!
//! The library is brought up to date once for each test process, by the same command as `make` uses, so that no test
//! runs against yesterday's.

use std::{
    env,
    ffi::OsStr,
    fs,
    os::unix,
    path::{Path, PathBuf},
    process::{Command, Output},
    sync::LazyLock,
};

use serde_json::Value;

/// The root of the workspace.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("the workspace")
}

/// Where cargo puts what it builds.
pub fn target() -> &'static Path {
    static TARGET: LazyLock<PathBuf> = LazyLock::new(|| {
        METADATA["target_directory"]
            .as_str()
            .expect("a path")
            .into()
    });
    &TARGET
}

/// Upstream's source tree, of the version that the library stands in for.
pub fn upstream() -> &'static Path {
    static UPSTREAM: LazyLock<PathBuf> = LazyLock::new(|| {
        let packages = METADATA["packages"].as_array().expect("packages");
        let package = packages
            .iter()
            .find(|package| package["name"] == "zeromq-src");
        let manifest = package.expect("zeromq-src")["manifest_path"].as_str();
        Path::new(manifest.expect("a path")).with_file_name("vendor")
    });
    &UPSTREAM
}

/// The directory of the `zmq.h` to compile against: `LIBZMQ_INCLUDE`, or else ours.
pub fn include() -> PathBuf {
    named("LIBZMQ_INCLUDE").unwrap_or_else(|| root().join("include"))
}

/// The directory of our own library: `libzmq.so`, its link `libzmq.so.5`, and `libzmq.a`.
pub fn own() -> &'static Path {
    static OWN: LazyLock<PathBuf> = LazyLock::new(|| {
        cargo(["build", "--release", "--package", "libzmq"]);
        let directory = target().join("release");
        let link = directory.join("libzmq.so.5");
        if fs::read_link(&link).is_ok_and(|to| to == Path::new("libzmq.so")) {
            return directory;
        }
        // Put in place whole: another process may be about to do the same.
        let name = format!("libzmq.so.5.{}", std::process::id());
        let new = directory.join(name);
        unix::fs::symlink("libzmq.so", &new).expect("a symbolic link");
        fs::rename(new, link).expect("libzmq.so.5");
        directory
    });
    &OWN
}

/// The directory of the library under test, with its `libzmq.so.5`: `LIBZMQ_DIR`, or else our own.
pub fn directory() -> &'static Path {
    static DIRECTORY: LazyLock<PathBuf> =
        LazyLock::new(|| named("LIBZMQ_DIR").unwrap_or_else(|| own().into()));
    &DIRECTORY
}

/// The directory that an environment variable names, if it is set.
fn named(variable: &str) -> Option<PathBuf> {
    let directory = env::var_os(variable)?;
    let directory = Path::new(&directory).canonicalize();
    Some(directory.unwrap_or_else(|error| panic!("{variable}: {error}")))
}

/// Runs cargo in the workspace, and returns what it prints.
pub fn cargo<S: AsRef<OsStr>>(arguments: impl IntoIterator<Item = S>) -> String {
    let cargo = env::var_os("CARGO").unwrap_or("cargo".into());
    run(Command::new(cargo).args(arguments).current_dir(root()))
}

/// Runs a command that has to succeed, and returns what it prints.
pub fn run(command: &mut Command) -> String {
    let output = command
        .output()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let Output {
        status,
        stdout,
        stderr,
    } = output;
    let (stdout, stderr) = (
        String::from_utf8_lossy(&stdout),
        String::from_utf8_lossy(&stderr),
    );
    assert!(
        status.success(),
        "{command:?}: {status}\n{stdout}\n{stderr}"
    );
    stdout.into_owned()
}

static METADATA: LazyLock<Value> = LazyLock::new(|| {
    let text = cargo([
        "metadata",
        "--format-version=1",
        "--filter-platform=x86_64-unknown-linux-gnu",
    ]);
    serde_json::from_str(&text).expect("JSON")
});
