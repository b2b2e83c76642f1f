use std::io::IsTerminal;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use helm_policy::{Policy, Registry};
use helm_sim::{Manifest, Run, SimulationOptions, World, simulate};
use indicatif::{ProgressBar, ProgressDrawTarget};
use serde::Serialize;
use serde_json::Value;

use super::policy_plot::{self, Curve, Panel};
use super::policy_text;
use crate::arguments::{Global, SimulateArguments};
use crate::error::{Failure, Result};
use crate::output::{self, Format, Series};

/// Seeds of each world, where nobody asks for another number.
const SEEDS: u16 = 10;

/// Plays every policy through every world and reports the regret.
pub(super) fn run(global: &Global, arguments: &SimulateArguments) -> Result<()> {
    let worlds = worlds(arguments)?;
    let policies: Vec<Contender> = arguments
        .policies
        .iter()
        .map(|text| Contender::read(text, arguments.floor))
        .collect::<Result<_>>()?;
    let jobs = jobs(&worlds, &policies, usize::from(arguments.seeds.unwrap_or(SEEDS)));
    let mut options = SimulationOptions::default();
    options.step = Duration::from_secs(u64::from(arguments.step_seconds));
    let runs = play(&jobs, &options)?;
    let results = results(&worlds, &policies, &jobs, &runs);
    report(global.output, &results)?;
    match &arguments.plot {
        Some(path) => plot(path, &worlds, &policies, &jobs, &runs),
        None => Ok(()),
    }
}

fn worlds(arguments: &SimulateArguments) -> Result<Vec<World>> {
    let manifest = Manifest::read(&arguments.manifest).map_err(|error| failed(&error))?;
    let all = || manifest.names().map(str::to_owned).collect();
    let names: Vec<String> = if arguments.worlds.is_empty() { all() } else { arguments.worlds.clone() };
    let range = arguments.range.as_deref().map(range).transpose()?;
    let read = |name: &String| {
        let world = manifest.world(name).map_err(|error| failed(&error))?;
        let published = world.seeds().len();
        if let Some(wanted) = arguments.seeds.filter(|wanted| published < usize::from(*wanted)) {
            return Err(Failure::wrong(format!(
                "{name} publishes {published} seeds, fewer than the {wanted} of --seeds; ask for fewer, or add some"
            )));
        }
        Ok(range.map_or(world.clone(), |(low, high)| world.with_range(low, high)))
    };
    names.iter().map(read).collect()
}

fn range(text: &str) -> Result<(f64, f64)> {
    let parts = text.split_once("..");
    let parsed = parts.and_then(|(low, high)| Some((low.parse().ok()?, high.parse().ok()?)));
    match parsed {
        Some((low, high)) if f64::is_finite(low) && f64::is_finite(high) && low < high => Ok((low, high)),
        _ => Err(Failure::wrong(format!(
            "--range is LOW..HIGH with LOW below HIGH, such as -1..2, not {text:?}"
        ))),
    }
}

/// A policy under its name on the command line.
struct Contender {
    name: String,
    config: Value,
}

impl Contender {
    /// A kind's name, or a table in TOML or JSON.
    fn read(text: &str, floor: Option<f64>) -> Result<Self> {
        let mut config = if text.trim_start().starts_with('{') {
            policy_text::table("--policy", text)?
        } else {
            serde_json::json!({ "kind": text })
        };
        if let (Some(floor), Some(object)) = (floor, config.as_object_mut()) {
            object.insert("floor".to_owned(), floor.into());
        }
        let contender = Self { name: text.to_owned(), config };
        contender.build().map(|_| contender)
    }

    /// Built anew for each run: policies remember what they computed.
    fn build(&self) -> Result<Arc<dyn Policy>> {
        let built = Registry::standard().build(&self.config);
        built.map_err(|error| Failure::wrong(format!("--policy {}: {error}", self.name)))
    }
}

/// One policy on one seed of one world.
struct Job<'a> {
    world: usize,
    policy: usize,
    seed: u64,
    source: (&'a World, &'a Contender),
}

fn jobs<'a>(worlds: &'a [World], policies: &'a [Contender], seeds: usize) -> Vec<Job<'a>> {
    let mut jobs = Vec::new();
    for (world, from) in worlds.iter().enumerate() {
        for (policy, contender) in policies.iter().enumerate() {
            let seeds = from.seeds().iter().take(seeds);
            jobs.extend(seeds.map(|seed| Job { world, policy, seed: *seed, source: (from, contender) }));
        }
    }
    jobs
}

/// Plays all jobs, on as many threads as there are processors.
fn play(jobs: &[Job<'_>], options: &SimulationOptions) -> Result<Vec<Run>> {
    let visible = std::io::stderr().is_terminal();
    let target = if visible { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
    let bar = ProgressBar::with_draw_target(Some(jobs.len() as u64), target);
    let (next, done) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let work = || {
        while let Some((index, job)) = take(jobs, &next) {
            let played = play_one(job, options);
            done.lock().unwrap_or_else(PoisonError::into_inner).push((index, played));
            bar.inc(1);
        }
    };
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    std::thread::scope(|scope| (0..threads).for_each(|_| drop(scope.spawn(work))));
    bar.finish_and_clear();
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_by_key(|(index, _)| *index);
    done.into_iter().map(|(_, played)| played).collect()
}

fn take<'a, T>(items: &'a [T], next: &AtomicUsize) -> Option<(usize, &'a T)> {
    let index = next.fetch_add(1, Ordering::Relaxed);
    items.get(index).map(|item| (index, item))
}

fn play_one(job: &Job<'_>, options: &SimulationOptions) -> Result<Run> {
    let (world, contender) = job.source;
    let policy = contender.build()?;
    simulate(&*policy, &world.episode(job.seed), job.seed, options).map_err(|error| failed(&error))
}

/// What one policy did in one world.
#[derive(Serialize)]
struct Summary<'a> {
    env: &'a str,
    policy: &'a str,
    horizon: usize,
    seeds: Vec<u64>,
    regret: Vec<f64>,
    regret_mean: f64,
    regret_ci95: f64,
    reward_mean: f64,
}

