//! Runs random scripts of socket calls, and writes down what a library makes of them.
//!
//! `differential DIRECTORY SEED COUNT`: with the `libzmq.so.5` in the directory, the scripts of so many seeds from one
//! on; see [`capi_tests::cases`]. `differential DIRECTORY SEED only STEP...`: these steps of one. `differential count SEED`
//! says how many it has.
//!
//! What one thread does in a context has one outcome, and may be compared, once all that its calls have set off is over:
//! see [`quiet`]. What depends on time even so is kept out by [`script`], which says why.

mod machine;
mod quiet;
mod script;

use std::path::Path;

use capi_tests::{api::Library, cases};

use machine::Machine;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let number = |text: &str| text.parse::<u64>().expect("a number");
    if let ["count", seed] = &arguments[..] {
        println!("{}", script::script(number(seed)).len());
        return;
    }
    let (library, seed, rest) = match &arguments[..] {
        [library, seed, rest @ ..] => (Library::load(Path::new(library)), number(seed), rest),
        _ => panic!("a directory and a seed"),
    };
    match rest {
        ["only", steps @ ..] => {
            let script = script::script(seed);
            let steps = steps.iter().map(|step| number(step) as usize);
            run(library, seed, steps.map(|i| (i, &script[i])));
        }
        [count] => {
            for seed in seed..seed + number(count) {
                run(library, seed, script::script(seed).iter().enumerate());
            }
        }
        _ => panic!("a number of scripts"),
    }
}

fn run<'a>(
    library: &'static Library,
    seed: u64,
    steps: impl Iterator<Item = (usize, &'a script::Step)>,
) {
    cases::begin(&format!("{seed}"));
    // Names of files are the same everywhere if they are relative.
    let scratch = tempfile::tempdir().expect("a directory");
    std::env::set_current_dir(scratch.path()).expect("a directory");
    let mut machine = Machine::new(library);
    for (i, step) in steps {
        // What it crashes in is to be seen.
        print!("{i} {step:?}: ");
        println!("{}", machine.run(step));
    }
    machine.end();
}
