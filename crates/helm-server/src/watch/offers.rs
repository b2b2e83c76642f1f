//! With which probabilities strategies were drawn over time.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use helm_core::{TaskId, Timestamp};
use helm_orchestrator::{Helm, Offer};
use serde::Serialize;

use super::stretch::Stretch;
use crate::problem::Problem;
use crate::request::{PathOf, QueryOf, part};

/// With which probabilities a task's strategies were drawn over time.
#[derive(Serialize, utoipa::ToSchema)]
pub(crate) struct OffersJson {
    /// When the first slot begins.
    #[schema(value_type = String)]
    since: Timestamp,
    /// When the last slot ends.
    #[schema(value_type = String)]
    until: Timestamp,
    /// The slots in which something was drawn, in order.
    slots: Vec<OfferJson>,
}

/// With which probabilities strategies were drawn in a slot of time.
#[derive(Serialize, utoipa::ToSchema)]
pub(crate) struct OfferJson {
    /// When it begins.
    #[schema(value_type = String)]
    from: Timestamp,
    /// How many decisions it is the mean of: the first of the slot, eight at most.
    decisions: u64,
    /// The mean probability of each strategy, as `name@version`.
    probabilities: BTreeMap<String, f64>,
}

impl From<Offer> for OfferJson {
    fn from(offer: Offer) -> Self {
        let probabilities =
            offer.probabilities.into_iter().map(|(strategy, mean)| (strategy.to_string(), mean));
        Self { from: offer.from, decisions: offer.decisions, probabilities: probabilities.collect() }
    }
}

/// With which probabilities a task's strategies were drawn over time, as its decisions have logged them.
#[utoipa::path(
    get, path = "/helm/v1/tasks/{task}/probabilities", tag = "Helm",
    params(
        ("task" = String, Path, description = "the task"),
        ("hours" = Option<u32>, Query, description = "as for the overview"),
        ("slots" = Option<u32>, Query, description = "as for the overview"),
    ),
    responses((status = 200, body = OffersJson)),
)]
pub(crate) async fn probabilities(
    State(helm): State<Helm>,
    PathOf(task): PathOf,
    QueryOf(stretch): QueryOf<Stretch>,
) -> Result<Json<OffersJson>, Problem> {
    if stretch.task.is_some() {
        return Err(Problem::wrong("task", "the task is named by the path"));
    }
    let task: TaskId = part("task", &task)?;
    let cut = stretch.cut(&helm).await?;
    let slots = helm.offers(&task, &cut.query).await?.into_iter().map(OfferJson::from).collect();
    let mut bounds = cut.query.bounds();
    let since = bounds.next().unwrap_or(helm.now());
    Ok(Json(OffersJson { since, until: bounds.last().unwrap_or(since), slots }))
}
