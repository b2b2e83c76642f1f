use std::process::ExitCode;

use helm_core::{Clock, SystemClock, TaskId, Timestamp};
use helm_orchestrator::policy::Registry;
use helm_orchestrator::{Candidate, CandidateStanding, CandidateStep, Gate, GateVerdict, Helm, Target};
use helm_server::json::standing_json;
use serde_json::{Value, json};

use super::ope;
use crate::arguments::{GateArguments, Global};
use crate::error::{Failure, Result, SAID_NO, TOO_LITTLE};
use crate::open;
use crate::output::{self, Format};
use crate::when::moment;

/// Compares the one of a policy and its candidate that waits with the one that decides.
pub(super) async fn run(global: &Global, arguments: &GateArguments) -> Result<ExitCode> {
    let task = TaskId::new(&arguments.task)?;
    open::known_task(global, &task)?;
    if arguments.roll_back {
        return roll_back(global, arguments, &task).await;
    }
    let since = arguments.since.as_ref().map(|text| moment(text, SystemClock.now())).transpose();
    let since = since.map_err(Failure::wrong)?;
    let other = other(global, arguments, &task)?;
    let helm = open::reading(global, &arguments.of).await?;
    let found = found(&helm, &task, other.as_ref(), since).await;
    open::close(&helm).await;
    let found = found?;
    match global.output {
        Format::Table => found.shown(&task)?,
        format => output::json(format, &found.as_json(&task)?)?,
    }
    Ok(match found.gate.verdict {
        GateVerdict::Raise => ExitCode::SUCCESS,
        GateVerdict::TooLittle => ExitCode::from(TOO_LITTLE),
        _ => ExitCode::from(SAID_NO),
    })
}

/// The candidate that was named instead of the configured one.
fn other(global: &Global, arguments: &GateArguments, task: &TaskId) -> Result<Option<Candidate>> {
    let configured = open::config(global)?.candidate(task, &Registry::standard())?;
    let Some(text) = &arguments.candidate else {
        return configured.map(|_| None).ok_or_else(|| no_candidate(task));
    };
    match ope::target(global, text, Some(task), &[])? {
        Target::Policy(policy) => {
            let options = configured.map(|own| own.options).unwrap_or_default();
            Ok(Some(Candidate::new(policy).with_options(options)))
        }
        _ => Err(Failure::wrong(format!(
            "--candidate {text}: name a policy: a kind, a table with `kind`, or a TOML file with one"
        ))),
    }
}

fn no_candidate(task: &TaskId) -> Failure {
    Failure::wrong(format!(
        "the task {task} has no candidate; add [tasks.{task}.candidate], or name one with --candidate"
    ))
}

async fn found(
    helm: &Helm,
    task: &TaskId,
    other: Option<&Candidate>,
    since: Option<Timestamp>,
) -> Result<Found> {
    let standing = helm.candidate(task).await?;
    let gate = match other {
        Some(other) => Some(helm.gate_of(task, other, since).await?),
        None => helm.gate(task, since).await?,
    };
    let gate = gate.ok_or_else(|| no_candidate(task))?;
    let policy_waits = other.is_none() && standing.as_ref().is_some_and(CandidateStanding::is_live);
    Ok(Found { gate, standing, policy_waits })
}

/// What a look at the gate found.
struct Found {
    gate: Gate,
    standing: Option<CandidateStanding>,
    /// Whether the configured policy waits, since its candidate was raised.
    policy_waits: bool,
}

impl Found {
    const fn title(&self) -> &'static str {
        match (self.gate.verdict, self.policy_waits) {
            (GateVerdict::Raise, false) => "raise it",
            (GateVerdict::RollBack, false) => "roll back: do not raise it",
            (GateVerdict::Raise, true) => {
                "roll back: the policy earns more than the candidate that was raised"
            }
            (GateVerdict::RollBack, true) => "keep the candidate that was raised: the policy earns less",
            (GateVerdict::TooLittle, _) => "too little to tell",
            _ => "not yet",
        }
    }

    fn shown(&self, task: &TaskId) -> Result<()> {
        let gate = &self.gate;
        output::line(&format!("{task}: {}", self.title()))?;
        output::line(&gate.because)?;
        let whose = if self.policy_waits { "the policy's" } else { "the candidate's" };
        output::line(&format!(
            "{} decisions of {} users, which earned {:.4} on average and are worth {:.1} of {whose}",
            gate.decisions, gate.users, gate.live, gate.effective
        ))?;
        for (why, count) in &gate.left_out {
            output::line(&format!("left out: {count} {why}"))?;
        }
        self.standing.as_ref().map_or(Ok(()), |standing| output::line(&stands(standing)))
    }

    fn as_json(&self, task: &TaskId) -> Result<Value> {
        let mut value = serde_json::to_value(&self.gate)?;
        if let Some(fields) = value.as_object_mut() {
            fields.insert("task".to_owned(), json!(task));
            let left_out: serde_json::Map<_, _> =
                self.gate.left_out.iter().map(|(why, count)| ((*why).to_owned(), json!(count))).collect();
            fields.insert("left_out".to_owned(), left_out.into());
            let waits = if self.policy_waits { "policy" } else { "candidate" };
            fields.insert("waits".to_owned(), json!(waits));
            let standing = serde_json::to_value(self.standing.as_ref().map(standing_json))?;
            fields.insert("candidate".to_owned(), standing);
        }
        Ok(value)
    }
}

/// Puts the policy back in the place of its candidate.
async fn roll_back(global: &Global, arguments: &GateArguments, task: &TaskId) -> Result<ExitCode> {
    let reason = arguments.reason.clone().unwrap_or_default();
    let helm = open::existing(global, &arguments.of).await?;
    let done = async {
        helm.roll_back(task, reason).await?;
        helm.candidate(task).await
    };
    let done = done.await;
    open::close(&helm).await;
    let Some(standing) = done? else { return Err(no_candidate(task)) };
    match global.output {
        Format::Table => output::line(&format!("{task}: {}", stands(&standing)))?,
        format => output::json(format, &standing_json(&standing))?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Who decides, since when and why.
pub(super) fn stands(standing: &CandidateStanding) -> String {
    let CandidateStanding { policy, candidate, .. } = standing;
    let Some(last) = standing.last() else {
        return format!("the policy {policy} decides, and the candidate {candidate} waits");
    };
    let (at, because) = (last.at, &last.because);
    match last.step {
        CandidateStep::Raised => {
            format!("the candidate {candidate} decides in the place of {policy} since {at}: {because}")
        }
        _ => format!("{policy} decides again: the candidate {candidate} was rolled back at {at}: {because}"),
    }
}
