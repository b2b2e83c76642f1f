use std::process::ExitCode;

use helm_orchestrator::eval::dataset::{Agreement, agreement};
use helm_orchestrator::eval::stats::{Estimate, Resampling};
use serde::Serialize;

use super::{ratings, reward};
use crate::arguments::{Global, RatingsArguments};
use crate::error::{Failure, Result, TOO_LITTLE};
use crate::output::{self, Format};

/// With fewer ratings no figure says anything.
const LEAST_RATINGS: usize = 10;

/// How well scores and reward agree with people.
pub(super) async fn run(global: &Global, arguments: &RatingsArguments) -> Result<ExitCode> {
    let spec = reward::spec(global, arguments.reward.as_deref(), arguments.task.as_deref())?;
    let answers = ratings::read(global, arguments, &spec).await?;
    if answers.len() < LEAST_RATINGS {
        output::complain(&format!(
            "{} rated answers are too few to tell; {LEAST_RATINGS} are needed",
            answers.len()
        ));
        return Ok(ExitCode::from(TOO_LITTLE));
    }
    let found = agreement(&answers, Resampling::default().with_resamples(1_000));
    let found = found.map_err(|error| Failure::wrong(error.to_string()))?;
    let is_told =
        found.iter().any(|one| one.order.is_some() || one.separation.is_some() || one.pairs.is_some());
    match global.output {
        Format::Table => output::line(&table(&found))?,
        Format::Jsonl => found.iter().try_for_each(|one| output::json(global.output, &json(one)))?,
        _ => output::json(global.output, &found.iter().map(json).collect::<Vec<_>>())?,
    }
    if !is_told {
        output::complain(
            "people or measures say the same of all these answers, or the answers are of one request: too little to tell",
        );
        return Ok(ExitCode::from(TOO_LITTLE));
    }
    Ok(ExitCode::SUCCESS)
}

fn table(found: &[Agreement]) -> String {
    let rows = found.iter().map(|one| {
        [
            one.measure.clone(),
            one.answers.to_string(),
            output::number(Some(one.mean)),
            interval(one.order.as_ref()),
            output::number(one.tau),
            interval(one.separation.as_ref()),
            interval(one.pairs.as_ref()),
        ]
    });
    let header = ["measure", "answers", "mean", "Spearman", "Kendall", "good above bad", "pairs"];
    output::table(header, rows)
}

fn interval(estimate: Option<&Estimate>) -> String {
    estimate.map_or_else(|| "-".to_owned(), |estimate| EstimateJson::from(estimate).to_string())
}

#[derive(Serialize)]
struct AgreementJson<'a> {
    measure: &'a str,
    answers: usize,
    mean: f64,
    spearman: Option<EstimateJson>,
    kendall: Option<f64>,
    separation: Option<EstimateJson>,
    pairs: Option<EstimateJson>,
}

/// A figure and its 95 % interval.
#[derive(Serialize)]
pub(super) struct EstimateJson {
    value: f64,
    low: f64,
    high: f64,
}

impl std::fmt::Display for EstimateJson {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:.3} ({:.3} to {:.3})", self.value, self.low, self.high)
    }
}

impl From<&Estimate> for EstimateJson {
    fn from(estimate: &Estimate) -> Self {
        Self { value: estimate.value, low: estimate.low, high: estimate.high }
    }
}

fn json(one: &Agreement) -> AgreementJson<'_> {
    AgreementJson {
        measure: &one.measure,
        answers: one.answers,
        mean: one.mean,
        spearman: one.order.as_ref().map(EstimateJson::from),
        kendall: one.tau,
        separation: one.separation.as_ref().map(EstimateJson::from),
        pairs: one.pairs.as_ref().map(EstimateJson::from),
    }
}
