//! Upstream's own test programs: which there are, how they are compiled, and how one is run.
//!
//! They are compiled as they are. They name headers by `../include/zmq.h`, so they see a tree of links in which
//! everything is upstream's but `include`.
//!
//! `LINK_WHOLE` names an archive to link them with, the runtime of a sanitizer that the library is built with;
//! `RUN_UNDER` a command to run them under, such as valgrind with its options.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::process::{self, End};
use crate::{compile, fuzz_corpus, library};

/// Upstream's is ten seconds for most, but the machine may be busy. It is above the minute after which most programs
/// give up by themselves.
const LIMIT: Duration = Duration::from_secs(75);

/// What CTest and Automake take for "skipped".
const SKIPPED: i32 = 77;

/// One of upstream's test programs.
#[derive(Debug, Clone, PartialEq)]
pub struct Program {
    /// Its name, such as "test_iov".
    pub name: String,
    /// The time after which it is killed.
    pub limit: Duration,
    /// The fixed ports and addresses it uses; no two that share one may run at once.
    pub needs: Vec<String>,
}

/// What became of a program.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// It ran and found nothing wrong.
    Passed,
    /// It found that the machine lacks what it tests, or has nothing to test.
    Skipped,
    /// It failed, or didn't end; with the reason and what it wrote.
    Failed(String),
}

/// The programs of `upstream/programs.txt`.
///
/// Panics if that file and upstream's tree don't name the same ones.
pub fn programs() -> Vec<Program> {
    let file = own("upstream/programs.txt");
    let text = fs::read_to_string(&file).expect("the list of programs can be read");
    let (programs, left_out) = parse(&text);

    let mut listed: Vec<&str> = programs.iter().map(|program| &*program.name).collect();
    listed.extend(&left_out);
    listed.sort_unstable();
    let mut present: Vec<String> = fs::read_dir(library::upstream().join("tests"))
        .expect("upstream has tests")
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter_map(|name| Some(name.strip_suffix(".cpp")?.to_string()))
        .filter(|name| name.starts_with("test_"))
        .collect();
    present.sort_unstable();
    assert_eq!(listed, present, "{} is out of date", file.display());
    programs
}

fn parse(text: &str) -> (Vec<Program>, Vec<&str>) {
    let mut programs = Vec::new();
    let mut left_out = Vec::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        if let Some((name, _)) = line.split_once(':') {
            left_out.push(name);
            continue;
        }
        let mut words = line.split_whitespace();
        let Some(name) = words.next() else { continue };
        let mut program = Program {
            name: name.into(),
            limit: LIMIT,
            needs: Vec::new(),
        };
        for word in words {
            match (word.strip_prefix('@'), word.parse()) {
                (Some(resource), _) => program.needs.push(resource.into()),
                (None, Ok(seconds)) => program.limit = Duration::from_secs(seconds),
                (None, Err(_)) => panic!("{name}: what is {word:?}?"),
            }
        }
        programs.push(program);
    }
    (programs, left_out)
}

/// The names in `expected-failures.txt` with their reasons.
pub fn expected_failures() -> Vec<(String, String)> {
    let text = fs::read_to_string(own("expected-failures.txt"))
        .expect("the list of expected failures can be read");
    text.lines()
        .filter(|line| !line.starts_with('#') && !line.trim().is_empty())
        .map(|line| {
            let (name, reason) = line
                .split_once(':')
                .unwrap_or_else(|| panic!("{line:?} gives no reason"));
            (name.trim().into(), reason.trim().into())
        })
        .collect()
}

/// The compiler's flags that stand for upstream's configuration.
pub fn configuration() -> Vec<String> {
    vec![
        "-DZMQ_CUSTOM_PLATFORM_HPP".into(),
        format!("-I{}", own("upstream").display()),
        format!("-I{}", own("sodium").display()),
    ]
}

/// The source of what libsodium would give.
pub fn sodium_source() -> PathBuf {
    own("sodium/sodium.c")
}

