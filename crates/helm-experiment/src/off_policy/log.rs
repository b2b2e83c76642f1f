use super::support::Support;
use crate::analysis::{Answer, Refusal};

/// A logged decision, and what the other policy would have made of it.
#[derive(Clone, Copy, Debug)]
pub struct Choice<'a> {
    /// What was chosen, from 0.
    pub action: usize,
    /// What came of it.
    pub reward: f64,
    /// The probability with which it was chosen.
    pub propensity: f64,
    /// The other policy's probabilities of all actions.
    pub target: &'a [f64],
    /// The log's own probabilities of all actions, where they are known.
    pub logged: Option<&'a [f64]>,
    /// What a model of the rewards expects of all actions. It must not have learnt from this decision (cross-fitting).
    pub model: Option<&'a [f64]>,
    /// Whose decision it is: decisions of one user depend on each other, so intervals take them together. Users are
    /// numbered by the caller.
    pub unit: Option<usize>,
}

impl<'a> Choice<'a> {
    /// A decision without a model of rewards.
    #[must_use]
    pub const fn new(action: usize, reward: f64, propensity: f64, target: &'a [f64]) -> Self {
        Self { action, reward, propensity, target, logged: None, model: None, unit: None }
    }

    /// With the log's own probabilities.
    #[must_use]
    pub const fn with_logged(mut self, logged: &'a [f64]) -> Self {
        self.logged = Some(logged);
        self
    }

    /// With what a model expects.
    #[must_use]
    pub const fn with_model(mut self, model: &'a [f64]) -> Self {
        self.model = Some(model);
        self
    }

    /// Of the user with this number.
    #[must_use]
    pub const fn of_unit(mut self, unit: usize) -> Self {
        self.unit = Some(unit);
        self
    }
}

/// A decision, as the estimators need it.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub(super) weight: f64,
    pub(super) reward: f64,
    pub(super) model: Option<Modelled>,
    /// By action the other policy's probability, the log's and what a model expects.
    pub(super) actions: Option<Vec<(f64, f64, f64)>>,
    pub(super) unit: Option<usize>,
}

/// What a model expects of a decision.
#[derive(Clone, Copy, Debug)]
pub(super) struct Modelled {
    /// Of what was chosen,
    pub(super) chosen: f64,
    /// and of what the other policy chooses, on average.
    pub(super) target: f64,
}

/// Decisions to estimate from.
#[derive(Clone, Debug, Default)]
pub struct OffPolicyLog {
    pub(super) rows: Vec<Row>,
    support: Support,
}

/// How well a log can answer for another policy.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Diagnostics {
    /// How many decisions there are.
    pub count: usize,
    /// How many of the other policy's own they are worth: (Σw)² / Σw².
    pub effective: f64,
    /// The mean of the weights, which is about 1 where the logged propensities are true.
    pub mean_weight: f64,
    /// The greatest weight.
    pub max_weight: f64,
    /// The share of the other policy's choices that the log could have made; 1 where all of them are.
    pub support: f64,
}

impl OffPolicyLog {
    /// Without decisions.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a decision.
    ///
    /// # Errors
    ///
    /// [`Refusal::NotFinite`], [`Refusal::ZeroPropensity`] for a propensity of 0 of what was chosen,
    /// [`Refusal::NoPropensities`] where probabilities are none or their number differs.
    pub fn add(&mut self, choice: &Choice<'_>) -> Answer<()> {
        let row = self.rows.len();
        let is_finite = |values: &[f64]| values.iter().all(|value| value.is_finite());
        if !choice.reward.is_finite() || !choice.model.is_none_or(is_finite) {
            return Err(Refusal::NotFinite { row });
        }
        if choice.propensity == 0.0 {
            return Err(Refusal::ZeroPropensity { row });
        }
        let of_target = choice.target.get(choice.action).copied();
        let count = choice.target.len();
        let has_all = |values: Option<&[f64]>| values.is_none_or(|values| values.len() == count);
        let are_shares = is_distribution(choice.target, 1e-3)
            && choice.logged.is_none_or(|logged| is_distribution(logged, 1e-3))
            && (0.0..=1.0).contains(&choice.propensity);
        let (Some(own), true, true) =
            (of_target, are_shares, has_all(choice.logged) && has_all(choice.model))
        else {
            return Err(Refusal::NoPropensities { row });
        };
        self.support.note(choice);
        self.rows.push(Row {
            weight: own / choice.propensity,
            reward: choice.reward,
            model: choice.model.and_then(|model| modelled(choice, model)),
            actions: choice.model.zip(choice.logged).map(|(model, logged)| {
                let actions = choice.target.iter().zip(logged).zip(model);
                actions.map(|((target, logged), model)| (*target, *logged, *model)).collect()
            }),
            unit: choice.unit,
        });
        Ok(())
    }

    /// How well the log can answer.
    ///
    /// # Errors
    ///
    /// [`Refusal::NoUnits`] without decisions or where the other policy would have made none of them.
    pub fn diagnostics(&self) -> Answer<Diagnostics> {
        let (mut sum, mut squares, mut most) = (0.0, 0.0, 0.0_f64);
        for row in &self.rows {
            sum += row.weight;
            squares += row.weight * row.weight;
            most = most.max(row.weight);
        }
        if squares <= 0.0 {
            return Err(Refusal::NoUnits);
        }
        let mean_weight = sum / self.rows.len() as f64;
        Ok(Diagnostics {
            count: self.rows.len(),
            effective: sum * sum / squares,
            mean_weight,
            max_weight: most,
            support: 1.0 - self.support.outside() / self.rows.len() as f64,
        })
    }

    /// The diagnostics, where the log could have made all of the other policy's choices and is worth at least so many of
    /// its decisions.
    ///
    /// # Errors
    ///
    /// [`Refusal::OutsideSupport`], however many decisions are asked for; [`Refusal::TooFewEffective`]; as of
    /// [`diagnostics`](Self::diagnostics).
    pub fn check(&self, least: f64) -> Answer<Diagnostics> {
        if !self.rows.is_empty() && self.support.is_left(self.rows.len()) {
            return Err(Refusal::OutsideSupport { share: self.support.outside() / self.rows.len() as f64 });
        }
        let found = self.diagnostics()?;
        match found.effective >= least {
            true => Ok(found),
            false => Err(Refusal::TooFewEffective { effective: found.effective, least }),
        }
    }
}

/// Whether these are probabilities whose sum is as near to 1 as rounded ones are.
fn is_distribution(values: &[f64], off: f64) -> bool {
    let sum: f64 = values.iter().sum();
    values.iter().all(|value| (0.0..=1.0).contains(value)) && (sum - 1.0).abs() <= off
}

fn modelled(choice: &Choice<'_>, model: &[f64]) -> Option<Modelled> {
    let sum: f64 = choice.target.iter().sum();
    let target = choice.target.iter().zip(model).map(|(share, expected)| share * expected).sum::<f64>() / sum;
    Some(Modelled { chosen: model.get(choice.action).copied()?, target })
}
