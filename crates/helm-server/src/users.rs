//! What is known of a user: preferences and conversations.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use helm_core::{ConversationId, DecisionId, Message, UserId};
use helm_orchestrator::store::{Forgotten, PreferenceChange, Preferences, StoredMessage, Summary};
use helm_orchestrator::{ErrorKind, Helm, UserExport};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::body::Body;
use crate::problem::Problem;
use crate::request::{PathOf, PathsOf, QueryOf, bounded, part};

/// A user's preferences.
#[derive(Serialize, utoipa::ToSchema)]
pub(crate) struct PreferencesJson {
    /// Raised by one with every change.
    revision: u64,
    /// The values by name.
    values: BTreeMap<String, Value>,
}

impl From<Preferences> for PreferencesJson {
    fn from(preferences: Preferences) -> Self {
        Self { revision: preferences.revision, values: preferences.values }
    }
}

/// Changes of preferences.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PreferencesPatch {
    /// The revision that the caller knows: when there is a newer one, nothing is changed. Default: any.
    #[serde(default)]
    revision: Option<u64>,
    /// New values by name; null removes one.
    values: BTreeMap<String, Value>,
}

/// A user's preferences.
#[utoipa::path(
    get, path = "/helm/v1/users/{user}/preferences", tag = "Helm",
    params(("user" = String, Path, description = "the user")),
    responses((status = 200, body = PreferencesJson)),
)]
pub(crate) async fn preferences(
    State(helm): State<Helm>,
    PathOf(user): PathOf,
) -> Result<Json<PreferencesJson>, Problem> {
    let user: UserId = part("user", &user)?;
    Ok(Json(helm.preferences(&user).await?.into()))
}

/// Everything that is kept of a user, as one document.
#[utoipa::path(
    get, path = "/helm/v1/users/{user}", tag = "Helm",
    params(("user" = String, Path, description = "the user")),
    responses(
        (status = 200, description = "preferences, conversations, memories, turns, statistics, jobs", body = Value),
    ),
)]
pub(crate) async fn export(
    State(helm): State<Helm>,
    PathOf(user): PathOf,
) -> Result<Json<UserExport>, Problem> {
    Ok(Json(helm.export_user(&part("user", &user)?).await?))
}

/// Whether to do it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Forget {
    #[serde(default)]
    dry_run: bool,
}

/// What was done, or would be.
#[derive(Serialize, utoipa::ToSchema)]
pub(crate) struct ForgottenJson {
    dry_run: bool,
    /// Removed: 1 when there were preferences.
    preferences: u64,
    /// Removed.
    messages: u64,
    /// Removed.
    summaries: u64,
    /// Removed.
    memories: u64,
    /// Removed.
    jobs: u64,
    /// Now under a pseudonym, without texts.
    turns: u64,
    /// Now under a pseudonym.
    decisions: u64,
    /// Kept without the keys that they came with.
    judgements: u64,
    /// Rows of sums that are now a pseudonym's.
    statistics: u64,
    /// Whether kept answers are gone here, and wherever the same Redis is used; elsewhere they go when their time is over.
    caches_cleared: bool,
}

impl ForgottenJson {
    fn new(stored: Forgotten, dry_run: bool, caches_cleared: bool) -> Self {
        Self {
            dry_run,
            preferences: stored.preferences,
            messages: stored.messages,
            summaries: stored.summaries,
            memories: stored.memories,
            jobs: stored.jobs,
            turns: stored.turns,
            decisions: stored.decisions,
            judgements: stored.judgements,
            statistics: stored.statistics,
            caches_cleared,
        }
    }
}

/// Forgets a user. What was learnt stays, under a pseudonym.
#[utoipa::path(
    delete, path = "/helm/v1/users/{user}", tag = "Helm",
    params(
        ("user" = String, Path, description = "the user"),
        ("dry_run" = Option<bool>, Query, description = "only count"),
    ),
    responses((status = 200, body = ForgottenJson)),
)]
pub(crate) async fn forget(
    State(helm): State<Helm>,
    PathOf(user): PathOf,
    QueryOf(asked): QueryOf<Forget>,
) -> Result<Json<ForgottenJson>, Problem> {
    let user: UserId = part("user", &user)?;
    if asked.dry_run {
        return Ok(Json(ForgottenJson::new(helm.count_user(&user).await?, true, false)));
    }
    let forgotten = helm.forget_user(&user, |_| {}).await?;
    Ok(Json(ForgottenJson::new(forgotten.stored, false, forgotten.caches_cleared)))
}

