use std::sync::Arc;
use std::time::Duration;

use helm_core::{
    Candidate, Context, Decision, DecisionId, Epoch, Layout, NanoUsd, PolicyHash, PolicyName, Probability,
    Scope, Stats, StatsRow, StrategyId, Timestamp, TokenCount, UnitInterval,
};

use crate::arm::Arm;
use crate::budget::Budget;
use crate::drift::Drift;
use crate::error::{Error, Result};
use crate::evidence::Evidence;
use crate::floor::mix;
use crate::forget::{EpochWeights, Forgetting};
use crate::learner::{ArmEvidence, Learner};
use crate::options::Options;
use crate::posterior::Posterior;
use crate::prior::{PriorEstimate, UserStats};
use crate::rule::{Belief, Rule};
use crate::sampling::{inverse_cdf, uniform};
use crate::snapshot::Snapshot;

/// Chooses strategies and says what a reward teaches. Pure: equal inputs give equal answers.
pub trait Policy: Send + Sync {
    /// The name it is known by.
    fn name(&self) -> &PolicyName;

    /// Its configuration, hashed.
    fn hash(&self) -> &PolicyHash;

    /// The length of the time buckets that rewards are added to. Default: one hour.
    fn epoch_length(&self) -> Duration {
        Duration::from_secs(3_600)
    }

    /// The first epoch that it reads on its own; older ones may be added into one before it sees them. `None`:
    /// it reads every epoch on its own. Default: all closed epochs may be added.
    fn history(&self, now: Timestamp) -> Option<Epoch> {
        Some(Epoch::containing(now, self.epoch_length()))
    }

    /// The probabilities of all eligible strategies, and one drawn from them.
    ///
    /// # Errors
    ///
    /// [`Error::NothingEligible`], [`Error::DuplicateStrategy`], [`Error::ForeignSnapshot`],
    /// [`Error::CorruptStats`], or whatever the learner and the rule refuse.
    fn choose(&self, request: &ChoiceRequest<'_>) -> Result<Choice>;

    /// Everything one decision adds to learning state under this evidence: the whole, so that whoever keeps
    /// the state can add the difference when the evidence changes. Empty when there is nothing to learn.
    /// Default: its reward, cost and failure, to the rows of the task, the segment and the user.
    ///
    /// # Errors
    ///
    /// Whatever keeps the evidence from being counted.
    fn contribution(&self, decision: &Decision, evidence: &Contribution) -> Result<Vec<StatsRow>> {
        Ok(rows(decision, &evidence.stats()?))
    }

    /// Estimates again what is not additive, from the totals of all users. Default: how much users differ.
    ///
    /// # Errors
    ///
    /// [`Error::CorruptStats`] when totals cannot have come from rewards.
    fn fit_prior(&self, users: &[UserStats]) -> Result<PriorEstimate> {
        PriorEstimate::fit(users)
    }
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

            fn history(&self, now: Timestamp) -> Option<Epoch> {
                (**self).history(now)
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
#[non_exhaustive]
pub struct ChoiceRequest<'a> {
    /// The decision's id; the draw derives from it.
    pub id: DecisionId,
    /// Who asks for what, when.
    pub context: &'a Context,
    /// The strategies that may be chosen, each once.
    pub eligible: &'a [Arm],
    /// Learning state of the context's task, segment and user.
    pub snapshot: &'a Snapshot,
    /// The least exploration, whatever the policy's own floor: a total probability mass. Default: 0. A task under
    /// inference asks for at least 0.05.
    pub least_floor: f64,
}

impl<'a> ChoiceRequest<'a> {
    /// A request at the context's moment, with the policy's own floor.
    #[must_use]
    pub fn new(id: DecisionId, context: &'a Context, eligible: &'a [Arm], snapshot: &'a Snapshot) -> Self {
        Self { id, context, eligible, snapshot, least_floor: 0.0 }
    }

    /// Asks for at least this exploration.
    #[must_use]
    pub fn with_least_floor(mut self, mass: f64) -> Self {
        self.least_floor = mass;
        self
    }
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
    /// The exploration that was kept, as a total probability mass; `None` where the policy does not tell.
    pub floor: Option<Probability>,
}

/// What is known of one decision.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Contribution {
    /// Its reward, when there is one.
    pub reward: Option<UnitInterval>,
    /// Its cost, when it is known.
    pub cost: Option<NanoUsd>,
    /// The tokens of prompt and answer, when they are known.
    pub tokens: Option<TokenCount>,
    /// How long it took, when that is known.
    pub latency: Option<Duration>,
    /// Whether it failed for reasons that say nothing about quality.
    pub failed: bool,
}

impl Contribution {
    fn stats(&self) -> Result<Stats> {
        let overflow = |field| Error::Stats(helm_core::StatsError::Overflow { field });
        let mut stats = self.reward.map_or_else(Stats::default, Stats::of_reward);
        stats.failures = i64::from(self.failed);
        let ended = self.failed || self.cost.is_some() || self.tokens.is_some() || self.latency.is_some();
        stats.turns = i64::from(ended);
        stats.cost = self.cost.unwrap_or_default();
        let tokens = self.tokens.map_or(0, TokenCount::get);
        stats.tokens = i64::try_from(tokens).map_err(|_| overflow("tokens"))?;
        let latency = self.latency.unwrap_or_default().as_micros();
        stats.latency_us = i64::try_from(latency).map_err(|_| overflow("latency_us"))?;
        Ok(stats)
    }
}

/// The same statistics for the task, the segment and the user; nothing for none.
fn rows(decision: &Decision, stats: &Stats) -> Vec<StatsRow> {
    if stats.is_zero() {
        return Vec::new();
    }
    let context = &decision.context;
    let segment = context.segment.iter().cloned().map(Scope::Segment);
    let scopes = std::iter::once(Scope::Task).chain(segment);
    let scopes = scopes.chain(std::iter::once(Scope::User(context.user.clone())));
    let row = |scope| StatsRow {
        scope,
        strategy: decision.strategy.clone(),
        epoch: decision.epoch,
        layout: Layout::NONE,
        stats: stats.clone(),
    };
    scopes.map(row).collect()
}

/// A policy made of a learner and a rule.
pub struct LearnerPolicy {
    name: PolicyName,
    hash: PolicyHash,
    learner: Box<dyn Learner>,
    rule: Box<dyn Rule>,
    options: Options,
    drift: Drift,
}

/// Raised when equal configurations begin to mean other laws.
const LAW_VERSION: u32 = 2;

impl LearnerPolicy {
    /// Joins a learner and a rule. `canonical` describes their parameters and the options: equal texts must mean
    /// equal laws, since decisions are drawn by its hash and logged with it.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidParameter`] when an option is out of range.
    pub fn new(
        name: PolicyName,
        canonical: &str,
        learner: impl Learner + 'static,
        rule: impl Rule + 'static,
        options: Options,
    ) -> Result<Self> {
        let hash = PolicyHash::of(&format!("{LAW_VERSION}\n{name}\n{canonical}"));
        let (learner, rule) = (Box::new(learner), Box::new(rule));
        Ok(Self { name, hash, learner, rule, options: options.checked()?, drift: Drift::default() })
    }

