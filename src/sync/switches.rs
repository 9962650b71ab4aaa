//! What to do without, as the environment says: a list of mechanisms in `ZMQ_WITHOUT`, with commas between them.
//!
//! Each makes something faster and nothing possible, so that a program which has its reasons can leave any of them out:
//! membarrier(2) interrupts other processors, which may be isolated for threads that are not to be disturbed, and sandboxes
//! may forbid it; and who wants to know what one is worth can measure. Read once, when the first context is made.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

/// What can be done without.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mechanism {
    /// The asymmetric fence by membarrier(2), and with it what depends on it: bias and streaming.
    Membarrier,
    /// A socket's lock costs the one thread that always uses it next to nothing.
    Bias,
    /// The pipes of a sender that goes on pass messages on without a fence for each.
    Streaming,
    /// Senders write idle connections by themselves, unless their messages follow each other fast.
    Burst,
    /// The I/O thread looks a moment later what a sender that goes on has left, rather than be woken for it.
    Hold,
    /// The I/O thread lets senders that go on do so before it writes what they have left.
    GiveWay,
    /// Threads that wait try again for a moment before they sleep.
    Spin,
    /// A thread that waits again and again watches its connections in between as well.
    Lease,
}

const NAMES: [(&[u8], Mechanism); 8] = [
    (b"membarrier", Mechanism::Membarrier),
    (b"bias", Mechanism::Bias),
    (b"streaming", Mechanism::Streaming),
    (b"burst", Mechanism::Burst),
    (b"hold", Mechanism::Hold),
    (b"giveway", Mechanism::GiveWay),
    (b"spin", Mechanism::Spin),
    (b"lease", Mechanism::Lease),
];

/// A bit for each that is left out, once that was read.
static LEFT_OUT: AtomicU32 = AtomicU32::new(0);
static IS_READ: AtomicBool = AtomicBool::new(false);

fn bit(mechanism: Mechanism) -> u32 {
    1 << mechanism as u32
}

/// Those in a list. What isn't known is passed over.
fn parse(list: &[u8]) -> u32 {
    let known = |name: &[u8]| NAMES.iter().find(|(known, _)| *known == name);
    let named = list.split(|&b| b == b',').map(<[u8]>::trim_ascii);
    named
        .filter_map(known)
        .fold(0, |all, &(_, one)| all | bit(one))
}

/// Finds out what to do without. A program that runs with more rights than its user isn't told by the environment.
pub fn read() {
    if IS_READ.swap(true, Ordering::Relaxed) {
        return;
    }
    // SAFETY: takes no pointers.
    let is_trusted = unsafe { libc::getauxval(libc::AT_SECURE) } == 0;
    let list = std::env::var_os("ZMQ_WITHOUT").filter(|_| is_trusted);
    let left_out = list.map_or(0, |list| parse(list.as_encoded_bytes()));
    LEFT_OUT.store(left_out, Ordering::Relaxed);
}

/// Whether it is used.
#[inline]
pub fn uses(mechanism: Mechanism) -> bool {
    LEFT_OUT.load(Ordering::Relaxed) & bit(mechanism) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_names_what_to_do_without() {
        let (spin, hold) = (bit(Mechanism::Spin), bit(Mechanism::Hold));
        for (list, left_out) in [
            (&b""[..], 0),
            (b"spin", spin),
            (b"hold, spin", spin | hold),
            (b",spin,,nothing,SPIN", spin),
            (b"spin hold", 0),
        ] {
            assert_eq!(parse(list), left_out);
        }
        let all = NAMES.map(|(name, _)| name).join(&b',');
        assert_eq!(parse(&all), (1 << NAMES.len()) - 1);
    }
}
