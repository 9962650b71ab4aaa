//! The documentation of the C functions: that each is there in the same form, and that it names the
//! errnos that there are.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
};

use capi_tests::{cases::FAILURES, library::root};

use super::OURS;

/// The sections that each function has, in this order.
const SECTIONS: [&str; 6] = [
    "Parameters",
    "Returns",
    "Errors",
    "Blocking",
    "Thread safety",
    "Source",
];
/// The one that some have before the last.
const SAFETY: &str = "Safety";
/// Those of a function of the draft API that isn't there yet.
const DRAFT_SECTIONS: [&str; 3] = ["Returns", "Errors", "Source"];

/// Errnos that the sweep can't bring about, of the functions whose names begin so, and why it
/// can't.
const UNSEEN: [(&str, &str, &str); 8] = [
    ("ENOMEM", "zmq_", "memory would have to run out"),
    ("EMFILE", "zmq_", "descriptors would have to run out"),
    ("ENFILE", "zmq_", "descriptors would have to run out"),
    ("ENOBUFS", "zmq_bind", "memory would have to run out"),
    (
        "ENOSPC",
        "zmq_bind",
        "descriptors that are watched would have to run out",
    ),
    ("EACCES", "zmq_bind", "the superuser may bind everything"),
    ("EAGAIN", "zmq_socket", "threads would have to run out"),
    ("EAGAIN", "zmq_threadstart", "threads would have to run out"),
];

/// A function and what is said of it.
struct Function {
    name: String,
    parameters: Vec<String>,
    /// Of the draft API.
    draft: bool,
    /// What is said at first.
    head: Vec<String>,
    sections: Vec<(String, Vec<String>)>,
}

impl Function {
    fn section(&self, title: &str) -> &[String] {
        let mut sections = self.sections.iter();
        let found = sections.find(|(other, _)| other == title);
        found.map_or(&[], |(_, lines)| lines)
    }

    /// What the items of a section's list are about: the names before each one's colon.
    fn items(&self, title: &str) -> Vec<String> {
        let items = self.section(title).iter();
        let items = items.filter_map(|line| line.strip_prefix("- `"));
        items
            .flat_map(|item| {
                let (names, _) = item
                    .split_once("`: ")
                    .unwrap_or_else(|| panic!("{}: no name and colon in {item:?}", self.name));
                names.split("`, `").map(String::from).collect::<Vec<_>>()
            })
            .collect()
    }

    /// The errnos that it can fail with.
    fn errnos(&self) -> BTreeSet<String> {
        self.items("Errors").into_iter().collect()
    }
}

/// All that are exported, by their source.
fn functions() -> Vec<Function> {
    let files = fs::read_dir(root().join("src/capi")).expect("the C functions");
    let mut functions = Vec::new();
    for file in files {
        let path = file.expect("a file").path();
        let text = fs::read_to_string(&path).expect("text");
        let draft = path.ends_with("poller.rs");
        let (mut docs, mut attributes) = (Vec::new(), Vec::new());
        let mut lines = text.lines();
        while let Some(line) = lines.next() {
            if let Some(doc) = line.strip_prefix("///") {
                docs.push(doc.trim_start().to_string());
            } else if line.starts_with("#[") {
                attributes.push(line);
            } else {
                if line.starts_with("pub unsafe extern \"C") {
                    let draft = draft || attributes.contains(&"#[cfg(feature = \"draft\")]");
                    let rest = lines.clone().take_while(|line| !line.starts_with(")"));
                    let signature: String = match line.ends_with('(') {
                        true => [line].into_iter().chain(rest).collect(),
                        false => line.into(),
                    };
                    functions.push(function(&signature, &docs, draft));
                }
                docs.clear();
                attributes.clear();
            }
        }
    }
    assert_eq!(functions.iter().filter(|it| !it.draft).count(), 70);
    functions
}

