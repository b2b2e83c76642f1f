use helm_core::StrategyId;
use rand_core::Rng;

use crate::bandit::{Pick, distinct, draw};
use crate::error::{Error, Result};
use crate::evidence::Evidence;
use crate::floor::{Floor, mix};
use crate::learner::LARGEST_FEATURE;
use crate::posterior::Posterior;
use crate::recursive::Recursive;
use crate::rule::{Belief, Rule};

/// More make matrices of more than 64 MiB a strategy.
const MOST_FEATURES: usize = 4_096;
/// Below, the inverse loses its digits.
const LEAST_PENALTY: f64 = 1e-9;

/// A rule over one ridge regression a strategy, kept in memory and updated in place: LinUCB with
/// [`Optimism`](crate::Optimism), LinTS with [`Thompson`](crate::Thompson), SquareCB with
/// [`InverseGap`](crate::InverseGap).
///
/// As in the papers (Li, Chu, Langford & Schapire 2010, algorithm 1): a strategy's belief at the features x is
/// normal with mean θᵀx and variance xᵀA⁻¹x, A = λI + Σ x xᵀ, θ = A⁻¹ Σ r x. There is no bias but the one that you
/// put among the features. A⁻¹ follows each reward by the formula of Sherman & Morrison 1950 and is computed anew
/// from the sums after every 1,000, so rounding does not pile up. Deciding and learning take no memory from the
/// heap with up to 16 strategies, or with any number where the rule takes none. The sums are floats, so their last digits depend on the order of rewards; where
/// replicas must agree, use [`Ridge`](crate::Ridge) in a policy.
///
/// # Examples
///
/// ```
/// use helm_policy::{LinearBandit, Optimism};
/// use rand_chacha::ChaCha8Rng;
/// use rand_core::SeedableRng;
///
/// let arms = ["short@1".parse()?, "long@1".parse()?];
/// let mut bandit = LinearBandit::new(arms, 2, 1.0, Optimism::new(0.3)?)?;
/// let mut rng = ChaCha8Rng::seed_from_u64(7);
/// for turn in 0..200 {
///     // The first feature says whether the user asked for details; the second is the bias.
///     let details = f64::from(turn % 2);
///     let pick = bandit.choose(&[details, 1.0], &mut rng)?;
///     let liked = (pick.arm == 1) == (details == 1.0);
///     bandit.learn(&pick, &[details, 1.0], if liked { 0.9 } else { 0.1 })?;
/// }
/// bandit.choose(&[1.0, 1.0], &mut rng)?;
/// assert!(bandit.probabilities()[1] > 0.9);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct LinearBandit<R> {
    rule: R,
    floor: Floor,
    models: Vec<Recursive>,
    /// Their posteriors are those of the last decision.
    beliefs: Vec<Belief>,
    probabilities: Vec<f64>,
    rewards: u64,
}

impl<R: Rule> LinearBandit<R> {
    /// A bandit over these strategies and so many features, with the penalty λ and the default floor.
    ///
    /// # Errors
    ///
    /// [`Error::NothingEligible`] without strategies, [`Error::DuplicateStrategy`] when one is named twice,
    /// [`Error::InvalidParameter`] when the features are not from 1 to 4,096 or the penalty is not a finite number
    /// of at least 10⁻⁹.
    pub fn new(
        arms: impl IntoIterator<Item = StrategyId>,
        features: usize,
        penalty: f64,
        rule: R,
    ) -> Result<Self> {
        let arms: Vec<StrategyId> = arms.into_iter().collect();
        distinct(&arms.iter())?;
        if !(penalty.is_finite() && penalty >= LEAST_PENALTY) {
            let (accepted, value) = ("a finite number of at least 1e-9", penalty.to_string());
            return Err(Error::InvalidParameter { parameter: "penalty", accepted, value });
        }
        if !(1..=MOST_FEATURES).contains(&features) {
            let (accepted, value) = ("from 1 to 4096", features.to_string());
            return Err(Error::InvalidParameter { parameter: "features", accepted, value });
        }
        let count = arms.len();
        let unknown = Posterior::Normal { mean: 0.0, deviation: 1.0 };
        Ok(Self {
            rule,
            floor: Floor::default(),
            models: vec![Recursive::new(features, penalty); count],
            beliefs: arms.into_iter().map(|id| Belief::new(id, unknown)).collect(),
            probabilities: vec![0.0; count],
            rewards: 0,
        })
    }

