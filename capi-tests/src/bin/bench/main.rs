//! Compares the library's speed with upstream's, by upstream's own perf programs: `make bench`.
//!
//! Each program is compiled once, as it is, and runs with the one library and with the other right after each other, in
//! turns as to which is first, [`ROUNDS`] times over. Both get the same command line. What is compared is therefore
//! each pair of runs, since both have seen the same weather; the machine between the rounds may change as it likes.
//!
//! | module | holds |
//! |---|---|
//! | [`scenario`] | what is measured, with which programs |
//! | [`run`] | one run of them, under a time limit |
//! | [`statistics`] | medians and ratios over the rounds |
//! | [`number`] | figures as people read them |
//! | [`table`] | `table.md`, which is also what is printed |
//! | [`plot`] | curves in SVG |
//! | [`report`] | `report.html` |
//! | [`machine`] | what it all ran on |
//!
//! `bench [filter]...` measures only the scenarios with such a name. `BENCH_ROUNDS=n` sets how many rounds,
//! `LIBZMQ_DIR` the library that is measured, and `BENCH_REFERENCE` the directory of the one it is compared with.

mod machine;
mod number;
mod plot;
mod report;
mod run;
mod scenario;
mod statistics;
mod table;

use std::{collections::BTreeMap, env, fs, path::Path, process::ExitCode, time::Instant};

use capi_tests::{library, reference};

use machine::Machine;
use run::Programs;
use scenario::{SCENARIOS, SIZES, Scenario};
use statistics::Comparison;

/// How often everything is measured, unless `BENCH_ROUNDS` says otherwise.
const ROUNDS: usize = 5;

/// How often a run that fails is begun in a round.
const ATTEMPTS: usize = 2;

/// What was measured of a scenario: a comparison for each of the [`SIZES`].
struct Measured {
    scenario: &'static Scenario,
    sizes: Vec<Comparison>,
}

/// All that tables and reports tell.
struct Results {
    machine: Machine,
    rounds: usize,
    measured: Vec<Measured>,
    /// What went wrong, and how often.
    failures: BTreeMap<String, usize>,
}

fn main() -> ExitCode {
    let filters: Vec<String> = env::args().skip(1).collect();
    let rounds = match env::var("BENCH_ROUNDS").map(|text| text.parse()) {
        Err(_) => ROUNDS,
        Ok(Ok(rounds @ 1..)) => rounds,
        Ok(_) => {
            eprintln!("BENCH_ROUNDS wants a number above zero");
            return ExitCode::FAILURE;
        }
    };
    let wanted = |s: &&Scenario| filters.is_empty() || filters.iter().any(|f| s.name().contains(f));
    let scenarios: Vec<&'static Scenario> = SCENARIOS.iter().filter(wanted).collect();
    if scenarios.is_empty() {
        let names: Vec<String> = SCENARIOS.iter().map(Scenario::name).collect();
        eprintln!("there are: {}", names.join(", "));
        return ExitCode::FAILURE;
    }

    let directory = library::target().join("bench");
    let results = measure(&scenarios, rounds, &directory);
    let table = table::markdown(&results);
    println!("{table}");
    let failures = &results.failures;
    for (what, times) in failures {
        println!("{times} failed: {what}");
    }
    for (name, text) in [("table.md", table), ("report.html", report::html(&results))] {
        let file = directory.join(name);
        fs::write(&file, text).expect("the build directory can be written");
        println!("{}", file.display());
    }
    // What the other library fails at is told, and nothing to fix here.
    let ours_failed = |one: &Measured| one.sizes.iter().any(|size| size.failures(1) > 0);
    ExitCode::from(u8::from(results.measured.iter().any(ours_failed)))
}

fn measure(scenarios: &[&'static Scenario], rounds: usize, directory: &Path) -> Results {
    eprintln!("building");
    let theirs = env::var_os("BENCH_REFERENCE").map_or_else(
        || reference::library().into(),
        |directory| fs::canonicalize(directory).expect("BENCH_REFERENCE is a directory"),
    );
    let programs = Programs::build(directory);
    // Theirs first, as everywhere.
    let libraries = [&*theirs, library::directory()];
    let machine = Machine::look();
    let began = Instant::now();
    let mut failures = BTreeMap::new();

    let cells: Vec<(&Scenario, usize)> = scenarios
        .iter()
        .flat_map(|scenario| SIZES.map(|size| (*scenario, size)))
        .collect();
    eprintln!("finding out how much work fits into a run");
    let counts: Vec<usize> = cells
        .iter()
        .map(|(scenario, size)| programs.fitting_count(scenario, *size, libraries[0]))
        .collect();

    let mut comparisons = vec![Comparison::default(); cells.len()];
    for round in 0..rounds {
        eprintln!(
            "round {} of {rounds} ({} s so far)",
            round + 1,
            began.elapsed().as_secs()
        );
        for (n, (scenario, size)) in cells.iter().enumerate() {
            let mut pair = [None; 2];
            // By turns within a round, and for each cell from round to round.
            let first = (round + n) % 2;
            for side in [first, 1 - first] {
                for _ in 0..ATTEMPTS {
                    match programs.run(scenario, *size, counts[n], libraries[side]) {
                        Ok(figure) => {
                            pair[side] = Some(figure);
                            break;
                        }
                        Err(why) => {
                            comparisons[n].fail(side);
                            let what = format!(
                                "{}, {}, {}: {why}",
                                scenario.name(),
                                number::size(*size),
                                ["libzmq", "this library"][side]
                            );
                            *failures.entry(what).or_default() += 1;
                        }
                    }
                }
            }
            comparisons[n].add(pair);
        }
    }

    let mut comparisons = comparisons.into_iter();
    let measured = scenarios
        .iter()
        .map(|scenario| Measured {
            scenario,
            sizes: comparisons.by_ref().take(SIZES.len()).collect(),
        })
        .collect();
    Results {
        machine,
        rounds,
        measured,
        failures,
    }
}
