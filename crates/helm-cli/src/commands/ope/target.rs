//! Which policy a log is asked about.

use std::path::Path;

use helm_core::TaskId;
use helm_orchestrator::policy::Registry;
use helm_orchestrator::{PastTurn, Target};
use serde_json::Value;

use crate::arguments::Global;
use crate::commands::policy_text;
use crate::error::{Failure, Result};
use crate::open;

/// What was named; strategies of the log go before policies of the same name.
pub(crate) fn target(
    global: &Global,
    text: &str,
    task: Option<&TaskId>,
    turns: &[PastTurn],
) -> Result<Target> {
    let registry = Registry::standard();
    let is_strategy = || {
        let mut candidates = turns.iter().flat_map(|turn| &turn.candidates);
        candidates.any(|candidate| Target::is_named(&candidate.strategy, text))
    };
    match text {
        "uniform" => Ok(Target::Uniform),
        "best" => Ok(Target::Best),
        _ if is_strategy() => Ok(Target::Strategy(text.to_owned())),
        "candidate" => candidate(global, task),
        _ if text.ends_with(".toml") => policy(&file(text, task)?, text),
        _ if text.trim_start().starts_with('{') => policy(&policy_text::table("--target", text)?, text),
        _ if registry.kinds().any(|kind| kind == text) => policy(&serde_json::json!({ "kind": text }), text),
        _ => match text.strip_prefix("tasks.").and_then(|name| TaskId::new(name).ok()) {
            Some(named) => Ok(Target::Policy(open::config(global)?.policy(&named, &registry)?)),
            None => Ok(Target::Strategy(text.to_owned())),
        },
    }
}

fn policy(table: &Value, text: &str) -> Result<Target> {
    let built = Registry::standard().build(table);
    built.map(Target::Policy).map_err(|error| Failure::wrong(format!("--target {text}: {error}")))
}

fn candidate(global: &Global, task: Option<&TaskId>) -> Result<Target> {
    let task = task.ok_or_else(|| Failure::wrong("whose candidate? name the task with --task"))?;
    let found = open::config(global)?.candidate(task, &Registry::standard())?;
    let absent = || Failure::wrong(format!("the task {task} has no candidate; add [tasks.{task}.candidate]"));
    Ok(found.ok_or_else(absent)?.target())
}

/// The table of a policy in a file: the whole of it, its `policy`, or that of a task.
fn file(text: &str, task: Option<&TaskId>) -> Result<Value> {
    let wrong = |why: String| Failure::wrong(format!("--target {text}: {why}"));
    let read = std::fs::read_to_string(Path::new(text)).map_err(|error| wrong(error.to_string()))?;
    let document: Value = toml::from_str(&read).map_err(|error| wrong(error.to_string()))?;
    if document.get("kind").is_some() {
        return Ok(document);
    }
    let own = document.get("policy");
    let of_task = || {
        let tasks = document.get("tasks")?.as_object()?;
        let only = (tasks.len() == 1).then(|| tasks.values().next()).flatten();
        task.map_or(only, |task| tasks.get(task.as_str()))?.get("policy")
    };
    let found = own.or_else(of_task).cloned();
    found.ok_or_else(|| {
        wrong(
            "it holds no policy: write kind = \"thompson\" and its parameters, or a table [policy]"
                .to_owned(),
        )
    })
}
