//! What is to be done.

use helm_core::VariantName;
use serde::Serialize;

use super::estimate::{Estimate, Found};
use super::health::{Check, CheckState};
use super::whole::MetricReport;
use crate::analysis::Better;
use crate::spec::{Mode, Role, ShipIf, Spec};

/// What is to be done, and why.
#[derive(Clone, PartialEq, Debug, Serialize)]
#[non_exhaustive]
pub struct Verdict {
    /// What.
    pub decision: Decision,
    /// The rule of the specification, in words.
    pub rule: String,
    /// Why, a sentence each.
    pub because: Vec<String>,
}

/// What is to be done.
#[derive(Clone, PartialEq, Debug, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Decision {
    /// Give this variant to everybody.
    Ship {
        /// Which.
        variant: VariantName,
    },
    /// Keep the control: the others are worse.
    RollBack,
    /// Go on until there is more.
    KeepGoing,
    /// It is over, and nothing was found.
    Inconclusive,
    /// Something is broken: find out what before anything else.
    Invalid,
}

impl Decision {
    /// For people.
    #[must_use]
    pub fn title(&self) -> String {
        match self {
            Self::Ship { variant } => format!("Ship {variant}"),
            Self::RollBack => "Keep the control".to_owned(),
            Self::KeepGoing => "Keep going".to_owned(),
            Self::Inconclusive => "Nothing found".to_owned(),
            Self::Invalid => "Not to be trusted".to_owned(),
        }
    }
}

/// What the verdict rests on.
pub(super) struct Grounds<'a> {
    pub(super) spec: &'a Spec,
    pub(super) health: &'a [Check],
    pub(super) metrics: &'a [MetricReport],
    /// Users, or of the mode adaptive decisions, in all variants.
    pub(super) users: u64,
    pub(super) days: f64,
}

impl Grounds<'_> {
    pub(super) fn verdict(&self) -> Verdict {
        let (decision, because) = self.decide();
        Verdict { decision, rule: rule(self.spec), because }
    }

    fn decide(&self) -> (Decision, Vec<String>) {
        let of_state = |state| -> Vec<String> {
            let own = self.health.iter().filter(|check| check.state == state);
            own.map(|check| format!("{}: {}", check.name, check.message)).collect()
        };
        let failed = of_state(CheckState::Failed);
        if !failed.is_empty() {
            return (Decision::Invalid, failed);
        }
        let few = of_state(CheckState::TooFew);
        if !few.is_empty() {
            return (Decision::KeepGoing, few);
        }
        let plan = self.spec.plan();
        if self.days < plan.min_days {
            let why = format!("it has run for {:.1} days of {}", self.days, plan.min_days);
            return (Decision::KeepGoing, vec![why]);
        }
        if matches!(plan.mode, Mode::Bayes { .. }) {
            let why = "the mode bayes gives beliefs, which nobody may stop at; a person decides".to_owned();
            return (Decision::Inconclusive, vec![why]);
        }
        self.compared()
    }

    fn compared(&self) -> (Decision, Vec<String>) {
        let treatments: Vec<_> = self
            .spec
            .variants()
            .iter()
            .filter(|variant| !variant.control)
            .map(|variant| &variant.name)
            .collect();
        let judged: Vec<_> = treatments.iter().map(|name| (*name, self.judge(name))).collect();
        if self.spec.is_aa() {
            return self.aa(&judged);
        }
        let shippable = judged
            .iter()
            .filter(|(_, judged)| judged.ships)
            .max_by(|one, other| one.1.gain.total_cmp(&other.1.gain));
        if let Some((name, judged)) = shippable {
            return (Decision::Ship { variant: (*name).clone() }, judged.because.clone());
        }
        let because = judged.iter().flat_map(|(_, judged)| judged.because.clone()).collect();
        if judged.iter().all(|(_, judged)| judged.is_worse) {
            return (Decision::RollBack, because);
        }
        if self.may_go_on() { (Decision::KeepGoing, because) } else { (Decision::Inconclusive, because) }
    }

    fn aa(&self, judged: &[(&VariantName, Judged)]) -> (Decision, Vec<String>) {
        let found: Vec<_> = judged.iter().filter(|(_, judged)| judged.differs).collect();
        if found.is_empty() {
            let why = "all variants get the same, and no difference was found, as it should be".to_owned();
            return (Decision::Inconclusive, vec![why]);
        }
        let why = "all variants get the same, and yet a difference was found: by chance, or the machinery is broken";
        (
            Decision::Invalid,
            std::iter::once(why.to_owned())
                .chain(found.iter().flat_map(|(_, own)| own.because.clone()))
                .collect(),
        )
    }

    /// Whether more users are planned for.
    fn may_go_on(&self) -> bool {
        match self.spec.plan().mode {
            Mode::Sequential { n_star } | Mode::Adaptive { n_star: Some(n_star) } => self.users < n_star,
            Mode::GroupSequential { planned, ref looks, .. } => {
                looks.last().is_some_and(|last| (self.users as f64) < last * planned as f64)
            }
            _ => false,
        }
    }

    fn judge(&self, variant: &VariantName) -> Judged {
        let mut judged = Judged::default();
        let (mut goals, mut better) = (0, 0);
        let mut guards_hold = true;
        for metric in self.metrics.iter().filter(|metric| metric.role != Role::Secondary) {
            let own = metric.comparisons.iter().find(|comparison| comparison.variant == *variant);
            let Some(estimate) = own.and_then(|comparison| comparison.effect.estimate()) else {
                judged.say(variant, metric, "is undefined");
                guards_hold &= metric.role != Role::Guardrail;
                goals += usize::from(metric.role == Role::Goal);
                continue;
            };
            judged.differs |= estimate.found != Found::Open;
            if metric.role == Role::Guardrail {
                guards_hold &= judged.guard(variant, metric, estimate);
                continue;
            }
            goals += 1;
            judged.is_worse |= estimate.found == Found::Worse;
            better += usize::from(estimate.found == Found::Better);
            if goals == 1 {
                judged.gain =
                    if metric.better == Better::Higher { estimate.difference } else { -estimate.difference };
            }
            judged.say(
                variant,
                metric,
                match estimate.found {
                    Found::Better => "is better",
                    Found::Worse => "is worse",
                    Found::Open => "may be either better or worse",
                },
            );
        }
        let goals_hold = match self.spec.plan().ship_if {
            ShipIf::AnyGoalBetterAndNoGuardrailWorse => better > 0,
            ShipIf::AllGoalsBetterAndNoGuardrailWorse => better > 0 && better == goals,
            ShipIf::NothingWorse => true,
        };
        judged.ships = goals_hold && guards_hold && !judged.is_worse;
        judged
    }
}

