use std::process::ExitCode;
use std::time::Duration;

use helm_core::{Message, Role, TenantId};
use helm_orchestrator::config::StoreLocation;
use helm_orchestrator::llm::{Call, ChatModel, ChatRequest};
use helm_orchestrator::{Helm, HelmBuilder, HelmConfig};
use serde::Serialize;
use tokio::time::Instant;

use crate::arguments::{Global, OfTenant};
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

/// How long a model may take to say hello.
const PATIENCE: Duration = Duration::from_secs(30);

/// Looks at everything it can without changing anything.
pub(super) async fn run(global: &Global, of: &OfTenant, live: bool) -> Result<ExitCode> {
    let config = open::config(global)?;
    open::log(&config, "warn")?;
    let mut checks = vec![check("configuration", Verdict::Ok, "it can be read")];
    checks
        .extend(config.warnings().into_iter().map(|warning| check("configuration", Verdict::Warn, warning)));
    checks.push(features(&config));
    checks.extend(redis(&config).await);
    checks.extend(installation(&config, of).await);
    if live {
        checks.extend(models(&config).await);
    }
    let failed = checks.iter().any(|check| check.verdict == Verdict::Fail);
    report(global, &checks)?;
    Ok(if failed { ExitCode::from(SAID_NO) } else { ExitCode::SUCCESS })
}

/// The configuration as a whole, the store and what was learnt in it.
async fn installation(config: &HelmConfig, of: &OfTenant) -> Vec<Check> {
    let whole = config.builder(&open::variable).and_then(HelmBuilder::check);
    if let Err(error) = whole {
        return vec![check("installation", Verdict::Fail, config.locate(error).report())];
    }
    if let Err(error) = open::named_keys(config) {
        return vec![check("keys", Verdict::Fail, error.to_string())];
    }
    match config.location() {
        Ok(location) if !location.may_exist() => {
            let creates =
                if matches!(location, StoreLocation::Memory) { "" } else { "; the first turn creates it" };
            return vec![check("store", Verdict::Warn, format!("{}{creates}", open::absent(&location)))];
        }
        _ => {}
    }
    // Redis has been asked, with more patience than a turn has.
    let mut alone = config.clone();
    alone.store.redis_url = None;
    let helm = match open::watched(&alone).await {
        Ok(helm) => helm.for_tenant(of.tenant.clone()),
        Err(error) => return vec![check("store", Verdict::Fail, error.to_string())],
    };
    let mut checks = store(&helm).await;
    for task in helm.tasks() {
        checks.push(learning(&helm, &task).await);
    }
    open::close(&helm).await;
    checks
}

fn features(config: &HelmConfig) -> Check {
    let state = |on: bool| if on { "on" } else { "off" };
    let (vectors, tests) = (config.features.vector_search, config.features.ab_testing);
    check("features", Verdict::Ok, format!("vector search {}, A/B testing {}", state(vectors), state(tests)))
}

async fn redis(config: &HelmConfig) -> Option<Check> {
    match config.redis_answers().await {
        Ok(None) => None,
        Ok(Some(true)) => Some(check("redis", Verdict::Ok, "it answers")),
        Ok(Some(false)) => {
            let detail = "it does not answer: each process keeps limits and answers for itself; check REDIS_URL or store.redis_url";
            Some(check("redis", Verdict::Warn, detail))
        }
        Err(error) => Some(check("redis", Verdict::Fail, error.report())),
    }
}

async fn store(helm: &Helm) -> Vec<Check> {
    match helm.health_of_all().await {
        Ok(health) => {
            let found = check("store", Verdict::Ok, format!("{}, schema {}", health.detail, health.schema));
            let warnings = health.warnings.into_iter().map(|warning| check("store", Verdict::Warn, warning));
            std::iter::once(found).chain(warnings).collect()
        }
        Err(error) => vec![check("store", Verdict::Fail, error.report())],
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

/// Asks each model for a hello, and nobody else: no turn, no decision, nothing learnt.
async fn models(config: &HelmConfig) -> Vec<Check> {
    let models = match config.models(&open::variable) {
        Ok(models) => models,
        Err(error) => return vec![check("models", Verdict::Fail, error.report())],
    };
    let mut checks = Vec::new();
    for model in models {
        checks.push(answer(&*model).await);
    }
    checks
}

async fn answer(model: &dyn ChatModel) -> Check {
    let name = format!("model {}", model.name());
    let request = ChatRequest::new(vec![Message::text(Role::User, "Say hello.")]);
    let began = Instant::now();
    let call = Call::new(TenantId::single()).with_deadline(began + PATIENCE);
    match model.generate(&request, &call).await {
        Ok(_) => {
            let by = if model.capabilities().simulated { "the built-in demonstration model" } else { "it" };
            check(&name, Verdict::Ok, format!("{by} answered in {} ms", began.elapsed().as_millis()))
        }
        Err(error) => check(&name, Verdict::Fail, error.report()),
    }
}

fn report(global: &Global, checks: &[Check]) -> Result<()> {
    match global.output {
        Format::Jsonl => checks.iter().try_for_each(|check| output::json(Format::Jsonl, check)),
        Format::Table => checks.iter().try_for_each(|check| {
            let verdict = match check.verdict {
                Verdict::Ok => "ok  ",
                Verdict::Warn => "warn",
                Verdict::Fail => "FAIL",
            };
            output::line(&format!("{verdict}  {:<20}  {}", check.check, check.detail))
        }),
        _ => output::json(Format::Json, &checks),
    }
}
