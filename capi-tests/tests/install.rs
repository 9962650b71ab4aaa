//! `make install` leaves what programs need to build and run, wherever the tree is moved to.

use std::{
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
    process::Command,
    sync::LazyLock,
};

use capi_tests::library::{root, run};
use tempfile::TempDir;

/// Uses the header, and functions that need nothing but the library.
const PROGRAM: &str = r#"
#include <zmq.h>

int main (void)
{
    int major, minor, patch;
    char text[11];
    const uint8_t bytes[8] = {0x86, 0x4f, 0xd2, 0x6f, 0xb5, 0x59, 0xf7, 0x5b};
    zmq_version (&major, &minor, &patch);
    if (ZMQ_MAKE_VERSION (major, minor, patch) != ZMQ_VERSION)
        return 1;
    printf ("%s\n", zmq_z85_encode (text, bytes, 8));
    return 0;
}
"#;

/// A tree that was installed under one prefix and moved to another.
struct Tree {
    directory: TempDir,
}

impl Tree {
    fn prefix(&self) -> PathBuf {
        self.directory.path().join("moved")
    }

    fn lib(&self) -> PathBuf {
        self.prefix().join("lib")
    }

    /// Builds the program with some arguments, and checks what it prints.
    fn program(&self, name: &str, arguments: &[String]) -> PathBuf {
        let source = self.directory.path().join("program.c");
        fs::write(&source, PROGRAM).unwrap();
        let program = self.directory.path().join(name);
        run(Command::new("cc")
            .arg(source)
            .arg("-o")
            .arg(&program)
            .args(arguments));
        self.check(&program);
        program
    }

    fn check(&self, program: &Path) {
        let printed = run(Command::new(program).env("LD_LIBRARY_PATH", self.lib()));
        assert_eq!(printed, "HelloWorld\n");
    }

    /// What pkg-config says.
    fn pkg_config(&self, arguments: &[&str]) -> Vec<String> {
        let text = run(Command::new("pkg-config")
            .env("PKG_CONFIG_PATH", self.lib().join("pkgconfig"))
            .args(arguments)
            .arg("libzmq"));
        text.split_whitespace().map(String::from).collect()
    }
}

static TREE: LazyLock<Tree> = LazyLock::new(|| {
    let directory = TempDir::new().unwrap();
    run(Command::new("make")
        .arg("install")
        .arg("PREFIX=/opt/zeromq")
        .arg(format!("DESTDIR={}", directory.path().display()))
        // The outer make's variables would go for the inner one too.
        .env_remove("MAKEFLAGS")
        .env_remove("MAKEOVERRIDES")
        .current_dir(root()));
    fs::rename(
        directory.path().join("opt/zeromq"),
        directory.path().join("moved"),
    )
    .unwrap();
    Tree { directory }
});

#[test]
fn the_library_has_upstreams_names() {
    let lib = TREE.lib();
    for name in ["libzmq.so", "libzmq.so.5"] {
        let file = fs::canonicalize(lib.join(name)).unwrap();
        assert_eq!(file.file_name().unwrap(), "libzmq.so.5.2.5");
    }
    let dynamic = run(Command::new("readelf").arg("-d").arg(lib.join("libzmq.so")));
    assert!(dynamic.contains("soname: [libzmq.so.5]"), "{dynamic}");
    assert!(TREE.prefix().join("include/zmq_utils.h").exists());
}

#[test]
fn pkg_config_finds_the_library() {
    assert_eq!(TREE.pkg_config(&["--modversion"]), ["4.3.5"]);
    let program = TREE.program("shared", &TREE.pkg_config(&["--cflags", "--libs"]));
    let dynamic = run(Command::new("readelf").arg("-d").arg(program));
    assert!(dynamic.contains("[libzmq.so.5]"), "{dynamic}");
}

#[test]
fn pkg_config_knows_what_the_archive_needs() {
    let mut arguments = TREE.pkg_config(&["--static", "--cflags", "--libs"]);
    // Of the two libraries of that name, the linker is to take the archive.
    for argument in &mut arguments {
        if argument == "-lzmq" {
            *argument = "-l:libzmq.a".into();
        }
    }
    let program = TREE.program("static", &arguments);
    let dynamic = run(Command::new("readelf").arg("-d").arg(program));
    assert!(!dynamic.contains("libzmq"), "{dynamic}");
}

#[test]
fn cmake_finds_the_library() {
    if Command::new("cmake").arg("--version").output().is_err() {
        // Past the test's captured output: a test left out should be seen.
        let _ = writeln!(
            io::stderr(),
            "cmake_finds_the_library: skipped, there is no cmake"
        );
        return;
    }
    let project = TempDir::new().unwrap();
    let build = project.path().join("build");
    fs::write(project.path().join("program.c"), PROGRAM).unwrap();
    fs::write(
        project.path().join("CMakeLists.txt"),
        "cmake_minimum_required(VERSION 3.13)\n\
         project(program C)\n\
         find_package(ZeroMQ 4.3 REQUIRED)\n\
         foreach(target libzmq libzmq-static)\n\
         add_executable(with-${target} program.c)\n\
         target_link_libraries(with-${target} ${target})\n\
         endforeach()\n\
         foreach(path ${ZeroMQ_INCLUDE_DIR}/zmq.h ${ZeroMQ_LIBRARY} ${ZeroMQ_STATIC_LIBRARY})\n\
         if(NOT EXISTS ${path})\n\
         message(FATAL_ERROR \"${path} is missing\")\n\
         endif()\n\
         endforeach()\n",
    )
    .unwrap();
    run(Command::new("cmake")
        .arg("-S")
        .arg(project.path())
        .arg("-B")
        .arg(&build)
        .arg(format!("-DCMAKE_PREFIX_PATH={}", TREE.prefix().display())));
    run(Command::new("cmake").arg("--build").arg(&build));
    for name in ["with-libzmq", "with-libzmq-static"] {
        TREE.check(&build.join(name));
    }
}
