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
    /// Whether it assigns users: none does while A/B testing is off.
    assigns: bool,
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

impl ExperimentJson {
    fn of(spec: &Spec, assigns: bool) -> Self {
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
            assigns,
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
    let assigning = helm.experiments().map(|spec| ExperimentJson::of(&spec, true));
    let paused = helm.paused_experiments().map(|spec| ExperimentJson::of(&spec, false));
    Json(ExperimentsJson { experiments: assigning.chain(paused).collect() })
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

#[derive(Clone, Copy, PartialEq, Debug)]
enum Form {
    Json,
    Html,
    Markdown,
}

/// The form that the caller weighs most, of equal ones the first; JSON where none is named. Browsers name HTML first.
fn preferred(headers: &HeaderMap) -> Form {
    let accepted = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let mut best = (0, Form::Json);
    for part in accepted.flat_map(|line| line.split(',')) {
        let mut pieces = part.split(';').map(str::trim);
        let form = match pieces.next().unwrap_or_default().to_ascii_lowercase().as_str() {
            "text/html" => Form::Html,
            "text/markdown" => Form::Markdown,
            "application/json" | "application/*" | "*/*" => Form::Json,
            "text/*" => Form::Html,
            _ => continue,
        };
        let weight = pieces.find_map(weight).unwrap_or(1_000);
        if weight > best.0 {
            best = (weight, form);
        }
    }
    best.1
}

/// A weight in thousandths, of `q=0.8`; what cannot be read counts as none.
fn weight(parameter: &str) -> Option<u32> {
    let (name, value) = parameter.split_once('=')?;
    let is_weight = name.trim().eq_ignore_ascii_case("q");
    let value = value.trim().parse::<f64>().ok().filter(|value| (0.0..=1.0).contains(value));
    is_weight.then(|| value.map_or(0, |value| (value * 1_000.0) as u32))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_form_that_weighs_most_is_taken() {
        for (accept, wanted) in [
            ("", Form::Json),
            ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", Form::Html),
            ("text/html;q=0.5, application/json", Form::Json),
            ("text/markdown;q=0.9, text/html;q=0.1", Form::Markdown),
            ("application/json;q=0, text/html; q=0.3", Form::Html),
            ("text/html;q=0", Form::Json),
            ("TEXT/HTML;Q=1.0;level=1", Form::Html),
            ("image/png", Form::Json),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT, accept.parse().unwrap());
            assert_eq!(preferred(&headers), wanted, "{accept}");
        }
    }
}
