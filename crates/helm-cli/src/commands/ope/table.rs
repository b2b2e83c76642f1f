//! Logs as tables.

use std::path::Path;

use helm_orchestrator::WhatIf;
use helm_orchestrator::experiment::off_policy::{Choice, OffPolicyLog};

/// Where the columns of a table are.
struct Columns {
    action: usize,
    reward: usize,
    propensity: usize,
    target: Vec<usize>,
    logged: Vec<usize>,
    model: Vec<usize>,
}

pub(super) fn read(path: &Path, target: &str) -> Result<WhatIf, String> {
    let mut reader = csv::Reader::from_path(path).map_err(|error| error.to_string())?;
    let header = reader.headers().map_err(|error| error.to_string())?.clone();
    let columns = Columns::of(&header)?;
    let (mut log, mut earned, mut count) = (OffPolicyLog::new(), 0.0, 0_usize);
    for (row, record) in reader.records().enumerate() {
        let record = record.map_err(|error| error.to_string())?;
        let at = |column: usize| {
            let text = record.get(column).unwrap_or_default();
            let name = header.get(column).unwrap_or_default();
            text.trim()
                .parse::<f64>()
                .map_err(|_| format!("row {}, column {name}: {text:?} is no number", row + 1))
        };
        let all = |columns: &[usize]| columns.iter().map(|column| at(*column)).collect::<Result<Vec<_>, _>>();
        let (logged, model, action) = (all(&columns.logged)?, all(&columns.model)?, at(columns.action)?);
        if action < 0.0 || action.fract() != 0.0 {
            return Err(format!("row {}: the action {action} is no number of one", row + 1));
        }
        let count_of_actions = logged.len().max(model.len()).max(columns.target.len());
        let target = probabilities(target, &all(&columns.target)?, &model, count_of_actions)?;
        let reward = at(columns.reward)?;
        let mut choice = Choice::new(action as usize, reward, at(columns.propensity)?, &target);
        if !logged.is_empty() {
            choice = choice.with_logged(&logged);
        }
        if !model.is_empty() {
            choice = choice.with_model(&model);
        }
        log.add(&choice).map_err(|refusal| refusal.to_string())?;
        earned += reward;
        count += 1;
    }
    Ok(WhatIf::of(log, earned / count.max(1) as f64))
}

impl Columns {
    fn of(header: &csv::StringRecord) -> Result<Self, String> {
        let place = |name: &str| header.iter().position(|column| column.trim() == name);
        let needed = |name: &str| place(name).ok_or_else(|| format!("there is no column {name}"));
        let numbered = |name: &str| (0..).map_while(|at| place(&format!("{name}{at}"))).collect();
        Ok(Self {
            action: needed("action")?,
            reward: needed("reward")?,
            propensity: needed("pscore")?,
            target: numbered("pi"),
            logged: numbered("plog"),
            model: numbered("q"),
        })
    }
}

/// The other policy's probabilities.
fn probabilities(target: &str, given: &[f64], model: &[f64], count: usize) -> Result<Vec<f64>, String> {
    if count == 0 {
        return Err(
            "it does not say how many actions there are: add columns pi0 …, plog0 … or q0 …".to_owned()
        );
    }
    let always = |action: usize| (0..count).map(|at| if at == action { 1.0 } else { 0.0 }).collect();
    match target {
        "columns" if given.is_empty() => Err("there are no columns pi0 …".to_owned()),
        "columns" => Ok(given.to_vec()),
        "uniform" => Ok(vec![1.0 / count as f64; count]),
        "greedy_q" | "best" => {
            let greatest = model.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let best = model.iter().position(|value| *value >= greatest);
            best.map(always).ok_or_else(|| "there are no columns q0 …".to_owned())
        }
        named => {
            let action = named.strip_prefix("always_").and_then(|action| action.parse().ok());
            let action = action.filter(|action| *action < count);
            action.map(always).ok_or_else(|| {
                format!(
                    "there is no target {named}; there are always_0 to always_{}, uniform, greedy_q, columns",
                    count - 1
                )
            })
        }
    }
}