/// Compiles the programs against our header and links them with the library under test.
///
/// The results are in the order of the programs; an error is what the compiler said.
pub fn build(programs: &[Program]) -> Vec<Result<(), String>> {
    let dir = directory();
    let _lock = compile::lock(&dir);
    let tests = plant_tree(&dir.join("tree"));
    let unity = tests.join("../external/unity");
    let bin = dir.join("bin");
    fs::create_dir_all(&bin).expect("the build directory can be written");

    let flags: Vec<String> = ["-O1", "-g", "-w", "-fvisibility=hidden"]
        .into_iter()
        .map(Into::into)
        .chain(configuration())
        .chain([
            format!("-I{}", unity.display()),
            "-DUNITY_USE_COMMAND_LINE_ARGS".into(),
            "-DUNITY_EXCLUDE_FLOAT".into(),
        ])
        .collect();

    // test_security_curve wants three of upstream's sources and some cryptography; from an archive each program is
    // linked with what it calls.
    let sources = [
        tests.join("testutil.cpp"),
        tests.join("testutil_monitoring.cpp"),
        tests.join("testutil_security.cpp"),
        tests.join("testutil_unity.cpp"),
        tests.join("../src/clock.cpp"),
        tests.join("../src/err.cpp"),
        tests.join("../src/random.cpp"),
        unity.join("unity.c"),
        sodium_source(),
        own("upstream/hooks.c"),
    ];
    let objects: Vec<PathBuf> = sources
        .iter()
        .map(|source| {
            dir.join(source.file_name().unwrap_or_default())
                .with_extension("o")
        })
        .collect();
    let steps: Vec<compile::Step> = sources
        .iter()
        .zip(&objects)
        .map(|(source, object)| {
            let tool = match source.extension() {
                Some(extension) if extension == "c" => "cc",
                _ => "c++",
            };
            let arguments = standard(tool).chain(flags.iter().cloned());
            let source = ["-c".into(), source.display().to_string()];
            compile::compiler(tool, object, arguments.chain(source))
        })
        .collect();
    compile::run_all(&steps);
    let common = dir.join("libcommon.a");
    // The last is called by nobody, and so would stay in the archive.
    let [archived @ .., hooks] = &*objects else {
        unreachable!("there are sources")
    };
    compile::run_all(&[compile::archive(&common, archived)]);

    let library = library::directory().display();
    let steps: Vec<compile::Step> = programs
        .iter()
        .map(|program| {
            let source = tests.join(&program.name).with_extension("cpp");
            let arguments = standard("c++").chain(flags.iter().cloned()).chain([
                source.display().to_string(),
                hooks.display().to_string(),
                common.display().to_string(),
                format!("-L{library}"),
                "-l:libzmq.so.5".into(),
                format!("-Wl,--enable-new-dtags,-rpath,{library}"),
                "-lpthread".into(),
                "-lrt".into(),
            ]);
            let arguments = arguments.chain(runtime());
            compile::compiler("c++", &bin.join(&program.name), arguments)
                .reads(&common)
                .reads(hooks)
        })
        .collect();
    compile::run(&steps)
}

/// The arguments that link a program with all of `LINK_WHOLE`, and let the library find what is in it.
fn runtime() -> Vec<String> {
    let Ok(archive) = std::env::var("LINK_WHOLE") else {
        return Vec::new();
    };
    let whole = format!("-Wl,--whole-archive,{archive},--no-whole-archive");
    [&whole, "-rdynamic", "-ldl", "-lm"].map(Into::into).into()
}

fn standard(tool: &str) -> impl Iterator<Item = String> {
    (tool == "c++").then(|| "-std=c++11".into()).into_iter()
}

/// Runs a program that [`build`] made, in an empty directory of its own. `round` tells repeated runs apart.
pub fn run(program: &Program, round: usize) -> Outcome {
    let dir = directory()
        .join("run")
        .join(format!("{}.{round}", program.name));
    let _ = fs::remove_dir_all(&dir);
    let _ = fs::remove_file(dir.with_extension("log"));
    if let Err(error) =
        fs::create_dir_all(&dir).and_then(|()| fuzz_corpus::write(&program.name, &dir))
    {
        return Outcome::Failed(format!("{}: {error}", dir.display()));
    }
    let binary = directory().join("bin").join(&program.name);
    let mut command = match std::env::var("RUN_UNDER") {
        Ok(tool) => {
            let mut words = tool.split_whitespace();
            let mut command = Command::new(words.next().expect("RUN_UNDER names a command"));
            command.args(words).arg(&binary);
            command
        }
        Err(_) => Command::new(&binary),
    };
    let (end, output) = process::run(&mut command, &dir, library::directory(), program.limit);
    let _ = fs::remove_dir_all(&dir);
    let reason = match end {
        End::Code(0) => return Outcome::Passed,
        End::Code(SKIPPED) => return Outcome::Skipped,
        End::Code(code) => format!("ended with code {code}"),
        End::Signal(libc::SIGALRM) => "ran out of the time it gives itself".into(),
        End::Signal(signal) => format!("ended by signal {signal}"),
        End::TimedOut => format!("still ran after {} s", program.limit.as_secs()),
    };
    Outcome::Failed(format!("{reason}\n{output}"))
}

fn directory() -> PathBuf {
    library::target().join("capi-tests")
}

fn own(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// Makes the tree of links and returns its `tests`. The directories are real, since `..` in a linked one would lead to
/// upstream's header.
fn plant_tree(tree: &Path) -> PathBuf {
    for name in ["tests", "src", "external/unity"] {
        let (from, to) = (library::upstream().join(name), tree.join(name));
        fs::create_dir_all(&to).expect("the build directory can be written");
        for entry in fs::read_dir(from)
            .expect("upstream's tree can be read")
            .flatten()
        {
            link(&entry.path(), &to.join(entry.file_name()));
        }
    }
    link(&library::include(), &tree.join("include"));
    tree.join("tests")
}

fn link(from: &Path, to: &Path) {
    if fs::read_link(to).ok().as_deref() != Some(from) {
        let _ = fs::remove_file(to);
        std::os::unix::fs::symlink(from, to).expect("a link can be made");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // A word read wrongly would let two programs fight over a port, or one be killed early.
    #[test]
    fn reads_a_line() {
        let (programs, left_out) =
            parse("# text: no line\n\ntest_a\ntest_b 120 @5555 @x\ntest_c: why not\n");
        assert_eq!(programs.len(), 2);
        assert_eq!(programs[0].limit, LIMIT);
        assert_eq!(programs[1].limit, Duration::from_secs(120));
        assert_eq!(programs[1].needs, ["5555", "x"]);
        assert_eq!(left_out, ["test_c"]);
    }
}
