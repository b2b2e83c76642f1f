//! What a run may spend.

use helm_core::{NanoUsd, TaskId};
use helm_orchestrator::config::ModelFamily;
use helm_orchestrator::{Helm, HelmConfig, StrategyCost, TurnResponse};

use crate::error::{Failure, Result};

/// What has been spent, and what may be. Before a turn, the most that it can cost is set aside.
pub(super) struct Purse {
    most: Option<f64>,
    spent: f64,
    /// Whether all models are built in, which cost nothing.
    is_free: bool,
}

impl Purse {
    pub(super) const fn new(most: Option<f64>) -> Self {
        Self { most, spent: 0.0, is_free: false }
    }

    /// Refuses models of whose answers nobody knows what they cost at most, before anything is spent on them.
    pub(super) fn check(&mut self, helm: &Helm, task: &TaskId, config: &HelmConfig) -> Result<()> {
        if self.most.is_none() {
            return Ok(());
        }
        let is_builtin = |cost: &StrategyCost| {
            config.models.is_empty()
                || config.models.get(&cost.model).is_some_and(|model| model.family == ModelFamily::Builtin)
        };
        let mut costs = helm.may_cost(task, "")?;
        costs.retain(|cost| !is_builtin(cost));
        self.is_free = costs.is_empty();
        let cannot = |why: String| Err(Failure::wrong(format!("--max-dollars cannot hold: {why}")));
        if let Some(StrategyCost { model, .. }) = costs.iter().find(|cost| !cost.is_priced) {
            return cannot(format!(
                "what the model {model} costs is not known; give it input_price and output_price (0 for one of your own)"
            ));
        }
        if let Some(StrategyCost { strategy, .. }) = costs.iter().find(|cost| cost.most.is_none()) {
            return cannot(format!(
                "nothing bounds an answer of the strategy {strategy}; give it max_output_tokens"
            ));
        }
        Ok(())
    }

    /// Whether a turn with this message may be begun, whichever strategy answers.
    pub(super) fn allows(&self, helm: &Helm, task: &TaskId, message: &str) -> Result<bool> {
        let Some(most) = self.most.filter(|_| !self.is_free) else { return Ok(true) };
        let costs = helm.may_cost(task, message)?;
        let dearest = costs.iter().filter_map(|cost| cost.most).max();
        Ok(self.spent + dearest.map_or(0.0, NanoUsd::dollars) <= most)
    }

    pub(super) fn spend(&mut self, turn: &TurnResponse) -> Result<()> {
        let dollars = match turn.cost {
            Some(cost) => cost.nanos() as f64 * 1e-9,
            None if self.most.is_some() && !turn.simulated && turn.status.is_answered() => {
                let why =
                    "what an answer costs is not known, so --max-dollars cannot hold; give the model prices";
                return Err(Failure::wrong(why));
            }
            None => 0.0,
        };
        self.pay(dollars);
        Ok(())
    }

    pub(super) fn pay(&mut self, dollars: f64) {
        self.spent += dollars;
    }

    pub(super) fn stopped(&self) -> String {
        let (spent, most) = (self.spent, self.most.unwrap_or_default());
        format!(
            "note: stopped at ${spent:.4}: another turn could exceed --max-dollars {most}; the same command goes on with more"
        )
    }
}
