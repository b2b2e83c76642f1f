use helm_core::{Context, Stats, StrategyId, TaskId, TenantId, Timestamp, UnitInterval, UserId};
use rand_core::Rng;
use smallvec::SmallVec;

use crate::arm::Arm;
use crate::error::{Error, Result};
use crate::evidence::Evidence;
use crate::floor::{Floor, mix};
use crate::learner::{ArmEvidence, Learner};
use crate::posterior::Posterior;
use crate::rule::{Belief, Drawn, Rule};
use crate::sampling::{inverse_cdf, uniform_of};

/// Up to so many strategies a decision takes no memory from the heap.
pub(crate) const INLINE: usize = 16;

/// A learner and a rule over rewards that it keeps itself: for simulations and for loops that decide many times a
/// second. One audience, no time, no log; a [`Policy`](crate::Policy) has all of these.
///
/// Sums are the same integers that stores keep, so the order of rewards does not matter. With up to 16 strategies,
/// deciding and learning take no memory from the heap, as long as the learner and the rule take none.
///
/// # Examples
///
/// ```
/// use helm_policy::{Bandit, BetaCounts, Thompson};
/// use rand_chacha::ChaCha8Rng;
/// use rand_core::SeedableRng;
///
/// let arms = ["concise@1".parse()?, "thorough@1".parse()?];
/// let mut bandit = Bandit::new(arms, BetaCounts, Thompson::new(1.0)?)?;
/// let mut rng = ChaCha8Rng::seed_from_u64(7);
/// for _ in 0..300 {
///     let pick = bandit.choose(&mut rng)?;
///     let reward = if pick.arm == 1 { 0.9 } else { 0.2 };
///     bandit.learn(&pick, reward)?;
/// }
/// let pick = bandit.choose(&mut rng)?;
/// assert!(pick.arm == 1 || pick.propensity < 0.05, "the better strategy is nearly always played");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Bandit<L, R> {
    arms: Vec<Arm>,
    learner: L,
    rule: R,
    floor: Floor,
    /// What learners are asked about: nobody in particular.
    context: Context,
    totals: Vec<Stats>,
    evidence: Vec<Evidence>,
    losses: Vec<f64>,
    posteriors: Vec<Posterior>,
    probabilities: Vec<f64>,
    rewards: u64,
}

/// What was drawn, with what is needed to learn from it.
#[derive(Clone, Copy, PartialEq, Debug)]
#[non_exhaustive]
pub struct Pick {
    /// Which strategy, counted from 0.
    pub arm: usize,
    /// Its exact probability.
    pub propensity: f64,
    /// How many rewards there were.
    pub rewards: u64,
}

impl Pick {
    /// A pick that was made elsewhere, as from a log: which strategy, with what probability, after how many rewards.
    #[must_use]
    pub fn new(arm: usize, propensity: f64, rewards: u64) -> Self {
        Self { arm, propensity, rewards }
    }
}

impl<L: Learner, R: Rule> Bandit<L, R> {
    /// A bandit over these strategies with the default floor, [`Floor::shrinking`].
    ///
    /// # Errors
    ///
    /// [`Error::NothingEligible`] without strategies, [`Error::DuplicateStrategy`] when one is named twice, and
    /// whatever the learner refuses.
    pub fn new(arms: impl IntoIterator<Item = StrategyId>, learner: L, rule: R) -> Result<Self> {
        let arms: Vec<Arm> = arms.into_iter().map(Arm::new).collect();
        distinct(arms.iter().map(|arm| &arm.id))?;
        let count = arms.len();
        let mut bandit = Self {
            arms,
            learner,
            rule,
            floor: Floor::default(),
            context: anybody()?,
            totals: vec![Stats::default(); count],
            evidence: vec![Evidence::default(); count],
            losses: vec![0.0; count],
            posteriors: Vec::with_capacity(count),
            probabilities: vec![0.0; count],
            rewards: 0,
        };
        bandit.posteriors = bandit.all_posteriors()?;
        Ok(bandit)
    }

    /// Sets the exploration that is always kept.
    #[must_use]
    pub fn with_floor(mut self, floor: Floor) -> Self {
        self.floor = floor;
        self
    }

