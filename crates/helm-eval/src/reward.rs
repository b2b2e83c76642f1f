use std::time::Duration;

use helm_core::{
    EvaluatorName, NanoUsd, Reward, RewardComponent, RewardStage, Score, ScoreEntry, SourceName, UnitInterval,
};

use crate::error::Result;
use crate::spec::{Combine, Gate, GateMissing, Missing, RewardSpec, Term};

/// All that is known about a turn.
#[derive(Clone, Copy, Debug, Default)]
pub struct Evidence<'a> {
    /// What the evaluators said; empty while the turn runs, or when it was not judged.
    pub scores: &'a [ScoreEntry],
    /// What model judges said since; it takes the place of a score of the same evaluator.
    pub judged: &'a [ScoreEntry],
    /// People's current judgements, one for each source.
    pub feedback: &'a [(SourceName, UnitInterval)],
    /// Who answered, as `name@version`: learned weights may know how far the scores of a strategy are off. `None` when that
    /// does not matter.
    pub strategy: Option<&'a str>,
    /// What the turn cost, when that is known.
    pub cost: Option<NanoUsd>,
    /// How long it took.
    pub latency: Option<Duration>,
    /// Whether the time for feedback is over.
    pub silence_ended: bool,
}

/// What the evidence amounts to.
#[derive(Clone, PartialEq, Debug)]
#[non_exhaustive]
pub enum Composition {
    /// A reward.
    Reward(Reward),
    /// Too little to go by.
    NotScored {
        /// The share of the terms' weight that was present.
        coverage: UnitInterval,
        /// Why, for people.
        reason: String,
    },
}

/// A part with the weight it has before all are made to sum to 1.
struct Part {
    name: String,
    value: f64,
    weight: f64,
}

/// What the evaluators alone amount to.
struct Machine {
    parts: Vec<Part>,
    coverage: f64,
    blocked: Option<EvaluatorName>,
}

impl Machine {
    fn is_without_weight(&self) -> bool {
        !self.parts.is_empty() && self.parts.iter().all(|part| part.weight <= 0.0)
    }
}

impl RewardSpec {
    /// Composes a reward. Pure, and independent of the order of scores and feedback.
    ///
    /// Evaluators first: their weighted, geometric, worst or learned value, each configured weight multiplied by
    /// the score's confidence; scores without any confidence are no judgement. People's mean judgement outweighs it by
    /// `human_weight`. Without either, once the time for feedback is over, the default. Prices are taken off.
    /// Closed gates cap the result, and so neither a rating nor silence lifts an unsafe answer.
    ///
    /// The standard error is that of the evaluators' weighted mean joined with that of people's mean; there is
    /// none with a single evaluator or a single person, whose error is not known.
    ///
    /// # Errors
    ///
    /// Fails when arithmetic gives no number, which checked specifications exclude.
    pub fn compose(&self, evidence: &Evidence<'_>) -> Result<Composition> {
        if !evidence.judged.is_empty() {
            return self.compose_judged(evidence);
        }
        let machine = self.machine(evidence.scores);
        let coverage = UnitInterval::clamped(machine.coverage)?;
        if let Some(reason) = self.unknown_gate(evidence.scores) {
            return Ok(Composition::NotScored { coverage, reason });
        }
        let people: Vec<f64> = evidence.feedback.iter().map(|(_, value)| value.get()).collect();
        let covered = machine.blocked.is_none() && machine.coverage + 1e-12 >= self.config.min_coverage;
        let machine_value = covered.then(|| self.combine(&machine.parts, evidence.strategy)).flatten();
        let (value, human_weight) = match (machine_value, mean(&people)) {
            (Some(machine), Some(people)) => {
                let weight = self.config.human_weight;
                ((1.0 - weight) * machine + weight * people, weight)
            }
            (None, Some(people)) => (people, 1.0),
            (Some(machine), None) => (machine, 0.0),
            (None, None) => return self.silence(evidence, coverage, &machine),
        };
        let machine_error = machine_value.map(|mean| spread(&machine.parts, mean));
        let components = self.components(&machine, machine_value.is_some(), evidence, human_weight);
        Ok(Composition::Reward(Reward {
            value: self.limited(value, evidence)?,
            stderr: joint_error(machine_error, &people, human_weight),
            coverage,
            stage: if people.is_empty() { RewardStage::Provisional } else { RewardStage::Human },
            spec: self.id.clone(),
            components,
        }))
    }

