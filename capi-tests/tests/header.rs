//! `include/zmq.h` is made from the source, and is upstream's in all that a C program can tell.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use capi_tests::{
    header,
    library::{cargo, own, root, run, target, upstream},
};
use tempfile::TempDir;

/// The macro that shows the draft API.
const DRAFT: &str = "-DZMQ_BUILD_DRAFT_API";

#[test]
fn the_header_is_up_to_date() {
    let committed = fs::read_to_string(root().join("include/zmq.h")).expect("include/zmq.h");
    assert!(
        committed == header::generate(root()),
        "include/zmq.h is stale: run `make header`"
    );
}

#[test]
fn the_header_compiles_without_warnings() {
    let directory = TempDir::new().unwrap();
    for (language, standards) in [
        ("c", &["c89", "c99", "c11", "c17"][..]),
        ("c++", &["c++98", "c++11", "c++17"]),
    ] {
        let source = directory.path().join("probe.c");
        fs::write(
            &source,
            "#include <zmq.h>\n#include <zmq_utils.h>\nint main (void) { return zmq_errno (); }\n",
        )
        .unwrap();
        for standard in standards {
            // Of ISO C alone, there is no `sigset_t` for zmq_ppoll().
            for draft in [&[][..], &[DRAFT, "-D_POSIX_C_SOURCE=200809L"]] {
                run(compiler(&root().join("include"))
                    .args(["-fsyntax-only", "-Wall", "-Wextra", "-Werror", "-pedantic"])
                    .arg(format!("-std={standard}"))
                    .args(draft)
                    .args(["-x", language])
                    .arg(&source));
            }
        }
    }
}

#[test]
fn macros_are_upstreams() {
    for draft in [None, Some(DRAFT)] {
        let [ours, theirs] = sides().map(|include| macros(&include, draft));
        let (names, their_names): (BTreeSet<_>, BTreeSet<_>) =
            (ours.keys().collect(), theirs.keys().collect());
        assert_eq!(names, their_names);
        assert!(names.len() > 150, "{names:?}");

        // Only what has a value can be shown, and calls need arguments.
        let mut probe = String::from(
            "#include <zmq.h>\n\
             static void number (long long it) { printf (\"%lld\\n\", it); }\n\
             static void string (const char *it) { printf (\"\\\"%s\\\"\\n\", it); }\n\
             #define SHOW(it) \\\n\
                 printf (\"%s: %d bytes, \", #it, (int) sizeof (it)); \\\n\
                 _Generic ((it), char *: string, default: number) (it);\n\
             int main (void) {\n\
             SHOW (ZMQ_MAKE_VERSION (1 + 1, 2, 3))\n",
        );
        for (name, value) in &theirs {
            if name.contains('(') || value.is_empty() {
                assert_eq!(ours[name].is_empty(), value.is_empty(), "{name}");
            } else {
                probe += &format!("SHOW ({name})\n");
            }
        }
        probe += "}\n";

        // Once with the system's errno values, and once with none.
        let empty = Stubs::new(&["errno.h"]);
        for stub in [None, Some(empty.argument())] {
            let mut options: Vec<String> = stub.into_iter().collect();
            options.extend(draft.map(String::from));
            let [ours, theirs] = sides().map(|include| outcome(&include, &options, &probe));
            assert_eq!(ours, theirs);
        }
    }
}

#[test]
fn prototypes_and_types_are_upstreams() {
    for draft in [None, Some(DRAFT)] {
        let [ours, theirs] = sides().map(|include| Declarations::of(&include, draft));
        assert_eq!(ours.names(), theirs.names());
        assert_eq!(
            theirs.functions.len(),
            if draft.is_some() { 96 } else { 70 }
        );

        // C allows to declare the same again, and refuses anything else.
        for (include, other) in sides().iter().zip([&theirs, &ours]) {
            let again = other.functions.values().chain(other.types.values());
            let mut probe = String::from("#include <zmq.h>\n");
            for declaration in again {
                probe += &format!("{declaration};\n");
            }
            let options: Vec<String> = draft.map(String::from).into_iter().collect();
            outcome(
                include,
                &options,
                &(probe + "int main (void) { return 0; }\n"),
            );
        }
    }
}

