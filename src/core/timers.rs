//! Timers that a program runs itself (zmq_timers(3)).
//!
//! Owns when each timer is due; the caller sleeps until then and asks for the handlers to be called. Starts no thread,
//! and never calls a handler itself: a handler may add, change and cancel timers, its own included, and may end its thread.

use std::{
    collections::BTreeMap,
    ffi::{c_int, c_long},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use crate::error::{Error, Result};

/// A set of timers, each with a handler `H`. Times are in milliseconds.
pub struct Timers<H> {
    start: Instant,
    schedule: Mutex<Schedule<H>>,
}

impl<H: Copy> Timers<H> {
    /// No timers.
    #[allow(clippy::new_without_default)]
    pub fn new() -> Timers<H> {
        Timers {
            start: Instant::now(),
            schedule: Mutex::new(Schedule::new()),
        }
    }

    /// Adds a timer that is due after each `interval`, and returns its id, from 1 up.
    ///
    /// # Errors
    ///
    /// `ENOMEM` when all ids have been used.
    pub fn add(&self, interval: u64, handler: H) -> Result<c_int> {
        self.schedule().add(self.now(), interval, handler)
    }

    /// Makes a timer due no more.
    ///
    /// # Errors
    ///
    /// `EINVAL` when there is no such timer, or it has been cancelled before.
    pub fn cancel(&self, id: c_int) -> Result<()> {
        self.schedule().cancel(id)
    }

    /// Gives a timer another interval, which starts now.
    ///
    /// # Errors
    ///
    /// `EINVAL` when there is no such timer.
    pub fn set_interval(&self, id: c_int, interval: u64) -> Result<()> {
        self.schedule().restart(self.now(), id, Some(interval))
    }

    /// Starts a timer's interval anew.
    ///
    /// # Errors
    ///
    /// `EINVAL` when there is no such timer.
    pub fn reset(&self, id: c_int) -> Result<()> {
        self.schedule().restart(self.now(), id, None)
    }

    /// How long until a timer is due, or `None` when there are no timers.
    pub fn timeout(&self) -> Option<c_long> {
        self.schedule().timeout(self.now())
    }

    /// Begins to have the handlers called of all timers that are due now.
    pub fn execution(self: &Arc<Self>) -> Execution<H> {
        Execution {
            now: self.now(),
            end: self.schedule().next_order,
            timers: self.clone(),
            running: None,
        }
    }

    fn now(&self) -> u64 {
        self.start.elapsed().as_millis() as u64
    }

    fn schedule(&self) -> MutexGuard<'_, Schedule<H>> {
        self.schedule.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Has the handlers called of the timers that are due, in the order in which they are.
///
/// A timer is called once at most, also one that is always due. One whose handler still runs is not called again
/// by a handler that executes timers itself. A handler that doesn't return has run when this is dropped.
pub struct Execution<H: Copy> {
    timers: Arc<Timers<H>>,
    now: u64,
    end: u64,
    running: Option<(Due, c_int)>,
}

impl<H: Copy> Iterator for Execution<H> {
    type Item = (c_int, H);

    /// The id and handler of the next timer, which is to be called now. The last one's has run.
    fn next(&mut self) -> Option<(c_int, H)> {
        self.finish();
        let (due, id, handler) = self.timers.schedule().begin(self.now, self.end)?;
        self.running = Some((due, id));
        Some((id, handler))
    }
}

impl<H: Copy> Execution<H> {
    fn finish(&mut self) {
        if let Some((due, id)) = self.running.take() {
            self.timers.schedule().finish(self.timers.now(), due, id);
        }
    }
}

impl<H: Copy> Drop for Execution<H> {
    fn drop(&mut self) {
        self.finish();
    }
}

/// When a timer is due: a time, and among timers of the same time, the order in which they got it.
type Due = (u64, u64);

struct Timer<H> {
    id: c_int,
    interval: u64,
    handler: H,
    /// Cancelled timers go when their turn comes. Until then they can be reset, though not cancelled again.
    cancelled: bool,
    /// Its handler is being called.
    running: bool,
}

/// The timers, at a time told by the caller.
struct Schedule<H> {
    timers: BTreeMap<Due, Timer<H>>,
    last_id: c_int,
    next_order: u64,
}

impl<H: Copy> Schedule<H> {
    fn new() -> Schedule<H> {
        Schedule {
            timers: BTreeMap::new(),
            last_id: 0,
            next_order: 0,
        }
    }

    fn add(&mut self, now: u64, interval: u64, handler: H) -> Result<c_int> {
        let id = self.last_id.checked_add(1).ok_or(Error::ENOMEM)?;
        self.last_id = id;
        self.insert(
            now,
            Timer {
                id,
                interval,
                handler,
                cancelled: false,
                running: false,
            },
        );
        Ok(id)
    }

    fn cancel(&mut self, id: c_int) -> Result<()> {
        let timer = self.timers.values_mut().find(|timer| timer.id == id);
        match timer {
            Some(timer) if !timer.cancelled => {
                timer.cancelled = true;
                Ok(())
            }
            _ => Err(Error::EINVAL),
        }
    }

    fn restart(&mut self, now: u64, id: c_int, interval: Option<u64>) -> Result<()> {
        let due = self.find(id).ok_or(Error::EINVAL)?;
        let mut timer = self.timers.remove(&due).ok_or(Error::EINVAL)?;
        timer.interval = interval.unwrap_or(timer.interval);
        self.insert(now, timer);
        Ok(())
    }

    fn timeout(&mut self, now: u64) -> Option<c_long> {
        while let Some(first) = self.timers.first_entry() {
            if !first.get().cancelled {
                let wait = first.key().0.saturating_sub(now);
                return Some(wait.try_into().unwrap_or(c_long::MAX));
            }
            first.remove();
        }
        None
    }

    /// Marks the next timer that is due as running. Those that came to be due from `end` on are left for the next time.
    fn begin(&mut self, now: u64, end: u64) -> Option<(Due, c_int, H)> {
        let mut from = (0, 0);
        loop {
            let (&due, timer) = self.timers.range_mut(from..).next()?;
            if timer.cancelled {
                self.timers.remove(&due);
            } else if due.0 > now {
                return None;
            } else if !timer.running && due.1 < end {
                timer.running = true;
                return Some((due, timer.id, timer.handler));
            }
            from = (due.0, due.1 + 1);
        }
    }

    /// Makes a timer that was running due again, unless its handler has seen to that or removed it.
    fn finish(&mut self, now: u64, began: Due, id: c_int) {
        if let Some(mut timer) = self.timers.remove(&began) {
            timer.running = false;
            self.insert(now, timer);
        } else if let Some(due) = self.find(id)
            && let Some(timer) = self.timers.get_mut(&due)
        {
            timer.running = false;
        }
    }

    fn find(&self, id: c_int) -> Option<Due> {
        let mut timers = self.timers.iter();
        timers
            .find(|(_, timer)| timer.id == id)
            .map(|(&due, _)| due)
    }

    /// Puts a timer where it is due next. An interval too long to end is never due.
    fn insert(&mut self, now: u64, timer: Timer<H>) {
        let due = (now.saturating_add(timer.interval), self.next_order);
        self.next_order += 1;
        self.timers.insert(due, timer);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::RefCell;

    /// Runs what is due at `now`, and returns the ids.
    fn execute(schedule: &mut Schedule<()>, now: u64) -> Vec<c_int> {
        let end = schedule.next_order;
        let mut called = Vec::new();
        while let Some((due, id, ())) = schedule.begin(now, end) {
            called.push(id);
            schedule.finish(now, due, id);
        }
        called
    }

    #[test]
    fn timers_are_called_when_due_in_order() {
        let mut schedule = Schedule::new();
        assert_eq!(schedule.timeout(0), None);
        assert_eq!(schedule.add(0, 30, ()), Ok(1));
        assert_eq!(schedule.add(0, 20, ()), Ok(2));
        assert_eq!(schedule.timeout(5), Some(15));
        assert_eq!(execute(&mut schedule, 19), []);
        assert_eq!(schedule.timeout(25), Some(0));
        assert_eq!(execute(&mut schedule, 30), [2, 1]);
        assert_eq!(schedule.timeout(30), Some(20));
        schedule.restart(40, 2, Some(100)).unwrap();
        assert_eq!(execute(&mut schedule, 60), [1]);
        schedule.restart(60, 2, None).unwrap();
        assert_eq!(execute(&mut schedule, 159), [1]);
        assert_eq!(execute(&mut schedule, 160), [2]);
    }

    /// A cancelled timer is there until its turn comes, as it is in libzmq; only the errno of calls tells.
    #[test]
    fn a_cancelled_timer_can_still_be_reset_until_its_turn() {
        let mut schedule = Schedule::new();
        let id = schedule.add(0, 10, ()).unwrap();
        schedule.cancel(id).unwrap();
        assert_eq!(schedule.cancel(id), Err(Error::EINVAL));
        assert_eq!(schedule.restart(0, id, None), Ok(()));
        assert_eq!(execute(&mut schedule, 10), []);
        assert_eq!(schedule.restart(10, id, None), Err(Error::EINVAL));
        assert_eq!(schedule.cancel(id), Err(Error::EINVAL));
        assert_eq!(schedule.timeout(10), None);
    }

    #[test]
    fn unknown_timers_are_refused() {
        let mut schedule = Schedule::<()>::new();
        assert_eq!(schedule.cancel(1), Err(Error::EINVAL));
        assert_eq!(schedule.restart(0, 1, Some(1)), Err(Error::EINVAL));
    }

    #[test]
    fn the_longest_interval_is_never_due() {
        let mut schedule = Schedule::new();
        schedule.add(1, u64::MAX, ()).unwrap();
        assert_eq!(execute(&mut schedule, 1 << 60), []);
        assert_eq!(schedule.timeout(1), Some(c_long::MAX));
    }

    #[test]
    fn an_interval_of_none_is_due_once_for_each_execution() {
        let mut schedule = Schedule::new();
        schedule.add(0, 0, ()).unwrap();
        schedule.add(0, 0, ()).unwrap();
        assert_eq!(execute(&mut schedule, 0), [1, 2]);
        assert_eq!(execute(&mut schedule, 0), [1, 2]);
    }

    /// What a handler may do: everything, to all timers.
    #[test]
    fn handlers_may_change_the_timers() {
        let timers = Arc::new(Timers::new());
        let called = RefCell::new(Vec::new());
        let ids = [(); 4].map(|()| timers.add(0, ()).unwrap());
        let run = |id| {
            called.borrow_mut().push(id);
            match id {
                1 => {
                    timers.cancel(1).unwrap();
                    timers.cancel(3).unwrap();
                    timers.add(0, ()).unwrap();
                }
                2 => timers.set_interval(2, 1 << 40).unwrap(),
                _ => {}
            }
        };
        let run_all = || timers.execution().for_each(|(id, ())| run(id));
        for (id, ()) in timers.execution() {
            run(id);
            // The one that runs is not called again, those after it are.
            run_all();
        }
        assert_eq!(ids, [1, 2, 3, 4]);
        let first = called.take();
        assert_eq!(first[..3], [1, 2, 4]);
        assert!(!first.contains(&3));
        assert_eq!(first.iter().filter(|&&id| id == 1).count(), 1);
        run_all();
        assert!(!called.borrow().contains(&1));
        assert!(!called.borrow().contains(&2));
        assert!(called.borrow().contains(&4));
    }
}
