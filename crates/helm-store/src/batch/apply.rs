use std::collections::BTreeMap;
use std::sync::Arc;

use helm_core::{
    Decision, DecisionId, DecisionMode, Feedback, Outcome, Reward, SourceName, Stats, TenantId, Timestamp,
    UnitInterval,
};

use super::changes::{Changes, NewDecision, NewEvidence, NewTurn, StatsKey};
use super::operation::{Answer, Operation};
use super::working::{CollectionKey, Draw, Key, Known, KnownTurn, Said, Settled, UsedKey, Working};
use crate::changes::apply_preferences;
use crate::error::{Error, ErrorKind, Result};
use crate::fold::{added, difference};
use crate::preference::Preferences;
use crate::records::{Applied, FeedbackReceipt, TurnReceipt, TurnRecord};
use crate::settle::{Case, Settle, Settlement, settled};
use crate::vector::{Collection, check_memories};

/// A batch that is being carried out. Each operation either changes everything it should or, refused, nothing.
pub(crate) struct Unit {
    backend: &'static str,
    working: Working,
    changes: Changes,
}

/// What settling a decision will change, checked and ready.
struct Plan {
    settled: Settled,
    sums: Vec<(StatsKey, Stats)>,
}

impl Unit {
    /// Begins with what the backend has loaded.
    pub(crate) fn new(backend: &'static str, working: Working) -> Self {
        Self { backend, working, changes: Changes::default() }
    }

    /// What is known now, and what has to be written.
    pub(crate) fn into_parts(self) -> (Working, Changes) {
        (self.working, self.changes)
    }

    /// Carries one operation out.
    pub(crate) fn apply(&mut self, operation: &Operation) -> Result<Answer> {
        match operation {
            Operation::LogDecision { decision, deadline } => {
                self.log_decision(decision, *deadline).map(Answer::Logged)
            }
            Operation::CommitTurn { turn, digest, settle } => {
                self.commit_turn(turn, *digest, &**settle).map(Answer::Committed)
            }
            Operation::RecordFeedback { tenant, feedback, at, settle } => {
                self.record_feedback(tenant, feedback, *at, &**settle).map(Answer::Recorded)
            }
            Operation::Resettle { tenant, decision, ends_silence, settle } => {
                let key = (tenant.clone(), *decision);
                self.resettle(&key, *ends_silence, &**settle, operation.name()).map(Answer::Resettled)
            }
        }
    }

    fn log_decision(&mut self, decision: &Arc<Decision>, deadline: Timestamp) -> Result<Applied> {
        let key = (decision.context.tenant.clone(), decision.id);
        let known = self.working.known.entry(key.clone()).or_default();
        match &known.decision {
            Some(stored) if stored == decision => return Ok(Applied::Duplicate),
            Some(_) => {
                let message = format!("another decision has the id {}", decision.id);
                return Err(Error::new(ErrorKind::Conflict, self.backend, "log_decision", message));
            }
            None => known.decision = Some(Arc::clone(decision)),
        }
        let draw = self.draw(decision);
        if let Some(number) = draw {
            let context = &decision.context;
            let draw = Draw { user: context.user.clone(), task: context.task.clone(), number };
            self.working.draws.insert(key.clone(), draw);
        }
        self.changes.decisions.push(NewDecision { decision: Arc::clone(decision), draw });
        self.changes.begun.insert(key, deadline);
        Ok(Applied::Fresh)
    }

    /// Of a sampled decision: how many draws it replaces in turn.
    fn draw(&self, decision: &Decision) -> Option<i64> {
        if decision.mode != DecisionMode::Sampled {
            return None;
        }
        let context = &decision.context;
        let earlier = decision.drawn_by.map(|earlier| (context.tenant.clone(), earlier));
        let earlier = earlier.and_then(|key| self.working.draws.get(&key));
        let own = earlier.filter(|draw| draw.user == context.user && draw.task == context.task);
        Some(own.map_or(0, |draw| draw.number + 1))
    }

