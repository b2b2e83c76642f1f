use axum::extract::rejection::QueryRejection;
use axum::extract::{FromRequestParts, Path, Query};
use axum::http::StatusCode;
use axum::http::request::Parts;
use helm_core::{Clock, DecisionId, Feedback, IdempotencyKey, SourceName, SystemClock, UnitInterval};
use helm_orchestrator::TurnRequest;
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

/// What a query asks for, or a problem where it cannot be read.
pub(crate) fn asked<T>(query: Result<Query<T>, QueryRejection>) -> Result<T, Problem> {
    let Query(asked) =
        query.map_err(|rejection| Problem::new(StatusCode::BAD_REQUEST, rejection.body_text()))?;
    Ok(asked)
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
        let mut request = TurnRequest::new(&self.user_id, &self.task, self.message.clone())?;
        // A turn without a conversation begins one, so that the answer names what the next one can go on with.
        let conversation = match &self.conversation_id {
            Some(conversation) => conversation.parse()?,
            None => DecisionId::generate(SystemClock.now()).to_string().parse()?,
        };
        request = request.with_conversation(conversation);
        if let Some(strategy) = &self.strategy {
            request = request.with_strategy(strategy.parse()?);
        }
        if let Some(segment) = &self.segment {
            request = request.with_segment(segment.parse()?);
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
        let id: DecisionId = self.decision_id.parse()?;
        let mut feedback = match (self.rating, self.value, self.thumbs) {
            (Some(rating), None, None) => Feedback::rating(id, rating)?,
            (None, Some(value), None) => Feedback::new(id, UnitInterval::new(value)?),
            (None, None, Some(thumbs)) => Feedback::thumbs(id, matches!(thumbs, Thumbs::Up)),
            _ => {
                let detail = "give exactly one of rating (1 to 5), value (0 to 1) and thumbs (up or down)";
                return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, detail));
            }
        };
        if let Some(source) = &self.source {
            feedback = feedback.from_source(SourceName::new(source)?);
        }
        if let Some(key) = &self.idempotency_key {
            feedback = feedback.with_key(IdempotencyKey::new(key)?);
        }
        Ok(feedback)
    }
}
