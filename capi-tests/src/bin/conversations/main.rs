//! Holds the same conversations with the library under test and with upstream's, and tells where they come to
//! something else.
//!
//! `conversations [count] [seed]`: so many, of this seed and those that follow it. `conversations --case seed [steps]`
//! shows one, without these steps, as what is said of a difference names it. `SHOWN=n` shows n differences at most.
//! `SECURITY=Curve`, or another of [`Security`], passes over all others, and holds so many of these.

mod known;
mod worker;

use std::{
    collections::BTreeMap,
    env,
    io::{BufRead as _, BufReader, Lines, Write as _},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Command, ExitCode, Stdio},
    time::Instant,
};

use capi_tests::{library, reference};
use conversations::conversation::Security;
use worker::Case;

/// How many conversations a worker is told of at once.
const BATCH: usize = 64;
/// How often a conversation that makes a difference is held again, to see whether it does so each time.
const AGAIN: usize = 2;
/// How many differences are shrunk and shown.
const SHOWN: usize = 12;

/// A process with a library.
struct Worker {
    directory: PathBuf,
    process: Option<(Child, ChildStdin, Lines<BufReader<ChildStdout>>)>,
}

impl Worker {
    fn new(directory: &Path) -> Worker {
        let directory = directory.to_path_buf();
        Worker {
            directory,
            process: None,
        }
    }

    fn process(&mut self) -> &mut (Child, ChildStdin, Lines<BufReader<ChildStdout>>) {
        self.process.get_or_insert_with(|| {
            let mut child = Command::new(env::current_exe().expect("this program"))
                .arg("--worker")
                .arg(&self.directory)
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .stderr(Stdio::inherit())
                .spawn()
                .expect("a process");
            let input = child.stdin.take().expect("a pipe");
            let output = child.stdout.take().expect("a pipe");
            (child, input, BufReader::new(output).lines())
        })
    }

    /// Tells the worker what to do next.
    fn tell(&mut self, cases: &[Case]) {
        let lines: Vec<String> = cases.iter().map(|case| case.line() + "\n").collect();
        // One that has died is found when its answer is read.
        let _ = self.process().1.write_all(lines.concat().as_bytes());
    }

    /// The next answer, or how the process has died.
    fn answer(&mut self) -> Result<Vec<String>, String> {
        let (child, _, lines) = self.process();
        let mut answer = Vec::new();
        for line in lines.map_while(Result::ok) {
            if line.is_empty() {
                return Ok(answer);
            }
            answer.push(line);
        }
        let status = child.wait();
        self.process = None;
        Err(match status {
            Ok(status) => format!("died: {status}"),
            Err(error) => format!("died: {error}"),
        })
    }

    /// What comes of all these, in their order.
    fn answers(&mut self, cases: &[Case]) -> Vec<Vec<String>> {
        let mut answers = Vec::new();
        while answers.len() < cases.len() {
            let left = &cases[answers.len()..];
            self.tell(left);
            for _ in left {
                match self.answer() {
                    Ok(answer) => answers.push(answer),
                    Err(death) => {
                        answers.push(vec![death]);
                        break;
                    }
                }
            }
        }
        answers
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        if let Some((mut child, input, _)) = self.process.take() {
            drop(input);
            let _ = child.wait();
        }
    }
}

/// Both libraries.
struct Pair {
    ours: Worker,
    theirs: Worker,
}

impl Pair {
    fn new() -> Pair {
        Pair {
            ours: Worker::new(library::directory()),
            theirs: Worker::new(reference::library()),
        }
    }

    fn answers(&mut self, cases: &[Case]) -> Vec<(Vec<String>, Vec<String>)> {
        let (ours, theirs) = std::thread::scope(|scope| {
            let ours = scope.spawn(|| self.ours.answers(cases));
            let theirs = self.theirs.answers(cases);
            (ours.join().expect("a thread"), theirs)
        });
        ours.into_iter().zip(theirs).collect()
    }

    /// What a conversation comes to with each, if that is not the same and not known to be wanted.
    fn difference(&mut self, case: &Case) -> Option<(Vec<String>, Vec<String>)> {
        let (ours, theirs) = self.answers(std::slice::from_ref(case)).pop()?;
        differ(case, &ours, &theirs).then_some((ours, theirs))
    }

    fn again_and_again(&mut self, case: &Case) -> bool {
        (0..AGAIN).all(|_| self.difference(case).is_some())
    }

    /// Leaves out all steps that make no difference to that there is a difference.
    fn shrink(&mut self, mut case: Case) -> Case {
        let all = Case {
            without: Vec::new(),
            ..case.clone()
        }
        .conversation()
        .steps
        .len();
        let mut size = all.div_ceil(2);
        while size > 0 {
            let mut at = 0;
            while at < all {
                let mut less = case.clone();
                less.without
                    .extend((at..(at + size).min(all)).filter(|n| !case.without.contains(n)));
                if less.without.len() > case.without.len() && self.difference(&less).is_some() {
                    case = less;
                }
                at += size;
            }
            size /= 2;
        }
        case
    }
}