    /// With judges' scores among the others; the reward is [`Judged`](RewardStage::Judged) when the specification names one.
    fn compose_judged(&self, evidence: &Evidence<'_>) -> Result<Composition> {
        let is_judged = |name: &EvaluatorName| evidence.judged.iter().any(|entry| entry.evaluator == *name);
        let others = evidence.scores.iter().filter(|entry| !is_judged(&entry.evaluator));
        let scores: Vec<ScoreEntry> = others.chain(evidence.judged).cloned().collect();
        let composed = self.compose(&Evidence { scores: &scores, judged: &[], ..*evidence })?;
        let counts = self.evaluators().any(is_judged);
        Ok(match composed {
            Composition::Reward(reward) if counts && reward.stage == RewardStage::Provisional => {
                Composition::Reward(Reward { stage: RewardStage::Judged, ..reward })
            }
            other => other,
        })
    }

    fn machine(&self, scores: &[ScoreEntry]) -> Machine {
        let mut machine = Machine { parts: Vec::new(), coverage: 0.0, blocked: None };
        let total: f64 = self.config.terms.iter().map(|term| term.weight).sum();
        for term in &self.config.terms {
            let name = term.evaluator.to_string();
            match (score(scores, &term.evaluator), term.missing) {
                (Some(score), _) => {
                    machine.coverage += term.weight / total;
                    let weight =
                        self.weight(term) * if self.is_learned() { 1.0 } else { score.confidence.get() };
                    machine.parts.push(Part { name, value: score.value.get(), weight });
                }
                (None, Missing::Neutral(value)) if !scores.is_empty() => {
                    machine.parts.push(Part { name, value: value.get(), weight: self.weight(term) });
                }
                (None, Missing::Block) => machine.blocked = Some(term.evaluator.clone()),
                (None, _) => {}
            }
        }
        machine
    }

    fn is_learned(&self) -> bool {
        self.config.combine == Combine::Learned
    }

    fn weight(&self, term: &Term) -> f64 {
        let learned = self.config.learned.as_ref().filter(|_| self.is_learned());
        let fitted = learned.and_then(|learned| learned.term(term.evaluator.as_str()));
        fitted.map_or(term.weight, |fitted| fitted.weight)
    }

    /// `None` when no part has any weight: then nothing is known, which is not 0.
    fn combine(&self, parts: &[Part], strategy: Option<&str>) -> Option<f64> {
        let total: f64 = parts.iter().map(|part| part.weight).sum();
        if total <= 0.0 {
            return None;
        }
        let share = |part: &Part| part.weight / total;
        Some(match self.config.combine {
            Combine::Weighted => parts.iter().map(|part| share(part) * part.value).sum(),
            Combine::Geometric => parts.iter().map(|part| part.value.powf(share(part))).product(),
            Combine::Min => parts.iter().map(|part| part.value).fold(1.0, f64::min),
            Combine::Learned => {
                let learned = self.config.learned.as_ref()?;
                let part = |part: &Part| {
                    learned.term(&part.name).map_or(0.0, |term| term.weight * (part.value - term.centre))
                };
                let off = learned.offset(strategy);
                (learned.intercept + off + parts.iter().map(part).sum::<f64>()).clamp(0.0, 1.0)
            }
        })
    }

    fn silence(
        &self,
        evidence: &Evidence<'_>,
        coverage: UnitInterval,
        machine: &Machine,
    ) -> Result<Composition> {
        if let (true, Some(default)) = (evidence.silence_ended, self.config.default) {
            return Ok(Composition::Reward(Reward {
                value: self.limited(default.value.get(), evidence)?,
                stderr: None,
                coverage,
                stage: RewardStage::Default,
                spec: self.id.clone(),
                components: Vec::new(),
            }));
        }
        let reason = match &machine.blocked {
            Some(evaluator) => format!("{evaluator} has no score, and the reward needs it"),
            None if machine.is_without_weight() => "no evaluator is at all confident in its score".to_owned(),
            None => format!("only {:.0} % of the reward's weight was scored", 100.0 * coverage.get()),
        };
        Ok(Composition::NotScored { coverage, reason })
    }

