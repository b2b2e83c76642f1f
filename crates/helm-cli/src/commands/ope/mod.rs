//! What another policy would have earned.

mod export;
mod table;

use std::path::Path;
use std::process::ExitCode;

use helm_orchestrator::experiment::analysis::{Answer, Interval, Refusal};
use helm_orchestrator::experiment::off_policy::{Diagnostics, Estimator, OffPolicyLog};
use serde_json::{Map, Value, json};

use crate::arguments::{Global, OpeArguments};
use crate::error::{Failure, Result, TOO_LITTLE};
use crate::output::{self, Format};

/// Beyond this a logged propensity or a target must be wrong.
const NEAR_ONE: std::ops::RangeInclusive<f64> = 0.8..=1.25;

/// A log as it was read.
struct Logged {
    log: OffPolicyLog,
    /// The mean of what was earned.
    earned: f64,
    /// Rows that say nothing, by why.
    left_out: Vec<(&'static str, usize)>,
}

/// The estimators, the ones to look at first.
const ESTIMATORS: [(&str, Estimator); 10] = [
    ("dr", Estimator::DoublyRobust),
    ("snips", Estimator::SelfNormalised),
    ("dros", Estimator::ShrunkDoublyRobust(100.0)),
    ("switch_dr", Estimator::SwitchDoublyRobust(5.0)),
    ("sndr", Estimator::SelfNormalisedDoublyRobust),
    ("ips", Estimator::Ips),
    ("clipped_ips", Estimator::ClippedIps(10.0)),
    ("dm", Estimator::Direct),
    ("switch", Estimator::Switch(5.0)),
    ("cab", Estimator::ContinuousBlending(10.0)),
];

pub(super) fn run(global: &Global, arguments: &OpeArguments) -> Result<ExitCode> {
    if !(arguments.min_effective >= 0.0 && arguments.min_effective.is_finite()) {
        return Err(Failure::wrong("--min-effective must be a number of at least 0"));
    }
    let logged = read(&arguments.log, &arguments.target)?;
    let found = logged.log.check(arguments.min_effective);
    let found = match found {
        Ok(found) => found,
        Err(refusal) if refusal.is_undefined() => return refused(global, &logged, &refusal),
        Err(refusal) => return Err(Failure::wrong(refusal.to_string())),
    };
    let intervals = intervals(&logged.log, arguments.alpha)?;
    match global.output {
        Format::Table => shown(&logged, &found, &intervals, arguments)?,
        format => output::json(format, &as_json(&logged, &found, &intervals, arguments))?,
    }
    Ok(ExitCode::SUCCESS)
}

fn read(path: &Path, target: &str) -> Result<Logged> {
    let is_table = path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("csv"));
    let logged = if is_table { table::read(path, target) } else { export::read(path, target) };
    logged.map_err(|message| Failure::wrong(format!("{}: {message}", path.display())))
}

fn refused(global: &Global, logged: &Logged, refusal: &Refusal) -> Result<ExitCode> {
    if global.output == Format::Table {
        output::complain(&format!("the log cannot answer: {refusal}"));
        left_out(logged)?;
    } else {
        output::json(global.output, &json!({ "refused": refusal.to_string(), "left_out": counted(logged) }))?;
    }
    Ok(ExitCode::from(TOO_LITTLE))
}

/// By name; those that the log cannot give are left out.
fn intervals(log: &OffPolicyLog, alpha: f64) -> Result<Vec<(&'static str, Interval)>> {
    let all: [(&str, Answer<Interval>); 4] = [
        ("betting", log.betting_interval(alpha)),
        ("emp_bernstein", log.bernstein_interval(alpha)),
        ("hoeffding", log.hoeffding_interval(alpha)),
        ("normal", log.normal_interval(alpha)),
    ];
    if let Some(Err(refusal @ Refusal::NoShare { .. })) = all.iter().map(|(_, interval)| interval).next() {
        return Err(Failure::wrong(refusal.to_string()));
    }
    // Those but the normal one are for rewards from 0 to 1.
    let is_bounded = all.first().is_some_and(|(_, betting)| betting.is_ok());
    let given = all.into_iter().filter(|(name, _)| is_bounded || *name == "normal");
    Ok(given.filter_map(|(name, interval)| Some((name, interval.ok()?))).collect())
}

fn shown(
    logged: &Logged,
    found: &Diagnostics,
    intervals: &[(&str, Interval)],
    arguments: &OpeArguments,
) -> Result<()> {
    let rows = ESTIMATORS.iter().filter_map(|(name, estimator)| {
        let value = logged.log.estimate(*estimator).ok()?;
        Some([(*name).to_owned(), format!("{value:.4}"), format!("{:+.4}", value - logged.earned)])
    });
    output::line(&output::table(["estimator", "mean reward", "against the log"], rows))?;
    let rows = intervals.iter().map(|(name, interval)| {
        [(*name).to_owned(), format!("{:.4}", interval.low), format!("{:.4}", interval.high)]
    });
    let title = format!("{:.0} % interval of ips", 100.0 * (1.0 - arguments.alpha));
    output::line(&output::table([title.as_str(), "low", "high"], rows))?;
    output::line(&format!(
        "{} decisions, which earned {:.4} on average and are worth {:.1} of that policy's; greatest weight {:.2}",
        found.count, logged.earned, found.effective, found.max_weight
    ))?;
    output::line("betting holds at any time; the others for a log whose length was fixed before")?;
    if !NEAR_ONE.contains(&found.mean_weight) {
        output::complain(&format!(
            "the mean weight is {:.3} and should be about 1: the propensities or the target may be wrong",
            found.mean_weight
        ));
    }
    left_out(logged)
}

fn left_out(logged: &Logged) -> Result<()> {
    for (why, count) in logged.left_out.iter().filter(|(_, count)| *count > 0) {
        output::line(&format!("left out: {count} {why}"))?;
    }
    Ok(())
}

fn counted(logged: &Logged) -> Map<String, Value> {
    logged.left_out.iter().map(|(why, count)| ((*why).to_owned(), json!(count))).collect()
}

fn as_json(
    logged: &Logged,
    found: &Diagnostics,
    intervals: &[(&str, Interval)],
    arguments: &OpeArguments,
) -> Value {
    let estimate = |(name, estimator): &(&str, Estimator)| {
        Some(((*name).to_owned(), json!(logged.log.estimate(*estimator).ok()?)))
    };
    let estimates: Map<String, Value> = ESTIMATORS.iter().filter_map(estimate).collect();
    let interval =
        |(name, interval): &(&str, Interval)| ((*name).to_owned(), json!([interval.low, interval.high]));
    let intervals: Map<String, Value> = intervals.iter().map(interval).collect();
    json!({
        "target": arguments.target, "alpha": arguments.alpha, "logged_mean": logged.earned,
        "estimates": estimates, "intervals": intervals,
        "diagnostics": {
            "count": found.count, "effective": found.effective, "mean_weight": found.mean_weight,
            "max_weight": found.max_weight,
        },
        "left_out": counted(logged),
    })
}
