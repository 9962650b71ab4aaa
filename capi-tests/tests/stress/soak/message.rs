//! Numbered messages, whose parts and bytes follow from their numbers.

use std::sync::{
    Arc, LazyLock,
    atomic::{AtomicUsize, Ordering},
};

use capi_tests::api::{Errno, Library, Part, Result, Socket, consts::*};

use super::{
    plan::{Bodies, Plan},
    watch,
};
use capi_tests::random::Random;

/// Which message it is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Id {
    pub sender: u32,
    /// How many sockets the sender has had before.
    pub life: u32,
    pub number: u64,
}

/// At the beginning of the first part.
const HEAD: usize = 24;

/// Bytes that aren't like their neighbours.
static BYTES: LazyLock<Vec<u8>> = LazyLock::new(|| Random::new(0x5eed).bytes(3 << 20));

/// The bodies lent to the library, and those that it has given back.
static LENT: AtomicUsize = AtomicUsize::new(0);
static GIVEN_BACK: LazyLock<Arc<AtomicUsize>> = LazyLock::new(Arc::default);

/// How many bodies the library still has of those that were lent to it.
pub fn still_lent() -> isize {
    let back = GIVEN_BACK.load(Ordering::SeqCst) as isize;
    LENT.load(Ordering::SeqCst) as isize - back
}

fn random(plan: &Plan, id: Id) -> Random {
    let mix =
        plan.seed ^ u64::from(id.sender) << 32 ^ id.number.wrapping_mul(0xd6e8_feb8_6659_fd93);
    let mut random = Random::new(mix);
    for _ in 0..3 {
        random.below(2);
    }
    random
}

fn size(bodies: Bodies, random: &mut Random) -> usize {
    match bodies {
        Bodies::Small => random.below(150),
        Bodies::Borders => {
            let borders = [0, 33, 64, 255, 4096, 8192, 8192, 16_384, 32_768, 65_536];
            (borders[random.below(borders.len())] + random.below(48)).saturating_sub(24)
        }
        Bodies::Large => 50_000 + random.below(1 << 20),
        Bodies::Mixed => match random.below(100) {
            0 => size(Bodies::Large, random),
            1..10 => size(Bodies::Borders, random),
            _ => size(Bodies::Small, random),
        },
    }
}

/// The bodies of a message's parts.
fn bodies(plan: &Plan, id: Id) -> Vec<Vec<u8>> {
    let random = &mut random(plan, id);
    let counts: &[usize] = match (plan.parts, plan.bodies) {
        (false, _) => &[1],
        (true, Bodies::Large) => &[1, 2, 3],
        (true, _) => &[1, 2, 3, 10, 60],
    };
    let count = counts[random.below(counts.len())];
    let mut bodies: Vec<Vec<u8>> = (0..count)
        .map(|part| {
            let least = if part == 0 { HEAD } else { 0 };
            let size = size(plan.bodies, random).max(least);
            let from = random.below(1 << 20);
            BYTES[from..from + size].to_vec()
        })
        .collect();
    let head = &mut bodies[0][..HEAD];
    head[..4].copy_from_slice(&id.sender.to_le_bytes());
    head[4..8].copy_from_slice(&id.life.to_le_bytes());
    head[8..16].copy_from_slice(&id.number.to_le_bytes());
    head[16..].copy_from_slice(&plan.seed.to_le_bytes());
    bodies
}

/// Which message this is, which has to be all of it.
pub fn check(plan: &Plan, message: &[Vec<u8>]) -> Id {
    let head = message.first().filter(|first| first.len() >= HEAD);
    let head = head.unwrap_or_else(|| watch::fail(&format!("no head: {plan:?}")));
    let half = |at: usize| u32::from_le_bytes(*head[at..].first_chunk().expect("four bytes"));
    let whole = |at: usize| u64::from_le_bytes(*head[at..].first_chunk().expect("eight bytes"));
    let id = Id {
        sender: half(0),
        life: half(4),
        number: whole(8),
    };
    if whole(16) != plan.seed || id.sender > 100 || message != bodies(plan, id) {
        let sizes: Vec<usize> = message.iter().map(Vec::len).collect();
        watch::fail(&format!("{id:?} has changed, it has {sizes:?}: {plan:?}"));
    }
    id
}

/// Does something again for as long as a signal interrupts it.
pub fn again<T>(mut call: impl FnMut() -> Result<T>) -> Result<T> {
    loop {
        match call() {
            Err(Errno(libc::EINTR)) => {}
            result => return result,
        }
    }
}

/// Sends a message, after an address where there is one, part by part in one of the three ways.
pub fn send(plan: &Plan, socket: Socket, address: Option<&[u8]>, id: Id, flags: i32) -> Result<()> {
    let library = Library::under_test();
    if let Some(address) = address {
        again(|| socket.send(address, flags | SNDMORE))?;
    }
    let random = &mut random(plan, id);
    let bodies = bodies(plan, id);
    let count = bodies.len();
    for (n, body) in bodies.into_iter().enumerate() {
        let flags = flags | if n + 1 < count { SNDMORE } else { 0 };
        let result = match random.below(3) {
            0 => again(|| socket.send(&body, flags)),
            1 => {
                let mut part = Part::of(library, &body);
                again(|| part.send(socket, flags))
            }
            _ => {
                LENT.fetch_add(1, Ordering::SeqCst);
                let mut part = Part::lend(library, body, &GIVEN_BACK);
                again(|| part.send(socket, flags))
            }
        };
        // Only what comes first may wait.
        if (n > 0 || address.is_some()) && result == Err(Errno(libc::EAGAIN)) {
            watch::fail(&format!("part {n} of {id:?} was refused: {plan:?}"));
        }
        result?;
    }
    Ok(())
}
