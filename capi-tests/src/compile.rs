//! Compiles C and C++ when something changed: the command line, the source, or a header it read.
//!
//! Next to each output are `.d`, the compiler's own list of what it read, and `.cmd`, the command line.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use crate::{library, reference};

/// How many compilers, or programs under test, run side by side.
pub const JOBS: usize = 2;

/// One run of a tool that writes one file.
pub struct Step {
    /// The program and its arguments, without those that name the output.
    pub command: Vec<String>,
    /// What the command reads, beyond what the compiler lists itself.
    pub inputs: Vec<PathBuf>,
    /// The file it writes.
    pub output: PathBuf,
    kind: Kind,
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Compiler,
    Linker,
    Archiver,
}

/// A step that calls the C or C++ compiler `tool` ("cc" or "c++"; the variables `CC` and `CXX` override them).
///
/// The compiler keeps one list of what it read: of the arguments that are sources, all but one are to be named as
/// [read](Step::reads), too.
pub fn compiler(tool: &str, output: &Path, arguments: impl IntoIterator<Item = String>) -> Step {
    let variable = if tool == "cc" { "CC" } else { "CXX" };
    let tool = std::env::var(variable).unwrap_or_else(|_| tool.into());
    let mut command: Vec<String> = tool.split_whitespace().map(Into::into).collect();
    command.extend(arguments);
    Step {
        command,
        inputs: Vec::new(),
        output: output.into(),
        kind: Kind::Compiler,
    }
}

/// A step that makes a shared library of object files.
pub fn shared_library(output: &Path, soname: &str, objects: &[PathBuf]) -> Step {
    let arguments = ["-shared".into(), format!("-Wl,-soname,{soname}")];
    Step {
        inputs: objects.to_vec(),
        kind: Kind::Linker,
        ..compiler("c++", output, arguments)
    }
}

/// A step that gathers object files into a static library.
pub fn archive(output: &Path, objects: &[PathBuf]) -> Step {
    Step {
        command: vec!["ar".into(), "crs".into()],
        inputs: objects.to_vec(),
        output: output.into(),
        kind: Kind::Archiver,
    }
}

impl Step {
    /// Adds a file whose change makes the output stale, such as an archive it is linked with.
    pub fn reads(mut self, file: impl Into<PathBuf>) -> Self {
        self.inputs.push(file.into());
        self
    }

    fn beside(&self, extension: &str) -> PathBuf {
        let mut name = self.output.clone().into_os_string();
        name.push(extension);
        name.into()
    }

    fn is_fresh(&self) -> bool {
        let Some(made) = modified(&self.output) else {
            return false;
        };
        if fs::read_to_string(self.beside(".cmd")).ok() != Some(self.command.join("\n")) {
            return false;
        }
        let listed = fs::read_to_string(self.beside(".d")).unwrap_or_default();
        if self.kind == Kind::Compiler && listed.is_empty() {
            return false;
        }
        // A make rule: "output: file file \<newline> file".
        let files = listed
            .split_whitespace()
            .skip(1)
            .filter(|word| *word != "\\")
            .map(PathBuf::from);
        files
            .chain(self.inputs.iter().cloned())
            .all(|file| modified(&file).is_some_and(|time| time <= made))
    }

    fn run(&self) -> Result<(), String> {
        if self.is_fresh() {
            return Ok(());
        }
        let _ = fs::remove_file(self.beside(".cmd"));
        let _ = fs::remove_file(&self.output);
        let mut command = Command::new(&self.command[0]);
        command.args(&self.command[1..]);
        match self.kind {
            Kind::Compiler => command
                .arg("-o")
                .arg(&self.output)
                .args(["-MD", "-MF"])
                .arg(self.beside(".d")),
            Kind::Linker => command
                .arg("-o")
                .arg(&self.output)
                .args(&self.inputs)
                .args(["-lpthread", "-lrt"]),
            Kind::Archiver => command.arg(&self.output).args(&self.inputs),
        };
        let out = command
            .output()
            .map_err(|error| format!("{}: {error}", self.command[0]))?;
        if !out.status.success() {
            return Err(format!(
                "{}\n{}",
                self.command.join(" "),
                String::from_utf8_lossy(&out.stderr)
            ));
        }
        fs::write(self.beside(".cmd"), self.command.join("\n")).map_err(|error| error.to_string())
    }
}

/// Runs the steps that are stale, [`JOBS`] at a time. They must not depend on each other.
///
/// The results are in the order of the steps; an error is the command and what it wrote.
pub fn run(steps: &[Step]) -> Vec<Result<(), String>> {
    let results = Mutex::new(vec![Ok(()); steps.len()]);
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..JOBS {
            scope.spawn(|| {
                while let Some((n, step)) = take(steps, &next) {
                    let result = step.run();
                    results.lock().unwrap_or_else(PoisonError::into_inner)[n] = result;
                }
            });
        }
    });
    results.into_inner().unwrap_or_else(PoisonError::into_inner)
}

/// Like [`run`], where a failure of any step is the caller's end.
pub fn run_all(steps: &[Step]) {
    for result in run(steps) {
        if let Err(error) = result {
            panic!("{error}");
        }
    }
}

/// Compiles a program in C against our header, and links it with the reference: the library it runs with is swapped in.
pub fn program(name: &str, flags: &[&str], sources: &[&str]) -> PathBuf {
    let dir = library::target().join("capi-tests").join(name);
    let _lock = lock(&dir);
    let program = dir.join(name);
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let sources: Vec<_> = sources.iter().map(|source| here.join(source)).collect();
    let mut arguments = ["-std=gnu11", "-O2", "-Wall", "-Wextra"]
        .map(String::from)
        .to_vec();
    arguments.extend(flags.iter().map(|flag| flag.to_string()));
    arguments.push(format!("-I{}", library::include().display()));
    arguments.extend(sources.iter().map(|source| source.display().to_string()));
    arguments.push(format!("-L{}", reference::library().display()));
    arguments.extend(["-lzmq", "-lpthread", "-ldl"].map(String::from));
    let step = compiler("cc", &program, arguments);
    // The compiler's list is of one of them.
    run_all(&[sources.into_iter().fold(step, Step::reads)]);
    program
}

/// Holds other processes, and other threads, out of `dir` until it is dropped. Makes `dir` if it isn't there.
pub fn lock(dir: &Path) -> File {
    fs::create_dir_all(dir).expect("the build directory can be made");
    let file = File::create(dir.join(".lock")).expect("the lock file can be made");
    file.lock().expect("the lock can be had");
    file
}

fn take<'a>(steps: &'a [Step], next: &AtomicUsize) -> Option<(usize, &'a Step)> {
    let n = next.fetch_add(1, Ordering::Relaxed);
    steps.get(n).map(|step| (n, step))
}

fn modified(file: &Path) -> Option<SystemTime> {
    fs::metadata(file).and_then(|data| data.modified()).ok()
}