fn results<'a>(
    worlds: &'a [World],
    policies: &'a [Contender],
    jobs: &[Job<'_>],
    runs: &[Run],
) -> Vec<Summary<'a>> {
    let mut results = Vec::new();
    for (world_index, world) in worlds.iter().enumerate() {
        for (policy_index, policy) in policies.iter().enumerate() {
            let own = || of(jobs, runs, world_index, policy_index);
            let regret: Vec<f64> = own().map(|(_, run)| run.total_regret()).collect();
            let rewards: Vec<f64> = own().map(|(_, run)| run.mean_reward).collect();
            results.push(Summary {
                env: world.name(),
                policy: &policy.name,
                horizon: own().next().map_or(0, |(_, run)| run.regret.len()),
                seeds: own().map(|(job, _)| job.seed).collect(),
                regret_mean: mean(&regret),
                regret_ci95: half_width(&regret),
                reward_mean: mean(&rewards),
                regret,
            });
        }
    }
    results
}

fn of<'a, 'b>(
    jobs: &'a [Job<'b>],
    runs: &'a [Run],
    world: usize,
    policy: usize,
) -> impl Iterator<Item = (&'a Job<'b>, &'a Run)> {
    jobs.iter().zip(runs).filter(move |(job, _)| (job.world, job.policy) == (world, policy))
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}

/// Half the width of the normal 95 % interval of the mean; 0 for a single value.
fn half_width(values: &[f64]) -> f64 {
    if values.len() < 2 {
        return 0.0;
    }
    let (mean, n) = (mean(values), values.len() as f64);
    let squares: f64 = values.iter().map(|value| (value - mean) * (value - mean)).sum();
    1.96 * (squares / (n - 1.0) / n).sqrt()
}

fn report(format: Format, results: &[Summary<'_>]) -> Result<()> {
    if format != Format::Table {
        let mut series = Series::new(format);
        for result in results {
            series.value(result)?;
        }
        return series.end();
    }
    let row = |result: &Summary<'_>| {
        [
            result.env.to_owned(),
            result.policy.to_owned(),
            result.horizon.to_string(),
            result.seeds.len().to_string(),
            format!("{:.1} ± {:.1}", result.regret_mean, result.regret_ci95),
            format!("{:.4}", result.reward_mean),
        ]
    };
    let header = ["env", "policy", "horizon", "seeds", "regret (95 %)", "mean reward"];
    output::line(&output::table(header, results.iter().map(row)))
}

fn plot(
    path: &std::path::Path,
    worlds: &[World],
    policies: &[Contender],
    jobs: &[Job<'_>],
    runs: &[Run],
) -> Result<()> {
    let curve = |world: usize, (policy, contender): (usize, &Contender)| {
        let regrets: Vec<&[f64]> =
            of(jobs, runs, world, policy).map(|(_, run)| run.regret.as_slice()).collect();
        let horizon = regrets.iter().map(|regret| regret.len()).min().unwrap_or(0);
        let at = |step: usize| {
            let values: Vec<f64> = regrets.iter().filter_map(|regret| regret.get(step)).copied().collect();
            (mean(&values), half_width(&values))
        };
        Curve { name: contender.name.clone(), points: (0..horizon).map(at).collect() }
    };
    let panel = |(index, world): (usize, &World)| Panel {
        title: world.name().to_owned(),
        curves: policies.iter().enumerate().map(|policy| curve(index, policy)).collect(),
    };
    let panels: Vec<Panel> = worlds.iter().enumerate().map(panel).collect();
    let written = std::fs::write(path, policy_plot::svg(&panels));
    written.map_err(|error| Failure::wrong(format!("cannot write {}: {error}", path.display())))
}

/// An error of the simulation with its causes.
fn failed(error: &helm_sim::Error) -> Failure {
    let mut message = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        message.push_str(&format!(": {error}"));
        cause = error.source();
    }
    if matches!(error, helm_sim::Error::OutsideRange { .. }) {
        message.push_str(" with --range LOW..HIGH");
    }
    Failure::wrong(message)
}

#[cfg(test)]
mod tests {
    use helm_policy::CATALOG;

    use super::*;

    #[test]
    fn every_kind_can_be_named() {
        for info in CATALOG.iter().filter(|info| info.kind != "fixed") {
            assert!(Contender::read(info.kind, Some(0.1)).is_ok(), "{}", info.kind);
        }
        assert!(Contender::read("{ kind = \"thompson\", width = 0.5 }", None).is_ok());
        assert!(Contender::read("{\"kind\":\"thompson\",\"width\":0.5}", None).is_ok());
        assert!(Contender::read("{ kind = ", None).is_err());
    }

    #[test]
    fn intervals_are_those_of_the_mean() {
        assert_eq!((mean(&[1.0, 3.0]), half_width(&[5.0])), (2.0, 0.0));
        assert!((half_width(&[1.0, 3.0]) - 1.96).abs() < 1e-12);
    }
}
