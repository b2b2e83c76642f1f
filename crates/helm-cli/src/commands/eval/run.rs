//! A data set, answered and scored, and whether it shows what it must.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::ExitCode;

use helm_orchestrator::eval::dataset::{Condition, RowResult, Sample, summary};
use helm_orchestrator::eval::stats::Resampling;
use helm_orchestrator::eval::{EvaluationEngine, RewardSpec};
use tokio::task::JoinSet;

use super::answer::{Answerer, Price};
use super::budget::Budget;
use super::judging::Judges;
use super::render::{self, Report};
use super::results::{Header, ResultsFile, cost, read_results};
use super::{compose, open_file, reward, samples, score};
use crate::arguments::{Global, RunArguments};
use crate::error::{Failure, INTERRUPTED, Result};
use crate::output;

/// What one row needs, shared by those that are under way.
struct Scoring {
    engine: EvaluationEngine,
    spec: RewardSpec,
    answerer: Option<Answerer>,
    judges: Judges,
}

/// Why a run came to its end before its rows did.
enum Stopped {
    Interrupted,
    Failed(String),
}

pub(super) async fn run(global: &Global, arguments: &RunArguments) -> Result<ExitCode> {
    let gates = conditions(&arguments.gates)?;
    render::check_paths(&arguments.reports)?;
    let baseline = arguments.baseline.as_deref().map(read_results).transpose()?;
    if let Some(relative) = gates.iter().find(|gate| gate.is_relative() && baseline.is_none()) {
        return Err(Failure::wrong(format!(
            "{relative}: name the results of the baseline with --baseline FILE"
        )));
    }
    let spec = reward::spec(global, arguments.reward.as_deref(), arguments.task.as_deref())?;
    let engine = score::engine()?;
    reward::check_measured(global, &spec, &engine)?;
    let mut rows = dataset(&arguments.dataset, arguments)?;
    let judges = if arguments.judges { Judges::of(global, &spec)? } else { Judges::none() };
    let answerer = Answerer::open(global, arguments).await?;
    let scoring = std::sync::Arc::new(Scoring { engine, spec, answerer, judges });
    let budget = scoring.budget(arguments.max_dollars)?;
    let header = scoring.header(arguments)?;
    let mut results = ResultsFile::open(arguments.results.as_deref(), &header)?;
    results.keep_only(&rows, scoring.answerer.is_some())?;
    rows.truncate(arguments.limit.map_or(usize::MAX, Into::into));
    let stopped = answer_all(&scoring, &rows, arguments, budget, &mut results).await;
    if let Some(answerer) = &scoring.answerer {
        answerer.close().await;
    }
    match stopped? {
        Some(Stopped::Interrupted) => return Ok(ExitCode::from(INTERRUPTED)),
        Some(Stopped::Failed(why)) => return Err(Failure::wrong(why)),
        None => {}
    }
    conclude(global, arguments, &header, &results.in_order(&rows), baseline.as_deref(), &gates)
}

/// What is asked of a run.
pub(super) fn conditions(written: &[String]) -> Result<Vec<Condition>> {
    let wrong = |error: helm_orchestrator::eval::Error| Failure::wrong(format!("--gate: {error}"));
    written.iter().map(|gate| gate.parse().map_err(wrong)).collect()
}

fn dataset(path: &Path, arguments: &RunArguments) -> Result<Vec<Sample>> {
    let name = path.display().to_string();
    let (mut rows, mut ids) = (Vec::new(), BTreeSet::new());
    for sample in samples(open_file(path)?, &name) {
        let (line, sample) = sample?;
        let wrong = |what: &str| Err(Failure::wrong(format!("{name}, line {line}: {what}")));
        if sample.id.is_null() {
            return wrong("it has no id");
        }
        if !ids.insert(sample.id.to_string()) {
            return wrong(&format!("the id {} was there before", sample.id));
        }
        if sample.response.is_none() && arguments.task.is_none() {
            return wrong("it has no response; say who answers with --task TASK --strategy NAME");
        }
        rows.push(sample);
    }
    if rows.is_empty() {
        return Err(Failure::wrong(format!("{name} holds no rows")));
    }
    Ok(rows)
}

