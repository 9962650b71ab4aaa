//! What was sent, and what has arrived.

use std::{
    collections::HashMap,
    fmt,
    sync::{Condvar, Mutex},
    time::{Duration, Instant},
};

use super::{message::Id, plan::Plan, watch};

/// The messages of some senders. Each arrives once.
pub struct Ledger {
    plan: Plan,
    /// Messages may arrive again.
    repeats: bool,
    book: Mutex<Book>,
    changed: Condvar,
}

struct Book {
    /// How many messages each sender sends in all, once that is known.
    sent: Vec<Option<u64>>,
    /// Which ones have come, a bit for each.
    marks: Vec<Vec<u64>>,
    /// How many different ones.
    arrived: u64,
}

impl Ledger {
    pub fn new(plan: &Plan, senders: usize) -> Self {
        Ledger {
            plan: *plan,
            repeats: false,
            book: Mutex::new(Book {
                sent: vec![None; senders],
                marks: vec![Vec::new(); senders],
                arrived: 0,
            }),
            changed: Condvar::new(),
        }
    }

    /// One where messages may arrive again.
    pub fn with_repeats(plan: &Plan, senders: usize) -> Self {
        Ledger {
            repeats: true,
            ..Ledger::new(plan, senders)
        }
    }

    /// A message has arrived.
    pub fn arrived(&self, id: Id) {
        let mut book = self.book.lock().expect("the book");
        let Some(marks) = book.marks.get_mut(id.sender as usize) else {
            watch::fail(&format!("{id:?} is nobody's: {:?}", self.plan))
        };
        let (at, bit) = (id.number as usize / 64, 1 << (id.number % 64));
        if marks.len() <= at {
            marks.resize(at + 1, 0);
        }
        let is_new = marks[at] & bit == 0;
        marks[at] |= bit;
        if !is_new && !self.repeats {
            watch::fail(&format!("{id:?} has come twice: {:?}", self.plan));
        }
        book.arrived += u64::from(is_new);
        drop(book);
        self.changed.notify_all();
    }

    /// A sender has sent so many messages, and sends no more.
    pub fn finished(&self, sender: usize, sent: u64) {
        self.book.lock().expect("the book").sent[sender] = Some(sent);
        self.changed.notify_all();
    }

    /// All senders have finished, and all that they sent has arrived.
    pub fn is_complete(&self) -> bool {
        self.book.lock().expect("the book").is_complete()
    }

    /// Waits until that is so.
    pub fn complete(&self) {
        self.wait(None, Book::is_complete);
    }

    /// Waits until so many messages have arrived.
    pub fn wait_for(&self, arrived: u64) {
        self.wait(None, |book| book.arrived >= arrived);
    }

    /// Waits for that, for a while at the most. False if they haven't.
    pub fn wait_a_while_for(&self, arrived: u64, limit: Duration) -> bool {
        self.wait(Some(limit), |book| book.arrived >= arrived)
    }

    /// Those of a sender's messages that haven't arrived.
    pub fn missing(&self, sender: usize, numbers: std::ops::Range<u64>) -> Vec<u64> {
        let book = self.book.lock().expect("the book");
        numbers.filter(|n| !book.has(sender, *n)).collect()
    }

    fn wait(&self, limit: Option<Duration>, until: impl Fn(&Book) -> bool) -> bool {
        let began = Instant::now();
        let mut book = self.book.lock().expect("the book");
        let mut seen = (book.arrived, began);
        while !until(&book) {
            if limit.is_some_and(|limit| began.elapsed() > limit) {
                return false;
            }
            watch::idling("waits for messages, has", book.arrived);
            // As long as messages come it isn't stuck.
            if seen.0 != book.arrived {
                seen = (book.arrived, Instant::now());
            }
            if seen.1.elapsed() > watch::limit() {
                watch::fail(&format!("no more has come: {book}\n{:?}", self.plan));
            }
            let pause = limit.unwrap_or(Duration::from_secs(1));
            book = self.changed.wait_timeout(book, pause).expect("the book").0;
        }
        true
    }
}

impl Book {
    fn has(&self, sender: usize, number: u64) -> bool {
        let marks = self.marks[sender].get(number as usize / 64);
        marks.is_some_and(|marks| marks >> (number % 64) & 1 == 1)
    }

    fn is_complete(&self) -> bool {
        let sent: Option<u64> = self.sent.iter().copied().sum();
        sent == Some(self.arrived)
    }
}

impl fmt::Display for Book {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{} have, of sent {:?};", self.arrived, self.sent)?;
        for (sender, marks) in self.marks.iter().enumerate() {
            let end = self.sent[sender].unwrap_or(marks.len() as u64 * 64);
            let missing = (0..end).filter(|n| !self.has(sender, *n));
            let first: Vec<u64> = missing.take(10).collect();
            write!(f, " sender {sender} lacks {first:?}")?;
        }
        Ok(())
    }
}

/// The order in which one receiver has had its messages.
#[derive(Default)]
pub struct Order(HashMap<(u32, u32), u64>);

impl Order {
    /// A message has come: it has to follow those of its sender's socket, and to be the next one if nobody else receives.
    pub fn follows(&mut self, plan: &Plan, id: Id, gapless: bool) {
        if let Some(last) = self.0.insert((id.sender, id.life), id.number)
            && (id.number <= last || gapless && id.number != last + 1)
        {
            watch::fail(&format!("{id:?} after {last}: {plan:?}"));
        }
    }
}
