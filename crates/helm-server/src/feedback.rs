use axum::Json;
use axum::extract::State;
use helm_core::DecisionId;
use helm_orchestrator::store::Applied;
use helm_orchestrator::{ErrorKind, Helm};
use serde::Serialize;

use crate::body::Body;
use crate::problem::Problem;
use crate::request::FeedbackBody;

/// What became of a judgement.
#[derive(Serialize, utoipa::ToSchema)]
pub(crate) struct FeedbackAnswer {
    #[schema(value_type = String)]
    decision_id: DecisionId,
    /// `fresh`, `duplicate` or `corrected`.
    #[schema(value_type = String)]
    applied: Applied,
    reward: Option<f64>,
}

/// Takes a judgement. Once answered, it is durable.
#[utoipa::path(
    post, path = "/feedback", tag = "Helm", request_body = FeedbackBody,
    responses((status = 200, body = FeedbackAnswer)),
)]
pub(crate) async fn feedback(
    State(helm): State<Helm>,
    Body(body): Body<FeedbackBody>,
) -> Result<Json<FeedbackAnswer>, Problem> {
    let feedback = body.feedback()?;
    let decision_id = feedback.decision;
    let receipt = helm.feedback(feedback).await;
    // Nothing but its key can be taken by another judgement.
    let receipt =
        receipt.map_err(|error| Problem::about(error, &[(ErrorKind::Conflict, "idempotency_key")]))?;
    let reward = receipt.reward.map(|reward| reward.value.get());
    Ok(Json(FeedbackAnswer { decision_id, applied: receipt.applied, reward }))
}
