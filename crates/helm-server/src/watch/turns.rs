//! The log, newest first.

use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use helm_core::{
    ConversationId, DecisionId, DecisionMode, ModelName, Probability, StrategyId, TaskId, Timestamp,
    TurnStatus, UserId,
};
use helm_orchestrator::Helm;
use helm_orchestrator::store::{Cursor, LogQuery, TurnView};
use serde::de::{IntoDeserializer, value};
use serde::{Deserialize, Serialize};

use super::live::{self, Watchers};
use crate::json::ViolationJson;
use crate::keys::Pass;
use crate::problem::Problem;
use crate::request::{QueryOf, bounded, part_if_any};

/// Some turns of the log.
#[derive(Serialize, utoipa::ToSchema)]
pub(crate) struct TurnsJson {
    /// Newest first.
    turns: Vec<LoggedJson>,
    /// What to continue with, as `after`; null at the end.
    next: Option<String>,
}

/// A turn that has ended, in a line.
#[derive(Serialize, utoipa::ToSchema)]
pub(crate) struct LoggedJson {
    #[schema(value_type = String)]
    pub(super) decision_id: DecisionId,
    /// When it began.
    #[schema(value_type = String)]
    at: Timestamp,
    #[schema(value_type = String)]
    task: TaskId,
    #[schema(value_type = String)]
    user_id: UserId,
    #[schema(value_type = Option<String>)]
    conversation_id: Option<ConversationId>,
    #[schema(value_type = Option<String>)]
    strategy: Option<StrategyId>,
    #[schema(value_type = Option<f64>)]
    propensity: Option<Probability>,
    #[schema(value_type = Option<String>)]
    mode: Option<DecisionMode>,
    #[schema(value_type = Option<String>)]
    status: Option<TurnStatus>,
    reward: Option<f64>,
    /// How many judgements there are of it.
    feedback: usize,
    latency_ms: Option<f64>,
    cost_usd: Option<f64>,
    #[schema(value_type = Option<String>)]
    model: Option<ModelName>,
    /// Whether the built-in demonstration model answered.
    simulated: bool,
    /// The beginning of what the user wrote, as the guards let it pass.
    message: Option<String>,
    /// The beginning of what was answered, as the guards let it pass.
    answer: Option<String>,
    violations: Vec<ViolationJson>,
}

/// So many characters of a text are shown in a line.
const SHOWN: usize = 240;

impl From<TurnView> for LoggedJson {
    fn from(turn: TurnView) -> Self {
        let (decision, outcome) = (turn.decision.as_ref(), turn.outcome.as_ref());
        let violations = outcome.map_or(&[][..], |outcome| &outcome.violations);
        Self {
            decision_id: turn.id,
            at: turn.at,
            strategy: decision.map(|decision| decision.strategy.clone()),
            propensity: decision.map(|decision| decision.propensity),
            mode: decision.map(|decision| decision.mode),
            status: outcome.map(|outcome| outcome.status),
            reward: turn.reward.as_ref().map(|reward| reward.value.get()),
            feedback: turn.feedback.len(),
            latency_ms: outcome.map(|outcome| outcome.latency.as_secs_f64() * 1e3),
            cost_usd: outcome.and_then(|outcome| outcome.cost).map(helm_core::NanoUsd::dollars),
            model: outcome.and_then(|outcome| outcome.model.clone()),
            simulated: outcome.is_some_and(|outcome| outcome.simulated),
            message: turn.input.as_deref().map(beginning),
            answer: turn.output.as_deref().map(beginning),
            violations: violations.iter().map(ViolationJson::stored).collect(),
            task: turn.task,
            user_id: turn.user,
            conversation_id: turn.conversation,
        }
    }
}

fn beginning(text: &str) -> String {
    let mut beginning: String = text.chars().take(SHOWN).collect();
    if beginning.len() < text.len() {
        beginning.push('…');
    }
    beginning
}

