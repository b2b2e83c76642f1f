use helm_core::{
    Context, Fixed, Layout, Stats, StatsError, StrategyId, TaskId, TenantId, Timestamp, UnitInterval, UserId,
};
use rand_core::Rng;

use crate::arm::Arm;
use crate::error::{Error, Result};
use crate::evidence::Evidence;
use crate::floor::{Floor, mix};
use crate::learner::{ArmEvidence, Learner};
use crate::posterior::Posterior;
use crate::rule::{Belief, Drawn, Rule};
use crate::sampling::{inverse_cdf, uniform_of};

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
    sums: Vec<Sums>,
    beliefs: Vec<Belief>,
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
    /// What a rule may know of it.
    pub(crate) fn drawn(&self, strategies: usize) -> Result<Drawn> {
        if self.propensity > 0.0 && self.propensity <= 1.0 {
            return Ok(Drawn { propensity: self.propensity, strategies, rewards: self.rewards });
        }
        let (accepted, value) = ("above 0 and at most 1", self.propensity.to_string());
        Err(Error::InvalidParameter { parameter: "propensity", accepted, value })
    }

    /// A pick that was made elsewhere, as from a log: which strategy, with what probability, after how many rewards.
    #[must_use]
    pub fn new(arm: usize, propensity: f64, rewards: u64) -> Self {
        Self { arm, propensity, rewards }
    }
}

/// One strategy's rewards, as [`Stats`] without what a bandit does not count.
#[derive(Clone, Copy, Debug, Default)]
struct Sums {
    count: i64,
    reward: Fixed,
    reward_sq: Fixed,
    loss: Fixed,
}

impl Sums {
    fn with(self, reward: UnitInterval, loss: f64) -> Result<Self> {
        let added = Stats::of_reward(reward);
        let overflow = |field| Error::Stats(StatsError::Overflow { field });
        let sum = |field, left: Fixed, right: Fixed| {
            let sum = left.to_bits().checked_add(right.to_bits());
            sum.map(Fixed::from_bits).ok_or_else(|| overflow(field))
        };
        Ok(Self {
            count: self.count.checked_add(1).ok_or_else(|| overflow("count"))?,
            reward: sum("reward", self.reward, added.reward)?,
            reward_sq: sum("reward_sq", self.reward_sq, added.reward_sq)?,
            loss: sum("loss", self.loss, Fixed::quantize(loss)?)?,
        })
    }

    fn evidence(&self) -> Evidence {
        Evidence { count: self.count as f64, sum: self.reward.to_f64(), sum_sq: self.reward_sq.to_f64() }
    }

    fn stats(&self) -> Stats {
        let Self { count, reward, reward_sq, loss } = *self;
        Stats { count, reward, reward_sq, loss, ..Stats::default() }
    }
}

impl<L: Learner, R: Rule> Bandit<L, R> {
    /// A bandit over these strategies with the default floor, [`Floor::shrinking`].
    ///
    /// # Errors
    ///
    /// [`Error::NothingEligible`] without strategies, [`Error::DuplicateStrategy`] when one is named twice,
    /// [`Error::NeedsFeatures`] for a learner with packed sums, and whatever the learner refuses.
    pub fn new(arms: impl IntoIterator<Item = StrategyId>, learner: L, rule: R) -> Result<Self> {
        let arms: Vec<Arm> = arms.into_iter().map(Arm::new).collect();
        distinct(&arms.iter().map(|arm| &arm.id))?;
        let count = arms.len();
        let (floor, context) = (Floor::default(), anybody()?);
        if learner.layout(&context) != Layout::NONE {
            return Err(Error::NeedsFeatures);
        }
        let (sums, probabilities) = (vec![Sums::default(); count], vec![0.0; count]);
        let beliefs = Vec::with_capacity(count);
        let mut bandit =
            Self { arms, learner, rule, floor, context, sums, beliefs, probabilities, rewards: 0 };
        let posteriors = bandit.all_posteriors(None)?;
        let beliefs = bandit.arms.iter().zip(posteriors);
        bandit.beliefs = beliefs.map(|(arm, posterior)| Belief::new(arm.id.clone(), posterior)).collect();
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
        self.rule.probabilities(&self.beliefs, self.rewards, &mut self.probabilities)?;
        mix(self.floor.mass(self.rewards), &mut self.probabilities)?;
        draw(&self.probabilities, self.rewards, rng)
    }