    /// Sets the exploration that is always kept.
    #[must_use]
    pub fn with_floor(mut self, floor: Floor) -> Self {
        self.floor = floor;
        self
    }

    /// Draws a strategy at these features and says with what probability.
    ///
    /// # Errors
    ///
    /// [`Error::WrongFeatures`] when their number is another, [`Error::InvalidFeature`] when one is not finite or
    /// beyond ±10⁴, and whatever the rule refuses.
    pub fn choose(&mut self, features: &[f64], rng: &mut impl Rng) -> Result<Pick> {
        self.check(features)?;
        let widths = self.rule.reads_widths();
        for (belief, model) in self.beliefs.iter_mut().zip(&self.models) {
            let deviation = if widths { libm::sqrt(model.variance(features)) } else { 1.0 };
            belief.posterior = Posterior::Normal { mean: model.mean(features), deviation };
        }
        self.rule.probabilities(&self.beliefs, self.rewards, &mut self.probabilities)?;
        mix(self.floor.mass(self.rewards), &mut self.probabilities)?;
        draw(&self.probabilities, self.rewards, rng)
    }

    /// Counts a reward in \[0, 1\] for what was picked at these features: late ones as well, each once.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidReward`] for NaN and for what is not in \[0, 1\]; [`Error::UnknownArm`] when the pick is
    /// another bandit's; [`Error::InvalidParameter`] when its propensity is no probability above 0; [`Error::WrongFeatures`] and [`Error::InvalidFeature`] as for [`LinearBandit::choose`].
    /// Nothing is changed then.
    pub fn learn(&mut self, pick: &Pick, features: &[f64], reward: f64) -> Result<()> {
        self.check(features)?;
        if !(0.0..=1.0).contains(&reward) {
            return Err(Error::InvalidReward { value: reward });
        }
        let arms = self.beliefs.len();
        let place = self.models.get_mut(pick.arm).zip(self.beliefs.get_mut(pick.arm));
        let (model, belief) = place.ok_or(Error::UnknownArm { arm: pick.arm, arms })?;
        let drawn = pick.drawn(arms)?;
        let loss = helm_core::Fixed::quantize(self.rule.loss(&drawn, reward))?;
        model.learn(features, reward);
        belief.loss += loss.to_f64();
        belief.evidence = belief.evidence.plus(Evidence { count: 1.0, sum: reward, sum_sq: reward * reward });
        self.rewards += 1;
        Ok(())
    }

    /// The belief about one strategy's mean reward at these features.
    ///
    /// # Errors
    ///
    /// As for [`LinearBandit::choose`]; [`Error::UnknownArm`] when there is no such strategy.
    pub fn posterior(&self, arm: usize, features: &[f64]) -> Result<Posterior> {
        self.check(features)?;
        let model = self.models.get(arm).ok_or(Error::UnknownArm { arm, arms: self.models.len() })?;
        let deviation = libm::sqrt(model.variance(features));
        Ok(Posterior::Normal { mean: model.mean(features), deviation })
    }

    /// The probabilities of the last decision, in the order of the strategies; zeros before the first.
    #[must_use]
    pub fn probabilities(&self) -> &[f64] {
        &self.probabilities
    }

    /// What is known of each strategy, in the order that [`Pick::arm`] counts, with the posteriors of the last
    /// decision. Where the rule reads no widths, their deviations are 1; [`LinearBandit::posterior`] has them.
    #[must_use]
    pub fn beliefs(&self) -> &[Belief] {
        &self.beliefs
    }

    fn check(&self, features: &[f64]) -> Result<()> {
        let expected = self.models.first().map_or(0, Recursive::dimension);
        if features.len() != expected {
            return Err(Error::WrongFeatures { given: features.len(), expected });
        }
        match features.iter().find(|value| value.is_nan() || value.abs() > LARGEST_FEATURE) {
            Some(&value) => Err(Error::InvalidFeature { value, largest: LARGEST_FEATURE }),
            None => Ok(()),
        }
    }
}
