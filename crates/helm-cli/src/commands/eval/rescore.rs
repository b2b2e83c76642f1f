use std::collections::BTreeMap;
use std::process::ExitCode;

use helm_core::{Clock, Probability, StrategyId, SystemClock, TaskId, UnitInterval};
use helm_orchestrator::Rescored;
use helm_orchestrator::eval::stats::{
    Drift, Estimate, Moved, Resampling, Sampled, bootstrap, prediction_powered_mean, sampled_mean,
};
use serde::Serialize;

use super::agree::EstimateJson;
use super::reward;
use crate::arguments::{Global, RescoreArguments};
use crate::error::{Failure, Result, TOO_LITTLE};
use crate::open;
use crate::output::{self, Format};
use crate::when::moment;

/// What the log says under a reward; nothing is changed.
pub(super) async fn run(global: &Global, arguments: &RescoreArguments) -> Result<ExitCode> {
    let task = TaskId::new(&arguments.task)?;
    open::known_task(global, &task)?;
    let now = SystemClock.now();
    let since =
        arguments.since.as_deref().map(|text| moment(text, now)).transpose().map_err(Failure::wrong)?;
    let named = arguments.reward.as_deref();
    let named = named.map(|named| reward::spec(global, Some(named), Some(&arguments.task))).transpose()?;
    let helm = open::reading(global, &arguments.of).await?;
    let spec = match named {
        Some(named) => named,
        None => helm.reward(&task).await?,
    };
    let bar = output::progress(None, "{spinner} {human_pos} decisions, {per_sec}");
    let rescored = helm.rescore(&task, &spec, |decisions| bar.set_position(decisions)).await;
    bar.finish_and_clear();
    open::close(&helm).await;
    let mut rescored = rescored?;
    rescored.retain(|one| since.is_none_or(|since| one.at >= since));
    if rescored.is_empty() {
        output::complain("there are no settled decisions to tell anything of");
        return Ok(ExitCode::from(TOO_LITTLE));
    }
    let report = RescoreReport {
        reward: spec.id().to_string(),
        strategies: strategies(&rescored)?,
        drift: drift(&rescored)?,
    };
    match global.output {
        Format::Table => output::line(&report.table())?,
        format => output::json(format, &report)?,
    }
    Ok(ExitCode::SUCCESS)
}

#[derive(Serialize)]
struct RescoreReport {
    reward: String,
    strategies: Vec<StrategyJson>,
    /// When people began to say something else than the reward says, and which way.
    drift: Vec<DriftJson>,
}

#[derive(Serialize)]
struct StrategyJson {
    strategy: StrategyId,
    decisions: usize,
    /// The mean of the rewards that are stored.
    stored: Option<f64>,
    /// The mean under the reward that was named.
    rewarded: Option<EstimateJson>,
    /// How many were judged by all model judges that the reward counts, and the mean that it would have if all had been: some turns
    /// are judged more often than others.
    judged: usize,
    all_judged: Option<EstimateJson>,
    rated: usize,
    /// What people would say on average of all its answers: their ratings, and the reward where there are none.
    people: Option<EstimateJson>,
}

#[derive(Serialize)]
struct DriftJson {
    at: String,
    people: &'static str,
}

fn strategies(rescored: &[Rescored]) -> Result<Vec<StrategyJson>> {
    let mut by_name: BTreeMap<&StrategyId, Vec<&Rescored>> = BTreeMap::new();
    for one in rescored {
        by_name.entry(&one.strategy).or_default().push(one);
    }
    by_name.into_iter().map(|(strategy, own)| of_strategy(strategy, &own)).collect()
}

fn of_strategy(strategy: &StrategyId, own: &[&Rescored]) -> Result<StrategyJson> {
    let values = |pick: fn(&Rescored) -> Option<UnitInterval>| -> Vec<f64> {
        own.iter().filter_map(|one| pick(one)).map(UnitInterval::get).collect()
    };
    let stored = values(|one| one.stored);
    let rated: Vec<(f64, f64)> =
        own.iter().filter_map(|one| Some((one.people?.get(), one.machine?.get()))).collect();
    let unrated = own.iter().filter(|one| one.people.is_none());
    let unrated: Vec<f64> = unrated.filter_map(|one| one.machine).map(UnitInterval::get).collect();
    Ok(StrategyJson {
        strategy: strategy.clone(),
        decisions: own.len(),
        stored: mean(&stored),
        rewarded: interval(&values(|one| one.rewarded))?.as_ref().map(EstimateJson::from),
        judged: own.iter().filter(|one| one.judged.is_some()).count(),
        all_judged: all_judged(own)?.as_ref().map(EstimateJson::from),
        rated: rated.len(),
        people: people(&rated, &unrated)?.as_ref().map(EstimateJson::from),
    })
}

