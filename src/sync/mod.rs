//! A lock, and the barrier that makes it cheap: what the standard library's locks cost too much
//! for. Whether to notify a thread. What a forked child finds of all that.

pub mod atomic;
mod attended;
mod awake;
mod barrier;
mod biased;
pub mod cancel;
mod fork;
mod owner;
mod switches;

pub use self::{
    attended::Attended,
    awake::Awake,
    barrier::{available as is_barrier_available, heavy, light, register},
    biased::{Biased, Guard, OwnerGuard},
    cancel::{nap, shielded},
    fork::{Global, generation, lock_soon},
    switches::{Mechanism, uses},
};
