use std::sync::Arc;
use std::time::Duration;

use helm_core::{
    Candidate, Context, Decision, DecisionId, Layout, NanoUsd, PolicyHash, PolicyName, Probability, Scope,
    Stats, StatsRow, StrategyId, Timestamp, UnitInterval,
};

use crate::config::Options;
use crate::error::{Error, Result};
use crate::learner::Learner;
use crate::posterior::Posterior;
use crate::prior::{PriorEstimate, UserStats};
use crate::rule::Rule;
use crate::sampling::{inverse_cdf, uniform};
use crate::snapshot::{Discount, Snapshot};

/// Chooses strategies and says what a reward teaches. Pure: equal inputs give equal answers.
pub trait Policy: Send + Sync {
    /// The name it is known by.
    fn name(&self) -> &PolicyName;

    /// Its configuration, hashed.
    fn hash(&self) -> &PolicyHash;

    /// The length of the time buckets that rewards are added to. Default: one day.
    fn epoch_length(&self) -> Duration {
        Duration::from_secs(86_400)
    }

    /// The probabilities of all eligible strategies, and one drawn from them.
    ///
    /// # Errors
    ///
    /// [`Error::NothingEligible`], [`Error::DuplicateStrategy`], or [`Error::CorruptStats`].
    fn choose(&self, request: &ChoiceRequest<'_>) -> Result<Choice>;

    /// Everything one decision adds to learning state under this evidence: the whole, so that whoever keeps
    /// the state can add the difference when the evidence changes. Empty when there is nothing to learn.
    ///
    /// # Errors
    ///
    /// Whatever keeps the evidence from being counted.
    fn contribution(&self, decision: &Decision, evidence: &Contribution) -> Result<Vec<StatsRow>>;

    /// Estimates again what is not additive, from the totals of all users.
    ///
    /// # Errors
    ///
    /// [`Error::CorruptStats`] when totals cannot have come from rewards.
    fn fit_prior(&self, users: &[UserStats]) -> Result<PriorEstimate>;
}

macro_rules! forward_policy {
    ($pointer:ident) => {
        impl<P: Policy + ?Sized> Policy for $pointer<P> {
            fn name(&self) -> &PolicyName {
                (**self).name()
            }

            fn hash(&self) -> &PolicyHash {
                (**self).hash()
            }

            fn epoch_length(&self) -> Duration {
                (**self).epoch_length()
            }

            fn choose(&self, request: &ChoiceRequest<'_>) -> Result<Choice> {
                (**self).choose(request)
            }

            fn contribution(&self, decision: &Decision, evidence: &Contribution) -> Result<Vec<StatsRow>> {
                (**self).contribution(decision, evidence)
            }

            fn fit_prior(&self, users: &[UserStats]) -> Result<PriorEstimate> {
                (**self).fit_prior(users)
            }
        }
    };
}

forward_policy!(Arc);
forward_policy!(Box);

/// What a policy chooses from.
#[derive(Clone, Copy, Debug)]
pub struct ChoiceRequest<'a> {
    /// The decision's id; the draw derives from it.
    pub id: DecisionId,
    /// Who asks for what, when.
    pub context: &'a Context,
    /// The strategies that may be chosen, each once.
    pub eligible: &'a [StrategyId],
    /// Learning state of the context's task and user.
    pub snapshot: &'a Snapshot,
    /// The present, for discounting.
    pub now: Timestamp,
}

/// A choice and the law it was drawn from.
#[derive(Clone, PartialEq, Debug)]
pub struct Choice {
    /// The strategy.
    pub strategy: StrategyId,
    /// Its probability.
    pub propensity: Probability,
    /// All eligible strategies in the order given; the probabilities sum to 1.
    pub candidates: Vec<Candidate>,
}

/// What is known of one decision.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Contribution {
    /// Its reward, when there is one.
    pub reward: Option<UnitInterval>,
    /// Its cost, when it is known.
    pub cost: Option<NanoUsd>,
    /// Whether it failed for reasons that say nothing about quality.
    pub failed: bool,
}

/// A policy made of a learner and a rule.
pub struct LearnerPolicy {
    name: PolicyName,
    hash: PolicyHash,
    learner: Box<dyn Learner>,
    rule: Box<dyn Rule>,
    options: Options,
}

