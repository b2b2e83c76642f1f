//! What another policy would have earned.

mod export;
mod table;
mod target;

use std::path::Path;
use std::process::ExitCode;

use helm_core::{Clock, SystemClock, TaskId, Timestamp};
use helm_orchestrator::experiment::analysis::{Answer, Difference, Interval, Refusal};
use helm_orchestrator::experiment::off_policy::{Diagnostics, Estimator, OffPolicyLog};
use helm_orchestrator::{PastTurn, WhatIf};
use serde_json::{Map, Value, json};

use crate::arguments::{Global, OpeArguments};
use crate::error::{Failure, Result, TOO_LITTLE};
use crate::open;
use crate::output::{self, Format};
use crate::when::moment;

pub(super) use target::target;

/// Beyond this a logged propensity or a target must be wrong.
const NEAR_ONE: std::ops::RangeInclusive<f64> = 0.8..=1.25;

/// With fewer users, or decisions that are nobody's, intervals for any time miss more often than they say.
const LEAST_USERS: u64 = 100;

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

pub(super) async fn run(global: &Global, arguments: &OpeArguments) -> Result<ExitCode> {
    if !(arguments.min_effective >= 0.0 && arguments.min_effective.is_finite()) {
        return Err(Failure::wrong("--min-effective must be a number of at least 0"));
    }
    let logged = match &arguments.log {
        Some(path) => from_file(global, arguments, path)?,
        None => from_database(global, arguments).await?,
    };
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

fn from_file(global: &Global, arguments: &OpeArguments, path: &Path) -> Result<WhatIf> {
    let wrong = |message: String| Failure::wrong(format!("{}: {message}", path.display()));
    let (task, (since, until)) = (task(arguments)?, period(arguments)?);
    if path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("csv")) {
        if task.is_some() || since.is_some() || until.is_some() {
            return Err(wrong(
                "a table has neither tasks nor moments; leave --task, --since and --until out".to_owned(),
            ));
        }
        return table::read(path, &arguments.target).map_err(wrong);
    }
    let mut turns = export::read(path).map_err(wrong)?;
    turns.retain(|turn| {
        let is_own = task.is_none() || turn.task == task;
        is_own && until.is_none_or(|until| turn.began.is_none_or(|began| began < until))
    });
    one_task(&turns).map_err(wrong)?;
    let target = target(global, &arguments.target, task.as_ref(), &turns)?;
    WhatIf::new(turns, &target, since).map_err(|error| wrong(error.report()))
}

/// Strategies of different tasks may have one name, and mean nothing to each other.
fn one_task(turns: &[PastTurn]) -> Result<(), String> {
    let mut tasks: Vec<_> = turns.iter().filter_map(|turn| turn.task.as_ref()).collect();
    tasks.sort_unstable();
    tasks.dedup();
    match tasks.as_slice() {
        [] | [_] => Ok(()),
        several => {
            let names = several.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
            Err(format!("it holds turns of several tasks ({names}); name one with --task"))
        }
    }
}

async fn from_database(global: &Global, arguments: &OpeArguments) -> Result<WhatIf> {
    let (since, until) = period(arguments)?;
    let task = match task(arguments)? {
        Some(task) => task,
        None => only_task(global)?,
    };
    open::known_task(global, &task)?;
    let helm = open::reading(global, &arguments.of).await?;
    let turns = helm.past_turns(&task, until).await;
    open::close(&helm).await;
    let turns = turns?;
    let target = target(global, &arguments.target, Some(&task), &turns)?;
    Ok(WhatIf::new(turns, &target, since)?)
}

fn only_task(global: &Global) -> Result<TaskId> {
    let tasks = open::config(global)?.tasks;
    let mut names = tasks.keys();
    match (names.next(), names.next()) {
        (Some(only), None) => Ok(only.clone()),
        _ => {
            let known = tasks.keys().map(TaskId::as_str).collect::<Vec<_>>().join(", ");
            Err(Failure::wrong(format!(
                "which task? name one with --task; the configured tasks are: {known}"
            )))
        }
    }
}

fn task(arguments: &OpeArguments) -> Result<Option<TaskId>> {
    Ok(arguments.task.as_ref().map(TaskId::new).transpose()?)
}

fn period(arguments: &OpeArguments) -> Result<(Option<Timestamp>, Option<Timestamp>)> {
    let now = SystemClock.now();
    let read = |text: &Option<String>| text.as_ref().map(|text| moment(text, now)).transpose();
    let (since, until) = (read(&arguments.since), read(&arguments.until));
    Ok((since.map_err(Failure::wrong)?, until.map_err(Failure::wrong)?))
}

