//! Contexts: the sockets, I/O threads and inproc names that belong together (zmq_ctx_new(3)).

use std::{
    collections::HashMap,
    ffi::c_int,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::JoinHandle,
};

use super::{
    inproc::Names,
    slot::{Content, Free},
    socket::Socket,
    wait::{Asleep, Progress},
    waiter::Waiter,
};
use crate::{
    error::{Error, Result},
    io::{Command, Io, Live, Lives, Reactor},
    memory,
    options::{ContextOptions, Options, SocketType, Value},
    pipe::{Event, Inbox, Signal},
    sync::{Global, generation, lock_soon},
};

/// An I/O thread: how it is told what to do, and how its end is awaited.
type Thread = (Arc<Io>, JoinHandle<()>);

#[derive(Default)]
struct State {
    options: ContextOptions,
    /// The I/O threads, once there was a socket.
    threads: Option<Vec<Thread>>,
    /// The sockets that aren't closed.
    sockets: HashMap<u64, Arc<Inbox>>,
}

/// A context.
pub struct Context {
    state: Mutex<State>,
    /// Nothing but closing works any more.
    terminating: AtomicBool,
    next_socket: AtomicU64,
    /// What has to end before the context can.
    lives: Arc<Lives>,
    /// Set each time when that is the case.
    over: Arc<OnceLock<Signal>>,
    names: Arc<Names>,
    /// The [process](generation) that has made it.
    process: u32,
}

impl Content for Arc<Context> {
    const TAG: u32 = 0xabad_cafe;
    const STALE: Error = Error::EFAULT;

    fn free() -> &'static Global<Free<Self>> {
        static FREE: Global<Free<Arc<Context>>> = Global::new(Free::new(), Free::new);
        &FREE
    }
}

impl Context {
    /// A new context.
    pub fn create() -> Arc<Context> {
        // Before there are threads of ours.
        crate::sync::register();
        let over = Arc::new(OnceLock::<Signal>::new());
        let lives = Lives::new({
            let over = over.clone();
            move || {
                if let Some(signal) = over.get() {
                    signal.set();
                }
            }
        });
        Arc::new(Context {
            state: Mutex::default(),
            terminating: AtomicBool::new(false),
            next_socket: AtomicU64::new(1),
            lives,
            over,
            names: Arc::default(),
            process: generation(),
        })
    }