    fn commit_turn(
        &mut self,
        turn: &Arc<TurnRecord>,
        digest: [u8; 32],
        settle: &dyn Settle,
    ) -> Result<TurnReceipt> {
        let key = (turn.tenant.clone(), turn.id);
        if let Some(known) = self.working.known.get(&key)
            && let Some(stored) = &known.turn
        {
            return match stored.digest == digest {
                true => Ok(TurnReceipt { applied: Applied::Duplicate, reward: known.settled.reward.clone() }),
                false => Err(turn.conflict(self.backend)),
            };
        }
        let preferences = self.changed_preferences(turn)?;
        let begun = self.begun_collections(turn)?;
        let plan = self.turn_plan(&key, turn, settle)?;
        if let Some(preferences) = preferences {
            let owner = (turn.tenant.clone(), turn.user.clone());
            self.working.preferences.insert(owner.clone(), preferences);
            self.changes.preferences.insert(owner);
        }
        self.working.collections.extend(begun.iter().cloned());
        self.changes.collections.extend(begun);
        for memory in &turn.memories {
            self.changes.memories.insert((turn.tenant.clone(), turn.user.clone(), memory.id), memory.clone());
        }
        for job in &turn.jobs {
            self.changes.enqueue(&turn.tenant, job.clone());
        }
        self.changes.turns.push(NewTurn { turn: Arc::clone(turn), digest });
        let known = self.working.known.entry(key.clone()).or_default();
        self.changes.end(&key, std::mem::take(&mut known.open));
        known.turn = Some(KnownTurn { digest, outcome: Some(turn.outcome.clone()) });
        let reward = plan.and_then(|plan| self.settle(&key, plan));
        Ok(TurnReceipt { applied: Applied::Fresh, reward })
    }

    /// The user's preferences after the turn, if it changes any.
    fn changed_preferences(&self, turn: &TurnRecord) -> Result<Option<Preferences>> {
        if turn.preferences.is_empty() {
            return Ok(None);
        }
        let before = self.working.preferences.get(&(turn.tenant.clone(), turn.user.clone()));
        let none = Preferences::default();
        apply_preferences(self.backend, before.unwrap_or(&none), &turn.preferences).map(Some)
    }

    /// The collections that the turn begins, after a look at all its memories.
    fn begun_collections(&self, turn: &TurnRecord) -> Result<Vec<(CollectionKey, Collection)>> {
        let key = |name: &str| (turn.tenant.clone(), name.to_owned());
        let begun =
            check_memories(self.backend, &turn.memories, |name| self.working.collections.get(&key(name)))?;
        Ok(begun.into_iter().map(|collection| (key(&collection.name), collection)).collect())
    }

    fn turn_plan(&self, key: &Key, turn: &TurnRecord, settle: &dyn Settle) -> Result<Option<Plan>> {
        let Some(known) = self.working.known.get(key) else {
            return Ok(None);
        };
        let Some(decision) = &known.decision else {
            return Ok(None);
        };
        turn.check_against(self.backend, decision)?;
        let silence_ended = known.settled.silence_ended;
        let feedback = judgements(known, None);
        let case = Case::new(decision, Some(&turn.outcome), &feedback, silence_ended);
        self.plan(known, &case, settle).map(Some)
    }

    fn record_feedback(
        &mut self,
        tenant: &TenantId,
        feedback: &Feedback,
        at: Timestamp,
        settle: &dyn Settle,
    ) -> Result<FeedbackReceipt> {
        let key = (tenant.clone(), feedback.decision);
        let (known, decision) = self.known(&key, "record_feedback")?;
        let receipt = |applied, reward: Option<Reward>| FeedbackReceipt {
            applied,
            task: decision.context.task.clone(),
            reward,
        };
        if self.used_before(tenant, feedback)? {
            return Ok(receipt(Applied::Duplicate, known.settled.reward.clone()));
        }
        // A repetition is no new judgement, so it keeps the moment of the first.
        let (applied, revision, at) = match known.feedback.get(&feedback.source) {
            None => (Applied::Fresh, 1, at),
            Some(said) if same(said.value, feedback.value) => {
                (Applied::Duplicate, said.revision + 1, said.at)
            }
            Some(said) => (Applied::Corrected, said.revision + 1, at),
        };
        let plan = match applied {
            Applied::Duplicate => None,
            _ => {
                let judged = judgements(known, Some(feedback));
                let case = Case::new(decision, outcome(known), &judged, known.settled.silence_ended);
                Some(self.plan(known, &case, settle)?)
            }
        };
        let mut receipt = receipt(applied, known.settled.reward.clone());
        // A repetition is written only to remember its key.
        if applied != Applied::Duplicate || feedback.key.is_some() {
            let (task, strategy) = (decision.context.task.clone(), decision.strategy.clone());
            let (tenant, feedback) = (tenant.clone(), feedback.clone());
            self.judge(&key, NewEvidence { tenant, task, strategy, feedback, revision, at });
        }
        if let Some(plan) = plan {
            receipt.reward = self.settle(&key, plan);
        }
        Ok(receipt)
    }