fn refused(global: &Global, logged: &WhatIf, refusal: &Refusal) -> Result<ExitCode> {
    let why = logged.explain(refusal);
    if global.output == Format::Table {
        output::complain(&format!("the log cannot answer: {why}"));
        left_out(logged)?;
    } else {
        output::json(global.output, &json!({ "refused": why, "left_out": counted(logged) }))?;
    }
    Ok(ExitCode::from(TOO_LITTLE))
}

/// By name; those that the log cannot give are left out, and so are those for decisions that do not depend on each other
/// where users have several.
fn intervals(log: &OffPolicyLog, alpha: f64) -> Result<Vec<(&'static str, Interval)>> {
    let mut all: Vec<(&'static str, Answer<Interval>)> = vec![("betting", log.betting_interval(alpha))];
    if log.unit_count() >= LEAST_USERS {
        all.insert(0, ("any_time", log.value().and_then(|value| log.at_any_time(&value, alpha))));
    }
    if !log.is_clustered() {
        all.push(("cressie_read", log.cressie_read_interval(alpha)));
        all.push(("emp_bernstein", log.bernstein_interval(alpha)));
        all.push(("hoeffding", log.hoeffding_interval(alpha)));
    }
    all.push(("normal", log.normal_interval(alpha)));
    if let Some(Err(refusal @ Refusal::NoShare { .. })) = all.iter().map(|(_, interval)| interval).next() {
        return Err(Failure::wrong(refusal.to_string()));
    }
    // Most are for rewards from 0 to 1.
    let is_bounded = all.iter().any(|(name, interval)| *name == "betting" && interval.is_ok());
    let given = all.into_iter().filter(|(name, _)| is_bounded || matches!(*name, "any_time" | "normal"));
    Ok(given.filter_map(|(name, interval)| Some((name, interval.ok()?))).collect())
}

/// What the other policy earns more than the log did, with the interval that holds at any time, where there is one.
fn gain(log: &OffPolicyLog, alpha: f64) -> Option<(Difference, Option<Interval>)> {
    let gain = log.gain().ok()?;
    let is_enough = log.unit_count() >= LEAST_USERS;
    let interval = is_enough.then(|| log.at_any_time(&gain, alpha).ok()).flatten();
    Some((gain, interval))
}

fn shown(
    logged: &WhatIf,
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
    let level = 100.0 * (1.0 - arguments.alpha);
    let title = format!("{level:.0} % interval");
    output::line(&output::table([title.as_str(), "low", "high"], rows))?;
    output::line(&format!(
        "{} decisions, which earned {:.4} on average and are worth {:.1} of that policy's; greatest weight {:.2}",
        found.count, logged.earned, found.effective, found.max_weight
    ))?;
    if let Some((gain, Some(Interval { low, high }))) = gain(&logged.log, arguments.alpha) {
        output::line(&format!("against the log at any time: {:+.4} ({low:+.4} to {high:+.4})", gain.value))?;
    }
    output::line(
        "any_time (of dr, from 100 users on) and betting (of ips) hold at any time; the others (of ips) for a log whose length was fixed before",
    )?;
    if logged.log.is_clustered() {
        let users = logged.log.unit_count();
        output::line(&format!("the decisions are of {users} users, whose own are taken together"))?;
    }
    if !NEAR_ONE.contains(&found.mean_weight) {
        output::complain(&format!(
            "the mean weight is {:.3} and should be about 1: the propensities or the target may be wrong",
            found.mean_weight
        ));
    }
    left_out(logged)
}

fn left_out(logged: &WhatIf) -> Result<()> {
    for (why, count) in logged.left_out.iter().filter(|(_, count)| *count > 0) {
        output::line(&format!("left out: {count} {why}"))?;
    }
    Ok(())
}

fn counted(logged: &WhatIf) -> Map<String, Value> {
    logged.left_out.iter().map(|(why, count)| ((*why).to_owned(), json!(count))).collect()
}

fn as_json(
    logged: &WhatIf,
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
    let gain = gain(&logged.log, arguments.alpha).map(|(gain, interval)| {
        json!({ "value": gain.value, "error": gain.error, "any_time": interval.map(|own| [own.low, own.high]) })
    });
    json!({
        "target": arguments.target, "alpha": arguments.alpha, "logged_mean": logged.earned,
        "estimates": estimates, "intervals": intervals, "gain": gain,
        "diagnostics": {
            "count": found.count, "effective": found.effective, "mean_weight": found.mean_weight,
            "max_weight": found.max_weight, "support": found.support, "users": logged.log.unit_count(),
            "by_user": logged.log.is_clustered(),
        },
        "left_out": counted(logged),
    })
}