#[test]
fn layouts_are_upstreams() {
    let [ours, theirs] = sides().map(|include| Declarations::of(&include, Some(DRAFT)));
    assert_eq!(ours.fields(), theirs.fields());

    let mut probe = String::from(
        "#include <zmq.h>\n\
         #define TYPE(it) _Generic ((it), void *: 1, int: 2, short: 3, unsigned char *: 4)\n\
         int main (void) {\n",
    );
    for (name, fields) in theirs.fields() {
        probe += &format!(
            "printf (\"{name} %zu %zu\\n\", sizeof (struct {name}), _Alignof ({name}));\n"
        );
        for field in fields {
            probe += &format!(
                "printf (\"{name}.{field} %zu %zu %d\\n\", offsetof ({name}, {field}), \
                 sizeof (({name} *) 0)->{field}, TYPE ((({name} *) 0)->{field}));\n"
            );
        }
    }
    probe += "}\n";
    let [ours, theirs] = sides().map(|include| outcome(&include, &[String::from(DRAFT)], &probe));
    assert_eq!(ours, theirs);
    assert!(ours.contains("zmq_msg_t 64 8\n"), "{ours}");
}

#[test]
fn functions_are_exported_unless_asked_not_to() {
    let exported = |options: &[&str]| {
        let text = preprocess(&root().join("include"), options);
        text.matches("visibility").count()
    };
    assert_eq!(exported(&[]), 70);
    assert_eq!(exported(&["-DZMQ_NO_EXPORT"]), 0);
}

#[test]
fn the_library_exports_the_stable_functions_and_nothing_else() {
    let stable = Declarations::of(&upstream().join("include"), None).functions;
    assert_eq!(
        exports(&own().join("libzmq.so.5")),
        stable.into_keys().collect()
    );
}

/// With the feature `draft` the functions of the draft API come on top.
#[test]
fn the_library_exports_the_draft_functions_when_asked_to() {
    let directory = target().join("draft");
    cargo([
        "build".as_ref(),
        "--package=libzmq".as_ref(),
        "--features=draft".as_ref(),
        "--target-dir".as_ref(),
        directory.as_os_str(),
    ]);
    let all = Declarations::of(&upstream().join("include"), Some(DRAFT)).functions;
    assert_eq!(
        exports(&directory.join("debug/libzmq.so")),
        all.into_keys().collect()
    );
}

/// The directories of the two headers: ours, and upstream's.
fn sides() -> [PathBuf; 2] {
    [root().join("include"), upstream().join("include")]
}

/// The C compiler, which finds `zmq.h` in a directory.
fn compiler(include: &Path) -> Command {
    let mut command = Command::new("cc");
    command.arg("-I").arg(include);
    command
}

/// System headers that are empty.
struct Stubs(TempDir);

impl Stubs {
    fn new(names: &[&str]) -> Stubs {
        let directory = TempDir::new().unwrap();
        for name in names {
            fs::write(directory.path().join(name), "").unwrap();
        }
        Stubs(directory)
    }

    fn argument(&self) -> String {
        format!("-I{}", self.0.path().display())
    }
}

/// What the preprocessor makes of the header, with empty system headers, so that nothing but its own remains.
fn preprocess(include: &Path, options: &[&str]) -> String {
    let stubs = Stubs::new(&[
        "errno.h", "signal.h", "stddef.h", "stdint.h", "stdio.h", "zmq.c",
    ]);
    let source = stubs.0.path().join("zmq.c");
    fs::write(&source, "#include <zmq.h>\n").unwrap();
    run(compiler(include)
        .args(["-E", "-P", "-nostdinc"])
        .arg(stubs.argument())
        .args(options)
        .arg(source))
}

/// The header's macros, with their parameters, and what they stand for.
fn macros(include: &Path, draft: Option<&str>) -> BTreeMap<String, String> {
    let all = |options: &[&str], include: &Path| -> BTreeMap<String, String> {
        let text = preprocess(include, options);
        let lines = text
            .lines()
            .filter_map(|line| line.strip_prefix("#define "));
        lines
            .map(|line| {
                // The parameters of a macro are listed without spaces.
                let (name, value) = line.split_once(' ').unwrap_or((line, ""));
                (name.into(), value.into())
            })
            .collect()
    };
    let mut options = vec!["-dM"];
    options.extend(draft);
    let none = Stubs::new(&["zmq.h"]);
    let predefined = all(&options, none.0.path());
    let mut macros = all(&options, include);
    macros.retain(|name, _| !predefined.contains_key(name));
    macros
}