fn function(signature: &str, docs: &[String], draft: bool) -> Function {
    let (_, rest) = signature.split_once(" fn ").expect("a function");
    let (name, parameters) = rest.split_once('(').expect("parameters");
    let (parameters, _) = parameters.split_once(')').unwrap_or((parameters, ""));
    let parameters = parameters.split(',').filter_map(|it| it.split_once(": "));
    let mut sections = Vec::new();
    let mut head = Vec::new();
    for line in docs {
        match (line.strip_prefix("# "), sections.last_mut()) {
            (Some(title), _) => sections.push((title.to_string(), Vec::new())),
            (None, Some((_, lines))) => lines.push(line.clone()),
            (None, None) => head.push(line.clone()),
        }
    }
    Function {
        name: name.into(),
        parameters: parameters.map(|(name, _)| name.trim().into()).collect(),
        draft,
        head,
        sections,
    }
}

/// What the sweep has called, each function with the errnos that it has failed with.
fn seen() -> BTreeMap<String, BTreeSet<String>> {
    let mut seen: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for line in OURS.iter().flat_map(|case| &case.lines) {
        if let Some(failures) = line.strip_prefix(FAILURES) {
            for failure in failures.split(", ") {
                let (function, errno) = failure.split_once(' ').expect("a function and an errno");
                let errnos = seen.entry(function.into()).or_default();
                errnos.insert(errno.into());
            }
        } else if line.starts_with("zmq_")
            && let Some((function, _)) = line.split_once(": ")
        {
            seen.entry(function.into()).or_default();
        }
    }
    seen
}

/// Whoever looks something up finds it in the same place of each function, and no parameter is left
/// out.
#[test]
fn all_functions_are_documented_in_one_form() {
    for function in functions() {
        let Function { name, sections, .. } = &function;
        let titles = sections.iter().map(|(title, _)| title.as_str());
        let titles: Vec<&str> = titles.filter(|title| *title != SAFETY).collect();
        assert!(!function.head.is_empty(), "{name} isn't described");
        for (title, lines) in sections {
            let is_empty = lines.iter().all(String::is_empty);
            assert!(!is_empty, "{name}: nothing under {title}");
        }
        if function.draft && titles == DRAFT_SECTIONS {
            assert_eq!(function.items("Errors"), ["ENOTSUP"], "{name}");
            continue;
        }
        assert_eq!(titles, SECTIONS, "{name}");
        assert_eq!(function.items("Parameters"), function.parameters, "{name}");
        for (title, items) in [
            ("Parameters", function.parameters.len()),
            ("Errors", function.errnos().len()),
        ] {
            let none = function.section(title).contains(&"None.".into());
            assert_eq!(none, items == 0, "{name}: {title}");
        }
    }
}

/// A program that is written by the documentation handles each errno that it may meet, and none
/// that it can't.
#[test]
fn the_errnos_documented_are_those_that_there_are() {
    let seen = seen();
    let mut wrong = Vec::new();
    let mut unseen = BTreeSet::new();
    let functions = functions();
    for function in functions.iter().filter(|function| !function.draft) {
        let Some(seen) = seen.get(&function.name) else {
            wrong.push(format!(
                "{} is called by no case of the sweep",
                function.name
            ));
            continue;
        };
        let documented = function.errnos();
        for errno in seen.difference(&documented) {
            wrong.push(format!(
                "{} fails with {errno}, undocumented",
                function.name
            ));
        }
        for errno in documented.difference(seen) {
            let mut known = UNSEEN.iter();
            match known.position(|(it, prefix, _)| it == errno && function.name.starts_with(prefix))
            {
                Some(place) => drop(unseen.insert(place)),
                None => wrong.push(format!(
                    "{} is never seen to fail with {errno}",
                    function.name
                )),
            }
        }
    }
    for (place, (errno, prefix, _)) in UNSEEN.iter().enumerate() {
        if !unseen.contains(&place) {
            wrong.push(format!(
                "UNSEEN is stale: {errno} of {prefix} is seen, or not documented"
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
