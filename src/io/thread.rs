//! The I/O threads: each waits in a poller, for its descriptors, its timers and its commands.
//!
//! A command is pushed first, and then the thread is notified unless it is [`Awake`]. So none stays behind while it sleeps.

use std::{
    collections::BTreeMap,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use crossbeam_queue::SegQueue;

use super::{
    Host,
    listener::Listener,
    poller::{Poller, Ready},
    resolve::Resolved,
    session::{Alarm, Session},
};
use crate::{error::Result, options::ContextOptions, policy::wait::GiveWay, sync::Awake};

/// What an I/O thread is told.
pub enum Command {
    /// Here is a new session: connect, or begin the handshake.
    Start(Arc<Session>),
    /// Look after a session: there is something to write, or room to read, or it has failed. False:
    /// there is no hurry, as whoever has written will write more.
    Wake(Arc<Session>, bool),
    /// The socket has closed its end; what was sent is to be delivered yet, for so long.
    Closed(Arc<Session>, Option<Duration>),
    /// The ZAP handler may have answered.
    Zap(Arc<Session>),
    /// What came of looking up the name of the address to connect to.
    Resolved(Arc<Session>, Box<Result<Resolved>>),
    /// Here is a new listener.
    Listen(Arc<Listener>),
    /// A listener was closed.
    Unlisten(Arc<Listener>),
    /// End the thread.
    Stop,
}

/// The queue takes memory for 31 at a time, with eight bytes each for itself, and knows no failure: it is to be little.
const _: () = assert!(31 * (size_of::<Command>() + 8) < 1024);

/// An I/O thread, as others see it.
pub struct Io {
    pub(super) poller: Poller,
    commands: SegQueue<Command>,
    /// Whether it will look for commands.
    awake: Awake,
    /// The thread has ended, and carries out nothing any more.
    stopped: AtomicBool,
    load: AtomicUsize,
}

impl Io {
    /// An I/O thread's shared part. EMFILE and the like if there are no file descriptors for it.
    pub fn new() -> Result<Arc<Io>> {
        Ok(Arc::new(Io {
            poller: Poller::new()?,
            commands: SegQueue::new(),
            awake: Awake::default(),
            stopped: AtomicBool::new(false),
            load: AtomicUsize::new(0),
        }))
    }

    /// Tells the thread something.
    pub fn push(&self, command: Command) {
        self.commands.push(command);
        if self.stopped.load(Ordering::SeqCst) {
            return self.drop_commands();
        }
        if self.awake.is_to_be_notified() {
            self.poller.notify();
        }
    }

    /// The thread has ended. What it is told too late, such as an address that was looked up for
    /// long, would otherwise keep the session, and the session us.
    fn stop(&self) {
        self.stopped.store(true, Ordering::SeqCst);
        self.drop_commands();
    }

    fn drop_commands(&self) {
        while self.commands.pop().is_some() {}
    }

    /// How many sessions and listeners it serves.
    pub fn load(&self) -> usize {
        self.load.load(Ordering::Relaxed)
    }

    /// Another session or listener is going to be served.
    pub fn add_load(&self) {
        self.load.fetch_add(1, Ordering::Relaxed);
    }
}

/// Names a timer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TimerId(Instant, u64);

impl TimerId {
    /// When it rings.
    pub(super) fn deadline(self) -> Instant {
        self.0
    }
}

/// What an I/O thread has for itself.
pub struct Reactor {
    io: Arc<Io>,
    entries: Vec<Option<Entry>>,
    free: Vec<usize>,
    timers: BTreeMap<TimerId, Timer>,
    next_timer: u64,
    /// Whose pipes were just made, and who has something to say to the peer.
    hosts: Vec<Arc<dyn Host>>,
    give_way: GiveWay,
}

/// What a token of the poller stands for.
#[derive(Clone)]
enum Entry {
    Session(Arc<Session>),
    Listener(Arc<Listener>),
}

/// What is to be done at a time.
enum Timer {
    Session(Arc<Session>, Alarm),
    /// Accept again.
    Listener(Arc<Listener>),
}

impl Reactor {
    /// Starts the thread, with the name and the scheduling that the context's options ask for. ENOMEM, EAGAIN.
    pub fn start(io: Arc<Io>, name: &str, options: &ContextOptions) -> Result<JoinHandle<()>> {
        let mut reactor = Reactor {
            io,
            entries: Vec::new(),
            free: Vec::new(),
            timers: BTreeMap::new(),
            next_timer: 0,
            hosts: Vec::new(),
            give_way: GiveWay::default(),
        };
        let name = String::from_utf8_lossy(&options.thread_name(name)).into_owned();
        let thread = std::thread::Builder::new().name(name);
        let options = options.clone();
        let mut ready = Ready::new()?;
        Ok(with_signals_blocked(|| {
            thread.spawn(move || {
                schedule(&options);
                reactor.run(&mut ready);
                reactor.io.stop();
            })
        })?)
    }

    /// The part that others see.
    pub fn io(&self) -> &Arc<Io> {
        &self.io
    }

    fn run(&mut self, ready: &mut Ready) {
        loop {
            self.io.awake.sleeps();
            let deadline = match self.io.commands.is_empty() {
                true => self.timers.first_key_value().map(|(id, _)| id.0),
                false => Some(Instant::now()),
            };
            if self.io.poller.wait(ready, deadline).is_err() {
                // Only a lack of memory is known to do this; it must not make the thread spin.
                std::thread::sleep(Duration::from_millis(1));
            }
            self.io.awake.rises();
            self.give_way.on_wait();
            for (token, ready) in ready.iter() {
                let Some(Some(entry)) = self.entries.get(token).cloned() else {
                    continue;
                };
                self.protect(entry, |entry, reactor| match entry {
                    Entry::Session(session) => session.on_ready(reactor, ready.read, ready.write),
                    Entry::Listener(listener) => listener.on_ready(reactor),
                });
            }
            // Only those that are there now: what is served may leave one for the next round each
            // time, and timers and other connections are to have their turn.
            let commands = self.io.commands.len();
            for _ in 0..commands {
                if let Some(command) = self.io.commands.pop()
                    && self.obey(command)
                {
                    crate::message::drop_spent();
                    return;
                }
            }
            self.ring();
            crate::message::drop_spent();
        }
    }

    /// Carries a command out. True if it is the last.
    fn obey(&mut self, command: Command) -> bool {
        match command {
            Command::Start(session) => self.protect(Entry::Session(session), |entry, reactor| {
                if let Entry::Session(session) = entry {
                    session.on_start(reactor);
                }
            }),
            Command::Wake(session, hurry) => {
                if !hurry && self.give_way.yields() {
                    let began = Instant::now();
                    std::thread::yield_now();
                    self.give_way.on_yield(began.elapsed());
                }
                self.protect(Entry::Session(session), |entry, reactor| {
                    if let Entry::Session(session) = entry {
                        session.on_wake(reactor);
                    }
                })
            }
            Command::Closed(session, linger) => {
                self.protect(Entry::Session(session), |entry, reactor| {
                    if let Entry::Session(session) = entry {
                        session.on_closed(reactor, linger);
                    }
                })
            }
            Command::Resolved(session, resolved) => {
                self.protect(Entry::Session(session), |entry, reactor| {
                    if let Entry::Session(session) = entry {
                        session.on_resolved(reactor, *resolved);
                    }
                })
            }
            Command::Zap(session) => self.protect(Entry::Session(session), |entry, reactor| {
                if let Entry::Session(session) = entry {
                    session.on_zap(reactor);
                }
            }),
            Command::Listen(listener) => {
                let token = self.insert(Entry::Listener(listener.clone()));
                listener.on_start(self, token);
            }
            Command::Unlisten(listener) => {
                if let Some(token) = listener.token() {
                    self.remove(token);
                }
                self.cancel_alarm(listener.take_pause());
                // What it has accepted and the socket doesn't know yet ends with it.
                for token in 0..self.entries.len() {
                    let Some(entry) = self.entries.get(token).cloned().flatten() else {
                        continue;
                    };
                    self.protect(entry, |entry, reactor| {
                        if let Entry::Session(session) = entry {
                            session.on_unlisten(reactor, listener.origin());
                        }
                    });
                }
            }
            Command::Stop => return true,
        }
        false
    }

    /// Runs what is due.
    fn ring(&mut self) {
        let now = Instant::now();
        while let Some(entry) = self.timers.first_entry()
            && entry.key().0 <= now
        {
            match entry.remove() {
                Timer::Session(session, alarm) => {
                    self.protect(Entry::Session(session), |entry, reactor| {
                        if let Entry::Session(session) = entry {
                            session.on_alarm(reactor, alarm);
                        }
                    });
                }
                Timer::Listener(listener) => {
                    self.protect(Entry::Listener(listener), |entry, reactor| {
                        if let Entry::Listener(listener) = entry {
                            listener.on_pause_over(reactor);
                        }
                    });
                }
            }
        }
    }

    /// A panic is a bug of ours, and costs no more than the connection that it happens on.
    fn protect(&mut self, entry: Entry, run: impl FnOnce(&Entry, &mut Reactor)) {
        let result = catch_unwind(AssertUnwindSafe(|| run(&entry, self)));
        if let (Err(payload), Entry::Session(session)) = (result, &entry) {
            std::mem::forget(payload);
            let _ = catch_unwind(AssertUnwindSafe(|| session.on_panic(self)));
        }
        while let Some(host) = self.hosts.pop() {
            if let Err(payload) = catch_unwind(AssertUnwindSafe(|| host.receive_guests())) {
                std::mem::forget(payload);
            }
        }
    }

    /// Has a socket welcome a peer, as soon as the session's lock is free.
    pub(super) fn introduce(&mut self, host: Arc<dyn Host>) {
        self.hosts.push(host);
    }

    /// Makes room for another entry. ENOMEM.
    pub(super) fn reserve(&mut self) -> Result<()> {
        self.entries.try_reserve(1)?;
        // All may come to be free.
        let missing = self.entries.len() + 1 - self.free.len();
        Ok(self.free.try_reserve(missing)?)
    }

    fn insert(&mut self, entry: Entry) -> usize {
        match self.free.pop() {
            Some(token) => {
                self.entries[token] = Some(entry);
                token
            }
            None => {
                self.entries.push(Some(entry));
                self.entries.len() - 1
            }
        }
    }

    /// Gives a session a token.
    pub(super) fn insert_session(&mut self, session: Arc<Session>) -> usize {
        self.insert(Entry::Session(session))
    }

    /// Forgets what a token stands for.
    pub(super) fn remove(&mut self, token: usize) {
        if let Some(entry) = self.entries.get_mut(token)
            && entry.take().is_some()
        {
            self.free.push(token);
            self.io.load.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// Has a session's alarm rung after a while.
    pub(super) fn set_alarm(
        &mut self,
        session: Arc<Session>,
        alarm: Alarm,
        after: Duration,
    ) -> TimerId {
        self.set_alarm_at(session, alarm, Instant::now() + after)
    }

    /// Has a session's alarm rung at a time.
    pub(super) fn set_alarm_at(
        &mut self,
        session: Arc<Session>,
        alarm: Alarm,
        at: Instant,
    ) -> TimerId {
        self.set_timer(Timer::Session(session, alarm), at)
    }

    /// Has a listener accept again after a while.
    pub(super) fn pause_listener(&mut self, listener: Arc<Listener>, pause: Duration) -> TimerId {
        self.set_timer(Timer::Listener(listener), Instant::now() + pause)
    }

    fn set_timer(&mut self, timer: Timer, at: Instant) -> TimerId {
        self.next_timer += 1;
        let id = TimerId(at, self.next_timer);
        self.timers.insert(id, timer);
        id
    }

    /// Takes it back, if it hasn't rung.
    pub(super) fn cancel_alarm(&mut self, id: Option<TimerId>) {
        if let Some(id) = id {
            self.timers.remove(&id);
        }
    }
}

/// Runs something with all signals blocked: threads started meanwhile never run the program's
/// signal handlers.
pub fn with_signals_blocked<T>(run: impl FnOnce() -> T) -> T {
    // SAFETY: the sets are local, and filled before they are used.
    unsafe {
        let mut all: libc::sigset_t = std::mem::zeroed();
        let mut old: libc::sigset_t = std::mem::zeroed();
        libc::sigfillset(&mut all);
        libc::pthread_sigmask(libc::SIG_SETMASK, &all, &mut old);
        let result = run();
        libc::pthread_sigmask(libc::SIG_SETMASK, &old, std::ptr::null_mut());
        result
    }
}

/// Gives this thread the scheduling that the options ask for, as far as the system lets us.
fn schedule(options: &ContextOptions) {
    let (policy, priority) = (options.thread_policy, options.thread_priority);
    // SAFETY: all structures are local, and filled before they are used.
    unsafe {
        let me = libc::pthread_self();
        let (mut now, mut parameters) = (0, std::mem::zeroed::<libc::sched_param>());
        if (policy >= 0 || priority >= 0)
            && libc::pthread_getschedparam(me, &mut now, &mut parameters) == 0
        {
            let policy = if policy >= 0 { policy } else { now };
            let real_time = matches!(policy, libc::SCHED_FIFO | libc::SCHED_RR);
            parameters.sched_priority = if real_time { priority.max(0) } else { 0 };
            libc::pthread_setschedparam(me, policy, &parameters);
            if !real_time && priority > 0 {
                // Other policies have no priority: the thread is made as nice as it may be.
                libc::nice(-20);
            }
        }
        if !options.thread_cpus.is_empty() {
            let mut set = std::mem::zeroed::<libc::cpu_set_t>();
            for &cpu in &options.thread_cpus {
                if let Ok(cpu @ 0..1024) = usize::try_from(cpu) {
                    libc::CPU_SET(cpu, &mut set);
                }
            }
            libc::pthread_setaffinity_np(me, size_of::<libc::cpu_set_t>(), &set);
        }
    }
}
