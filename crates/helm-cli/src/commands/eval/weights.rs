use std::collections::BTreeMap;
use std::process::ExitCode;

use helm_core::TaskId;
use helm_orchestrator::Adoption;
use serde::Serialize;

use crate::arguments::{Global, WeightsArguments};
use crate::error::Result;
use crate::open;
use crate::output::{self, Format};

/// Which weights have counted.
pub(super) async fn run(global: &Global, arguments: &WeightsArguments) -> Result<ExitCode> {
    let task = TaskId::new(&arguments.task)?;
    open::known_task(global, &task)?;
    let helm = open::reading(global, &arguments.of).await?;
    let found = async {
        Ok::<_, helm_orchestrator::Error>((helm.reward(&task).await?, helm.adoptions(&task).await?))
    };
    let found = found.await;
    open::close(&helm).await;
    let (reward, adoptions) = found?;
    let adoptions: Vec<AdoptionJson> = adoptions.iter().map(AdoptionJson::from).collect();
    let report = WeightsReport { reward: reward.id().to_string(), adoptions };
    match global.output {
        Format::Table => output::line(&report.table())?,
        format => output::json(format, &report)?,
    }
    Ok(ExitCode::SUCCESS)
}

#[derive(Serialize)]
struct WeightsReport {
    /// What counts now.
    reward: String,
    adoptions: Vec<AdoptionJson>,
}

#[derive(Serialize)]
struct AdoptionJson {
    number: u64,
    at: String,
    ratings: u64,
    /// How much better than what counted before, on answers that it was not fitted to; a 90 % interval.
    better: f64,
    better_low: f64,
    better_high: f64,
    weights: BTreeMap<String, f64>,
    strategies: BTreeMap<String, f64>,
}

impl From<&Adoption> for AdoptionJson {
    fn from(adoption: &Adoption) -> Self {
        let terms = adoption.weights.terms.iter();
        Self {
            number: adoption.number,
            at: adoption.at.to_string(),
            ratings: adoption.weights.ratings,
            better: adoption.better,
            better_low: adoption.better_low,
            better_high: adoption.better_high,
            weights: terms.map(|term| (term.evaluator.to_string(), term.weight)).collect(),
            strategies: adoption.weights.strategies.clone(),
        }
    }
}

impl WeightsReport {
    fn table(&self) -> String {
        let rows = self.adoptions.iter().map(|one| {
            let weights = one.weights.iter().map(|(name, weight)| format!("{name} {weight:.2}"));
            [
                one.number.to_string(),
                one.at.clone(),
                one.ratings.to_string(),
                format!("{:+.3} ({:+.3} to {:+.3})", one.better, one.better_low, one.better_high),
                weights.collect::<Vec<_>>().join(", "),
            ]
        });
        let header = ["weights", "since", "ratings", "better (90 %)", "by term"];
        let table = if self.adoptions.is_empty() {
            "the configured weights have always counted".to_owned()
        } else {
            output::table(header, rows)
        };
        format!("turns are rewarded by {}\n{table}", self.reward)
    }
}