/// The mean without people's part if judges had judged every turn; `None` where it is not known how likely they were to, or no
/// turn was judged.
fn all_judged(own: &[&Rescored]) -> Result<Option<Estimate>> {
    // Turns that ended without an answer are nobody's to judge.
    let asked: Vec<&&Rescored> = own.iter().filter(|one| one.drawn).collect();
    if asked.len() < 2 || asked.iter().all(|one| one.judged.is_none()) {
        return Ok(None);
    }
    let usual = mean(&asked.iter().filter_map(|one| one.unjudged).map(UnitInterval::get).collect::<Vec<_>>());
    let sampled = asked.iter().map(|one| {
        let close = one.machine.map(UnitInterval::get).zip(one.judged.map(Probability::get));
        // What is worth nothing without its judge is guessed to be as usual: any guess will do, since it is corrected.
        Sampled { cheap: one.unjudged.map(UnitInterval::get).or(usual).unwrap_or(0.5), close }
    });
    let estimate = sampled_mean(&sampled.collect::<Vec<_>>(), 0.95);
    estimate.map(Some).map_err(|error| Failure::wrong(error.to_string()))
}

fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

/// A mean with its interval; `None` with fewer than two values.
fn interval(values: &[f64]) -> Result<Option<Estimate>> {
    if values.len() < 2 {
        return Ok(None);
    }
    let rows: Vec<usize> = (0..values.len()).collect();
    let of =
        |rows: &[usize]| mean(&rows.iter().filter_map(|row| values.get(*row)).copied().collect::<Vec<_>>());
    let resampling = Resampling::default().with_resamples(1_000);
    bootstrap(&rows, of, resampling).map(Some).map_err(|error| Failure::wrong(error.to_string()))
}

/// What people would say on average: powered by the rewards of what they did not rate, where there are enough of both.
fn people(rated: &[(f64, f64)], unrated: &[f64]) -> Result<Option<Estimate>> {
    let (labels, scores): (Vec<f64>, Vec<f64>) = rated.iter().copied().unzip();
    if labels.len() < 2 || unrated.len() < 2 {
        return interval(&labels);
    }
    let powered = prediction_powered_mean(&labels, &scores, unrated, 0.95);
    powered.map(|powered| Some(powered.mean)).map_err(|error| Failure::wrong(error.to_string()))
}

fn drift(rescored: &[Rescored]) -> Result<Vec<DriftJson>> {
    let mut order: Vec<&Rescored> = rescored.iter().collect();
    order.sort_by_key(|one| (one.at, one.decision));
    let (mut watch, mut alarms) = (Drift::default(), Vec::new());
    for one in order {
        // How often turns are judged changes with strategies that are new; that is no change of people.
        let (Some(people), Some(machine)) = (one.people, one.unjudged.or(one.machine)) else { continue };
        let moved = watch.observe(people.get() - machine.get());
        let moved = moved.map_err(|error| Failure::wrong(error.to_string()))?;
        if let Some(moved) = moved {
            let people = if moved == Moved::Up { "better" } else { "worse" };
            alarms.push(DriftJson { at: one.at.to_string(), people });
        }
    }
    Ok(alarms)
}

impl RescoreReport {
    fn table(&self) -> String {
        let estimate =
            |estimate: Option<&EstimateJson>| estimate.map_or_else(|| "-".to_owned(), ToString::to_string);
        let rows = self.strategies.iter().map(|one| {
            [
                one.strategy.to_string(),
                one.decisions.to_string(),
                output::number(one.stored),
                estimate(one.rewarded.as_ref()),
                one.judged.to_string(),
                estimate(one.all_judged.as_ref()),
                one.rated.to_string(),
                estimate(one.people.as_ref()),
            ]
        });
        let under = format!("under {}", self.reward);
        let header = [
            "strategy",
            "decisions",
            "stored",
            under.as_str(),
            "judged",
            "if all were judged",
            "rated",
            "people, of all answers",
        ];
        let table = output::table(header, rows);
        let alarms = self.drift.iter().map(|one| {
            format!("\ndrift: since about {} people find answers {} than the reward says", one.at, one.people)
        });
        std::iter::once(table).chain(alarms).collect()
    }
}
