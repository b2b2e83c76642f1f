use std::collections::BTreeSet;
use std::sync::Arc;

use async_trait::async_trait;
use helm_core::{ConversationId, DecisionId, StatsRow, TaskId, TenantId, UserId};
use serde::{Deserialize, Serialize};

use crate::{Memory, MemoryId, Result, StoredMessage, Summary};

/// All that is kept of one person, to be shown to them or forgotten.
#[async_trait]
pub trait UserStore: Send + Sync {
    /// What is kept of a user beside their preferences and their turns, which
    /// [`PreferenceStore`](crate::PreferenceStore) and [`InteractionLog::scan`](crate::InteractionLog::scan) answer.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    async fn records(&self, tenant: &TenantId, user: &UserId) -> Result<UserRecords>;

    /// A page of a user's memories, the latest first.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    async fn memories(&self, tenant: &TenantId, page: &MemoryPage) -> Result<Vec<Memory>>;

    /// Forgets a user. Preferences, messages, summaries, memories and jobs that name them (as `user` in their body) are removed. Turns stay in the
    /// log under a pseudonym, without texts, conversation and whatever else somebody wrote; so do rewards and what
    /// decisions have contributed, so that learning state is the sum of its log before and after.
    ///
    /// Works in transactions of [`Forgetting::batch`] turns, after each of which `progress` is told what was done so far,
    /// and may be cut off and called again at any moment: the pseudonym follows from the user's first decision, which goes
    /// last. Doing it again changes nothing. A turn of theirs that has been decided but has not ended ends without being
    /// stored, or is forgotten with the others; what is begun afterwards is kept as anybody's. Feedback on a forgotten turn is still taken.
    ///
    /// Answers the same with [`Forgetting::dry_run`], and changes nothing then.
    ///
    /// # Errors
    ///
    /// Fails when the database does.
    async fn forget(
        &self,
        tenant: &TenantId,
        forgetting: &Forgetting,
        progress: &mut (dyn FnMut(Forgotten) + Send),
    ) -> Result<Forgotten>;
}

#[async_trait]
impl<T: UserStore + ?Sized> UserStore for Arc<T> {
    async fn records(&self, tenant: &TenantId, user: &UserId) -> Result<UserRecords> {
        (**self).records(tenant, user).await
    }

    async fn memories(&self, tenant: &TenantId, page: &MemoryPage) -> Result<Vec<Memory>> {
        (**self).memories(tenant, page).await
    }

    async fn forget(
        &self,
        tenant: &TenantId,
        forgetting: &Forgetting,
        progress: &mut (dyn FnMut(Forgotten) + Send),
    ) -> Result<Forgotten> {
        (**self).forget(tenant, forgetting, progress).await
    }
}

/// Which of a user's memories [`UserStore::memories`] answers.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct MemoryPage {
    /// Whose.
    pub user: UserId,
    /// Of which collection.
    pub collection: String,
    /// Only those behind this one, which are older. Default: from the latest on.
    pub after: Option<MemoryId>,
    /// How many at most.
    pub limit: usize,
}

impl MemoryPage {
    /// The latest `limit` memories of a user in a collection.
    pub fn new(user: UserId, collection: impl Into<String>, limit: usize) -> Self {
        Self { user, collection: collection.into(), after: None, limit }
    }

    /// Goes on behind this memory.
    #[must_use]
    pub fn after(mut self, id: Option<MemoryId>) -> Self {
        self.after = id;
        self
    }

    /// Turn and number that all of the page come before.
    #[cfg(any(feature = "sqlite", feature = "postgres"))]
    pub(crate) fn end(&self) -> (DecisionId, i64) {
        // No turn has this id: its version is none.
        let last = DecisionId::from_bytes([u8::MAX; 16]);
        self.after.map_or((last, 0), |id| (id.turn, id.index.into()))
    }
}

/// What is kept of a user beside preferences and turns that have ended.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub struct UserRecords {
    /// Their decisions that have no turn, by id: it runs, or it never came to an end that could be stored.
    pub decisions: Vec<DecisionId>,
    /// Their conversations, by id.
    pub conversations: Vec<UserConversation>,
    /// Their memories, of all collections, by id.
    pub memories: Vec<Memory>,
    /// Follow-up work that names them.
    pub jobs: Vec<UserJob>,
    /// What was learnt from them in particular.
    pub statistics: Vec<UserStatistics>,
}

