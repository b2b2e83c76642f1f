//! Helm's own log.

use std::collections::{BTreeMap, HashSet};
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use helm_orchestrator::experiment::off_policy::{Choice, OffPolicyLog};
use serde::Deserialize;

use super::Logged;

/// What of a turn is needed.
#[derive(Deserialize)]
struct Turn {
    id: Option<String>,
    strategy: Option<String>,
    propensity: Option<f64>,
    mode: Option<String>,
    #[serde(default)]
    candidates: Vec<Candidate>,
    reward: Option<f64>,
}

#[derive(Deserialize)]
struct Candidate {
    strategy: String,
    probability: f64,
}

/// Rewards are expected of turns of the other parts, so that none is judged by itself.
const PARTS: usize = 3;

const REPEATED: &str = "turns that stand more than once";
const UNDECIDED: &str = "turns without a decision";
const UNREWARDED: &str = "turns without a reward";
const UNDRAWN: &str = "turns whose strategy was not drawn (pinned, fallback)";
const INELIGIBLE: &str = "turns in which the target could not have been chosen";

pub(super) fn read(path: &Path, target: &str) -> Result<Logged, String> {
    let (mut turns, mut left_out, mut known) = (Vec::new(), BTreeMap::new(), HashSet::new());
    let file = File::open(path).map_err(|error| error.to_string())?;
    for (number, line) in BufReader::new(file).lines().enumerate() {
        let line = line.map_err(|error| format!("line {}: {error}", number + 1))?;
        if line.trim().is_empty() {
            continue;
        }
        let turn: Turn =
            serde_json::from_str(&line).map_err(|error| format!("line {}: {error}", number + 1))?;
        match why_left_out(&turn) {
            Some(why) => *left_out.entry(why).or_insert(0) += 1,
            None if turn.id.as_ref().is_some_and(|id| !known.insert(id.clone())) => {
                *left_out.entry(REPEATED).or_insert(0) += 1;
            }
            None => turns.push((number + 1, turn)),
        }
    }
    let expected = Expected::of(&turns);
    check_target(target, &expected)?;
    let (mut log, mut earned, mut count) = (OffPolicyLog::new(), 0.0, 0_usize);
    for (place, (line, turn)) in turns.iter().enumerate() {
        let part = place % PARTS;
        let model: Vec<f64> =
            turn.candidates.iter().map(|candidate| expected.value(part, &candidate.strategy)).collect();
        let Some(probabilities) = probabilities(target, turn, &model) else {
            *left_out.entry(INELIGIBLE).or_insert(0) += 1;
            continue;
        };
        let (Some(chosen), Some(reward), Some(propensity)) = (chosen(turn), turn.reward, turn.propensity)
        else {
            return Err(format!("line {line}: its strategy is none of its candidates"));
        };
        let logged: Vec<f64> = turn.candidates.iter().map(|candidate| candidate.probability).collect();
        let choice = Choice::new(chosen, reward, propensity, &probabilities).with_logged(&logged);
        log.add(&choice.with_model(&model)).map_err(|refusal| format!("line {line}: {refusal}"))?;
        earned += reward;
        count += 1;
    }
    Ok(Logged { log, earned: earned / count.max(1) as f64, left_out: left_out.into_iter().collect() })
}

fn why_left_out(turn: &Turn) -> Option<&'static str> {
    let is_drawn = turn.mode.as_deref().is_some_and(|mode| matches!(mode, "sampled" | "sticky" | "assigned"));
    match turn {
        Turn { strategy: None, .. } | Turn { propensity: None, .. } => Some(UNDECIDED),
        _ if !is_drawn => Some(UNDRAWN),
        Turn { reward: None, .. } => Some(UNREWARDED),
        _ => None,
    }
}

fn chosen(turn: &Turn) -> Option<usize> {
    let strategy = turn.strategy.as_ref()?;
    turn.candidates.iter().position(|candidate| candidate.strategy == *strategy)
}

/// Whether a strategy is the one that is named, with or without its version.
fn is_named(strategy: &str, name: &str) -> bool {
    strategy == name || strategy.split_once('@').is_some_and(|(own, _)| own == name)
}

/// The other policy's probabilities of a turn's candidates; `None` where it could have chosen none of them.
fn probabilities(target: &str, turn: &Turn, model: &[f64]) -> Option<Vec<f64>> {
    let count = turn.candidates.len();
    let always = |chosen: usize| (0..count).map(|at| if at == chosen { 1.0 } else { 0.0 }).collect();
    match target {
        _ if count == 0 => None,
        "uniform" => Some(vec![1.0 / count as f64; count]),
        "best" => {
            let greatest = model.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            model.iter().position(|value| *value >= greatest).map(always)
        }
        // Of several versions the last.
        named => {
            turn.candidates.iter().rposition(|candidate| is_named(&candidate.strategy, named)).map(always)
        }
    }
}

fn check_target(target: &str, expected: &Expected) -> Result<(), String> {
    let is_known = matches!(target, "uniform" | "best")
        || expected.strategies.keys().any(|strategy| is_named(strategy, target));
    let known = || expected.strategies.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
    match is_known {
        true => Ok(()),
        false => Err(format!("no turn could have chosen {target}; there are uniform, best, {}", known())),
    }
}

/// What the turns of each part earned, by strategy.
struct Expected {
    strategies: BTreeMap<String, [(f64, f64); PARTS]>,
    overall: [(f64, f64); PARTS],
}

impl Expected {
    fn of(turns: &[(usize, Turn)]) -> Self {
        let mut expected = Self { strategies: BTreeMap::new(), overall: [(0.0, 0.0); PARTS] };
        for (place, (_, turn)) in turns.iter().enumerate() {
            for candidate in &turn.candidates {
                expected.strategies.entry(candidate.strategy.clone()).or_default();
            }
            let (Some(strategy), Some(reward)) = (&turn.strategy, turn.reward) else { continue };
            let own = expected.strategies.entry(strategy.clone()).or_default();
            let sums = [own.get_mut(place % PARTS), expected.overall.get_mut(place % PARTS)];
            for (sum, count) in sums.into_iter().flatten() {
                *sum += reward;
                *count += 1.0;
            }
        }
        expected
    }

    /// What a strategy earned in the other parts, drawn towards the mean of all as by two more turns that earned it.
    fn value(&self, part: usize, strategy: &str) -> f64 {
        let others = |sums: &[(f64, f64); PARTS]| {
            let others = sums.iter().enumerate().filter(|(own, _)| *own != part);
            others.fold((0.0, 0.0), |sum, (_, own)| (sum.0 + own.0, sum.1 + own.1))
        };
        let (all, count) = others(&self.overall);
        let mean = if count > 0.0 { all / count } else { 0.5 };
        let (own, count) = self.strategies.get(strategy).map_or((0.0, 0.0), others);
        (own + 2.0 * mean) / (count + 2.0)
    }
}
