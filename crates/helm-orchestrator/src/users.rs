//! What is kept of a person: to be shown to them, or forgotten.

use futures::{StreamExt, TryStreamExt, stream};
use helm_core::{DecisionId, TenantId, UserId};
use helm_store::{
    Forgetting, Forgotten, LogQuery, Memory, Preferences, TURN_DEADLINE, TurnView, UserConversation, UserJob,
    UserStatistics,
};
use serde::Serialize;

use crate::background::DEFAULT_REWARD;
use crate::error::{Error, Result};
use crate::gates::GATES;
use crate::inner::Inner;
use crate::ledger::LEDGER;

/// Turns that are read at a time.
const PAGE: usize = 500;
/// Single decisions that are read at once.
const AT_ONCE: usize = 4;

/// Everything that is kept of a user.
#[derive(Clone, PartialEq, Debug, Serialize)]
#[non_exhaustive]
pub struct UserExport {
    /// In which tenant.
    pub tenant: TenantId,
    /// Of whom.
    pub user: UserId,
    /// Their preferences, with what Helm has noticed by itself.
    pub preferences: Preferences,
    /// What was said, by conversation.
    pub conversations: Vec<UserConversation>,
    /// Their memories, with the embeddings that they are found by.
    pub memories: Vec<Memory>,
    /// Their turns, oldest first: decision, texts, outcome, reward and feedback. Of a turn that runs, or never came to an
    /// end, the decision is all that there is.
    pub turns: Vec<TurnView>,
    /// What was learnt from them in particular, by task.
    pub statistics: Vec<UserStatistics>,
    /// Follow-up work that names them.
    pub jobs: Vec<UserJob>,
}

impl UserExport {
    /// Whether nothing is kept of them.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        self.preferences.values.is_empty()
            && self.conversations.is_empty()
            && self.memories.is_empty()
            && self.turns.is_empty()
            && self.statistics.is_empty()
            && self.jobs.is_empty()
    }
}

/// What forgetting a user did, or would do.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[non_exhaustive]
pub struct UserForgotten {
    /// By what was kept where.
    #[serde(flatten)]
    pub stored: Forgotten,
    /// Whether kept answers are gone everywhere. If not, because Redis did not answer, each goes when its time is over;
    /// forgetting the user again tries it again.
    pub caches_cleared: bool,
}

impl UserForgotten {
    /// What would be done.
    #[must_use]
    pub fn counted(stored: Forgotten) -> Self {
        Self { stored, caches_cleared: false }
    }
}

pub(crate) async fn export(inner: &Inner, tenant: &TenantId, user: &UserId) -> Result<UserExport> {
    let store = &inner.store;
    let (records, preferences) =
        futures::try_join!(store.users().records(tenant, user), store.preferences().get(tenant, user))?;
    let query = LogQuery::default().with_user(user.clone());
    let (mut turns, mut after) = (Vec::new(), None);
    loop {
        let page = store.log().scan(tenant, &query, after.as_ref(), PAGE).await?;
        turns.extend(page.items);
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    turns.extend(without_turn(inner, tenant, &records.decisions).await?);
    turns.sort_by_key(|turn| (turn.at, turn.id));
    // One that ended meanwhile was read twice.
    turns.dedup_by_key(|turn| turn.id);
    Ok(UserExport {
        tenant: tenant.clone(),
        user: user.clone(),
        preferences,
        conversations: records.conversations,
        memories: records.memories,
        turns,
        statistics: records.statistics,
        jobs: records.jobs,
    })
}

/// What is known of decisions that have no turn.
async fn without_turn(inner: &Inner, tenant: &TenantId, ids: &[DecisionId]) -> Result<Vec<TurnView>> {
    let views = stream::iter(ids.to_vec()).map(|id| inner.store.log().turn(tenant, id)).buffered(AT_ONCE);
    let views: Vec<Option<TurnView>> = views.try_collect().await?;
    Ok(views.into_iter().flatten().collect())
}

/// Counts what [`forget`] would do.
pub(crate) async fn count(inner: &Inner, tenant: &TenantId, user: &UserId) -> Result<Forgotten> {
    let forgetting = forgetting(inner, user)?.dry_run(true);
    Ok(inner.store.users().forget(tenant, &forgetting, &mut |_| {}).await?)
}

pub(crate) async fn forget(
    inner: &Inner,
    tenant: &TenantId,
    user: &UserId,
    progress: &mut (dyn FnMut(Forgotten) + Send),
) -> Result<UserForgotten> {
    let forgetting = forgetting(inner, user)?;
    let stored = inner.store.users().forget(tenant, &forgetting, progress).await?;
    // Whose words a kept answer repeats is not known.
    let mut caches_cleared = true;
    for answers in inner.tasks.values().flat_map(|task| task.answers.values()) {
        caches_cleared &= answers.clear(tenant).await;
    }
    Ok(UserForgotten { stored, caches_cleared })
}

/// Refuses a name under which Helm keeps something of its own: what judges cost, what became of candidates, or what people left who were forgotten.
pub(crate) fn check(user: &UserId) -> Result<()> {
    if [LEDGER, GATES].contains(&user.as_str()) || Forgetting::is_pseudonym(user) {
        return Err(Error::ReservedUser { user: user.clone() });
    }
    Ok(())
}

/// A decision still gets its reward when silence is over, and an end when its process ended: neither needs a text.
fn forgetting(inner: &Inner, user: &UserId) -> Result<Forgetting> {
    check(user)?;
    let forgetting = Forgetting::new(user.clone(), DecisionId::generate(inner.clock.now()));
    Ok(forgetting.with_kept_jobs(DEFAULT_REWARD).with_kept_jobs(TURN_DEADLINE))
}
