use helm_core::{ExperimentKey, StrategyName, TaskId};

use super::analysis::{AnalysisPlan, Mode, ShipIf, Together};
use super::metric::{Aggregate, Event, Measure, Metric, MetricKind, Role};
use super::plan::{Assigning, Hash, SpecVariant, Treatment};
use super::whole::Spec;
use crate::analysis::Better;
use crate::assignment::{Error, Experiment, Result, Variant};

/// How many users the intervals of an experiment without a plan are tightest at.
const N_STAR: u64 = 10_000;

impl Spec {
    /// An experiment that only says who gets what: a strategy, or with `None` what the task's policy chooses. Its goal is
    /// reward a turn, read at any time. The control is the variant called `control`, else the first.
    ///
    /// # Errors
    ///
    /// [`Error`] when there are fewer than two variants, two share a name, or the weights give one no share.
    pub fn plain(
        key: ExperimentKey,
        task: TaskId,
        variants: Vec<(Variant, Option<StrategyName>)>,
    ) -> Result<Self> {
        let (dealt, strategies): (Vec<_>, Vec<_>) = variants.into_iter().unzip();
        let control = dealt.iter().position(|variant| variant.name.as_str() == "control").unwrap_or(0);
        let experiment = Experiment::new(key.clone(), dealt)?;
        let variants =
            experiment.shares().zip(strategies).enumerate().map(|(index, ((name, weight), strategy))| {
                let treatment = match strategy {
                    Some(strategy) => Treatment::Strategy(strategy),
                    None => Treatment::Policy { strategies: Vec::new(), policy: None },
                };
                SpecVariant { name: name.clone(), weight, control: index == control, treatment }
            });
        let variants: Vec<_> = variants.collect();
        let assigning = Assigning::everybody(key.to_string(), Hash::Helm);
        Self::of(key.clone(), task, variants, assigning, vec![reward_per_turn()], plan())
            .ok_or(Error::TooFewVariants { experiment: key, count: 0 })
    }
}

fn reward_per_turn() -> Metric {
    let rewards = |agg| Measure { event: Event::Reward, agg };
    Metric {
        key: "reward_per_turn".to_owned(),
        role: Role::Goal,
        kind: MetricKind::Ratio { num: rewards(Aggregate::Sum), den: rewards(Aggregate::Count) },
        better: Better::Higher,
        margin: None,
        covariate: None,
    }
}

fn plan() -> AnalysisPlan {
    AnalysisPlan {
        mode: Mode::Sequential { n_star: N_STAR },
        alpha: 0.05,
        min_units: 100,
        goal: Together::Holm,
        secondary: Together::Bh,
        min_days: 0.0,
        ship_if: ShipIf::AnyGoalBetterAndNoGuardrailWorse,
        srm_alpha: 0.001,
        segments: Vec::new(),
        max_levels: 20,
    }
}