#[derive(Default)]
struct Judged {
    ships: bool,
    is_worse: bool,
    differs: bool,
    /// Of the first goal.
    gain: f64,
    because: Vec<String>,
}

impl Judged {
    fn say(&mut self, variant: &VariantName, metric: &MetricReport, what: &str) {
        self.because.push(format!("{variant}: {} {} {what}", role(metric.role), metric.key));
    }

    /// Whether a guardrail holds.
    fn guard(&mut self, variant: &VariantName, metric: &MetricReport, estimate: &Estimate) -> bool {
        let (holds, what) = match (estimate.found, &estimate.non_inferiority) {
            // A margin allows for as much, even where it is surely worse.
            (_, Some(margin)) if margin.holds => (true, "is within its margin"),
            (Found::Worse, _) => (false, "is worse"),
            (_, Some(_)) => (false, "is not yet shown to be within its margin"),
            (_, None) => (true, "is not found worse"),
        };
        self.is_worse |= !holds && estimate.found == Found::Worse;
        self.say(variant, metric, what);
        holds
    }
}

const fn role(role: Role) -> &'static str {
    match role {
        Role::Goal => "goal",
        Role::Guardrail => "guardrail",
        Role::Secondary => "secondary metric",
    }
}

fn rule(spec: &Spec) -> String {
    let plan = spec.plan();
    let ship = match plan.ship_if {
        ShipIf::AnyGoalBetterAndNoGuardrailWorse => "ship if any goal is better and no guardrail is worse",
        ShipIf::AllGoalsBetterAndNoGuardrailWorse => "ship if all goals are better and no guardrail is worse",
        ShipIf::NothingWorse => "ship if no goal and no guardrail is worse",
    };
    let days =
        if plan.min_days > 0.0 { format!(", after {} days at least", plan.min_days) } else { String::new() };
    format!("{ship}, at alpha {}, with {} users in each variant{days}", plan.alpha, plan.min_units)
}