/// Answers and scores what has no result yet, and keeps each result as it comes.
async fn answer_all(
    scoring: &std::sync::Arc<Scoring>,
    rows: &[Sample],
    arguments: &RunArguments,
    mut budget: Budget,
    results: &mut ResultsFile,
) -> Result<Option<Stopped>> {
    let bar = output::progress(
        Some(rows.len() as u64),
        "{bar:30} {human_pos}/{human_len} rows, {per_sec}, {eta} left",
    );
    let waiting: Vec<&Sample> = rows.iter().filter(|row| !results.has(row)).collect();
    bar.set_position((rows.len() - waiting.len()) as u64);
    results.costs().for_each(|dollars| budget.spend(dollars));
    let (mut running, mut waiting) = (JoinSet::new(), waiting.into_iter().peekable());
    let mut under_way: BTreeMap<String, &Sample> = BTreeMap::new();
    let mut silent = Silent::default();
    let interrupted = tokio::signal::ctrl_c();
    tokio::pin!(interrupted);
    let stopped = loop {
        while running.len() < arguments.concurrency.into() && budget.allows(running.len()) {
            let Some(row) = waiting.next() else { break };
            let (scoring, row_of_its_own) = (std::sync::Arc::clone(scoring), row.clone());
            running.spawn(async move { scoring.result(row_of_its_own).await });
            under_way.insert(row.id.to_string(), row);
        }
        let ended = tokio::select! {
            biased;
            _ = &mut interrupted => break Some(Stopped::Interrupted),
            ended = running.join_next() => ended,
        };
        let Some(ended) = ended else {
            break waiting.peek().map(|_| Stopped::Failed(budget.stopped_at(results.count(), rows.len())));
        };
        let done = ended.map_err(|error| Failure::wrong(format!("a row could not be scored: {error}")))??;
        under_way.remove(&done.result.key());
        cost(&done.result).into_iter().for_each(|dollars| budget.spend(dollars));
        silent.note(done.silent);
        let why = done.hopeless.then(|| done.result.error.clone()).flatten();
        results.add(done.result)?;
        bar.inc(1);
        if let Some(why) = why {
            break Some(Stopped::Failed(format!("stopped, for every row would fail alike: {why}")));
        }
    };
    bar.finish_and_clear();
    silent.tell();
    // What was begun and is given up may have cost something.
    for row in under_way.into_values().filter(|_| scoring.costs()) {
        results.add(given_up(row))?;
    }
    Ok(stopped)
}

/// A row that was begun, and whose end nobody waited for.
fn given_up(row: &Sample) -> RowResult {
    let mut result = RowResult::new(row.id.clone());
    (result.error, result.seconds) = (Some("the run was ended".to_owned()), Some(0.0));
    result
}

/// Rows that a judge said nothing of.
#[derive(Default)]
struct Silent {
    rows: usize,
    why: String,
}

impl Silent {
    fn note(&mut self, why: Option<String>) {
        if let Some(why) = why {
            (self.rows, self.why) = (self.rows + 1, why);
        }
    }

    fn tell(&self) {
        if self.rows > 0 {
            output::note(&format!(
                "warning: {} rows were not judged, the last because of {}",
                self.rows, self.why
            ));
        }
    }
}

/// A row that is done.
struct Done {
    result: RowResult,
    /// Whether its failure is one that only a person can end.
    hopeless: bool,
    /// Why a judge said nothing of it.
    silent: Option<String>,
}

impl Scoring {
    /// What rows may cost; what nobody knows the price of is not begun.
    fn budget(&self, most: Option<f64>) -> Result<Budget> {
        let Some(most) = most else { return Ok(Budget::new(None)) };
        let prices = [self.answerer.as_ref().map_or(Price::Free, Answerer::price), self.judges.price()];
        if prices.contains(&Price::Unknown) {
            return Err(Failure::wrong(
                "what an answer or a judgement costs is not known, so --max-dollars cannot hold; give the model prices",
            ));
        }
        if !self.costs() {
            return Err(Failure::wrong(
                "--max-dollars goes with --task or --judges: nothing else costs anything",
            ));
        }
        Ok(Budget::new(prices.contains(&Price::Known).then_some(most)))
    }

