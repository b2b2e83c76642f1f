use axum::extract::State;
use axum::http::HeaderMap;
use axum::{Extension, Json};
use helm_orchestrator::Helm;
use serde::Serialize;

use super::request::CountBody;
use crate::body::Body;
use crate::problem::Problem;
use crate::wire::RequestLimits;

/// How many tokens a request has.
#[derive(Serialize, utoipa::ToSchema)]
pub(crate) struct Counted {
    /// About as many, as they are counted here.
    input_tokens: u64,
}

/// How many tokens a request for a message has, as Helm counts them, which asks no model: an estimate. What a strategy
/// would add of its own is not in it, since none is chosen, and neither are pictures.
#[utoipa::path(
    post, path = "/v1/messages/count_tokens", tag = "Anthropic",
    request_body = CountBody,
    responses(
        (status = 200, body = Counted),
    ),
)]
pub(crate) async fn count_tokens(
    State(helm): State<Helm>,
    Extension(limits): Extension<RequestLimits>,
    headers: HeaderMap,
    Body(body): Body<CountBody>,
) -> Result<Json<Counted>, Problem> {
    let request = body.chat(&helm, limits, &headers)?;
    Ok(Json(Counted { input_tokens: helm.count_tokens(&request).get() }))
}