/// One of a user's conversations.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct UserConversation {
    /// Which.
    pub id: ConversationId,
    /// What was said, in order.
    pub messages: Vec<StoredMessage>,
    /// What its beginning came to.
    pub summary: Option<Summary>,
}

impl UserConversation {
    pub(crate) fn new(id: ConversationId) -> Self {
        Self { id, messages: Vec::new(), summary: None }
    }
}

/// A job that names a user.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct UserJob {
    /// What is to be done.
    pub kind: String,
    /// What its handler needs, as it is stored.
    pub body: String,
    /// Why it failed last.
    pub error: Option<String>,
}

/// What was learnt from a user.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct UserStatistics {
    /// In which task.
    pub task: TaskId,
    /// Sums over their decisions.
    pub row: StatsRow,
}

/// Whom [`UserStore::forget`] forgets.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Forgetting {
    /// Whom.
    pub user: UserId,
    /// Names the pseudonym of a user without any turn in the log. An id that nothing else has.
    pub otherwise: DecisionId,
    /// Whether is only counted. Default: no.
    pub dry_run: bool,
    /// How many turns are looked at in one transaction. Default: 500.
    pub batch: usize,
    /// Kinds of jobs that stay although they are about a decision of the user, because they need none of its texts.
    /// Default: none.
    pub kept_jobs: BTreeSet<String>,
}

impl Forgetting {
    /// Forgets this user. `otherwise` is an id that nothing else has.
    #[must_use]
    pub fn new(user: UserId, otherwise: DecisionId) -> Self {
        Self { user, otherwise, dry_run: false, batch: 500, kept_jobs: BTreeSet::new() }
    }

    /// With the pseudonym of a user of whom this is the first that is logged.
    #[cfg(any(feature = "sqlite", feature = "postgres"))]
    pub(crate) fn named(mut self, first: Option<DecisionId>) -> Self {
        self.otherwise = first.unwrap_or(self.otherwise);
        self
    }

    /// Whether somebody's pseudonym has the form of this name. Nobody is called so, and nothing is to be added under it.
    #[must_use]
    pub fn is_pseudonym(user: &UserId) -> bool {
        let id = user.as_str().strip_prefix(crate::disguise::PSEUDONYM);
        id.is_some_and(|id| id.parse::<DecisionId>().is_ok())
    }

    /// Only counts.
    #[must_use]
    pub fn dry_run(mut self, dry_run: bool) -> Self {
        self.dry_run = dry_run;
        self
    }

    /// Sets how many turns are looked at in one transaction.
    #[must_use]
    pub fn with_batch(mut self, turns: usize) -> Self {
        self.batch = turns.max(1);
        self
    }

    /// Leaves jobs of this kind that are about decisions of the user, but name nobody.
    #[must_use]
    pub fn with_kept_jobs(mut self, kind: impl Into<String>) -> Self {
        self.kept_jobs.insert(kind.into());
        self
    }
}

/// What was done, or would be.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Forgotten {
    /// Removed: 1 when there were preferences.
    pub preferences: u64,
    /// Removed.
    pub messages: u64,
    /// Removed.
    pub summaries: u64,
    /// Removed.
    pub memories: u64,
    /// Removed.
    pub jobs: u64,
    /// Now under a pseudonym, without texts.
    pub turns: u64,
    /// Now under a pseudonym.
    pub decisions: u64,
    /// Of these decisions: kept without the keys that they came with.
    pub judgements: u64,
    /// Rows of sums that are now a pseudonym's.
    pub statistics: u64,
}

impl Forgotten {
    /// Whether there was nothing.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        *self == Self::default()
    }

    #[cfg(any(feature = "sqlite", feature = "postgres"))]
    pub(crate) fn add(&mut self, more: Self) {
        self.preferences += more.preferences;
        self.messages += more.messages;
        self.summaries += more.summaries;
        self.memories += more.memories;
        self.jobs += more.jobs;
        self.turns += more.turns;
        self.decisions += more.decisions;
        self.judgements += more.judgements;
        self.statistics += more.statistics;
    }
}
