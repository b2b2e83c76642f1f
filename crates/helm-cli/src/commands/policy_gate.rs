use std::process::ExitCode;

use helm_core::{Clock, SystemClock, TaskId};
use helm_orchestrator::policy::Registry;
use helm_orchestrator::{Candidate, Gate, GateVerdict, Target};
use serde_json::{Value, json};

use super::ope;
use crate::arguments::{GateArguments, Global};
use crate::error::{Failure, Result, SAID_NO, TOO_LITTLE};
use crate::open;
use crate::output::{self, Format};
use crate::when::moment;

/// Compares a candidate with what is live.
pub(super) async fn run(global: &Global, arguments: &GateArguments) -> Result<ExitCode> {
    let task = TaskId::new(&arguments.task)?;
    open::known_task(global, &task)?;
    let since = arguments.since.as_ref().map(|text| moment(text, SystemClock.now())).transpose();
    let since = since.map_err(Failure::wrong)?;
    let candidate = candidate(global, arguments, &task)?;
    let helm = open::reading(global, &arguments.of).await?;
    let gate = helm.gate_of(&task, &candidate, since).await;
    open::close(&helm).await;
    let gate = gate?;
    match global.output {
        Format::Table => shown(&task, &gate)?,
        format => output::json(format, &as_json(&task, &gate)?)?,
    }
    Ok(match gate.verdict {
        GateVerdict::Raise => ExitCode::SUCCESS,
        GateVerdict::TooLittle => ExitCode::from(TOO_LITTLE),
        _ => ExitCode::from(SAID_NO),
    })
}

fn candidate(global: &Global, arguments: &GateArguments, task: &TaskId) -> Result<Candidate> {
    let configured = open::config(global)?.candidate(task, &Registry::standard())?;
    let Some(text) = &arguments.candidate else {
        let why = format!(
            "the task {task} has no candidate; add [tasks.{task}.candidate], or name one with --candidate"
        );
        return configured.ok_or_else(|| Failure::wrong(why));
    };
    match ope::target(global, text, Some(task), &[])? {
        Target::Policy(policy) => {
            let options = configured.map(|own| own.options).unwrap_or_default();
            Ok(Candidate::new(policy).with_options(options))
        }
        _ => Err(Failure::wrong(format!(
            "--candidate {text}: name a policy: a kind, a table with `kind`, or a TOML file with one"
        ))),
    }
}

const fn title(verdict: GateVerdict) -> &'static str {
    match verdict {
        GateVerdict::Raise => "raise it",
        GateVerdict::RollBack => "roll back: do not raise it",
        GateVerdict::TooLittle => "too little to tell",
        _ => "not yet",
    }
}

fn shown(task: &TaskId, gate: &Gate) -> Result<()> {
    output::line(&format!("{task}: {}", title(gate.verdict)))?;
    output::line(&gate.because)?;
    output::line(&format!(
        "{} decisions of {} users, which earned {:.4} on average and are worth {:.1} of the candidate's",
        gate.decisions, gate.users, gate.live, gate.effective
    ))?;
    for (why, count) in &gate.left_out {
        output::line(&format!("left out: {count} {why}"))?;
    }
    Ok(())
}

fn as_json(task: &TaskId, gate: &Gate) -> Result<Value> {
    let mut value = serde_json::to_value(gate)?;
    if let Some(fields) = value.as_object_mut() {
        fields.insert("task".to_owned(), json!(task));
        let left_out: serde_json::Map<_, _> =
            gate.left_out.iter().map(|(why, count)| ((*why).to_owned(), json!(count))).collect();
        fields.insert("left_out".to_owned(), left_out.into());
    }
    Ok(value)
}
