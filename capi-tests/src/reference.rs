//! Upstream's libzmq 4.3.5, built here from its own sources, to compare with and to talk to.
//!
//! It has the stable API with IPC, TIPC and CURVE, the last over the functions of `sodium/`.

use std::fs;
use std::path::PathBuf;
use std::sync::OnceLock;

use crate::{compile, library, upstream};

/// The directory that holds the reference's `libzmq.so` and `libzmq.so.5`, built on first use.
///
/// Panics if it doesn't build.
pub fn library() -> &'static std::path::Path {
    static DIR: OnceLock<PathBuf> = OnceLock::new();
    DIR.get_or_init(build)
}

fn build() -> PathBuf {
    let dir = library::target().join("reference");
    let _lock = compile::lock(&dir);
    let source = library::upstream().join("src");

    // One translation unit: most of the time would go into reading the same headers again for each of its hundred files.
    let mut names: Vec<String> = fs::read_dir(&source)
        .expect("upstream has sources")
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| name.ends_with(".cpp") && !name.starts_with("ws"))
        .collect();
    names.sort();
    let all: String = names
        .iter()
        .map(|name| format!("#include \"{}\"\n", source.join(name).display()))
        .collect();
    let unit = dir.join("all.cpp");
    if fs::read_to_string(&unit).ok().as_ref() != Some(&all) {
        fs::write(&unit, all).expect("the build directory can be written");
    }

    let sodium = dir.join("sodium.o");
    let objects = dir.join("all.o");
    let flags = ["-O2", "-fPIC", "-fvisibility=hidden", "-w", "-c"];
    compile::run_all(&[
        compile::compiler(
            "c++",
            &objects,
            ["-std=c++11", "-DNDEBUG"]
                .into_iter()
                .chain(flags)
                .map(Into::into)
                .chain(upstream::configuration())
                .chain([unit.display().to_string()]),
        ),
        compile::compiler(
            "cc",
            &sodium,
            flags
                .into_iter()
                .map(Into::into)
                .chain([upstream::sodium_source().display().to_string()]),
        ),
    ]);

    let library = dir.join("libzmq.so.5");
    compile::run_all(&[compile::shared_library(
        &library,
        "libzmq.so.5",
        &[objects, sodium],
    )]);
    // The name that `-lzmq` looks for. One from an earlier run is the same.
    let _ = std::os::unix::fs::symlink("libzmq.so.5", dir.join("libzmq.so"));
    dir
}