    fn weights(&self, request: &ChoiceRequest<'_>) -> Result<EpochWeights> {
        let (epoch, now) = (self.options.epoch(), request.context.at);
        Ok(match self.options.forgetting() {
            Forgetting::Never => EpochWeights::full(),
            Forgetting::HalfLifeSeconds(seconds) => EpochWeights::half_life(seconds as f64, epoch, now),
            Forgetting::WindowSeconds(seconds) => EpochWeights::window(seconds as f64, epoch, now),
            Forgetting::Adaptive => self.drift.weights(request.snapshot, epoch, now)?,
        })
    }

    /// Lowers beliefs by what their strategies are expected to spend, where there is a budget.
    fn charge(&self, request: &ChoiceRequest<'_>, posteriors: &mut [Posterior]) {
        let Some(budget) = self.options.budget else { return };
        let price = budget.price(request.snapshot, self.options.epoch(), request.context.at);
        let ids: Vec<&StrategyId> = request.eligible.iter().map(|arm| &arm.id).collect();
        budget.charge(price, request.snapshot, &ids, posteriors);
    }

    fn evidence<'a>(
        &self,
        request: &ChoiceRequest<'a>,
        weights: &EpochWeights,
    ) -> Result<Vec<ArmEvidence<'a>>> {
        let layout = self.learner.layout(request.context);
        let eligible: &'a [Arm] = request.eligible;
        eligible.iter().map(|arm| arm_evidence(request.snapshot, arm, weights, layout)).collect()
    }
}

/// At most this many of a parent's rewards stand in for a strategy's own.
const INHERITED: f64 = 20.0;

