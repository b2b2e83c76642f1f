use std::process::ExitCode;

use helm_orchestrator::{Helm, HelmConfig, TurnRequest};
use serde::Serialize;

use crate::arguments::Global;
use crate::error::{Result, SAID_NO};
use crate::open;
use crate::output::{self, Format};

#[derive(Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Verdict {
    Ok,
    Warn,
    Fail,
}

#[derive(Serialize)]
struct Check {
    check: String,
    verdict: Verdict,
    detail: String,
}

fn check(name: &str, verdict: Verdict, detail: impl Into<String>) -> Check {
    Check { check: name.to_owned(), verdict, detail: detail.into() }
}

/// Looks at everything it can without changing anything.
pub(super) async fn run(global: &Global, live: bool) -> Result<ExitCode> {
    let config = open::config(global)?;
    open::log(&config, "warn")?;
    let mut checks = vec![check("configuration", Verdict::Ok, "it can be read")];
    checks
        .extend(config.warnings().into_iter().map(|warning| check("configuration", Verdict::Warn, warning)));
    checks.push(features(&config));
    match installation(&config).await {
        Ok(helm) => {
            checks.push(store(&helm).await);
            for task in helm.tasks() {
                checks.push(learning(&helm, &task).await);
            }
            if live {
                checks.push(answer(&helm).await);
            }
            open::close(&helm).await;
        }
        Err(error) => checks.push(check("installation", Verdict::Fail, error.report())),
    }
    let failed = checks.iter().any(|check| check.verdict == Verdict::Fail);
    report(global, &checks)?;
    Ok(if failed { ExitCode::from(SAID_NO) } else { ExitCode::SUCCESS })
}

async fn installation(config: &HelmConfig) -> helm_orchestrator::Result<Helm> {
    config.builder(&open::variable)?.build().await
}

fn features(config: &HelmConfig) -> Check {
    let state = |on: bool| if on { "on" } else { "off" };
    let (vectors, tests) = (config.features.vector_search, config.features.ab_testing);
    check("features", Verdict::Ok, format!("vector search {}, A/B testing {}", state(vectors), state(tests)))
}

async fn store(helm: &Helm) -> Check {
    match helm.health().await {
        Ok(health) => check("store", Verdict::Ok, format!("{}, schema {}", health.detail, health.schema)),
        Err(error) => check("store", Verdict::Fail, error.report()),
    }
}

async fn learning(helm: &Helm, task: &helm_core::TaskId) -> Check {
    let name = format!("learning of {task}");
    match helm.audit(task).await {
        Ok(audit) if audit.mismatches.is_empty() => {
            check(&name, Verdict::Ok, format!("{} decisions add up to the state", audit.decisions))
        }
        Ok(audit) => {
            check(&name, Verdict::Fail, format!("{} rows differ from the log", audit.mismatches.len()))
        }
        Err(error) => check(&name, Verdict::Fail, error.report()),
    }
}

/// One real turn of a user of its own; pinned, so that it teaches nothing.
async fn answer(helm: &Helm) -> Check {
    let asked = async {
        let task = helm.tasks().into_iter().next();
        let Some(task) = task else { return Ok(None) };
        let strategy =
            helm.report(&task).await?.strategies.into_iter().next().map(|s| s.strategy.name().clone());
        let mut request = TurnRequest::new("helmctl-doctor", &task, "Say hello.")?;
        if let Some(strategy) = strategy {
            request = request.with_strategy(strategy);
        }
        helm.turn(request).await.map(Some)
    };
    match asked.await {
        Ok(Some(turn)) if turn.status.is_answered() => {
            let by = if turn.simulated { "the built-in demonstration model" } else { "the model" };
            check("model", Verdict::Ok, format!("{by} answered in {} ms", turn.latency.as_millis()))
        }
        Ok(Some(turn)) => check("model", Verdict::Fail, turn.error.unwrap_or_default()),
        Ok(None) => check("model", Verdict::Warn, "there is no task to ask for"),
        Err(error) => check("model", Verdict::Fail, error.report()),
    }
}

fn report(global: &Global, checks: &[Check]) -> Result<()> {
    match global.output {
        Format::Json => output::json(Format::Json, &checks),
        Format::Jsonl => checks.iter().try_for_each(|check| output::json(Format::Jsonl, check)),
        Format::Table => checks.iter().try_for_each(|check| {
            let verdict = match check.verdict {
                Verdict::Ok => "ok  ",
                Verdict::Warn => "warn",
                Verdict::Fail => "FAIL",
            };
            output::line(&format!("{verdict}  {:<20}  {}", check.check, check.detail))
        }),
    }
}
