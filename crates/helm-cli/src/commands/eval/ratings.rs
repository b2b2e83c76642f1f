//! What people said of answers: in a file, or in the installation's own log.

use std::path::Path;

use helm_core::{Clock, EvaluatorName, Score, ScoreEntry, ScoreOutcome, SystemClock, TaskId, UnitInterval};
use helm_orchestrator::Helm;
use helm_orchestrator::eval::dataset::{RatedAnswer, Sample};
use helm_orchestrator::eval::{EvaluationEngine, RewardSpec};
use helm_orchestrator::store::{RowQuery, TurnRow, TurnView};

use super::{compose, open_file, reward, samples, score};
use crate::arguments::{Global, RatingsArguments};
use crate::error::{Failure, Result};
use crate::when::moment;
use crate::{open, output};

/// Turns of the log that are read at a time.
const PAGE: usize = 1_000;

/// The rated answers that are meant, with what the evaluators and the reward say of them.
pub(super) async fn read(
    global: &Global,
    arguments: &RatingsArguments,
    spec: &RewardSpec,
) -> Result<Vec<RatedAnswer>> {
    match (&arguments.ratings, &arguments.task) {
        (Some(path), None) => of_file(global, path, arguments, spec).await,
        (None, Some(task)) => of_log(global, task, arguments, spec).await,
        _ => Err(Failure::wrong("say whose ratings: --ratings FILE, or --task TASK for those in the log")),
    }
}

