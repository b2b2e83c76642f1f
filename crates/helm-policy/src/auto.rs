use std::time::Duration;

use helm_core::{Context, Decision, Epoch, PolicyHash, PolicyName, StatsRow, Timestamp};

use crate::error::Result;
use crate::evidence::Evidence;
use crate::forget::Forgetting;
use crate::learner::{
    ArmEvidence, BetaCounts, Hierarchical, Learner, NormalInverseGamma, Pooled, Ridge, RidgeOptions,
};
use crate::options::Options;
use crate::policy::{Choice, ChoiceRequest, Contribution, LearnerPolicy, Policy};
use crate::posterior::Posterior;
use crate::prior::StrategyPrior;
use crate::rule::{InverseGap, RandomizedUcb, Thompson};

/// The default policy. It looks at what it is asked and chooses how to learn:
///
/// - The context has features: ridge regression whose penalty the rewards choose, and a randomised upper bound.
/// - Users are known to differ (at least 8 were met often enough to say so): each user's own beliefs over
///   everybody's, and inverse gap weighting, for most users are met too seldom to pay for sampling.
/// - Otherwise: beliefs pooled over strategies and Thompson sampling 0.7 as wide, a little wider for few
///   strategies, forgetting as fast as the rewards say, which is not at all where nothing drifts.
///
/// Rewards that are all 0 or 1 are counted, others are averaged. Without features, forgetting is adaptive unless
/// `forget` says otherwise; with features or differing users it is off unless it does, since there a strategy's
/// mean changes as its audience does.
pub struct Auto {
    plain: LearnerPolicy,
    personal: LearnerPolicy,
    contextual: LearnerPolicy,
}

impl Auto {
    /// The default policy with these options. `canonical` describes them: see [`LearnerPolicy::new`].
    ///
    /// # Errors
    ///
    /// [`Error::InvalidParameter`](crate::Error::InvalidParameter) when an option is out of range.
    pub fn new(name: PolicyName, canonical: &str, options: Options) -> Result<Self> {
        let adaptive = options.forget.is_none().then_some(Forgetting::Adaptive).or(options.forget);
        let thompson = Thompson::new(0.7)?.widened_for_few();
        let ridge = Ridge::new(RidgeOptions::default())?;
        Ok(Self {
            plain: LearnerPolicy::new(
                name.clone(),
                canonical,
                ByKind(Pooled(BetaCounts), Pooled(NormalInverseGamma::default())),
                thompson,
                Options { forget: adaptive, ..options },
            )?,
            personal: LearnerPolicy::new(
                name.clone(),
                canonical,
                ByKind(Hierarchical(BetaCounts), Hierarchical(NormalInverseGamma::default())),
                InverseGap::default(),
                options,
            )?,
            contextual: LearnerPolicy::new(name, canonical, ridge, RandomizedUcb::new(1.0)?, options)?,
        })
    }

    fn fitting(&self, request: &ChoiceRequest<'_>) -> &LearnerPolicy {
        if !request.context.features.values().is_empty() {
            return &self.contextual;
        }
        let mut priors = request.eligible.iter().filter_map(|arm| request.snapshot.prior(&arm.id));
        let differ = priors.any(StrategyPrior::users_differ);
        if differ { &self.personal } else { &self.plain }
    }
}

impl Policy for Auto {
    fn name(&self) -> &PolicyName {
        self.plain.name()
    }

    fn hash(&self) -> &PolicyHash {
        self.plain.hash()
    }

    fn epoch_length(&self) -> Duration {
        self.plain.epoch_length()
    }

    fn history(&self, now: Timestamp) -> Option<Epoch> {
        self.plain.history(now)
    }

    fn choose(&self, request: &ChoiceRequest<'_>) -> Result<Choice> {
        self.fitting(request).choose(request)
    }

    fn contribution(&self, decision: &Decision, evidence: &Contribution) -> Result<Vec<StatsRow>> {
        match decision.context.features.values().is_empty() {
            true => self.plain.contribution(decision, evidence),
            false => self.contextual.contribution(decision, evidence),
        }
    }
}

/// The first learner while all rewards are 0 or 1, else the second.
struct ByKind<B, C>(B, C);

impl<B: Learner, C: Learner> Learner for ByKind<B, C> {
    fn pools(&self) -> bool {
        true
    }

    fn posterior(&self, arm: &ArmEvidence<'_>, context: &Context) -> Result<Posterior> {
        if arm.task.is_binary() { self.0.posterior(arm, context) } else { self.1.posterior(arm, context) }
    }

    fn posteriors(&self, arms: &[ArmEvidence<'_>], context: &Context) -> Result<Vec<Posterior>> {
        let all = arms.iter().fold(Evidence::default(), |all, arm| all.plus(arm.task));
        if all.is_binary() { self.0.posteriors(arms, context) } else { self.1.posteriors(arms, context) }
    }
}
