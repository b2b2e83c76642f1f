use std::collections::{BTreeMap, HashSet};

use helm_core::{DecisionMode, PolicyHash, TenantId, Timestamp, UserId};
use helm_experiment::analysis::Refusal;
use helm_experiment::off_policy::{Choice, OffPolicyLog};

use super::expected::Expected;
use super::past_turn::PastTurn;
use super::target::{Chooser, Target};
use crate::error::{Error, Result};

const REPEATED: &str = "turns that stand more than once";
const UNDECIDED: &str = "turns without a decision";
const UNREWARDED: &str = "turns without a reward";
const UNDRAWN: &str = "turns whose strategy was not drawn (pinned, fallback)";
const ASSIGNED: &str =
    "turns whose strategy an experiment assigned, without a draw (`helmctl experiment analyze` reads them)";
const INELIGIBLE: &str = "turns in which the target could not have been chosen";
const FOREIGN: &str = "turns that another policy decided than the present one";

/// A log read for another policy.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct WhatIf {
    /// The decisions that count, for estimators and intervals.
    pub log: OffPolicyLog,
    /// The mean of what they earned.
    pub earned: f64,
    /// How many turns say nothing, by why.
    pub left_out: Vec<(&'static str, usize)>,
}

/// Which turns count; the others still teach a policy.
#[derive(Clone, Default)]
pub(super) struct Counted {
    pub(super) since: Option<Timestamp>,
    /// Only what this policy decided.
    pub(super) decided_by: Option<PolicyHash>,
}

impl WhatIf {
    /// A log from elsewhere, which earned so much on average.
    #[must_use]
    pub const fn of(log: OffPolicyLog, earned: f64) -> Self {
        Self { log, earned, left_out: Vec::new() }
    }

    /// Why there is no number, with what this log knows of it.
    #[must_use]
    pub fn explain(&self, refusal: &Refusal) -> String {
        let count = |why| self.left_out.iter().find(|own| own.0 == why).map_or(0, |own| own.1);
        let (assigned, undrawn) = (count(ASSIGNED), count(UNDRAWN));
        let turns = assigned + undrawn;
        if *refusal != Refusal::NoUnits || turns == 0 {
            return refusal.to_string();
        }
        let analyze = match assigned {
            0 => "",
            _ => "; `helmctl experiment analyze` compares what an experiment assigned",
        };
        format!(
            "undefined: nothing was drawn in {turns} turns (assigned by an experiment, pinned, or fallback), which say nothing of another policy{analyze}"
        )
    }

    /// Reads turns in any order. A policy learns from all of them, each once it had ended, with the reward that it has now;
    /// those that began before `since` do not count otherwise.
    ///
    /// # Errors
    ///
    /// When no turn could have chosen the target, a turn contradicts itself, or the policy refuses the log.
    pub fn new(turns: Vec<PastTurn>, target: &Target, since: Option<Timestamp>) -> Result<Self> {
        Self::counting(turns, target, &Counted { since, decided_by: None })
    }

    pub(super) fn counting(turns: Vec<PastTurn>, target: &Target, counted: &Counted) -> Result<Self> {
        let mut turns: Vec<_> = turns.into_iter().enumerate().collect();
        // Turns that do not say when they were stay in the order of the log.
        turns.sort_by(|(_, one), (_, other)| {
            one.began.cmp(&other.began).then_with(|| match one.began {
                Some(_) => one.id.cmp(&other.id),
                None => std::cmp::Ordering::Equal,
            })
        });
        let mut sorted = Sorted::default();
        for (number, turn) in &turns {
            sorted.add(number + 1, turn, counted);
        }
        let expected = Expected::of(sorted.turns.iter().map(|own| (own.turn, own.part())));
        if !sorted.is_all_assigned() {
            check(target, &expected)?;
        }
        sorted.read(&turns, target, &expected)
    }
}

/// A turn that may count.
struct Own<'a> {
    number: usize,
    turn: &'a PastTurn,
    /// Of the user, where one is known.
    unit: Option<usize>,
}

impl Own<'_> {
    fn part(&self) -> usize {
        self.unit.unwrap_or(self.number)
    }
}

#[derive(Default)]
struct Sorted<'a> {
    turns: Vec<Own<'a>>,
    left_out: BTreeMap<&'static str, usize>,
    known: HashSet<&'a str>,
    users: BTreeMap<(Option<&'a TenantId>, &'a UserId), usize>,
}

impl<'a> Sorted<'a> {
    fn add(&mut self, number: usize, turn: &'a PastTurn, counted: &Counted) {
        if counted.since.is_some_and(|since| turn.began.is_some_and(|began| began < since)) {
            return;
        }
        match why_left_out(turn, counted) {
            Some(why) => self.leave_out(why),
            None if turn.id.as_ref().is_some_and(|id| !self.known.insert(id)) => self.leave_out(REPEATED),
            None => {
                let next = self.users.len();
                let user = turn.user.as_ref().map(|user| (turn.tenant.as_ref(), user));
                let unit = user.map(|user| *self.users.entry(user).or_insert(next));
                self.turns.push(Own { number, turn, unit });
            }
        }
    }