/// Which turns.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Search {
    #[serde(default)]
    task: Option<String>,
    #[serde(default)]
    user: Option<String>,
    #[serde(default)]
    strategy: Option<String>,
    #[serde(default)]
    status: Option<String>,
    #[serde(default)]
    since: Option<String>,
    #[serde(default)]
    until: Option<String>,
    #[serde(default)]
    found: bool,
    #[serde(default)]
    after: Option<String>,
    #[serde(default)]
    limit: Option<usize>,
}

/// How many turns are answered unasked, and how many at most.
const TURNS: (usize, usize) = (25, 200);

impl Search {
    fn query(&self) -> Result<LogQuery, Problem> {
        let mut query = LogQuery::default();
        query.task = part_if_any("task", self.task.as_deref())?;
        query.user = part_if_any("user", self.user.as_deref())?;
        query.strategy = part_if_any("strategy", self.strategy.as_deref())?;
        query.since = part_if_any("since", self.since.as_deref())?;
        query.until = part_if_any("until", self.until.as_deref())?;
        query.status = self.status.as_deref().map(status).transpose()?;
        query.found = self.found;
        Ok(query)
    }

    fn limit(&self) -> Result<usize, Problem> {
        bounded(self.limit, TURNS)
    }
}

fn status(name: &str) -> Result<TurnStatus, Problem> {
    let read: Result<TurnStatus, value::Error> = TurnStatus::deserialize(name.into_deserializer());
    read.map_err(|error| Problem::wrong("status", error.to_string()))
}

fn cursor(text: &str) -> Result<Cursor, Problem> {
    let wrong = || Problem::wrong("after", "this is no place in the log; take it from `next`");
    let (at, id) = text.split_once('.').ok_or_else(wrong)?;
    let at = Timestamp::from_micros(at.parse().map_err(|_| wrong())?);
    Ok(Cursor { at, id: id.parse().map_err(|_| wrong())? })
}

/// Turns that have ended, newest first. With `Accept: text/event-stream` those that end from now on, each as an event
/// `turn`; about once a second, those of the last five minutes that have not been told, the newest 50 when there are more. It
/// ends when the server stops, or the key does.
#[utoipa::path(
    get, path = "/helm/v1/decisions", tag = "Helm",
    params(
        ("task" = Option<String>, Query, description = "only this task's"),
        ("user" = Option<String>, Query, description = "only this user's"),
        ("strategy" = Option<String>, Query, description = "only those that chose this strategy, as name@version"),
        ("status" = Option<String>, Query, description = "only those that ended so: completed, length, tool_limit, blocked, \
            upstream_error, timeout, cancelled or storage_error"),
        ("since" = Option<String>, Query, description = "only those that began at this moment or later (RFC 3339)"),
        ("until" = Option<String>, Query, description = "only those that began before this moment (RFC 3339)"),
        ("found" = Option<bool>, Query, description = "only those in which guards found something"),
        ("after" = Option<String>, Query, description = "continue here: `next` of the page before"),
        ("limit" = Option<usize>, Query, description = "how many at most: 25, and up to 200"),
    ),
    responses(
        (status = 200, content((TurnsJson = "application/json"), (String = "text/event-stream"))),
        (status = 503, description = "too many are watching", body = Problem),
    ),
)]
pub(crate) async fn turns(
    State(helm): State<Helm>,
    Extension(watchers): Extension<Watchers>,
    pass: Pass,
    headers: HeaderMap,
    QueryOf(search): QueryOf<Search>,
) -> Result<Response, Problem> {
    let (query, limit) = (search.query()?, search.limit()?);
    let after = search.after.as_deref().map(cursor).transpose()?;
    if wants_events(&headers) {
        return live::watch(helm, query, &watchers, pass);
    }
    let page = helm.turns(&query, after.as_ref(), limit).await?;
    let next = page.next.map(|next| format!("{}.{}", next.at.as_micros(), next.id));
    let turns = page.items.into_iter().map(LoggedJson::from).collect();
    Ok(Json(TurnsJson { turns, next }).into_response())
}

fn wants_events(headers: &HeaderMap) -> bool {
    let accepted = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    accepted.split(',').any(|kind| kind.split(';').next().unwrap_or_default().trim() == "text/event-stream")
}
