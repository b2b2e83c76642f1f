//! A pseudonym in the place of a user, in whatever stays of them.

use helm_core::{Decision, DecisionId, NotScored, Outcome, Scope, ScoreOutcome, StatsRow, UserId};

use crate::error::{Error, ErrorKind, Result};

/// What pseudonyms begin with.
pub(crate) const PSEUDONYM: &str = "forgotten-";

/// Who is forgotten, and who stands for them.
#[derive(Clone)]
pub(crate) struct Disguise {
    user: UserId,
    pub(crate) pseudonym: UserId,
}

impl Disguise {
    /// The pseudonym follows from the id of the user's first decision, so whoever goes on takes the same.
    pub(crate) fn new(backend: &'static str, user: &UserId, first: DecisionId) -> Result<Self> {
        let pseudonym = UserId::new(format!("{PSEUDONYM}{first}")).map_err(|error| {
            Error::new(ErrorKind::Internal, backend, "forget", "there is no pseudonym").with_source(error)
        })?;
        Ok(Self { user: user.clone(), pseudonym })
    }

    pub(crate) fn decision(&self, mut decision: Decision) -> Decision {
        decision.context.user = self.pseudonym.clone();
        decision.context.conversation = None;
        decision
    }

    /// The same rows, with the user's own under the pseudonym.
    pub(crate) fn contribution(&self, rows: &[StatsRow]) -> Vec<StatsRow> {
        let disguised = |row: &StatsRow| StatsRow { scope: self.scope(&row.scope), ..row.clone() };
        rows.iter().map(disguised).collect()
    }

    pub(crate) fn scope(&self, scope: &Scope) -> Scope {
        match scope {
            Scope::User(user) if *user == self.user => Scope::User(self.pseudonym.clone()),
            other => other.clone(),
        }
    }
}

/// What people or models wrote is not kept; what was measured is.
pub(crate) fn without_words(mut outcome: Outcome) -> Outcome {
    outcome.error = None;
    for entry in &mut outcome.scores {
        match &mut entry.outcome {
            ScoreOutcome::Scored(score) => score.rationale = None,
            ScoreOutcome::NotScored(
                NotScored::Missing(detail) | NotScored::NotApplicable(detail) | NotScored::Failed(detail),
            ) => detail.clear(),
            ScoreOutcome::NotScored(_) => {}
        }
    }
    outcome
}

/// What of a user stands in the log under one id.
#[cfg(any(feature = "sqlite", feature = "postgres"))]
pub(crate) struct Traced {
    pub(crate) id: DecisionId,
    pub(crate) decision: Option<Decision>,
    pub(crate) outcome: Option<Outcome>,
    pub(crate) contribution: Vec<StatsRow>,
}

/// The same under the pseudonym, as JSON, and what that changes in learning state.
#[cfg(any(feature = "sqlite", feature = "postgres"))]
#[derive(Default)]
pub(crate) struct Rewritten {
    pub(crate) ids: Vec<DecisionId>,
    pub(crate) decisions: Vec<(DecisionId, String)>,
    pub(crate) outcomes: Vec<(DecisionId, String)>,
    pub(crate) contributions: Vec<(DecisionId, String)>,
    pub(crate) changes: std::collections::BTreeMap<crate::batch::StatsKey, helm_core::Stats>,
}

#[cfg(any(feature = "sqlite", feature = "postgres"))]
impl Disguise {
    pub(crate) fn rewrite(
        &self,
        backend: &'static str,
        tenant: &helm_core::TenantId,
        traced: Vec<Traced>,
    ) -> Result<Rewritten> {
        let mut rewritten = Rewritten::default();
        for Traced { id, decision, outcome, contribution } in traced {
            rewritten.ids.push(id);
            if let Some(outcome) = outcome {
                rewritten.outcomes.push((id, json(backend, &without_words(outcome))?));
            }
            let Some(decision) = decision else { continue };
            let task = decision.context.task.clone();
            rewritten.decisions.push((id, json(backend, &self.decision(decision))?));
            let after = self.contribution(&contribution);
            for (place, change) in crate::fold::difference(backend, &contribution, &after)? {
                let sum = rewritten.changes.entry((tenant.clone(), task.clone(), place)).or_default();
                *sum = crate::fold::added(backend, sum, &change)?;
            }
            if after != contribution {
                rewritten.contributions.push((id, json(backend, &after)?));
            }
        }
        Ok(rewritten)
    }

    /// What it changes when sums of the user become the pseudonym's.
    pub(crate) fn moved(
        &self,
        backend: &'static str,
        rows: &[StatsRow],
    ) -> Result<std::collections::BTreeMap<crate::fold::Place, helm_core::Stats>> {
        crate::fold::difference(backend, rows, &self.contribution(rows))
    }
}

#[cfg(any(feature = "sqlite", feature = "postgres"))]
fn json<T: serde::Serialize>(backend: &'static str, value: &T) -> Result<String> {
    crate::stored::to_json(backend, value, "forget")
}
