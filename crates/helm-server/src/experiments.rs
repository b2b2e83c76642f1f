//! Experiments, and what the log says of them so far.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use helm_core::ExperimentKey;
use helm_orchestrator::Helm;
use helm_orchestrator::experiment::Spec;
use serde::Serialize;

use crate::problem::Problem;
use crate::request::{PathOf, part};

/// The configured experiments.
#[derive(Serialize, utoipa::ToSchema)]
pub(crate) struct ExperimentsJson {
    experiments: Vec<ExperimentJson>,
}

/// A configured experiment.
#[derive(Serialize, utoipa::ToSchema)]
pub(crate) struct ExperimentJson {
    /// Its key.
    key: String,
    /// The version of its specification.
    version: u32,
    /// The task it runs on.
    task: String,
    /// What of the specification must not change, hashed.
    digest: String,
    /// Its variants.
    variants: Vec<VariantJson>,
}

/// One side of an experiment.
#[derive(Serialize, utoipa::ToSchema)]
pub(crate) struct VariantJson {
    /// Its name.
    name: String,
    /// The share of users that it gets.
    weight: f64,
    /// Whether the others are compared with it.
    control: bool,
}

impl From<&Spec> for ExperimentJson {
    fn from(spec: &Spec) -> Self {
        let variants = spec.variants().iter().map(|variant| VariantJson {
            name: variant.name.to_string(),
            weight: variant.weight.get(),
            control: variant.control,
        });
        Self {
            key: spec.key().to_string(),
            version: spec.version(),
            task: spec.task().to_string(),
            digest: spec.digest().to_string(),
            variants: variants.collect(),
        }
    }
}

/// The configured experiments.
#[utoipa::path(
    get, path = "/helm/v1/experiments", tag = "Helm",
    responses((status = 200, body = ExperimentsJson)),
)]
pub(crate) async fn experiments(State(helm): State<Helm>) -> Json<ExperimentsJson> {
    Json(ExperimentsJson {
        experiments: helm.experiments().map(|spec| ExperimentJson::from(&spec)).collect(),
    })
}

/// What the log says of an experiment so far: its health, a verdict with its rule, and the figures. With
/// `Accept: text/html` a page for people, with `text/markdown` a text.
#[utoipa::path(
    get, path = "/helm/v1/experiments/{key}", tag = "Helm",
    params(("key" = String, Path, description = "the experiment's key")),
    responses(
        (status = 200, content((Value = "application/json"), (String = "text/html"), (String = "text/markdown"))),
    ),
)]
pub(crate) async fn report(
    State(helm): State<Helm>,
    PathOf(key): PathOf,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let key: ExperimentKey = part("key", &key)?;
    let report = helm.experiment_report(&key).await?;
    let (kind, body) = match preferred(&headers) {
        Form::Html => ("text/html; charset=utf-8", report.to_html()),
        Form::Markdown => ("text/markdown; charset=utf-8", report.to_markdown()),
        Form::Json => ("application/json", report.to_json()),
    };
    Ok(([(header::CONTENT_TYPE, kind)], body).into_response())
}

enum Form {
    Json,
    Html,
    Markdown,
}

/// The first form that the caller names; browsers name HTML first.
fn preferred(headers: &HeaderMap) -> Form {
    let accepted = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let named = accepted.split(',').map(|part| part.split(';').next().unwrap_or_default().trim());
    let known = named.filter_map(|kind| match kind {
        "text/html" => Some(Form::Html),
        "text/markdown" => Some(Form::Markdown),
        "application/json" | "*/*" => Some(Form::Json),
        _ => None,
    });
    known.into_iter().next().unwrap_or(Form::Json)
}