    /// Whether somebody is asked.
    fn costs(&self) -> bool {
        self.answerer.is_some() || !self.judges.is_empty()
    }

    fn header(&self, arguments: &RunArguments) -> Result<Header> {
        let dataset = arguments.dataset.file_name().map(|name| name.to_string_lossy().into_owned());
        let answerer = self.answerer.as_ref();
        Ok(Header {
            format: 1,
            dataset: dataset.unwrap_or_default(),
            reward: self.spec.id().to_string(),
            spec: serde_json::to_value(self.spec.config())?,
            answered_by: answerer.map(|answerer| answerer.name().to_owned()),
            strategy: answerer.map(|answerer| answerer.fingerprint().to_owned()),
            judges: self.judges.fingerprints(),
        })
    }

    async fn result(&self, mut row: Sample) -> Result<Done> {
        let mut done = Done { result: RowResult::new(row.id.clone()), hopeless: false, silent: None };
        let result = &mut done.result;
        result.row = Some(row.fingerprint());
        if let Some(answerer) = &self.answerer {
            let answer = answerer.answer(&row).await?;
            (result.dollars, result.seconds) = (answer.dollars, Some(answer.seconds));
            (result.error, done.hopeless) = (answer.error, answer.hopeless);
            row.response = answer.text;
        }
        if row.response.is_some() && result.error.is_none() {
            let passages = row.passages();
            let exchange = row.exchange(&passages);
            let mut scores = self.engine.evaluate(&exchange).await;
            if !self.judges.is_empty() {
                let said = self.judges.judge(&exchange).await;
                scores.extend(said.scores);
                done.silent = said.silent;
                let answered = if self.answerer.is_some() { result.dollars } else { Some(0.0) };
                result.dollars = answered.map(|dollars| dollars + said.dollars);
            }
            result.reward = compose(&self.spec, &scores)?.map(|reward| reward.value);
            let by_name = score::by_name(&scores).into_iter();
            result.scores = by_name.map(|(name, value)| (name.clone(), value)).collect();
        }
        result.response = row.response;
        Ok(done)
    }
}

fn conclude(
    global: &Global,
    arguments: &RunArguments,
    header: &Header,
    rows: &[RowResult],
    baseline: Option<&[RowResult]>,
    gates: &[Condition],
) -> Result<ExitCode> {
    let failed = rows.iter().filter(|row| row.error.is_some()).count();
    if failed == rows.len() {
        let why = rows.iter().rev().find_map(|row| row.error.as_deref()).unwrap_or_default();
        return Err(Failure::wrong(format!("no row was answered: {why}")));
    }
    let resampling = Resampling::default();
    let wrong = |error: helm_orchestrator::eval::Error| Failure::wrong(error.to_string());
    let mut report = Report::new(format!("{} with {}", header.dataset, header.reward), rows.len(), failed);
    report.answered_by.clone_from(&header.answered_by);
    report.dollars = total(rows);
    report.measures = summary(rows, resampling).map_err(wrong)?.iter().map(render::Measure::from).collect();
    for gate in gates {
        let judged = gate.judge(rows, baseline, resampling).map_err(wrong)?;
        report.gates.push(render::Gate::new(gate, &judged));
    }
    if failed > 0 && !gates.is_empty() {
        output::note(&format!(
            "warning: {failed} of {} rows failed and have no say in gates on scores; gate errors too",
            rows.len()
        ));
    }
    report.write(global.output, &arguments.reports)
}

/// What was spent, as far as that is known.
fn total(rows: &[RowResult]) -> Option<f64> {
    let known: Vec<f64> = rows.iter().filter_map(|row| row.dollars).collect();
    (!known.is_empty()).then(|| known.iter().sum())
}

/// The rows of a data set by their ids.
pub(super) fn by_key(rows: &[Sample]) -> BTreeMap<String, &Sample> {
    rows.iter().map(|row| (row.id.to_string(), row)).collect()
}
