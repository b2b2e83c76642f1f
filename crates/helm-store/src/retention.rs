use std::collections::BTreeSet;

use helm_core::{TaskId, Timestamp};
use serde::{Deserialize, Serialize};

/// What [`InteractionLog::retain`](crate::InteractionLog::retain) removes from the log.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Retention {
    /// Turns that began before this moment go.
    pub before: Timestamp,
    /// Whether turns are only counted. Default: no, they are removed.
    pub dry_run: bool,
    /// How many turns are looked at in one transaction. Default: 500.
    pub batch: usize,
    /// Tasks in which each decision draws anew, so that no draw of theirs is kept to and all may go. Of all other tasks
    /// the draw that a user, or a conversation, keeps to stays for good. Default: none.
    pub fleeting: BTreeSet<TaskId>,
}

impl Retention {
    /// Removes turns that began before this moment.
    #[must_use]
    pub fn before(before: Timestamp) -> Self {
        Self { before, dry_run: false, batch: 500, fleeting: BTreeSet::new() }
    }

    /// Only counts.
    #[must_use]
    pub fn dry_run(mut self) -> Self {
        self.dry_run = true;
        self
    }

    /// Sets how many turns are looked at in one transaction.
    #[must_use]
    pub fn with_batch(mut self, turns: usize) -> Self {
        self.batch = turns.max(1);
        self
    }

    /// Lets the draws of this task go: nobody keeps to them.
    #[must_use]
    pub fn with_fleeting(mut self, task: TaskId) -> Self {
        self.fleeting.insert(task);
        self
    }
}

/// What was removed from the log, or would be.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Retained {
    /// Turns.
    pub turns: u64,
    /// Their decisions.
    pub decisions: u64,
    /// People's judgements of them, with those that were corrected later.
    pub judgements: u64,
    /// Their messages in conversations.
    pub messages: u64,
    /// Turns of that age that stay, because something still depends on them.
    pub kept: u64,
}

impl Retained {
    #[cfg(any(feature = "sqlite", feature = "postgres"))]
    pub(crate) fn add(&mut self, more: Self) {
        let Self { turns, decisions, judgements, messages, kept } = more;
        self.turns += turns;
        self.decisions += decisions;
        self.judgements += judgements;
        self.messages += messages;
        self.kept += kept;
    }
}
