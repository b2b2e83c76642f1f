//! Remote checks in a stage's plan.

use std::sync::Arc;

use futures::future::join_all;
use helm_core::GuardAction;

use super::{CheckRequest, Remote};
use crate::finding::Finding;
use crate::hit::{Hit, resolve};
use crate::json::Unescaped;
use crate::plan::{Found, Plan};
use crate::policy::{Hold, Kinds, OnError};
use crate::result::{GuardrailResult, RanOutcome};

impl Plan {
    /// With the remote checks that a rule of this stage listens to.
    pub(crate) fn with_remote(mut self, remote: &[Arc<Remote>]) -> Self {
        let is_wanted = |remote: &&Arc<Remote>| {
            remote.limits.stages.contains(&self.stage) && self.policy.listens_to(&kinds(remote))
        };
        self.remote = remote.iter().filter(is_wanted).map(Arc::clone).collect();
        self
    }

    /// The verdict on a whole text, remote checks included.
    pub(crate) async fn check_async(&self, text: &str) -> GuardrailResult {
        let mut found = self.scan_all(self.detectors.iter(), text);
        self.ask(text, &mut found).await;
        self.verdict(text, found.hits, found.ran)
    }

    /// The same for JSON.
    pub(crate) async fn check_json_async(&self, raw: &str) -> GuardrailResult {
        let unescaped = Unescaped::new(raw);
        let mut found = self.scan_all(self.detectors.iter(), unescaped.text());
        self.ask(unescaped.text(), &mut found).await;
        self.verdict_on_json(raw, &unescaped, found)
    }

    /// Adds what remote checks find. They are not asked about what is blocked already.
    pub(crate) async fn ask(&self, text: &str, found: &mut Found) {
        if self.remote.is_empty() || self.stops(&found.hits) {
            return;
        }
        let mut local = found.hits.clone();
        resolve(&mut local);
        let local: Vec<_> =
            local.into_iter().map(|hit| hit.into_violation(self.stage, self.policy.monitor)).collect();
        let request = CheckRequest { stage: self.stage, text, local: &local };
        let answers = join_all(self.remote.iter().map(|remote| remote.ask(request))).await;
        for (place, (remote, (findings, ran))) in self.remote.iter().zip(answers).enumerate() {
            let order = self.detectors.len() + place;
            found.ran.push(ran);
            match findings {
                Some(findings) => found.hits.extend(self.listened_to(findings, remote, order)),
                None => found.hits.push(self.failure_of(remote, order)),
            }
        }
    }

    fn listened_to(
        &self,
        findings: Vec<Finding>,
        remote: &Remote,
        order: usize,
    ) -> impl Iterator<Item = Hit> {
        findings.into_iter().filter_map(move |finding| {
            let rule = self.policy.rule_for(&finding)?;
            Some(Hit::new(finding, rule, &remote.id, order))
        })
    }

    /// Notes that the remote checks were not asked, which is a failure of theirs.
    pub(crate) fn unasked(&self, found: &mut Found) {
        if self.stops(&found.hits) {
            return;
        }
        for (place, remote) in self.remote.iter().enumerate() {
            found.ran.push(remote.ran(RanOutcome::NotAsked, None));
            found.hits.push(self.failure_of(remote, self.detectors.len() + place));
        }
    }

    fn failure_of(&self, remote: &Remote, order: usize) -> Hit {
        self.failure(&remote.id, order, remote.limits.on_error.unwrap_or(self.policy.on_error))
    }

    /// Whether a stream must hold everything back for what remote checks may find, or fail to.
    pub(crate) fn waits_for_remote(&self) -> bool {
        let may_stop = |remote: &Arc<Remote>| {
            self.policy.strictest(&kinds(remote)) > GuardAction::Flag
                || remote.limits.on_error.unwrap_or(self.policy.on_error) == OnError::Closed
        };
        !self.policy.monitor && self.policy.hold != Hold::Nothing && self.remote.iter().any(may_stop)
    }
}

fn kinds(remote: &Remote) -> Kinds<'_> {
    Kinds {
        categories: remote.check.categories(),
        entities: remote.entities.iter().map(String::as_str).collect(),
    }
}
