//! Writes each target's seeds to a directory of its own below the one that is given, and prints the targets' names.

use std::{env, fs, io, path::Path};

fn main() -> io::Result<()> {
    let to = env::args().nth(1).expect("a directory");
    for target in fuzz::TARGETS {
        let dir = Path::new(&to).join(target.name);
        fs::create_dir_all(&dir)?;
        for (n, seed) in (target.seeds)().iter().enumerate() {
            fs::write(dir.join(format!("seed-{n:02}")), seed)?;
        }
        println!("{}", target.name);
    }
    Ok(())
}
