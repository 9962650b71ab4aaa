//! A lock, and the barrier that makes it cheap: what the standard library's locks cost too much for.

mod barrier;
mod biased;

pub use self::{
    barrier::{available as is_barrier_available, heavy, light, register},
    biased::{Biased, Guard},
};
