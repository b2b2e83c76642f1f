//! What is remembered of a user.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use helm_orchestrator::Helm;
use helm_orchestrator::store::{Hit, Memory, MemoryId};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::body::Body;
use crate::problem::Problem;
use crate::request::{PathOf, PathsOf, QueryOf, bounded, part};

/// How many memories are answered unasked, and how many at most.
const MEMORIES: (usize, usize) = (10, 100);

/// A page of a user's memories.
#[derive(Serialize, utoipa::ToSchema)]
pub(crate) struct KeptJson {
    /// How many there are in all.
    count: u64,
    /// The latest first.
    memories: Vec<KeptMemoryJson>,
    /// What to continue with, as `after`; null at the end.
    next: Option<String>,
}

/// A memory.
#[derive(Serialize, utoipa::ToSchema)]
pub(crate) struct KeptMemoryJson {
    /// To delete it by.
    id: String,
    text: String,
    metadata: Value,
    #[schema(value_type = String)]
    at: helm_core::Timestamp,
}

impl From<Memory> for KeptMemoryJson {
    fn from(memory: Memory) -> Self {
        Self { id: shown(memory.id), text: memory.text, metadata: memory.metadata, at: memory.at }
    }
}

/// Which memories.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct MemorySearch {
    #[serde(default)]
    after: Option<String>,
    #[serde(default)]
    limit: Option<usize>,
}

/// What is remembered of a user, the latest first.
#[utoipa::path(
    get, path = "/helm/v1/users/{user}/memories", tag = "Helm",
    params(
        ("user" = String, Path, description = "the user"),
        ("after" = Option<String>, Query, description = "continue here: `next` of the page before"),
        ("limit" = Option<usize>, Query, description = "how many at most: 10, and up to 100"),
    ),
    responses((status = 200, body = KeptJson)),
)]
pub(crate) async fn memories(
    State(helm): State<Helm>,
    PathOf(user): PathOf,
    QueryOf(search): QueryOf<MemorySearch>,
) -> Result<Json<KeptJson>, Problem> {
    let (user, limit) = (part("user", &user)?, bounded(search.limit, MEMORIES)?);
    let after = search.after.as_deref().map(|after| memory_id("after", after)).transpose()?;
    let (count, mut memories) =
        futures::try_join!(helm.count_memories(&user), helm.latest_memories(&user, after, limit + 1))?;
    let more = memories.len() > limit;
    memories.truncate(limit);
    let next = memories.last().filter(|_| more).map(|memory| shown(memory.id));
    Ok(Json(KeptJson { count, memories: memories.into_iter().map(KeptMemoryJson::from).collect(), next }))
}

/// What to recall.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct MemoryQuery {
    /// The text to be similar to.
    query: String,
    /// How many at most: 10, and up to 100.
    #[serde(default)]
    limit: Option<usize>,
}

/// Recalled memories, the most similar first.
#[derive(Serialize, utoipa::ToSchema)]
pub(crate) struct MemoriesJson {
    memories: Vec<MemoryJson>,
}

/// A recalled memory.
#[derive(Serialize, utoipa::ToSchema)]
pub(crate) struct MemoryJson {
    /// To delete it by.
    id: String,
    text: String,
    /// How similar it is.
    score: f64,
    metadata: Value,
    #[schema(value_type = String)]
    at: helm_core::Timestamp,
}

impl From<Hit> for MemoryJson {
    fn from(hit: Hit) -> Self {
        let memory = hit.memory;
        Self {
            id: shown(memory.id),
            text: memory.text,
            score: hit.score,
            metadata: memory.metadata,
            at: memory.at,
        }
    }
}

/// The memories of a user that are most like a text.
#[utoipa::path(
    post, path = "/helm/v1/users/{user}/memories/search", tag = "Helm",
    params(("user" = String, Path, description = "the user")),
    request_body = MemoryQuery,
    responses((status = 200, body = MemoriesJson)),
)]
pub(crate) async fn search_memories(
    State(helm): State<Helm>,
    PathOf(user): PathOf,
    Body(query): Body<MemoryQuery>,
) -> Result<Json<MemoriesJson>, Problem> {
    let hits = helm.memories(&part("user", &user)?, &query.query, bounded(query.limit, MEMORIES)?).await?;
    Ok(Json(MemoriesJson { memories: hits.into_iter().map(MemoryJson::from).collect() }))
}

/// What was removed.
#[derive(Serialize, utoipa::ToSchema)]
pub(crate) struct DeletedJson {
    /// How many there were.
    deleted: u64,
}

/// Removes all memories of a user.
#[utoipa::path(
    delete, path = "/helm/v1/users/{user}/memories", tag = "Helm",
    params(("user" = String, Path, description = "the user")),
    responses((status = 200, body = DeletedJson)),
)]
pub(crate) async fn forget_memories(
    State(helm): State<Helm>,
    PathOf(user): PathOf,
) -> Result<Json<DeletedJson>, Problem> {
    let deleted = helm.forget_memories(&part("user", &user)?, None).await?;
    Ok(Json(DeletedJson { deleted }))
}

/// Removes one memory of a user.
#[utoipa::path(
    delete, path = "/helm/v1/users/{user}/memories/{memory}", tag = "Helm",
    params(
        ("user" = String, Path, description = "the user"),
        ("memory" = String, Path, description = "the memory's id"),
    ),
    responses((status = 200, body = DeletedJson)),
)]
pub(crate) async fn forget_memory(
    State(helm): State<Helm>,
    PathsOf(user, memory): PathsOf,
) -> Result<Json<DeletedJson>, Problem> {
    let deleted = helm.forget_memories(&part("user", &user)?, Some(&[memory_id("memory", &memory)?])).await?;
    match deleted {
        0 => {
            let problem = Problem::new(StatusCode::NOT_FOUND, format!("this user has no memory {memory}"));
            Err(problem.with_param("memory"))
        }
        deleted => Ok(Json(DeletedJson { deleted })),
    }
}

/// How a memory is named in requests and answers.
fn shown(id: MemoryId) -> String {
    format!("{}.{}", id.turn, id.index)
}

fn memory_id(param: &str, text: &str) -> Result<MemoryId, Problem> {
    let wrong = || Problem::wrong(param, "this is no memory's id; take it from a list or a search");
    let (turn, index) = text.split_once('.').ok_or_else(wrong)?;
    Ok(MemoryId { turn: turn.parse().map_err(|_| wrong())?, index: index.parse().map_err(|_| wrong())? })
}
