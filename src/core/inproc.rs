//! The inproc names of a context: who is bound to which, and who waits for one (zmq_inproc(7)).
//!
//! Two sockets of a process share a pipe, each with its end; there is no connection. A socket
//! may connect before the name is bound: then the far end is kept here until it is.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::{
    error::{Error, Result},
    io::{Zap, depths},
    memory,
    options::Options,
    pipe::{self, Door, End, Event, Far, Inbox, Peer},
};

/// Where the ZAP handler is bound (RFC 27).
const ZAP: &[u8] = b"zeromq.zap.01";

/// The high-water marks of a socket that has set none.
const HWM_DFLT: i32 = 1000;

struct Bound {
    inbox: Arc<Inbox>,
    options: Arc<Options>,
}

/// The far end of a pipe whose near end has connected already.
struct Pending {
    end: Box<End>,
    near: Arc<Inbox>,
    options: Arc<Options>,
}

#[derive(Default)]
struct State {
    bound: HashMap<Vec<u8>, Bound>,
    pending: HashMap<Vec<u8>, Vec<Pending>>,
}

/// The inproc names of a context.
#[derive(Default)]
pub struct Names(Mutex<State>);

/// The high-water mark of a pipe without a connection is that of both sides together; zero: none.
fn sum(a: i32, b: i32) -> u32 {
    if a <= 0 || b <= 0 {
        0
    } else {
        a.unsigned_abs().saturating_add(b.unsigned_abs())
    }
}

fn peer(options: &Options) -> Arc<Peer> {
    Arc::new(Peer {
        routing_id: options.routing_id.to_vec(),
        metadata: None,
    })
}

/// Tells two ends whose they are.
fn introduce(near: &mut End, near_options: &Options, far: &mut End, far_options: &Options) {
    near.set_peer(peer(far_options));
    far.set_peer(peer(near_options));
    for (end, other) in [(&mut *near, far_options), (far, near_options)] {
        end.set_far_limits(other.pipe.send_hwm, other.pipe.receive_hwm);
    }
    set_limits(near, near_options);
}

/// Sets the high-water marks of a pipe: by the socket's options and, for inproc, the peer's.
pub fn set_limits(end: &End, options: &Options) {
    let (send, receive) = (options.pipe.send_hwm, options.pipe.receive_hwm);
    match end.far_limits() {
        Some((far_send, far_receive)) => {
            end.set_limits(sum(send, far_receive), sum(receive, far_send))
        }
        None => end.set_limits(send.max(0).unsigned_abs(), receive.max(0).unsigned_abs()),
    }
}

impl Names {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Binds a name, and attaches those who wait for it. EADDRINUSE if it is bound, ENOMEM.
    pub fn bind(&self, name: &[u8], inbox: &Arc<Inbox>, options: &Arc<Options>) -> Result<()> {
        let mut state = self.state();
        if state.bound.contains_key(name) {
            return Err(Error::EADDRINUSE);
        }
        let bound = Bound {
            inbox: inbox.clone(),
            options: options.clone(),
        };
        let key = memory::copied(name)?;
        state.bound.try_reserve(1)?;
        state.bound.insert(key, bound);
        for mut pending in state.pending.remove(name).unwrap_or_default() {
            let end = &mut pending.end;
            end.set_peer(peer(&pending.options));
            let marks = &pending.options.pipe;
            end.set_far_limits(marks.send_hwm, marks.receive_hwm);
            set_limits(end, options);
            end.door().set_inbox(inbox.clone());
            if pending.options.wants_routing_id() {
                end.send_peer(peer(options));
            }
            inbox.push(Event::Attach(pending.end));
        }
        Ok(())
    }

    /// Gives a name up. ENOENT if it isn't this socket's.
    pub fn unbind(&self, name: &[u8], inbox: &Arc<Inbox>) -> Result<()> {
        let mut state = self.state();
        match state.bound.get(name) {
            Some(bound) if Arc::ptr_eq(&bound.inbox, inbox) => {
                state.bound.remove(name);
                Ok(())
            }
            _ => Err(Error::ENOENT),
        }
    }

    /// Forgets all of a socket that is closed. What it has sent before can still be received.
    pub fn forget(&self, inbox: &Arc<Inbox>) {
        let mut state = self.state();
        state
            .bound
            .retain(|_, bound| !Arc::ptr_eq(&bound.inbox, inbox));
        let mut ends = Vec::new();
        for waiting in state.pending.values_mut() {
            ends.extend(waiting.extract_if(.., |pending| {
                Arc::ptr_eq(&pending.near, inbox) && !pending.end.is_readable()
            }));
        }
        state.pending.retain(|_, waiting| !waiting.is_empty());
        // Dropped without the lock.
        drop((state, ends));
    }

    /// Connects to a name that may be bound later. Returns the near end. ENOMEM.
    pub fn connect(&self, name: &[u8], inbox: &Arc<Inbox>, options: &Arc<Options>) -> Result<End> {
        let mut state = self.state();
        if !state.bound.contains_key(name) {
            let key = memory::copied(name)?;
            state.pending.try_reserve(1)?;
            state.pending.entry(key).or_default().try_reserve(1)?;
        }
        let door = Door::new(inbox.clone());
        let (outbound, inbound) = depths(options);
        let (ours, theirs) = pipe::pipe(outbound, inbound);
        let their_door = match state.bound.get(name) {
            Some(bound) => Door::new(bound.inbox.clone()),
            None => Door::unknown(),
        };
        let mut near = End::new(ours, their_door.clone(), door.clone());
        let mut far = Box::new(End::new(theirs, door, their_door));
        near.is_local = true;
        match state.bound.get(name) {
            Some(bound) => {
                introduce(&mut near, options, &mut far, &bound.options);
                let to = bound.inbox.clone();
                drop(state);
                to.push(Event::Attach(far));
            }
            None => {
                // Nobody knows the other side's marks yet. A mark that is set meanwhile counts them as the defaults.
                near.set_far_limits(HWM_DFLT, HWM_DFLT);
                let pending = Pending {
                    end: far,
                    near: inbox.clone(),
                    options: options.clone(),
                };
                if let Some(waiting) = state.pending.get_mut(name) {
                    waiting.push(pending);
                }
            }
        }
        Ok(near)
    }
}

impl Zap for Names {
    fn connect(&self, near: Arc<dyn Far>) -> Option<End> {
        let inbox = self.state().bound.get(ZAP)?.inbox.clone();
        let (ours, theirs) = pipe::pipe(0, 0);
        let door = Door::new(inbox.clone());
        let mut far = End::new(theirs, near, door.clone());
        // It has no name.
        far.set_peer(Arc::default());
        inbox.push(Event::Attach(Box::new(far)));
        Some(End::new(ours, door, Door::unknown()))
    }
}
