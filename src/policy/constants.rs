//! The numbers of the two policies, and where they come from.

use std::time::Duration;

// -- flush ---------------------------------------------------------------------------------------

/// With more pipes than this, messages go out through the I/O threads, which batch, rather than from the sender's thread.
pub const EAGER_PIPES: usize = 4;

/// Sends that follow each other faster than this, for each pipe that is written to alike, are a burst, which the I/O thread
/// batches.
pub const BURST_GAP: Duration = Duration::from_micros(10);

/// While a sender streams, the I/O thread looks for more so long after it has written all there was. A message waits for that at
/// most.
pub const HOLD: Duration = Duration::from_micros(50);

/// A sender streams if it has sent so many messages or more since the last look, ..
pub const STREAM_MESSAGES: u32 = 16;

/// .. and one after the other within less than this, on average: then many share a system call, however large they are.
/// A system call for each is affordable for all that come more slowly.
pub const STREAM_PACE: Duration = Duration::from_micros(3);

// -- wait ----------------------------------------------------------------------------------------

/// A wait that takes up to this is worth being tried through: sleeping and being woken costs 30 to 60 us.
pub const SPIN_MAX: Duration = Duration::from_micros(80);

/// Where trying begins, and where it ends.
pub const SPIN_MIN: Duration = Duration::from_micros(10);

/// Between two tries the processor is offered to others. If it takes so long to get it back, there are more threads at work
/// than processors, and trying is at their expense.
pub const CROWDED: Duration = Duration::from_micros(30);

/// But it may take long by chance, once in so many waits.
pub const CROWDED_CHANCE: u32 = 64;

/// A time for which others were let run is long from here on.
pub const WAY_SHORT: Duration = Duration::from_millis(1);

/// What doesn't pay is left out so many times, twice as many after each failure, ..
pub const BACKOFF_MIN: u32 = 32;

/// .. up to this.
pub const BACKOFF_MAX: u32 = 16 * 1024;
