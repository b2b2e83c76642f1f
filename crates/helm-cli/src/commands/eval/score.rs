use std::collections::BTreeMap;
use std::process::ExitCode;

use helm_core::{EvaluatorName, ScoreEntry, UnitInterval};
use helm_orchestrator::eval::EvaluationEngine;
use serde::Serialize;
use serde_json::Value;

use super::{compose, reward, samples};
use crate::arguments::Global;
use crate::error::{Failure, Result};
use crate::output;

const INPUT: &str = "standard input";

/// A turn's scores.
#[derive(Serialize)]
struct Scored<'a> {
    id: &'a Value,
    scores: BTreeMap<&'a EvaluatorName, Option<UnitInterval>>,
    reward: Option<UnitInterval>,
    stderr: Option<f64>,
}

/// One line out for each line in, in order.
pub(super) async fn run(global: &Global, wanted: Option<&str>) -> Result<ExitCode> {
    let spec = reward::spec(global, wanted, None)?;
    let engine = engine()?;
    reward::check_measured(global, &spec, &engine)?;
    let bar = output::progress(None, "{spinner} {human_pos} turns, {per_sec}");
    for sample in samples(std::io::stdin().lock(), INPUT) {
        let (line, sample) = sample?;
        if sample.id.is_null() {
            return Err(Failure::wrong(format!("{INPUT}, line {line}: it has no id")));
        }
        if sample.response.is_none() {
            return Err(Failure::wrong(format!("{INPUT}, line {line}: it has no response")));
        }
        let passages = sample.passages();
        let scores = engine.evaluate(&sample.exchange(&passages)).await;
        let reward = compose(&spec, &scores)?;
        let scored = Scored {
            id: &sample.id,
            scores: by_name(&scores),
            reward: reward.as_ref().map(|reward| reward.value),
            stderr: reward.and_then(|reward| reward.stderr),
        };
        output::line(&serde_json::to_string(&scored)?)?;
        bar.inc(1);
    }
    bar.finish_and_clear();
    Ok(ExitCode::SUCCESS)
}

/// All evaluators that need no model and no setting.
pub(super) fn engine() -> Result<EvaluationEngine> {
    EvaluationEngine::all_with_references().map_err(|error| Failure::wrong(error.to_string()))
}

pub(super) fn by_name(scores: &[ScoreEntry]) -> BTreeMap<&EvaluatorName, Option<UnitInterval>> {
    scores.iter().map(|entry| (&entry.evaluator, entry.outcome.score().map(|score| score.value))).collect()
}
