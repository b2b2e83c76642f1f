//! What people look at.

use std::path::Path;

use comfy_table::{CellAlignment, Table, presets::UTF8_HORIZONTAL_ONLY};
use helm_orchestrator::{Explanation, TaskReport};

use super::baseline::Best;
use super::play::Run;
use super::say::say;

const SLICES: usize = 10;
const BAR: usize = 40;

pub(crate) fn opening(database: &Path, before: u64, turns: u64, users: usize) {
    let database = database.display();
    match before {
        0 => say(format_args!("Beginning in {database}: {turns} turns of {users} simulated users.")),
        _ => say(format_args!(
            "Found {before} turns in {database}; going on from there with {turns} more of {users} simulated users."
        )),
    }
    say("All answers are simulated: the built-in demonstration model gives them, no key is used.\n");
}

/// A task's strategies: how often they were chosen, what they earned, and what a new user would get now.
pub(crate) fn task(report: &TaskReport, best: &Best) {
    let mut table = Table::new();
    table.load_style(UTF8_HORIZONTAL_ONLY);
    table.set_header([
        "strategy",
        "pulls",
        "mean reward (95 %)",
        "people's mean rating",
        "best for",
        "probability now",
    ]);
    let of_task: Vec<_> = best.iter().filter(|((_, task), _)| *task == report.task).collect();
    for strategy in &report.strategies {
        let (reward, feedback) = (&strategy.reward, &strategy.feedback);
        let suits = of_task.iter().filter(|(_, name)| *name == strategy.strategy.name()).count();
        let interval = match (reward.mean, reward.stderr) {
            (Some(mean), Some(stderr)) => format!("{mean:.3} ± {:.3}", 1.96 * stderr),
            (Some(mean), None) => format!("{mean:.3}"),
            _ => "-".to_owned(),
        };
        let rating = match feedback.count {
            0 => "-".to_owned(),
            count => format!("{:.2} of 5", 1.0 + 4.0 * feedback.sum / count as f64),
        };
        table.add_row([
            strategy.strategy.to_string(),
            strategy.pulls.to_string(),
            interval,
            rating,
            format!("{:.0} % of users", 100.0 * suits as f64 / of_task.len().max(1) as f64),
            strategy.probability.map_or_else(|| "-".to_owned(), |p| format!("{:.1} %", 100.0 * p)),
        ]);
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    say(format_args!(
        "Task {} (policy {}); probabilities are those of a new user\n{table}\n",
        report.task, report.policy
    ));
}

/// Mean reward over time, beside uniform play and the best possible.
pub(crate) fn learning(learnt: &Run, uniform: &Run, ideal: &Run) {
    let mut table = Table::new();
    table.load_style(UTF8_HORIZONTAL_ONLY);
    table.set_header(["turns", "uniform", "learnt", "best", "from uniform (left) to best (right)"]);
    let (floor, ceiling) = (uniform.mean(), ideal.mean());
    for slice in 0..SLICES {
        let part = |run: &Run| mean(part_of(&run.rewards, slice));
        let end = part_of_end(learnt.rewards.len(), slice);
        table.add_row([
            format!("to {end}"),
            format!("{:.3}", part(uniform)),
            format!("{:.3}", part(learnt)),
            format!("{:.3}", part(ideal)),
            bar(part(learnt), floor, ceiling),
        ]);
    }
    say(format_args!("Mean reward over time\n{table}\n"));
}

pub(crate) fn verdict(learnt: &Run, uniform: &Run, ideal: &Run, no_learning: bool) {
    let (got, floor, ceiling) = (learnt.mean(), uniform.mean(), ideal.mean());
    let (gain, possible) = (got - floor, ceiling - floor);
    let name = if no_learning { "uniform policy" } else { "learnt policy" };
    say(format_args!("Mean reward: {name} {got:.3}, uniform play {floor:.3}, best possible {ceiling:.3}"));
    say(format_args!("Improvement over uniform play: {}", percent(gain, floor, learnt.rewards.len(), true)));
    say(format_args!(
        "Share of the possible gain:    {}\n",
        percent(gain, possible, learnt.rewards.len(), false)
    ));
}

/// With fewer turns the differences are noise.
const ENOUGH: usize = 100;

/// `part` of `whole`, where there is a whole to speak of.
fn percent(part: f64, whole: f64, turns: usize, signed: bool) -> String {
    match 100.0 * part / whole {
        _ if turns < ENOUGH || whole < 1e-3 => "too few turns to tell".to_owned(),
        share if signed => format!("{share:+.1} %"),
        share => format!("{share:.1} %"),
    }
}

pub(crate) fn explanation(explanation: &Explanation, database: &Path) {
    say(format_args!("One decision explained ({}):", explanation.turn.id));
    for part in explanation.why.split("; ") {
        say(format_args!("  {part}"));
    }
    say(format_args!(
        "\nAsk for any other: helmctl --database sqlite://{} decisions show ID",
        database.display()
    ));
}

fn part_of(rewards: &[f64], slice: usize) -> &[f64] {
    &rewards[rewards.len() * slice / SLICES..part_of_end(rewards.len(), slice)]
}

fn part_of_end(length: usize, slice: usize) -> usize {
    length * (slice + 1) / SLICES
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}

fn bar(value: f64, floor: f64, ceiling: f64) -> String {
    let share = ((value - floor) / (ceiling - floor).max(f64::MIN_POSITIVE)).clamp(0.0, 1.0);
    let filled = (share * BAR as f64).round() as usize;
    format!("{}{}", "█".repeat(filled), "·".repeat(BAR - filled))
}