    /// Whether this very feedback was recorded under its key; other content under the key is a conflict.
    fn used_before(&self, tenant: &TenantId, feedback: &Feedback) -> Result<bool> {
        let used = feedback.key.as_ref().map(|key| (tenant.clone(), key.clone()));
        match used.and_then(|key| self.working.keys.get(&key)) {
            None => Ok(false),
            Some(used) if *used == use_of(feedback) => Ok(true),
            Some(_) => {
                let message = "the idempotency key was used with other content; use a new one";
                Err(Error::new(ErrorKind::Conflict, self.backend, "record_feedback", message))
            }
        }
    }

    /// Takes a judgement as its source's current one.
    fn judge(&mut self, key: &Key, evidence: NewEvidence) {
        let NewEvidence { feedback, revision, at, .. } = &evidence;
        if let Some(used) = &feedback.key {
            self.working.keys.insert((key.0.clone(), used.clone()), use_of(feedback));
        }
        let said = Said { value: feedback.value, revision: *revision, at: *at };
        let known = self.working.known.entry(key.clone()).or_default();
        known.feedback.insert(feedback.source.clone(), said);
        self.changes.evidence.push(evidence);
    }

    fn resettle(
        &mut self,
        key: &Key,
        ends_silence: bool,
        settle: &dyn Settle,
        operation: &'static str,
    ) -> Result<Option<Reward>> {
        let (known, decision) = self.known(key, operation)?;
        let silence_ended = known.settled.silence_ended || ends_silence;
        let feedback = judgements(known, None);
        let case = Case::new(decision, outcome(known), &feedback, silence_ended);
        let plan = self.plan(known, &case, settle)?;
        Ok(self.settle(key, plan))
    }

    fn known(&self, key: &Key, operation: &'static str) -> Result<(&Known, &Arc<Decision>)> {
        let known = self.working.known.get(key);
        let found = known.and_then(|known| Some((known, known.decision.as_ref()?)));
        found.ok_or_else(|| unknown(self.backend, operation, key.1))
    }

    /// Settles a case and works out what changes; changes nothing.
    fn plan(&self, known: &Known, case: &Case<'_>, settle: &dyn Settle) -> Result<Plan> {
        let Settlement { reward, contribution } = settled(self.backend, settle, case)?;
        let context = &case.decision.context;
        let changes = difference(self.backend, &known.settled.contribution, &contribution)?;
        let sums = changes.into_iter().map(|(place, change)| {
            let key = (context.tenant.clone(), context.task.clone(), place);
            let sum = match self.changes.stats.get(&key) {
                Some(sum) => added(self.backend, sum, &change)?,
                None => change,
            };
            Ok((key, sum))
        });
        let sums = sums.collect::<Result<_>>()?;
        Ok(Plan { settled: Settled { reward, contribution, silence_ended: case.silence_ended }, sums })
    }

    /// Carries a plan out; answers the reward.
    fn settle(&mut self, key: &Key, plan: Plan) -> Option<Reward> {
        let reward = plan.settled.reward.clone();
        self.changes.stats.extend(plan.sums);
        self.working.known.entry(key.clone()).or_default().settled = plan.settled;
        self.changes.settled.insert(key.clone());
        reward
    }
}

fn outcome(known: &Known) -> Option<&Outcome> {
    known.turn.as_ref().and_then(|turn| turn.outcome.as_ref())
}

/// Current judgements sorted by source, with one more.
fn judgements(known: &Known, more: Option<&Feedback>) -> Vec<(SourceName, UnitInterval)> {
    let said = known.feedback.iter().map(|(source, said)| (source.clone(), said.value));
    let mut said: BTreeMap<_, _> = said.collect();
    said.extend(more.map(|feedback| (feedback.source.clone(), feedback.value)));
    said.into_iter().collect()
}

fn same(one: UnitInterval, other: UnitInterval) -> bool {
    one.get().to_bits() == other.get().to_bits()
}

fn use_of(feedback: &Feedback) -> UsedKey {
    UsedKey {
        decision: feedback.decision,
        source: feedback.source.clone(),
        value: feedback.value.get().to_bits(),
    }
}

fn unknown(backend: &'static str, operation: &'static str, id: DecisionId) -> Error {
    let message = format!("there is no decision {id} in the log: none was made, or the log no longer has it");
    Error::new(ErrorKind::NotFound, backend, operation, message)
}