    /// Counts a reward in \[0, 1\] for what was picked: late ones as well, each once.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidReward`] for NaN and for what is not in \[0, 1\]; [`Error::UnknownArm`] when the pick is
    /// another bandit's; [`Error::InvalidParameter`] when its propensity is no probability above 0; [`Error::Stats`] when a sum would overflow. Nothing is changed then.
    pub fn learn(&mut self, pick: &Pick, reward: f64) -> Result<()> {
        let unit = UnitInterval::new(reward).map_err(|_| Error::InvalidReward { value: reward })?;
        let arms = self.arms.len();
        let before = self.sums.get(pick.arm).ok_or(Error::UnknownArm { arm: pick.arm, arms })?;
        let drawn = pick.drawn(arms)?;
        let sums = before.with(unit, self.rule.loss(&drawn, reward))?;
        self.believe(pick.arm, &sums)?;
        if let Some(place) = self.sums.get_mut(pick.arm) {
            *place = sums;
        }
        self.rewards += 1;
        Ok(())
    }

    /// The probabilities of the last decision, in the order of the strategies; zeros before the first.
    #[must_use]
    pub fn probabilities(&self) -> &[f64] {
        &self.probabilities
    }

    /// What is believed about each strategy, in the order that [`Pick::arm`] counts.
    #[must_use]
    pub fn beliefs(&self) -> &[Belief] {
        &self.beliefs
    }

    /// The rewards of each strategy, as stores keep them.
    pub fn stats(&self) -> impl ExactSizeIterator<Item = Stats> {
        self.sums.iter().map(Sums::stats)
    }

    /// Brings beliefs up to date with one strategy's new sums; they are as before on error.
    fn believe(&mut self, index: usize, sums: &Sums) -> Result<()> {
        if self.learner.pools() {
            let posteriors = self.all_posteriors(Some((index, sums)))?;
            let beliefs = self.beliefs.iter_mut().zip(posteriors);
            beliefs.for_each(|(belief, posterior)| belief.posterior = posterior);
        }
        let (Some(arm), Some(belief)) = (self.arms.get(index), self.beliefs.get_mut(index)) else {
            return Err(Error::UnknownArm { arm: index, arms: self.arms.len() });
        };
        let evidence = sums.evidence();
        if !self.learner.pools() {
            let posterior = self.learner.posterior(&alone(arm, evidence), &self.context)?;
            belief.posterior = posterior.checked()?;
        }
        (belief.evidence, belief.loss) = (evidence, sums.loss.to_f64());
        Ok(())
    }

    /// What the learner believes, where one strategy's sums are others than the bandit's.
    fn all_posteriors(&self, changed: Option<(usize, &Sums)>) -> Result<Vec<Posterior>> {
        let evidence = |(index, sums): (usize, &Sums)| match changed {
            Some((changed, sums)) if changed == index => sums.evidence(),
            _ => sums.evidence(),
        };
        let evidence = self.arms.iter().zip(self.sums.iter().enumerate().map(evidence));
        let evidence: Vec<_> = evidence.map(|(arm, evidence)| alone(arm, evidence)).collect();
        let posteriors = self.learner.posteriors(&evidence, &self.context)?;
        if posteriors.len() != self.arms.len() {
            return Err(Error::WrongLength { given: posteriors.len(), expected: self.arms.len() });
        }
        posteriors.into_iter().map(Posterior::checked).collect()
    }
}

/// The one audience is also the one user.
fn alone(arm: &Arm, evidence: Evidence) -> ArmEvidence<'_> {
    ArmEvidence::new(arm, evidence).with_user(evidence, None)
}

fn anybody() -> Result<Context> {
    let invalid = |error: helm_core::Error| Error::InvalidConfig { message: error.to_string() };
    let user = UserId::new("anybody").map_err(invalid)?;
    let task = TaskId::new("bandit").map_err(invalid)?;
    Ok(Context::new(TenantId::single(), user, task, Timestamp::from_micros(0)))
}

/// Checks that there are strategies and that none is named twice.
pub(crate) fn distinct<'a>(ids: &(impl Iterator<Item = &'a StrategyId> + Clone)) -> Result<()> {
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