/// Compiles a program as C11, with what POSIX adds, and runs it, and returns what it prints.
fn outcome(include: &Path, options: &[String], source: &str) -> String {
    let directory = TempDir::new().unwrap();
    let program = directory.path().join("probe");
    let file = directory.path().join("probe.c");
    fs::write(&file, source).unwrap();
    run(compiler(include)
        .args(["-std=gnu11", "-Werror"])
        .args(options)
        .arg(file)
        .arg("-o")
        .arg(&program));
    run(Command::new(program).stdin(Stdio::null()))
}

/// What the header declares, each under its name.
#[derive(Default)]
struct Declarations {
    functions: BTreeMap<String, String>,
    /// The types that are other names of types.
    types: BTreeMap<String, String>,
    structs: BTreeMap<String, String>,
}

impl Declarations {
    fn of(include: &Path, draft: Option<&str>) -> Declarations {
        let mut options = vec!["-DZMQ_NO_EXPORT"];
        options.extend(draft);
        let mut declarations = Declarations::default();
        for text in statements(&preprocess(include, &options)) {
            if text == "struct iovec" {
                continue;
            }
            let (name, place) = if text.starts_with("typedef struct") {
                (last_word(&text), &mut declarations.structs)
            } else if text.starts_with("typedef") && text.contains('(') {
                let (_, name) = text.split_once('(').unwrap();
                let (name, _) = name.split_once(')').unwrap();
                (name.trim(), &mut declarations.types)
            } else if text.starts_with("typedef") {
                (last_word(&text), &mut declarations.types)
            } else {
                let (head, _) = text.split_once('(').unwrap_or_else(|| panic!("{text}"));
                (last_word(head), &mut declarations.functions)
            };
            assert!(name.starts_with("zmq_"), "{text}");
            let name = name.to_string();
            let before = place.insert(name, text);
            assert_eq!(before, None);
        }
        declarations
    }

    fn names(&self) -> Vec<&String> {
        let Declarations {
            functions,
            types,
            structs,
        } = self;
        let names = functions.keys().chain(types.keys()).chain(structs.keys());
        names.collect()
    }

    /// The fields of each struct, in order.
    fn fields(&self) -> BTreeMap<&str, Vec<&str>> {
        let fields = |text| {
            let (_, fields) = str::split_once(text, '{').unwrap();
            let (fields, _) = fields.rsplit_once('}').unwrap();
            let fields = fields.split(';').map(str::trim).filter(|it| !it.is_empty());
            fields
                .map(|field| {
                    let field = field.split("__attribute__").next().unwrap();
                    last_word(field.split('[').next().unwrap())
                })
                .collect()
        };
        let structs = self.structs.iter();
        structs
            .map(|(name, text)| (name.as_str(), fields(text)))
            .collect()
    }
}

/// The declarations of a text, without their semicolons, on one line each.
fn statements(text: &str) -> Vec<String> {
    let mut statements = vec![String::new()];
    let mut depth = 0;
    for character in text.chars() {
        match character {
            '{' => depth += 1,
            '}' => depth -= 1,
            ';' if depth == 0 => {
                statements.push(String::new());
                continue;
            }
            _ => {}
        }
        statements.last_mut().unwrap().push(character);
    }
    let statements = statements.iter();
    let words = statements.map(|text| text.split_whitespace().collect::<Vec<_>>().join(" "));
    words.filter(|text| !text.is_empty()).collect()
}

fn last_word(text: &str) -> &str {
    let word = |character: char| character.is_ascii_alphanumeric() || character == '_';
    let text = text.trim_end();
    let start = text.rfind(|character| !word(character));
    &text[start.map_or(0, |start| start + 1)..]
}

/// The symbols that a shared library defines for others.
fn exports(library: &Path) -> BTreeSet<String> {
    let text = run(Command::new("nm")
        .args(["-D", "--defined-only"])
        .arg(library));
    let names = text.lines().filter_map(|line| line.split(' ').nth(2));
    names.map(String::from).collect()
}