fn differ(case: &Case, ours: &[String], theirs: &[String]) -> bool {
    known::is_modelled_otherwise(ours)
        || ours != theirs && known::reason(&case.conversation(), ours, theirs).is_none()
}

fn show(seed: u64, case: &Case, ours: &[String], theirs: &[String]) {
    println!("--- seed {seed}, shrunk: {}", case.line());
    print!("{}", case.conversation());
    let only = |mine: &[String], other: &[String]| {
        let mut rest = other.to_vec();
        let lines = mine
            .iter()
            .filter(|line| match rest.iter().position(|other| other == *line) {
                Some(at) => {
                    rest.remove(at);
                    false
                }
                None => true,
            });
        lines.cloned().collect::<Vec<_>>()
    };
    let (mut others, mut other) = (theirs.to_vec(), "upstream");
    if ours == theirs {
        let model = ours.iter().filter_map(|line| line.strip_prefix("model: "));
        (others, other) = (model.map(String::from).collect(), "the model");
    }
    for (name, lines) in [("ours", only(ours, &others)), (other, only(&others, ours))] {
        println!("only {name} ({} lines):", lines.len());
        lines
            .iter()
            .take(12)
            .for_each(|line| println!("    {line}"));
    }
    println!();
}

/// Shows a conversation, and all that comes of it with each library.
fn one(case: &Case) {
    print!("{}", case.conversation());
    for (ours, theirs) in Pair::new().answers(std::slice::from_ref(case)) {
        for (name, lines) in [("ours", ours), ("upstream", theirs)] {
            println!("{name}:");
            lines.iter().for_each(|line| println!("    {line}"));
        }
    }
}

/// What conversations have come to.
#[derive(Default)]
struct Tally {
    /// How many were held, of each kind of security.
    held: BTreeMap<String, u64>,
    /// Those that differ.
    different: Vec<Case>,
    /// How many did once, and not again.
    flaky: u64,
    /// How many are meant to differ, and why.
    listed: BTreeMap<&'static str, u64>,
}

/// Holds these conversations with both libraries.
fn hold(pair: &mut Pair, mut cases: impl Iterator<Item = Case>) -> Tally {
    let mut tally = Tally::default();
    loop {
        let batch: Vec<Case> = cases.by_ref().take(BATCH).collect();
        if batch.is_empty() {
            return tally;
        }
        for (case, (ours, theirs)) in batch.iter().zip(pair.answers(&batch)) {
            let security = format!("{:?}", case.security());
            *tally.held.entry(security).or_default() += 1;
            if !differ(case, &ours, &theirs) {
                if ours != theirs
                    && let Some(reason) = known::reason(&case.conversation(), &ours, &theirs)
                {
                    *tally.listed.entry(reason).or_default() += 1;
                }
            } else if !ours.iter().any(|line| line.starts_with("died"))
                && !pair.again_and_again(case)
            {
                tally.flaky += 1;
                println!("a difference that does not come again:");
                show(case.seed, case, &ours, &theirs);
            } else {
                tally.different.push(case.clone());
                println!("seed {}: a difference", case.seed);
            }
        }
    }
}

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    if let [flag, directory] = &arguments[..]
        && flag == "--worker"
    {
        worker::work(Path::new(directory));
        return ExitCode::SUCCESS;
    }
    if let Some(("--case", case)) = arguments
        .split_first()
        .map(|(flag, rest)| (flag.as_str(), rest))
    {
        one(&Case::parse(&(case.join(" ") + " ")));
        return ExitCode::SUCCESS;
    }
    let number = |n: usize, default: u64| match arguments.get(n) {
        Some(text) => text.parse().expect("a number"),
        None => default,
    };
    let (count, first) = (number(0, 1000), number(1, 0));
    println!("{count} conversations from SEED={first}");
    let security = env::var("SECURITY").ok().map(|name| {
        let mut all = Security::ALL.into_iter();
        all.find(|security| format!("{security:?}") == name)
            .expect("SECURITY is one of them")
    });
    let cases = (first..).map(|seed| Case {
        seed,
        without: Vec::new(),
    });
    let cases = cases.filter(|case| security.is_none_or(|wanted| wanted == case.security()));
    let mut pair = Pair::new();
    let began = Instant::now();
    let tally = hold(&mut pair, cases.take(count as usize));
    let seconds = began.elapsed().as_secs_f64();
    let shown = env::var("SHOWN").map_or(SHOWN, |text| text.parse().expect("SHOWN is a number"));
    for case in tally.different.iter().take(shown) {
        let small = pair.shrink(case.clone());
        if let Some((ours, theirs)) = pair.difference(&small) {
            show(case.seed, &small, &ours, &theirs);
        }
    }
    for (security, held) in &tally.held {
        println!("{held} with {security}");
    }
    for (reason, times) in &tally.listed {
        println!("{times} differ as is listed: {reason}");
    }
    println!(
        "{count} conversations in {seconds:.1} s, {:.0} a second: {} differ, {} did once, {} as is listed",
        count as f64 / seconds,
        tally.different.len(),
        tally.flaky,
        tally.listed.values().sum::<u64>(),
    );
    match tally.different.len() {
        0 => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    }
}