    /// Draws a strategy and says with what probability.
    ///
    /// # Errors
    ///
    /// Whatever the rule refuses.
    pub fn choose(&mut self, rng: &mut impl Rng) -> Result<Pick> {
        let beliefs: SmallVec<[Belief<'_>; INLINE]> = self
            .arms
            .iter()
            .zip(&self.posteriors)
            .zip(self.evidence.iter().zip(&self.losses))
            .map(|((arm, posterior), (evidence, loss))| {
                Belief::new(&arm.id, *posterior).with_evidence(*evidence).with_loss(*loss)
            })
            .collect();
        self.rule.probabilities(&beliefs, self.rewards, &mut self.probabilities)?;
        mix(self.floor.mass(self.rewards), &mut self.probabilities)?;
        draw(&self.probabilities, self.rewards, rng)
    }

    /// Counts a reward in \[0, 1\] for what was picked: late ones as well, each once.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidReward`] for NaN and for what is not in \[0, 1\]; [`Error::UnknownArm`] when the pick is
    /// another bandit's; [`Error::Stats`] when a sum would overflow. Nothing is changed then.
    pub fn learn(&mut self, pick: &Pick, reward: f64) -> Result<()> {
        let unit = UnitInterval::new(reward).map_err(|_| Error::InvalidReward { value: reward })?;
        let place = self.arms.get(pick.arm).zip(self.totals.get(pick.arm));
        let (arm, total) = place.ok_or(Error::UnknownArm { arm: pick.arm, arms: self.arms.len() })?;
        let drawn = Drawn { propensity: pick.propensity, strategies: self.arms.len(), rewards: pick.rewards };
        let mut added = Stats::of_reward(unit);
        added.loss = helm_core::Fixed::quantize(self.rule.loss(&drawn, reward))?;
        let total = total.checked_add(&added)?;
        let evidence = Evidence::of(&total, &arm.id)?;
        let before = self.evidence.get(pick.arm).copied().unwrap_or_default();
        put(&mut self.evidence, pick.arm, evidence);
        if let Err(error) = self.revise(pick.arm) {
            put(&mut self.evidence, pick.arm, before);
            return Err(error);
        }
        put(&mut self.losses, pick.arm, total.loss.to_f64());
        put(&mut self.totals, pick.arm, total);
        self.rewards += 1;
        Ok(())
    }

    /// The probabilities of the last decision, in the order of the strategies; zeros before the first.
    #[must_use]
    pub fn probabilities(&self) -> &[f64] {
        &self.probabilities
    }

    /// What is believed about each strategy's mean reward.
    #[must_use]
    pub fn posteriors(&self) -> &[Posterior] {
        &self.posteriors
    }

    /// The rewards of each strategy, as stores keep them.
    #[must_use]
    pub fn stats(&self) -> &[Stats] {
        &self.totals
    }

    /// The strategies, in the order that [`Pick::arm`] counts.
    pub fn arms(&self) -> impl ExactSizeIterator<Item = &StrategyId> {
        self.arms.iter().map(|arm| &arm.id)
    }

    /// Brings beliefs up to date after one strategy's evidence changed; they are as before on error.
    fn revise(&mut self, index: usize) -> Result<()> {
        if self.learner.pools() {
            self.posteriors = self.all_posteriors()?;
            return Ok(());
        }
        let arm = self.arms.get(index).zip(self.evidence.get(index));
        let (arm, evidence) = arm.ok_or(Error::NothingEligible)?;
        let posterior = self.learner.posterior(&ArmEvidence::new(arm, *evidence), &self.context)?;
        put(&mut self.posteriors, index, posterior.checked()?);
        Ok(())
    }

    fn all_posteriors(&self) -> Result<Vec<Posterior>> {
        let evidence = self.arms.iter().zip(&self.evidence);
        let evidence: Vec<_> = evidence.map(|(arm, evidence)| ArmEvidence::new(arm, *evidence)).collect();
        let posteriors = self.learner.posteriors(&evidence, &self.context)?;
        if posteriors.len() != self.arms.len() {
            return Err(Error::WrongLength { given: posteriors.len(), expected: self.arms.len() });
        }
        posteriors.into_iter().map(Posterior::checked).collect()
    }
}

fn put<T>(places: &mut [T], index: usize, value: T) {
    if let Some(place) = places.get_mut(index) {
        *place = value;
    }
}

fn anybody() -> Result<Context> {
    let invalid = |error: helm_core::Error| Error::InvalidConfig { message: error.to_string() };
    let user = UserId::new("anybody").map_err(invalid)?;
    let task = TaskId::new("bandit").map_err(invalid)?;
    Ok(Context::new(TenantId::single(), user, task, Timestamp::from_micros(0)))
}

/// Checks that there are strategies and that none is named twice.
pub(crate) fn distinct<'a>(ids: impl Iterator<Item = &'a StrategyId> + Clone) -> Result<()> {
    if ids.clone().next().is_none() {
        return Err(Error::NothingEligible);
    }
    for (index, id) in ids.clone().enumerate() {
        if ids.clone().take(index).any(|earlier| earlier == id) {
            return Err(Error::DuplicateStrategy { strategy: id.clone() });
        }
    }
    Ok(())
}

/// One strategy by its probability.
pub(crate) fn draw(probabilities: &[f64], rewards: u64, rng: &mut impl Rng) -> Result<Pick> {
    let arm = inverse_cdf(probabilities, uniform_of(rng.next_u64())).ok_or(Error::NothingEligible)?;
    let propensity = probabilities.get(arm).copied().ok_or(Error::NothingEligible)?;
    Ok(Pick { arm, propensity, rewards })
}
