//! What it all ran on, and when.

use std::{fs, process::Command, thread};

/// The machine, as a report names it.
pub struct Machine {
    /// The processor's model.
    pub processor: String,
    /// How many of its cores may be used.
    pub cores: usize,
    /// The kernel's name and release.
    pub kernel: String,
    /// The average of how many threads wanted to run in the minute before.
    pub load: String,
    /// The day and time.
    pub date: String,
}

impl Machine {
    /// This one, now.
    pub fn look() -> Self {
        let read = |file| fs::read_to_string(file).unwrap_or_default();
        let processors = read("/proc/cpuinfo");
        let model = processors
            .lines()
            .find_map(|line| line.strip_prefix("model name")?.split_once(": "))
            .map_or("unknown processor", |(_, model)| model);
        let date = Command::new("date").args(["-u", "+%F %R UTC"]).output();
        let date = date.map(|output| String::from_utf8_lossy(&output.stdout).trim().into());
        Machine {
            processor: model.trim().into(),
            cores: thread::available_parallelism().map_or(1, usize::from),
            kernel: format!("Linux {}", read("/proc/sys/kernel/osrelease").trim()),
            load: read("/proc/loadavg")
                .split_whitespace()
                .next()
                .unwrap_or("unknown")
                .into(),
            date: date.unwrap_or_default(),
        }
    }

    /// In a line.
    pub fn line(&self) -> String {
        format!(
            "{}, {} cores, {}, {}; load when it began: {}",
            self.processor, self.cores, self.kernel, self.date, self.load
        )
    }
}