fn arm_evidence<'a>(
    snapshot: &Snapshot,
    arm: &'a Arm,
    weights: &EpochWeights,
    layout: Layout,
) -> Result<ArmEvidence<'a>> {
    let mut evidence = ArmEvidence::new(arm, Evidence::default());
    if let Some(rows) = snapshot.arm(&arm.id) {
        evidence.task = rows.task.evidence(&arm.id, weights)?;
        evidence.segment = rows.segment.evidence(&arm.id, weights)?;
        evidence.user = rows.user.evidence(&arm.id, weights)?;
        if layout != Layout::NONE {
            evidence.packed = rows.task.packed(layout, weights);
        }
    }
    evidence.prior = snapshot.prior(&arm.id).copied();
    let parent = arm.parent.as_ref().and_then(|parent| Some((parent, snapshot.arm(parent)?)));
    if let Some((parent, rows)) = parent {
        let inherited = rows.task.evidence(parent, weights)?;
        let share = (INHERITED / inherited.count.max(INHERITED)).min(1.0);
        evidence.task = evidence.task.plus(inherited.weighted(share));
    }
    Ok(evidence)
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

    fn history(&self, now: Timestamp) -> Option<Epoch> {
        let epoch = self.options.epoch();
        let back = |seconds: u64| {
            let micros = i64::try_from(Duration::from_secs(seconds).as_micros()).unwrap_or(i64::MAX);
            Epoch::containing(Timestamp::from_micros(now.as_micros().saturating_sub(micros)), epoch)
        };
        let since = match self.options.forgetting() {
            Forgetting::Never => back(0),
            // After forty half-lives a reward weighs less than its own quantum.
            Forgetting::HalfLifeSeconds(seconds) => back(seconds.saturating_mul(40)),
            Forgetting::WindowSeconds(seconds) => back(seconds.saturating_add(2 * epoch.as_secs())),
            Forgetting::Adaptive => back(epoch.as_secs().saturating_mul(256)),
        };
        let budget = self.options.budget.map(|_| Budget::since(now, epoch));
        Some(budget.map_or(since, |first| first.min(since)))
    }

    fn choose(&self, request: &ChoiceRequest<'_>) -> Result<Choice> {
        check(request)?;
        let rewards = request.snapshot.rewards()?;
        let weights = self.weights(request)?;
        let evidence = self.evidence(request, &weights)?;
        let mut posteriors = self.learner.posteriors(&evidence, request.context)?;
        if posteriors.len() != evidence.len() {
            return Err(Error::WrongLength { given: posteriors.len(), expected: evidence.len() });
        }
        self.charge(request, &mut posteriors);
        let beliefs = beliefs(request, &evidence, &posteriors)?;
        let mut probabilities = vec![0.0; beliefs.len()];
        self.rule.probabilities(&beliefs, rewards, &mut probabilities)?;
        let mass = self.options.floor.mass(rewards).max(request.least_floor);
        mix(mass, &mut probabilities)?;
        let drawn = inverse_cdf(&probabilities, uniform(&self.hash, request.id));
        let candidates = candidates(request, beliefs, &probabilities)?;
        let drawn = drawn.and_then(|index| candidates.get(index)).ok_or(Error::NothingEligible)?;
        let floor = Probability::new(mass).map_err(|_| Error::InvalidProbability { value: mass })?;
        let (strategy, propensity) = (drawn.strategy.clone(), drawn.probability);
        Ok(Choice { strategy, propensity, candidates, floor: Some(floor) })
    }

    fn contribution(&self, decision: &Decision, evidence: &Contribution) -> Result<Vec<StatsRow>> {
        let mut rows = rows(decision, &evidence.stats()?);
        let Some(reward) = evidence.reward.map(UnitInterval::get) else {
            return Ok(rows);
        };
        if let Some(task) = rows.first_mut() {
            task.stats.loss = helm_core::Fixed::quantize(self.rule.loss(&decision.into(), reward))?;
            task.layout = self.learner.layout(&decision.context);
            task.stats.packed = self.learner.packed(decision, reward)?;
        }
        Ok(rows)
    }
}

fn check(request: &ChoiceRequest<'_>) -> Result<()> {
    let eligible = request.eligible;
    if eligible.is_empty() {
        return Err(Error::NothingEligible);
    }
    for (index, arm) in eligible.iter().enumerate() {
        if eligible.iter().take(index).any(|earlier| earlier.id == arm.id) {
            return Err(Error::DuplicateStrategy { strategy: arm.id.clone() });
        }
    }
    let (context, snapshot) = (request.context, request.snapshot);
    let foreign_user = snapshot.user().is_some_and(|user| *user != context.user);
    let foreign_segment = snapshot.segment().is_some_and(|known| Some(known) != context.segment.as_ref());
    if foreign_user || foreign_segment {
        return Err(Error::ForeignSnapshot);
    }
    if !(0.0..=1.0).contains(&request.least_floor) {
        let value = request.least_floor.to_string();
        return Err(Error::InvalidParameter { parameter: "least_floor", accepted: "from 0 to 1", value });
    }
    Ok(())
}

fn beliefs(
    request: &ChoiceRequest<'_>,
    evidence: &[ArmEvidence<'_>],
    posteriors: &[Posterior],
) -> Result<Vec<Belief>> {
    let belief = |(arm, posterior): (&ArmEvidence<'_>, &Posterior)| {
        let belief = Belief::new(arm.arm.id.clone(), posterior.checked()?);
        let loss = request.snapshot.total(&arm.arm.id).map_or(0.0, |total| total.loss.to_f64());
        Ok(belief.with_evidence(arm.task).with_loss(loss))
    };
    evidence.iter().zip(posteriors).map(belief).collect()
}

fn candidates(
    request: &ChoiceRequest<'_>,
    beliefs: Vec<Belief>,
    probabilities: &[f64],
) -> Result<Vec<Candidate>> {
    let candidate = |(belief, probability): (Belief, &f64)| {
        let pulls = request.snapshot.total(&belief.id).map_or(0, |total| total.count);
        let pulls = u64::try_from(pulls).map_err(|_| Error::CorruptStats {
            strategy: belief.id.clone(),
            reason: "the count is negative",
        })?;
        Ok(Candidate {
            strategy: belief.id,
            probability: Probability::new(*probability)
                .map_err(|_| Error::InvalidProbability { value: *probability })?,
            mean: belief.posterior.mean(),
            deviation: belief.posterior.deviation(),
            pulls,
        })
    };
    beliefs.into_iter().zip(probabilities).map(candidate).collect()
}