    /// Less the prices, and at most what the gates let through.
    fn limited(&self, value: f64, evidence: &Evidence<'_>) -> Result<UnitInterval> {
        let limited = (value - self.price(evidence)).min(self.cap(evidence.scores));
        Ok(UnitInterval::clamped(limited)?)
    }

    fn price(&self, evidence: &Evidence<'_>) -> f64 {
        let dollars = evidence.cost.map_or(0.0, NanoUsd::dollars);
        let seconds = evidence.latency.map_or(0.0, |latency| latency.as_secs_f64());
        self.config.price.per_dollar * dollars + self.config.price.per_second * seconds
    }

    /// Why there can be no reward: a gate needs a score that the evaluation did not bring.
    fn unknown_gate(&self, scores: &[ScoreEntry]) -> Option<String> {
        let mut gates = self.config.gates.iter();
        let gate = gates.find(|gate| gate.missing == GateMissing::NoReward && is_unknown(gate, scores))?;
        Some(format!("{} has no score, and the reward's gate needs it", gate.evaluator))
    }

    fn cap(&self, scores: &[ScoreEntry]) -> f64 {
        let is_closed = |gate: &&Gate| match score(scores, &gate.evaluator) {
            Some(score) => score.value < gate.at_least,
            None => gate.missing == GateMissing::Closed && is_unknown(gate, scores),
        };
        self.config.gates.iter().filter(is_closed).map(|gate| gate.cap.get()).fold(1.0, f64::min)
    }

    fn components(
        &self,
        machine: &Machine,
        counted: bool,
        evidence: &Evidence<'_>,
        human_weight: f64,
    ) -> Vec<RewardComponent> {
        let total: f64 = machine.parts.iter().map(|part| part.weight).sum();
        let machine_weight = |part: &Part| {
            if counted { (1.0 - human_weight) * part.weight / total } else { 0.0 }
        };
        let mut components: Vec<_> = machine
            .parts
            .iter()
            .map(|part| RewardComponent {
                name: part.name.clone(),
                value: part.value,
                weight: machine_weight(part),
            })
            .collect();
        let mut people: Vec<_> = evidence.feedback.iter().collect();
        people.sort_by(|a, b| a.0.cmp(&b.0));
        let each = human_weight / people.len().max(1) as f64;
        components.extend(people.into_iter().map(|(source, value)| RewardComponent {
            name: format!("feedback:{source}"),
            value: value.get(),
            weight: each,
        }));
        components
    }
}

fn score<'a>(scores: &'a [ScoreEntry], evaluator: &EvaluatorName) -> Option<&'a Score> {
    scores.iter().find(|entry| entry.evaluator == *evaluator)?.outcome.score()
}

/// Whether the turn was evaluated and this gate's evaluator brought no score.
fn is_unknown(gate: &Gate, scores: &[ScoreEntry]) -> bool {
    !scores.is_empty() && score(scores, &gate.evaluator).is_none()
}

/// The standard error of the evaluators' and the people's parts together; `None` when that of a part is not
/// known, as that of a single person's is not.
fn joint_error(machine: Option<Option<f64>>, people: &[f64], human_weight: f64) -> Option<f64> {
    let of_machine = match machine {
        Some(error) => (1.0 - human_weight) * error?,
        None => 0.0,
    };
    if people.is_empty() || human_weight <= 0.0 {
        return machine.flatten();
    }
    let (count, mean) = (people.len() as f64, mean(people)?);
    if people.len() < 2 {
        return None;
    }
    let mut squares: Vec<f64> = people.iter().map(|value| (value - mean).powi(2)).collect();
    squares.sort_by(f64::total_cmp);
    let of_people = human_weight * (squares.iter().sum::<f64>() / (count - 1.0) / count).sqrt();
    Some(of_machine.hypot(of_people))
}

/// The mean in an order of its own, so that the order of the values does not show in the last bit.
fn mean(values: &[f64]) -> Option<f64> {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

/// How far the evaluators are apart, as the standard error of their weighted mean; `None` for fewer than two.
fn spread(parts: &[Part], mean: f64) -> Option<f64> {
    let total: f64 = parts.iter().map(|part| part.weight).sum();
    let squares: f64 = parts.iter().map(|part| (part.weight / total).powi(2)).sum();
    let variance: f64 = parts.iter().map(|part| part.weight / total * (part.value - mean).powi(2)).sum();
    (parts.len() > 1).then(|| (variance * squares / (1.0 - squares).max(1e-12)).sqrt())
}
