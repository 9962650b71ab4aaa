//! Makes `include/zmq.h` from the Rust source.
//!
//! cbindgen turns one source file at a time into declarations; this puts them in order, the draft API behind
//! `ZMQ_BUILD_DRAFT_API`, between the header and trailer of `cbindgen.toml`.

use std::{fs, path::Path};

use cbindgen::{Builder, Config};

/// The files of the stable API in the order of the header. Their items of the draft API come each behind a condition.
const STABLE: &[&str] = &[
    "consts/mod.rs",
    "capi/util.rs",
    "capi/context.rs",
    "capi/message.rs",
    "capi/property.rs",
    "capi/socket.rs",
    "capi/endpoint.rs",
    "capi/send.rs",
    "capi/receive.rs",
    "capi/monitor.rs",
    "capi/poll.rs",
    "capi/proxy.rs",
    "capi/security.rs",
    "capi/atomics.rs",
    "capi/timers.rs",
];

/// The files that are of the draft API as a whole.
const DRAFT: &[&str] = &["consts/draft.rs", "capi/poller.rs"];

/// The text of the header, from the source under `root`.
pub fn generate(root: &Path) -> String {
    let mut config = Config::from_file(root.join("cbindgen.toml")).expect("cbindgen.toml");
    let header = config.header.take().expect("a header in cbindgen.toml");
    let trailer = config.trailer.take().expect("a trailer in cbindgen.toml");
    let part = |files: &[&str]| {
        let files = files.iter().map(|file| root.join("src").join(file));
        let texts = files.map(|file| declarations(&config, &file) + &strings(&file));
        tidy(&texts.collect::<Vec<_>>().join("\n"))
    };
    let (header, trailer) = (header.trim(), trailer.trim());
    let (stable, draft) = (part(STABLE), part(DRAFT));
    format!("{header}\n\n{stable}\n#ifdef ZMQ_BUILD_DRAFT_API\n\n{draft}\n#endif\n\n{trailer}\n")
}

/// The declarations of one file.
fn declarations(config: &Config, file: &Path) -> String {
    let mut text = Vec::new();
    Builder::new()
        .with_config(config.clone())
        .with_no_includes()
        .with_src(file)
        .generate()
        .unwrap_or_else(|error| panic!("{}: {error}", file.display()))
        .write(&mut text);
    String::from_utf8(text).expect("UTF-8").trim_start().into()
}

/// The constants of one file that are strings, which cbindgen passes over.
fn strings(file: &Path) -> String {
    let source = fs::read_to_string(file).expect("a source file");
    let mut text = String::new();
    let mut doc = "";
    for line in source.lines() {
        let constant = line.strip_prefix("pub const ");
        if let Some((name, value)) = constant.and_then(|constant| constant.split_once(": &str = "))
        {
            if let Some(doc) = doc.strip_prefix("/// ") {
                text += &format!("\n/*\n {doc}\n */");
            }
            text += &format!("\n#define {name} {}\n", value.trim_end_matches(';'));
        }
        doc = line;
    }
    text
}

/// What cbindgen has no settings for.
fn tidy(text: &str) -> String {
    text
        // One-line comments on one line, those of fields first, and the macros of a group together.
        .replace("/*\n     ", "/* ")
        .replace("\n     */", " */")
        .replace("/*\n ", "/* ")
        .replace("\n */", " */")
        .replace("\n\n#define", "\n#define")
        // Neighbours of the draft API behind one condition.
        .replace("#endif\n\n#if defined(ZMQ_BUILD_DRAFT_API)\n", "\n")
        // Callbacks are function types in C: `zmq_free_fn *` is the pointer, and what a parameter becomes.
        .replace("typedef void (*zmq_", "typedef void (zmq_")
        // The types have names of their own; "typedef struct" alone has one space before it.
        .replace("const struct zmq_", "const zmq_")
        .replace("(struct zmq_", "(zmq_")
        .replace(", struct zmq_", ", zmq_")
        .replace("  struct zmq_", "  zmq_")
}