    /// EFAULT if it is the parent's, and a thread has the lock that doesn't exist here: as if there were no such context.
    fn state(&self) -> Result<MutexGuard<'_, State>> {
        match self.is_inherited() {
            true => lock_soon(&self.state).ok_or(Error::EFAULT),
            false => Ok(self.state.lock().unwrap_or_else(PoisonError::into_inner)),
        }
    }

    /// Sets an option. EINVAL. Here and below, EFAULT if it is the parent's, and a thread was amid such a call.
    pub fn set(&self, id: c_int, value: Value) -> Result<()> {
        self.state()?.options.set(id, value)
    }

    /// An option's value. EINVAL.
    pub fn get(&self, id: c_int) -> Result<c_int> {
        self.state()?.options.get(id)
    }

    /// An option's value in a buffer. EINVAL.
    pub fn get_ext(&self, id: c_int, out: &mut [u8]) -> Result<()> {
        self.state()?.options.get_ext(id, out)
    }

    /// The inproc names.
    pub fn names(&self) -> &Arc<Names> {
        &self.names
    }

    /// Whether nothing but closing works any more.
    pub fn is_terminating(&self) -> bool {
        self.terminating.load(Ordering::SeqCst)
    }

    /// Whether it is the parent's, in a forked child: the threads that do the work don't exist
    /// here.
    pub fn is_inherited(&self) -> bool {
        self.process != generation()
    }

    /// Something that keeps the context from ending.
    pub fn live(&self) -> Live {
        self.lives.live()
    }

    /// A new socket. ETERM if the context is terminating, EMFILE if there are as many as
    /// `ZMQ_MAX_SOCKETS` allows, or no file descriptors.
    pub fn socket(self: &Arc<Self>, socket_type: SocketType) -> Result<Socket> {
        let mut state = self.state()?;
        if self.is_terminating() {
            return Err(Error::ETERM);
        }
        if state.sockets.len() >= state.options.max_sockets.max(0) as usize {
            return Err(Error::EMFILE);
        }
        if state.threads.is_none() {
            state.threads = Some(start_threads(&state.options)?);
        }
        if self.over.get().is_none() {
            // So that the context can end when no descriptor is left.
            let _ = self.over.set(Signal::new()?);
        }
        state.sockets.try_reserve(1)?;
        let inbox = Inbox::with_signal()?;
        let number = self.next_socket.fetch_add(1, Ordering::Relaxed);
        let options = Options::new(socket_type, &state.options);
        let socket = Socket::new(self.clone(), number, options, inbox);
        state.sockets.insert(number, socket.inbox().clone());
        Ok(socket)
    }

    /// A socket of our own, that isn't counted and is told nothing of the context's end.
    pub fn inner_socket(self: &Arc<Self>, socket_type: SocketType) -> Result<Socket> {
        let options = Options::new(socket_type, &self.state()?.options);
        Ok(Socket::new(self.clone(), 0, options, Inbox::default()))
    }

    /// A socket was closed.
    pub fn forget_socket(&self, number: u64) {
        // Else it is a child's, of which nothing waits for the others.
        if let Ok(mut state) = self.state() {
            state.sockets.remove(&number);
        }
    }

    /// The I/O thread for a new connection: of those that the affinity allows the one with the
    /// least to do. EMTHREAD if there is none.
    pub fn choose_io(&self, affinity: u64) -> Result<Arc<Io>> {
        let state = self.state()?;
        let threads = state.threads.as_deref().unwrap_or_default();
        let allowed = |i: usize| affinity == 0 || (i < 64 && affinity & (1 << i) != 0);
        let candidates = threads.iter().enumerate().filter(|(i, _)| allowed(*i));
        let chosen = candidates.min_by_key(|(_, (io, _))| io.load());
        chosen.map(|(_, (io, _))| io.clone()).ok_or(Error::EMTHREAD)
    }

    /// Has all calls that block, and most others, fail with ETERM from now on: zmq_ctx_shutdown(3).
    pub fn shutdown(&self) {
        if self.is_inherited() {
            // A thread that doesn't exist here may have the lock, or that of a socket's inbox.
            self.terminating.store(true, Ordering::SeqCst);
            return;
        }
        if let Ok(state) = self.state()
            && !self.terminating.swap(true, Ordering::SeqCst)
        {
            let inboxes = state.sockets.values();
            inboxes.for_each(|inbox| inbox.push(Event::Terminate));
        }
    }

    /// Ends the context, once all sockets are closed, and what they had to send is sent or has had its time; zmq_ctx_term(3).
    pub fn terminate(self: Arc<Self>) -> Result<Progress<(), Terminating>> {
        self.shutdown();
        if self.is_inherited() {
            return Ok(Progress::Done(()));
        }
        if let Some(signal) = self.over.get() {
            // Any number of threads may wait for it: whoever clears it looks afterwards.
            signal.clear();
            if self.lives.any() {
                let mut waiter = Waiter::new(None);
                waiter.add_fd(signal.fd(), libc::POLLIN);
                let call = Terminating {
                    context: self,
                    waiter,
                };
                return Ok(Progress::Asleep(Box::new(call)));
            }
            // And sets it again for the others if that was the last time.
            signal.set();
        }
        let threads = self.state()?.threads.take();
        for (io, thread) in threads.into_iter().flatten() {
            io.push(Command::Stop);
            let _ = thread.join();
        }
        memory::clear();
        Ok(Progress::Done(()))
    }
}

/// A call that waits for the end of a context.
pub struct Terminating {
    context: Arc<Context>,
    waiter: Waiter,
}

impl Terminating {
    /// Goes on. EINTR if a signal came: then it is to be called again.
    pub fn wake(self) -> Result<Progress<(), Terminating>> {
        self.waiter.wake()?;
        self.context.terminate()
    }
}

impl Asleep for Terminating {
    fn sleep(&mut self) {
        self.waiter.sleep();
    }
}

fn start_threads(options: &ContextOptions) -> Result<Vec<Thread>> {
    let mut threads = Vec::new();
    for i in 0..options.io_threads {
        let io = Io::new()?;
        let thread = Reactor::start(io.clone(), &format!("IO/{i}"), options)?;
        threads.push((io, thread));
    }
    Ok(threads)
}

#[cfg(test)]
mod tests {
    use std::{sync::mpsc, time::Duration};

    use super::*;

    /// Several threads terminate a context together, and each returns when nothing keeps it any more: none of them takes
    /// another's wake-up.
    #[test]
    fn all_threads_that_terminate_are_woken() {
        for _ in 0..500 {
            let context = Context::create();
            let live = context.live();
            let (tell, told) = mpsc::channel();
            for _ in 0..3 {
                let (context, tell) = (context.clone(), tell.clone());
                std::thread::spawn(move || {
                    let mut ended = context.terminate();
                    while let Ok(Progress::Asleep(mut call)) = ended {
                        call.waiter.sleep();
                        ended = call.wake();
                    }
                    tell.send(ended.map(|_| ()))
                });
            }
            drop(live);
            for _ in 0..3 {
                let returned = told.recv_timeout(Duration::from_secs(30));
                assert_eq!(returned, Ok(Ok(())));
            }
        }
    }
}
