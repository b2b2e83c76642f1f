use std::str::FromStr;

use axum::extract::rejection::QueryRejection;
use axum::extract::{FromRequestParts, Path, Query};
use axum::http::request::Parts;
use axum::http::{StatusCode, Uri};
use helm_core::{Clock, DecisionId, Feedback, SystemClock, TaskId, UnitInterval, UserId};
use helm_orchestrator::TurnRequest;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::problem::Problem;

/// A part of the path whose refusal is a problem.
pub(crate) struct PathOf(pub(crate) String);

impl<S: Send + Sync> FromRequestParts<S> for PathOf {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Path(part) = Path::from_request_parts(parts, state).await?;
        Ok(Self(part))
    }
}

/// Two parts of the path whose refusal is a problem.
pub(crate) struct PathsOf(pub(crate) String, pub(crate) String);

impl<S: Send + Sync> FromRequestParts<S> for PathsOf {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Path((first, second)) = Path::from_request_parts(parts, state).await?;
        Ok(Self(first, second))
    }
}

/// What a query asks for, whose refusal is a problem that names the parameter. What cannot be read of it, what is not known
/// and what is out of its bounds have one status.
pub(crate) struct QueryOf<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for QueryOf<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let query = Query::try_from_uri(&parts.uri);
        query.map(|Query(asked)| Self(asked)).map_err(|rejection| misread(&parts.uri, &rejection))
    }
}

fn misread(uri: &Uri, rejection: &QueryRejection) -> Problem {
    let mut why = rejection.to_string();
    let mut cause = std::error::Error::source(rejection);
    while let Some(error) = cause {
        why = error.to_string();
        cause = error.source();
    }
    let text = rejection.body_text();
    // The parser names a parameter in its words only.
    let names = uri.query().unwrap_or_default().split('&').filter_map(|part| part.split('=').next());
    let is_named = |name: &&str| {
        !name.is_empty()
            && [format!("field `{name}`"), format!(": {name}: ")].iter().any(|told| text.contains(told))
    };
    let problem = Problem::new(StatusCode::UNPROCESSABLE_ENTITY, format!("the query: {why}"));
    match names.into_iter().find(is_named) {
        Some(name) => problem.with_param(name),
        None => problem,
    }
}

/// A part of the request as what it must be; `param` says where it stands.
pub(crate) fn part<T: FromStr<Err = helm_core::Error>>(param: &str, text: &str) -> Result<T, Problem> {
    text.parse().map_err(|error: helm_core::Error| Problem::wrong(param, error.to_string()))
}

/// A part of the request that may not be there.
pub(crate) fn part_if_any<T: FromStr<Err = helm_core::Error>>(
    param: &str,
    text: Option<&str>,
) -> Result<Option<T>, Problem> {
    text.map(|text| part(param, text)).transpose()
}

/// How many are answered: as many as are asked for, else the first number, and at most the second.
pub(crate) fn bounded(asked: Option<usize>, (unasked, most): (usize, usize)) -> Result<usize, Problem> {
    match asked.unwrap_or(unasked) {
        0 => Err(Problem::wrong("limit", format!("0 is not from 1 to {most}"))),
        limit if limit > most => Err(Problem::wrong("limit", format!("{limit} is not from 1 to {most}"))),
        limit => Ok(limit),
    }
}

/// A message to be answered.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ChatBody {
    user_id: String,
    task: String,
    pub(crate) message: String,
    #[serde(default)]
    conversation_id: Option<String>,
    #[serde(default)]
    strategy: Option<String>,
    /// What the user has in common with others, as a plan or a country: between the task's beliefs and the user's.
    #[serde(default)]
    segment: Option<String>,
    #[serde(default)]
    pub(crate) stream: bool,
    /// Accepted for the caller's own logs along the way; not stored by this version.
    #[serde(default)]
    #[serde(rename = "metadata")]
    _metadata: Option<serde_json::Map<String, serde_json::Value>>,
}

impl ChatBody {
    pub(crate) fn turn(&self) -> Result<TurnRequest, Problem> {
        let (user, task): (UserId, TaskId) = (part("user_id", &self.user_id)?, part("task", &self.task)?);
        let mut request = TurnRequest::new(user, task, self.message.clone())?;
        // A turn without a conversation begins one, so that the answer names what the next one can go on with.
        let begun = || DecisionId::generate(SystemClock.now()).to_string();
        request = match self.conversation_id.as_deref() {
            Some(own) => request.with_conversation(part("conversation_id", own)?),
            None => request.with_new_conversation(part("conversation_id", &begun())?),
        };
        if let Some(strategy) = part_if_any("strategy", self.strategy.as_deref())? {
            request = request.with_strategy(strategy);
        }
        if let Some(segment) = part_if_any("segment", self.segment.as_deref())? {
            request = request.with_segment(segment);
        }
        Ok(request)
    }
}

/// A judgement of a turn: exactly one of `rating` (1 to 5), `value` (0 to 1) and `thumbs`.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct FeedbackBody {
    decision_id: String,
    #[serde(default)]
    source: Option<String>,
    #[serde(default)]
    rating: Option<f64>,
    #[serde(default)]
    value: Option<f64>,
    #[serde(default)]
    thumbs: Option<Thumbs>,
    #[serde(default)]
    idempotency_key: Option<String>,
}

#[derive(Clone, Copy, Deserialize, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
enum Thumbs {
    Up,
    Down,
}

impl FeedbackBody {
    pub(crate) fn feedback(&self) -> Result<Feedback, Problem> {
        let id: DecisionId = part("decision_id", &self.decision_id)?;
        let wrong = |param: &str, error: &helm_core::Error| Problem::wrong(param, error.to_string());
        let mut feedback = match (self.rating, self.value, self.thumbs) {
            (Some(rating), None, None) => {
                Feedback::rating(id, rating).map_err(|error| wrong("rating", &error))?
            }
            (None, Some(value), None) => {
                Feedback::new(id, UnitInterval::new(value).map_err(|error| wrong("value", &error))?)
            }
            (None, None, Some(thumbs)) => Feedback::thumbs(id, matches!(thumbs, Thumbs::Up)),
            _ => {
                let detail = "give exactly one of rating (1 to 5), value (0 to 1) and thumbs (up or down)";
                return Err(Problem::wrong(self.surplus(), detail));
            }
        };
        if let Some(source) = part_if_any("source", self.source.as_deref())? {
            feedback = feedback.from_source(source);
        }
        if let Some(key) = part_if_any("idempotency_key", self.idempotency_key.as_deref())? {
            feedback = feedback.with_key(key);
        }
        Ok(feedback)
    }

    /// The last of several judgements, or the first that could be given.
    fn surplus(&self) -> &'static str {
        match (self.value, self.thumbs) {
            (_, Some(_)) => "thumbs",
            (Some(_), None) => "value",
            (None, None) => "rating",
        }
    }
}