/// Changes some preferences of a user, all or none of them, and answers the new ones.
#[utoipa::path(
    patch, path = "/helm/v1/users/{user}/preferences", tag = "Helm",
    params(("user" = String, Path, description = "the user")),
    request_body = PreferencesPatch,
    responses(
        (status = 200, body = PreferencesJson),
        (status = 409, description = "the revision is not the present one", body = Problem,
            content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn change_preferences(
    State(helm): State<Helm>,
    PathOf(user): PathOf,
    Body(patch): Body<PreferencesPatch>,
) -> Result<Json<PreferencesJson>, Problem> {
    let user: UserId = part("user", &user)?;
    let changes: Vec<_> = patch.values.into_iter().map(change).collect();
    let changed = helm.change_preferences_of(&user, &changes, patch.revision).await;
    let params = [(ErrorKind::Conflict, "revision"), (ErrorKind::InvalidRequest, "values")];
    let changed = changed.map_err(|error| Problem::about(error, &params));
    Ok(Json(changed?.into()))
}

fn change((name, value): (String, Value)) -> PreferenceChange {
    match value {
        Value::Null => PreferenceChange::Remove { name },
        value => PreferenceChange::Set { name, value },
    }
}

/// A conversation.
#[derive(Serialize, utoipa::ToSchema)]
pub(crate) struct ConversationJson {
    /// Its last messages, in the order they were said.
    messages: Vec<MessageJson>,
    /// What its beginning came to; null as long as there is none.
    summary: Option<SummaryJson>,
}

/// What the beginning of a conversation came to, which a model is told in its place.
#[derive(Serialize, utoipa::ToSchema)]
pub(crate) struct SummaryJson {
    /// In a model's words.
    text: String,
    /// The last turn that it covers.
    #[schema(value_type = String)]
    covers: DecisionId,
    /// When it was made.
    #[schema(value_type = String)]
    at: helm_core::Timestamp,
}

impl From<Summary> for SummaryJson {
    fn from(summary: Summary) -> Self {
        Self { text: summary.text, covers: summary.covers, at: summary.at }
    }
}

/// A message as it was stored.
#[derive(Serialize, utoipa::ToSchema)]
pub(crate) struct MessageJson {
    /// The turn that it belongs to.
    #[schema(value_type = String)]
    decision_id: DecisionId,
    /// When that turn ended.
    #[schema(value_type = String)]
    at: helm_core::Timestamp,
    /// Who said what: `role` and `parts`.
    #[serde(flatten)]
    #[schema(value_type = serde_json::Value)]
    message: Message,
}

impl From<StoredMessage> for MessageJson {
    fn from(stored: StoredMessage) -> Self {
        Self { decision_id: stored.turn, at: stored.at, message: stored.message }
    }
}

/// How much is asked for.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Page {
    #[serde(default)]
    limit: Option<usize>,
}

/// How many messages are answered unasked, and how many at most.
const MESSAGES: (usize, usize) = (100, 1_000);

/// The last messages of a user's conversation, and the summary of its beginning.
#[utoipa::path(
    get, path = "/helm/v1/users/{user}/conversations/{conversation}", tag = "Helm",
    params(
        ("user" = String, Path, description = "the user"),
        ("conversation" = String, Path, description = "the conversation"),
        ("limit" = Option<usize>, Query, description = "how many at most: 100, and up to 1000"),
    ),
    responses((status = 200, body = ConversationJson)),
)]
pub(crate) async fn conversation(
    State(helm): State<Helm>,
    PathsOf(user, conversation): PathsOf,
    QueryOf(page): QueryOf<Page>,
) -> Result<Json<ConversationJson>, Problem> {
    let (user, conversation): (UserId, ConversationId) =
        (part("user", &user)?, part("conversation", &conversation)?);
    let stored = helm.conversation(&user, &conversation, bounded(page.limit, MESSAGES)?);
    let (stored, summary) = futures::try_join!(stored, helm.conversation_summary(&user, &conversation))?;
    let messages = stored.into_iter().map(MessageJson::from).collect();
    Ok(Json(ConversationJson { messages, summary: summary.map(SummaryJson::from) }))
}
