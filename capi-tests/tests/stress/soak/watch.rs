//! Who waits for what. A wait that is too long ends the process, and tells of all the others.

use std::{
    cell::RefCell,
    fs, process,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use crate::signals::{signal, this_thread};
use capi_tests::process::patience;

/// Longer than any wait takes on a machine that is busy.
pub fn limit() -> Duration {
    Duration::from_secs(20) * patience()
}

/// A thread that takes part, and what it is at.
struct Post {
    name: String,
    thread: i32,
    doing: Mutex<Doing>,
}

struct Doing {
    what: &'static str,
    number: u64,
    since: Instant,
    /// It may take as long as it likes.
    idle: bool,
}

static POSTS: Mutex<Vec<Arc<Post>>> = Mutex::new(Vec::new());

thread_local! {
    static OWN: RefCell<Option<Arc<Post>>> = const { RefCell::new(None) };
}

/// Ends what [`enter`] began, and takes up again what the thread did before.
pub struct Shift(Option<Arc<Post>>);

impl Drop for Shift {
    fn drop(&mut self) {
        let own = OWN.replace(self.0.take());
        let own = own.expect("a thread at its post");
        lock(&POSTS).retain(|post| !Arc::ptr_eq(post, &own));
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Has this thread watched, and sent signals, until the value is dropped.
#[must_use]
pub fn enter(name: String) -> Shift {
    let post = Arc::new(Post {
        name,
        thread: this_thread(),
        doing: Mutex::new(Doing {
            what: "beginning",
            number: 0,
            since: Instant::now(),
            idle: false,
        }),
    });
    lock(&POSTS).push(post.clone());
    Shift(OWN.replace(Some(post)))
}

/// Says what this thread does now, which is not to take long.
pub fn doing(what: &'static str, number: u64) {
    now(what, number, false);
}

/// Says what this thread does now, which may take as long as it likes.
pub fn idling(what: &'static str, number: u64) {
    now(what, number, true);
}

fn now(what: &'static str, number: u64, idle: bool) {
    OWN.with_borrow(|own| {
        let own = own.as_ref().expect("a thread at its post");
        *lock(&own.doing) = Doing {
            what,
            number,
            since: Instant::now(),
            idle,
        };
    });
}

/// Looks after the others: ends the process if one has waited too long.
pub fn look() {
    let late = |post: &&Arc<Post>| {
        let doing = lock(&post.doing);
        !doing.idle && doing.since.elapsed() > limit()
    };
    let stuck = lock(&POSTS).iter().find(late).cloned();
    if let Some(post) = stuck {
        fail(&format!("{} is stuck", post.name));
    }
}

/// Interrupts one of the others.
pub fn interrupt(random: &mut capi_tests::random::Random) {
    let posts = lock(&POSTS);
    // While it is on the list, its thread is there.
    if let Some(post) = posts.get(random.below(posts.len())) {
        signal(post.thread);
    }
}

/// Tells what everybody does, and ends the process.
pub fn fail(why: &str) -> ! {
    println!("{why}");
    for post in lock(&POSTS).iter() {
        let doing = lock(&post.doing);
        println!(
            "{}: {} {}, for {} ms",
            post.name,
            doing.what,
            doing.number,
            doing.since.elapsed().as_millis()
        );
    }
    // Those of the library, too, and where the kernel has them wait.
    for task in fs::read_dir("/proc/self/task")
        .into_iter()
        .flatten()
        .flatten()
    {
        let read = |name| fs::read_to_string(task.path().join(name)).unwrap_or_default();
        let (name, at, call) = (read("comm"), read("wchan"), read("syscall"));
        println!(
            "thread {} {}: {at}, {}",
            task.file_name().display(),
            name.trim(),
            call.trim()
        );
    }
    process::abort();
}