async fn of_file(
    global: &Global,
    path: &Path,
    arguments: &RatingsArguments,
    spec: &RewardSpec,
) -> Result<Vec<RatedAnswer>> {
    let engine = score::engine()?;
    reward::check_measured(global, spec, &engine)?;
    let (name, range) = (path.display().to_string(), range(&arguments.range)?);
    let bar = output::progress(None, "{spinner} {human_pos} answers, {per_sec}");
    let mut answers = Vec::new();
    for sample in samples(open_file(path)?, &name) {
        let (line, sample) = sample?;
        let wrong = |error: String| Failure::wrong(format!("{name}, line {line}: {error}"));
        let rating = rating(&sample, arguments.dimension.as_deref(), range).map_err(wrong)?;
        if let Some(rating) = rating {
            answers.push(rated(&sample, rating, &engine, spec).await?);
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    Ok(answers)
}

/// The rating of a dimension, brought to 0 to 1; `None` where there is none.
fn rating(
    sample: &Sample,
    dimension: Option<&str>,
    (low, high): (f64, f64),
) -> Result<Option<UnitInterval>, String> {
    let rating = match dimension {
        Some(name) => sample.human.get(name),
        None if sample.human.len() > 1 => {
            let known = sample.human.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
            return Err(format!("people rated several things; choose one with --dimension: {known}"));
        }
        None => sample.human.values().next(),
    };
    let Some(rating) = rating else { return Ok(None) };
    if sample.response.is_none() {
        return Err("it has no response".to_owned());
    }
    let unit = UnitInterval::new((rating - low) / (high - low));
    unit.map(Some).map_err(|_| {
        format!("the rating {rating} is not from {low} to {high}; say the scale with --range LOW..HIGH")
    })
}

async fn rated(
    sample: &Sample,
    rating: UnitInterval,
    engine: &EvaluationEngine,
    spec: &RewardSpec,
) -> Result<RatedAnswer> {
    let passages = sample.passages();
    let scores = engine.evaluate(&sample.exchange(&passages)).await;
    let mut answer = answer(sample.request(), rating, scores, spec)?;
    answer.words = words(sample.response.as_deref());
    answer.strategy.clone_from(&sample.model);
    Ok(answer)
}

fn answer(
    request: String,
    rating: UnitInterval,
    scores: Vec<ScoreEntry>,
    spec: &RewardSpec,
) -> Result<RatedAnswer> {
    let reward = compose(spec, &scores)?;
    let mut answer = RatedAnswer::new(request, rating, scores);
    answer.reward = reward.map(|reward| reward.value);
    Ok(answer)
}

fn words(text: Option<&str>) -> usize {
    text.map_or(0, |text| text.split_whitespace().count())
}

/// A scale, written `LOW..HIGH`.
fn range(text: &str) -> Result<(f64, f64)> {
    let ends = text.split_once("..").and_then(|(low, high)| Some((low.parse().ok()?, high.parse().ok()?)));
    let fits = |(low, high): &(f64, f64)| low.is_finite() && high.is_finite() && low < high;
    ends.filter(fits).ok_or_else(|| Failure::wrong(format!("{text:?} is no scale; write one such as 1..5")))
}

async fn of_log(
    global: &Global,
    task: &str,
    arguments: &RatingsArguments,
    spec: &RewardSpec,
) -> Result<Vec<RatedAnswer>> {
    let task = TaskId::new(task)?;
    open::known_task(global, &task)?;
    let now = SystemClock.now();
    let mut query = RowQuery::default().with_task(task).with_until(now);
    query.since =
        arguments.since.as_deref().map(|text| moment(text, now)).transpose().map_err(Failure::wrong)?;
    let helm = open::reading(global, &arguments.of).await?;
    let answers = rated_turns(&helm, &query, spec).await;
    open::close(&helm).await;
    answers
}

async fn rated_turns(helm: &Helm, query: &RowQuery, spec: &RewardSpec) -> Result<Vec<RatedAnswer>> {
    let (tenant, log) = (helm.tenant(), helm.store().log());
    let bar = output::progress(None, "{spinner} {human_pos} turns, {per_sec}");
    let (mut answers, mut after) = (Vec::new(), None);
    loop {
        let page = log.rows(tenant, query, after.as_ref(), PAGE).await.map_err(stored)?;
        for row in page.items.iter().filter(|row| is_rated(row)) {
            if let Some(turn) = log.turn(tenant, row.id).await.map_err(stored)? {
                answers.extend(of_turn(turn, spec)?);
            }
        }
        bar.inc(page.items.len() as u64);
        after = page.next;
        if after.is_none() {
            bar.finish_and_clear();
            return Ok(answers);
        }
    }
}

/// Whether people said something of an answer that evaluators scored.
fn is_rated(row: &TurnRow) -> bool {
    row.feedback.iter().any(|entry| entry.source.as_judge().is_none())
        && row.scores.values().any(Option::is_some)
}

/// A rated turn: its rating is the mean of what all people last said; what model judges said are scores.
fn of_turn(turn: TurnView, spec: &RewardSpec) -> Result<Option<RatedAnswer>> {
    let Some(outcome) = turn.outcome else { return Ok(None) };
    let (judged, people): (Vec<_>, Vec<_>) =
        turn.feedback.iter().partition(|entry| entry.source.as_judge().is_some());
    let mean = people.iter().map(|entry| entry.value.get()).sum::<f64>() / people.len() as f64;
    // Texts may have been erased: then each turn is a request of its own.
    let request = turn.input.filter(|text| !text.is_empty()).unwrap_or_else(|| turn.id.to_string());
    let mut scores = outcome.scores;
    for entry in judged {
        let Ok(evaluator) = EvaluatorName::new(entry.source.as_judge().unwrap_or_default()) else { continue };
        let outcome = ScoreOutcome::Scored(Score::new(entry.value, UnitInterval::ONE));
        scores.push(ScoreEntry { evaluator, outcome });
    }
    let mut answer = answer(request, UnitInterval::clamped(mean)?, scores, spec)?;
    answer.words = words(turn.output.as_deref());
    answer.strategy = turn.decision.map(|decision| decision.strategy.to_string());
    Ok(Some(answer))
}

fn stored(error: helm_orchestrator::store::Error) -> Failure {
    helm_orchestrator::Error::from(error).into()
}