impl LearnerPolicy {
    /// Joins a learner and a rule. `canonical` describes their parameters: equal texts must mean equal laws,
    /// since decisions are drawn by its hash and logged with it.
    pub fn new(
        name: PolicyName,
        canonical: &str,
        learner: impl Learner + 'static,
        rule: impl Rule + 'static,
        options: Options,
    ) -> Self {
        let hash = PolicyHash::of(&format!("{name}\n{canonical}\n{options:?}"));
        Self { name, hash, learner: Box::new(learner), rule: Box::new(rule), options }
    }

    fn posteriors(&self, request: &ChoiceRequest<'_>) -> Result<Vec<Posterior>> {
        let discount =
            Discount { half_life: self.options.half_life(), epoch: self.options.epoch(), now: request.now };
        let posterior = |strategy: &StrategyId| {
            let task = request.snapshot.task_evidence(strategy, &discount)?;
            let user = request.snapshot.user_evidence(strategy, &discount)?;
            Ok(self.learner.posterior(&task, &user, request.snapshot.prior(strategy)))
        };
        request.eligible.iter().map(posterior).collect()
    }
}

impl Policy for LearnerPolicy {
    fn name(&self) -> &PolicyName {
        &self.name
    }

    fn hash(&self) -> &PolicyHash {
        &self.hash
    }

    fn epoch_length(&self) -> Duration {
        self.options.epoch()
    }

    fn choose(&self, request: &ChoiceRequest<'_>) -> Result<Choice> {
        check_eligible(request.eligible)?;
        let rewards = request.snapshot.rewards();
        let posteriors = self.posteriors(request)?;
        let weights = self.rule.probabilities(request.eligible, &posteriors, rewards)?;
        if weights.len() != request.eligible.len() {
            return Err(Error::WrongLength { given: weights.len(), expected: request.eligible.len() });
        }
        let probabilities = self.options.floor.mix(weights, rewards)?;
        let drawn = inverse_cdf(&probabilities, uniform(&self.hash, request.id));
        let candidates = candidates(request, &posteriors, &probabilities)?;
        let drawn = drawn.and_then(|index| candidates.get(index)).ok_or(Error::NothingEligible)?;
        Ok(Choice { strategy: drawn.strategy.clone(), propensity: drawn.probability, candidates })
    }

    fn contribution(&self, decision: &Decision, evidence: &Contribution) -> Result<Vec<StatsRow>> {
        let mut stats = match (evidence.reward, evidence.failed) {
            (Some(reward), _) => Stats::of_reward(reward),
            (None, true) => Stats::of_failure(),
            (None, false) => return Ok(Vec::new()),
        };
        stats.failures = i64::from(evidence.failed);
        stats.cost = evidence.cost.unwrap_or_default();
        let row = |scope| StatsRow {
            scope,
            strategy: decision.strategy.clone(),
            epoch: decision.epoch,
            layout: Layout::NONE,
            stats: stats.clone(),
        };
        Ok(vec![row(Scope::Task), row(Scope::User(decision.context.user.clone()))])
    }

    fn fit_prior(&self, users: &[UserStats]) -> Result<PriorEstimate> {
        PriorEstimate::fit(users)
    }
}

fn check_eligible(eligible: &[StrategyId]) -> Result<()> {
    if eligible.is_empty() {
        return Err(Error::NothingEligible);
    }
    for (index, strategy) in eligible.iter().enumerate() {
        if eligible.iter().take(index).any(|earlier| earlier == strategy) {
            return Err(Error::DuplicateStrategy { strategy: strategy.clone() });
        }
    }
    Ok(())
}

fn candidates(
    request: &ChoiceRequest<'_>,
    posteriors: &[Posterior],
    probabilities: &[f64],
) -> Result<Vec<Candidate>> {
    let all = request.eligible.iter().zip(posteriors).zip(probabilities);
    let candidate = |((strategy, posterior), probability): ((&StrategyId, &Posterior), &f64)| {
        let pulls = request.snapshot.task_total(strategy)?.count;
        Ok(Candidate {
            strategy: strategy.clone(),
            probability: Probability::new(*probability)
                .map_err(|_| Error::InvalidProbability { value: *probability })?,
            mean: posterior.mean(),
            deviation: posterior.deviation(),
            pulls: u64::try_from(pulls).unwrap_or(0),
        })
    };
    all.map(candidate).collect()
}