    /// Whether nothing is left of a log that an experiment assigned: no target is to blame for that.
    fn is_all_assigned(&self) -> bool {
        self.turns.is_empty() && self.left_out.contains_key(ASSIGNED)
    }

    fn leave_out(&mut self, why: &'static str) {
        *self.left_out.entry(why).or_default() += 1;
    }

    fn read(mut self, all: &[(usize, PastTurn)], target: &Target, expected: &Expected) -> Result<WhatIf> {
        let (mut log, mut earned, mut count) = (OffPolicyLog::new(), 0.0, 0_usize);
        let mut chooser = Chooser::new(target);
        let mut lessons = Lessons::of(all);
        for own in std::mem::take(&mut self.turns) {
            let (number, turn) = (own.number, own.turn);
            lessons.until(turn.began, |lesson| chooser.learn(lesson))?;
            let model: Vec<f64> = turn
                .candidates
                .iter()
                .map(|candidate| expected.value(own.part(), &candidate.strategy))
                .collect();
            let Some(probabilities) = chooser.probabilities(turn, &model)? else {
                self.leave_out(INELIGIBLE);
                continue;
            };
            let wrong = |why: String| Error::config(format!("turn {number} of the log"), why);
            let (Some(chosen), Some(reward), Some(propensity)) =
                (turn.chosen(), turn.reward, turn.propensity)
            else {
                return Err(wrong("its strategy is none of its candidates".to_owned()));
            };
            let logged: Vec<f64> =
                turn.candidates.iter().map(|candidate| candidate.probability.get()).collect();
            let choice = Choice::new(chosen, reward.get(), propensity.get(), &probabilities);
            let mut choice = choice.with_logged(&logged).with_model(&model);
            choice.unit = own.unit;
            log.add(&choice).map_err(|refusal| wrong(refusal.to_string()))?;
            earned += reward.get();
            count += 1;
        }
        Ok(WhatIf {
            log,
            earned: earned / count.max(1) as f64,
            left_out: self.left_out.into_iter().collect(),
        })
    }
}

/// Turns in the order in which they teach.
struct Lessons<'a> {
    turns: std::iter::Peekable<std::vec::IntoIter<(Timestamp, &'a PastTurn)>>,
}

impl<'a> Lessons<'a> {
    fn of(all: &'a [(usize, PastTurn)]) -> Self {
        let mut known = HashSet::new();
        let mut turns: Vec<_> = all
            .iter()
            .map(|(_, turn)| turn)
            .filter(|turn| turn.id.as_ref().is_none_or(|id| known.insert(id)))
            .filter_map(|turn| Some((turn.taught_at()?, turn)))
            .collect();
        turns.sort_by(|one, other| (one.0, &one.1.id).cmp(&(other.0, &other.1.id)));
        Self { turns: turns.into_iter().peekable() }
    }

    /// Gives those that had ended before.
    fn until(
        &mut self,
        moment: Option<Timestamp>,
        mut learn: impl FnMut(&PastTurn) -> Result<()>,
    ) -> Result<()> {
        let Some(moment) = moment else { return Ok(()) };
        while let Some((_, turn)) = self.turns.next_if(|(at, _)| *at < moment) {
            learn(turn)?;
        }
        Ok(())
    }
}

fn why_left_out(turn: &PastTurn, counted: &Counted) -> Option<&'static str> {
    let is_drawn = turn.mode.is_some_and(|mode| {
        matches!(mode, DecisionMode::Sampled | DecisionMode::Sticky | DecisionMode::Assigned)
    });
    match turn {
        PastTurn { strategy: None, .. } | PastTurn { propensity: None, .. } => Some(UNDECIDED),
        _ if !is_drawn => Some(UNDRAWN),
        PastTurn { mode: Some(DecisionMode::Assigned), candidates, .. } if candidates.is_empty() => {
            Some(ASSIGNED)
        }
        PastTurn { reward: None, .. } => Some(UNREWARDED),
        _ if counted.decided_by.as_ref().is_some_and(|own| turn.policy_hash.as_ref() != Some(own)) => {
            Some(FOREIGN)
        }
        _ => None,
    }
}

fn check(target: &Target, expected: &Expected) -> Result<()> {
    let Target::Strategy(name) = target else { return Ok(()) };
    if expected.strategies.keys().any(|strategy| Target::is_named(strategy, name)) {
        return Ok(());
    }
    let known = ["uniform".to_owned(), "best".to_owned()].into_iter();
    let known = known.chain(expected.strategies.keys().map(ToString::to_string)).collect::<Vec<_>>();
    let why = format!("no turn could have chosen {name}; there are {}", known.join(", "));
    Err(Error::config("the target", why))
}
