//! Decisions of one user taken together.

use std::collections::BTreeMap;

use super::log::{OffPolicyLog, Row};
use crate::analysis::{AlwaysValid, Answer, Difference, Interval, PairMoments, Refusal, Sides, ratio};

/// The number of users, or of decisions that are nobody's, at which intervals for any time are tightest. It is the same for
/// all logs, since it must not be chosen by what a log says.
const TUNED_FOR: u64 = 1_000;

/// What the decisions of a user come to.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct Unit {
    pub(super) decisions: f64,
    /// Σ w r.
    pub(super) earned: f64,
    /// Σ w (1 − r).
    pub(super) missed: f64,
    /// Σ of the scores that were asked for.
    score: f64,
}

impl OffPolicyLog {
    /// Whether users are known and one of them has several decisions.
    #[must_use]
    pub fn is_clustered(&self) -> bool {
        self.has_units() && self.units(|_| 0.0).len() < self.rows.len()
    }

    fn has_units(&self) -> bool {
        self.rows.iter().all(|row| row.unit.is_some())
    }

    /// The users, in the order in which they came; without users each decision for itself.
    pub(super) fn units(&self, score: impl Fn(&Row) -> f64) -> Vec<Unit> {
        let (mut places, mut units) = (BTreeMap::new(), Vec::<Unit>::new());
        let has_units = self.has_units();
        for (number, row) in self.rows.iter().enumerate() {
            let name = row.unit.filter(|_| has_units).unwrap_or(number);
            let place = *places.entry(name).or_insert(units.len());
            if place == units.len() {
                units.push(Unit::default());
            }
            if let Some(unit) = units.get_mut(place) {
                unit.decisions += 1.0;
                unit.earned += row.weight * row.reward;
                unit.missed += row.weight * (1.0 - row.reward);
                unit.score += score(row);
            }
        }
        units
    }

    /// How many users there are, or decisions where no users are known: what an interval rests on.
    #[must_use]
    pub fn unit_count(&self) -> u64 {
        self.units(|_| 0.0).len() as u64
    }

    /// The mean of a score over decisions, with an error by user (Deng, Knoblich & Lu 2018).
    fn mean_by_unit(&self, score: impl Fn(&Row) -> f64) -> Answer<Difference> {
        let mut pairs = PairMoments::default();
        self.units(score).iter().for_each(|unit| pairs.add(unit.decisions, unit.score));
        let found = ratio(&pairs)?;
        let error = libm::sqrt(found.variance / found.users as f64);
        Ok(Difference { value: found.value, error, dof: (found.users - 1) as f64 })
    }

    /// [`Ips`](super::Estimator::Ips) with an error by user.
    pub(super) fn ips_by_unit(&self) -> Answer<Difference> {
        self.mean_by_unit(|row| row.weight * row.reward)
    }

    /// What the other policy earns a decision, with an error by user: [doubly robust](super::Estimator::DoublyRobust)
    /// where each decision has a model of rewards, else [`Ips`](super::Estimator::Ips).
    ///
    /// # Errors
    ///
    /// [`Refusal::TooFewClusters`].
    pub fn value(&self) -> Answer<Difference> {
        let has_model = self.has_model();
        self.mean_by_unit(|row| row.score(has_model))
    }

    /// What the other policy earns a decision more than was earned: [`value`](Self::value) less the reward, decision by
    /// decision, so that what both have in common takes no part in the error.
    ///
    /// # Errors
    ///
    /// [`Refusal::TooFewClusters`]; [`Refusal::ZeroVariance`] where both earn the same in every decision.
    pub fn gain(&self) -> Answer<Difference> {
        let has_model = self.has_model();
        let gain = self.mean_by_unit(|row| row.score(has_model) - row.reward)?;
        if gain.error > 0.0 { Ok(gain) } else { Err(Refusal::ZeroVariance) }
    }

    fn has_model(&self) -> bool {
        self.rows.iter().all(|row| row.model.is_some())
    }

    /// The interval of a [`value`](Self::value) or a [`gain`](Self::gain) that holds at any time, approximately, once there
    /// are some hundred users: the asymptotic confidence sequence of Waudby-Smith et al. (2024) over users.
    ///
    /// # Errors
    ///
    /// [`Refusal::NoUnits`]; when `alpha` is not between 0 and 1.
    pub fn at_any_time(&self, found: &Difference, alpha: f64) -> Answer<Interval> {
        let sequence = AlwaysValid::new(alpha, TUNED_FOR, Sides::Two)?;
        Ok(sequence.look(found, self.unit_count())?.interval)
    }

    /// The bounds that the truth lies above, and below, each but with probability `alpha` at all looks together: what
    /// [`at_any_time`](Self::at_any_time) is for one side.
    ///
    /// # Errors
    ///
    /// [`Refusal::NoUnits`]; when `alpha` is not between 0 and ½.
    pub fn bounds_at_any_time(&self, found: &Difference, alpha: f64) -> Answer<Interval> {
        let sequence = AlwaysValid::new(alpha, TUNED_FOR, Sides::One)?;
        Ok(sequence.look(found, self.unit_count())?.interval)
    }
}

impl Row {
    /// What the other policy is credited with.
    fn score(&self, has_model: bool) -> f64 {
        match self.model.filter(|_| has_model) {
            Some(model) => model.target + self.weight * (self.reward - model.chosen),
            None => self.weight * self.reward,
        }
    }
}
