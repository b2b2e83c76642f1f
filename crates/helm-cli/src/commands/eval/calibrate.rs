use std::collections::BTreeMap;
use std::process::ExitCode;

use helm_core::RewardName;
use helm_orchestrator::eval::dataset::RatedAnswer;
use helm_orchestrator::eval::{
    Combine, Learned, Learning, Rating, RewardSpec, RewardSpecConfig, learn_tasks,
};
use serde::Serialize;

use super::agree::EstimateJson;
use super::{ratings, reward};
use crate::arguments::{CalibrateArguments, Global};
use crate::error::{Failure, Result, SAID_NO, TOO_LITTLE};
use crate::output::{self, Format};

/// Learns weights from ratings; writes the reward with them when they are better, and says no when they are not.
pub(super) async fn run(global: &Global, arguments: &CalibrateArguments) -> Result<ExitCode> {
    let ratings = &arguments.ratings;
    let spec = reward::spec(global, ratings.reward.as_deref(), ratings.task.as_deref())?;
    let answers = ratings::read(global, ratings, &spec).await?;
    let ratings: Vec<_> = answers.iter().map(RatedAnswer::as_rating).collect();
    if ratings.is_empty() {
        output::complain("there are no rated answers; nothing can be learned");
        return Ok(ExitCode::from(TOO_LITTLE));
    }
    let learning = Learning::default().with_prior_ratings(arguments.prior_ratings).with_seed(arguments.seed);
    let others = others(global, arguments, &spec).await?;
    let mut tasks: BTreeMap<usize, Vec<Rating<'_>>> = others
        .iter()
        .enumerate()
        .map(|(place, answers)| (place + 1, answers.iter().map(RatedAnswer::as_rating).collect()))
        .collect();
    tasks.retain(|_, ratings| !ratings.is_empty());
    tasks.insert(OWN, ratings.clone());
    let learned = learn_tasks(&spec, &tasks, learning).map_err(|error| Failure::wrong(error.to_string()))?;
    let Some(learned) = learned.get(&OWN) else { return Err(Failure::wrong("nothing was learned")) };
    let verdict = Verdict::of(learned);
    output::note(&verdict.sentence(ratings.len(), learned));
    let name = name(&spec, arguments.name.as_deref())?;
    let config = with_weights(&spec, learned);
    config.build(&name).map_err(|error| Failure::wrong(error.to_string()))?;
    write(global.output, &name, &config, learned, ratings.len(), verdict == Verdict::Better)?;
    Ok(verdict.code())
}

/// The task itself, among those that are learned together.
const OWN: usize = 0;

/// The rated answers of the tasks that are like this one.
async fn others(
    global: &Global,
    arguments: &CalibrateArguments,
    spec: &RewardSpec,
) -> Result<Vec<Vec<RatedAnswer>>> {
    let mut others = Vec::new();
    for task in &arguments.others {
        let mut like = arguments.ratings.clone();
        like.task = Some(task.clone());
        others.push(ratings::read(global, &like, spec).await?);
    }
    Ok(others)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Better,
    NotBetter,
    Unknown,
}

impl Verdict {
    fn of(learned: &Learned) -> Self {
        match (&learned.better, learned.adopted) {
            (None, _) => Self::Unknown,
            (Some(_), true) => Self::Better,
            (Some(_), false) => Self::NotBetter,
        }
    }

    fn code(self) -> ExitCode {
        match self {
            Self::Better => ExitCode::SUCCESS,
            Self::NotBetter => ExitCode::from(SAID_NO),
            Self::Unknown => ExitCode::from(TOO_LITTLE),
        }
    }

    fn sentence(self, ratings: usize, learned: &Learned) -> String {
        let compared = learned.better.as_ref().map_or_else(String::new, |better| {
            let difference = &better.difference;
            let (value, low, high) = (difference.value, difference.low, difference.high);
            format!(" on answers they were not fitted on: Spearman {value:+.3}, 90 % interval {low:+.3} to {high:+.3}")
        });
        match self {
            Self::Better => format!("{ratings} ratings: the learned weights are better{compared}"),
            Self::NotBetter => {
                format!(
                    "{ratings} ratings: the learned weights are not clearly better{compared}; keep the configured ones"
                )
            }
            Self::Unknown => {
                format!(
                    "{ratings} ratings: too few requests to tell whether the learned weights are better; keep the configured ones"
                )
            }
        }
    }
}

/// What the new reward is called.
fn name(spec: &RewardSpec, wanted: Option<&str>) -> Result<RewardName> {
    match wanted {
        Some(name) => Ok(RewardName::new(name)?),
        None => Ok(spec.id().name.clone()),
    }
}

/// The next version of the reward, by the learned weights.
fn with_weights(spec: &RewardSpec, learned: &Learned) -> RewardSpecConfig {
    let mut config = spec.config().clone();
    config.version = config.version.saturating_add(1);
    config.combine = Combine::Learned;
    config.learned = Some(learned.weights.clone());
    config
}

#[derive(Serialize)]
struct Calibrated<'a> {
    adopted: bool,
    ratings: usize,
    /// Spearman's correlation with held-out ratings, of learned less configured weights; a 90 % interval.
    better: Option<EstimateJson>,
    name: &'a RewardName,
    reward: &'a RewardSpecConfig,
}

#[derive(Serialize)]
struct Paste<'a> {
    rewards: BTreeMap<&'a RewardName, &'a RewardSpecConfig>,
}

fn write(
    format: Format,
    name: &RewardName,
    config: &RewardSpecConfig,
    learned: &Learned,
    ratings: usize,
    adopted: bool,
) -> Result<()> {
    if format != Format::Table {
        let better = learned.better.as_ref().map(|better| EstimateJson::from(&better.difference));
        return output::json(format, &Calibrated { adopted, ratings, better, name, reward: config });
    }
    if !adopted {
        return Ok(());
    }
    let paste = Paste { rewards: BTreeMap::from([(name, config)]) };
    let text = toml::to_string(&paste).map_err(|error| Failure::wrong(error.to_string()))?;
    output::piece(&text)
}
