//! What threads other than the I/O thread do with a session: the socket's senders and waiters.

use std::cell::Cell;

use super::*;

thread_local! {
    /// How long this thread has written at once, to any connection, since it began.
    static SPENT: Cell<Duration> = const { Cell::new(Duration::ZERO) };
}

/// Writes that a thread of the socket's has begun then are over. How long it has spent on them since it began.
pub(super) fn spend(began: Instant, now: Instant) -> Duration {
    SPENT.set(SPENT.get() + (now - began));
    SPENT.get()
}

/// What the socket's threads do with a session.
impl Far for Session {
    fn readable(&self, eagerness: Eagerness) {
        let eager = matches!(eagerness, Eagerness::Few(_) | Eagerness::Answers);
        let flush = match eager.then(|| self.try_state()).flatten() {
            Some(mut state) if state.is_drivable() => {
                match state.flusher.flush(eagerness, Instant::now(), SPENT.get()) {
                    Flush::Now => return state.write_at_once(self),
                    flush => flush,
                }
            }
            _ if eagerness == Eagerness::Later => Flush::TellLazily,
            _ => Flush::Tell,
        };
        self.call(flush == Flush::Tell);
    }

    fn deliver(&self) {
        match self.try_state() {
            Some(mut state) if state.is_drivable() && state.output == Output::Open => {
                state.write_at_once(self)
            }
            _ => self.wake(),
        }
    }

    fn writable(&self) {
        if let Some(mut state) = self.try_state()
            && state.is_drivable()
        {
            state.read(self);
            state.watch(self);
            return;
        }
        self.wake();
    }

    fn closed(&self, linger: Option<Duration>) {
        // An end may be dropped in the midst of what the session does.
        if let Some(me) = self.me.upgrade() {
            self.io.push(Command::Closed(me, linger));
        }
    }

    fn shut(&self, linger: Option<Duration>) {
        self.state().note_closed();
        self.closed(linger);
    }

    fn lose(&self) {
        let mut state = self.state();
        match state.phase {
            Phase::Steady(_) => {
                state.failed.get_or_insert(Error::ENOMEM);
            }
            _ => state.hiccups = true,
        }
        self.wake();
    }

    fn gave_up_noticed(&self) {
        self.state().gave_up_noticed = true;
        self.wake();
    }

    fn drive(&self) -> usize {
        let mut missing = 0;
        if let Some(mut state) = self.try_state()
            && state.is_drivable()
        {
            if state.output == Output::Open {
                state.write(self);
                if state.output == Output::Full {
                    state.watch(self);
                }
            }
            if !state.stalled {
                state.read(self);
                state.loan.used = true;
                if let Phase::Steady(engine) = &state.phase {
                    missing = engine.missing();
                }
            }
        }
        missing
    }

    fn lend(&self, sleeps: bool) -> Option<RawFd> {
        // Who is about to wait can wait for the lock: a loan that was kept must not be left to
        // nobody.
        let mut state = self.state();
        if !state.is_drivable() || state.stalled {
            return None;
        }
        let Phase::Steady(engine) = &state.phase else {
            return None;
        };
        let fd = engine.fd();
        let now = Instant::now();
        let loan = &mut state.loan;
        let soon = loan.wanted.is_some_and(|wanted| now - wanted < Loan::SOON);
        if !soon && !sleeps && !loan.is_out() {
            loan.wanted = Some(now);
            return None;
        }
        loan.lent = Some(now);
        loan.streak = if soon {
            loan.streak.saturating_add(1)
        } else {
            0
        };
        (loan.waiting, loan.used) = (loan.waiting + 1, true);
        state.watch(self);
        Some(fd)
    }

    fn give_back(&self) {
        let mut state = self.state();
        let loan = &mut state.loan;
        loan.waiting = loan.waiting.saturating_sub(1);
        let now = Instant::now();
        loan.wanted = Some(now);
        if loan.lent.is_some_and(|lent| now - lent > Loan::PERIOD) {
            loan.streak = 0;
        }
        loan.kept = loan.streak >= Loan::STREAK && sync::uses(sync::Mechanism::Lease);
        if loan.kept && loan.alarm.is_none() {
            // The I/O thread sets the alarm, once; or takes the descriptor back.
            self.wake();
        }
        state.watch(self);
    }
}
