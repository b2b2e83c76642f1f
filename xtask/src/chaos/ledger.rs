use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// What callers were told, and how long they waited.
#[derive(Default)]
pub(crate) struct Ledger(Mutex<Book>);

/// What is in a [`Ledger`].
#[derive(Default)]
pub(crate) struct Book {
    /// By decision.
    pub(crate) turns: HashMap<String, Judged>,
    pub(crate) calls: Vec<Call>,
}

/// How a turn was judged, in this order.
#[derive(Default)]
pub(crate) struct Judged {
    /// The last judgement that was acknowledged.
    pub(crate) acknowledged: Option<f64>,
    /// Those of which nothing was heard: they may have arrived, or arrive yet, also behind one that was sent later.
    pub(crate) unheard: Vec<f64>,
}

/// A request of a caller.
pub(crate) struct Call {
    pub(crate) begun: Instant,
    pub(crate) took: Duration,
    /// How often a replica was asked.
    pub(crate) attempts: u32,
    /// Why there was no answer.
    pub(crate) failed: Option<String>,
}

impl Ledger {
    pub(crate) fn book(&self) -> MutexGuard<'_, Book> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn called(&self, call: Call) {
        self.book().calls.push(call);
    }

    /// A turn was answered.
    pub(crate) fn turn(&self, decision: &str) {
        self.book().turns.entry(decision.to_owned()).or_default();
    }

    /// A judgement was sent; `heard` says whether it was acknowledged.
    pub(crate) fn judged(&self, decision: &str, value: f64, heard: bool) {
        let mut book = self.book();
        let turn = book.turns.entry(decision.to_owned()).or_default();
        if heard {
            turn.acknowledged = Some(value);
        } else {
            turn.unheard.push(value);
        }
    }
}

impl Judged {
    /// Whether what the log holds is what was promised.
    pub(crate) fn admits(&self, found: Option<f64>) -> bool {
        let same = |one: f64| found.is_some_and(|found| (found - one).abs() < 1e-9);
        let heard = match self.acknowledged {
            Some(value) => same(value),
            None => found.is_none(),
        };
        heard || self.unheard.iter().any(|value| same(*value))
    }
}
