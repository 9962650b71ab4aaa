//! Waits until all that was set off in this process is over.
//!
//! That is so if no other thread has run between two looks, and all sleep: then nobody but the caller can wake one,
//! apart from timers and from peers outside. What is written to a local connection is there when the call returns, and
//! has made whoever waits for it runnable.

use std::{fs, thread};

/// Whether a thread sleeps, and how often it has been switched from.
type Thread = (u32, bool, Vec<String>);

/// Returns once the other threads of the process have come to rest.
pub fn wait() {
    let mut last = look();
    loop {
        thread::yield_now();
        let now = look();
        if now == last && now.iter().all(|(_, sleeps, _)| *sleeps) {
            return;
        }
        last = now;
    }
}

fn look() -> Vec<Thread> {
    let own = std::process::id();
    let tasks = fs::read_dir("/proc/self/task").expect("threads");
    let numbers = tasks.filter_map(|task| task.ok()?.file_name().to_str()?.parse().ok());
    let others = numbers.filter(|&number: &u32| number != own);
    others.filter_map(thread).collect()
}

/// `None` if it has just ended.
fn thread(number: u32) -> Option<Thread> {
    let status = fs::read_to_string(format!("/proc/self/task/{number}/status")).ok()?;
    let value = |name| status.lines().filter(move |line| line.contains(name));
    let sleeps = value("State:").any(|line| line.contains("S (sleeping)"));
    let switches = value("ctxt_switches").map(String::from).collect();
    Some((number, sleeps, switches))
}
