use std::io::IsTerminal;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use helm_core::TaskId;
use helm_orchestrator::config::{LogFormat, StoreLocation};
use helm_orchestrator::store::Store;
use helm_orchestrator::store::memory::MemoryStore;
use helm_orchestrator::{Helm, HelmConfig};
use helm_server::{ApiKeys, ApiKeysError};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

use crate::arguments::{Global, OfTenant};
use crate::error::{Failure, Result};
use crate::output;
use crate::traces::{self, Receiver};

/// The value of an environment variable.
pub(crate) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// The configuration that holds: defaults, file, environment, flags.
pub(crate) fn config(global: &Global) -> Result<HelmConfig> {
    let mut config = HelmConfig::load(global.config.as_deref().map(Path::new), &variable)?;
    if let Some(url) = &global.database {
        config.store.url = url.as_str().into();
        config.note_flag("store.url", "--database");
    }
    let headers = traces::headers(&config);
    Ok(config.with_trace_headers(headers))
}

/// The keys of the API that a file or a variable names; `None` where none is named. An empty place is a mistake, not an
/// open door.
pub(crate) fn named_keys(config: &HelmConfig) -> Result<Option<ApiKeys>> {
    let Some(entries) = config.api_keys(&variable)? else { return Ok(None) };
    let read = ApiKeys::parse(&entries);
    read.map(Some).map_err(|error| config.wrong_api_keys(wrong_line(&entries), &error.to_string()).into())
}

/// The line, counted from 1, up to which all entries are fine.
fn wrong_line(entries: &str) -> usize {
    let mut read = String::new();
    for (number, line) in (1..).zip(entries.lines()) {
        read += line;
        read.push('\n');
        if ApiKeys::parse(&read).is_err_and(|error| error != ApiKeysError::Empty) {
            return number;
        }
    }
    entries.lines().count().max(1)
}

/// How logs are written.
fn log_format(config: &HelmConfig) -> LogFormat {
    config.log.format.unwrap_or(if config.is_production() { LogFormat::Json } else { LogFormat::Text })
}

/// Tells people what a server does; where programs read standard error, it is a line of the log like any other.
pub(crate) fn tell(config: &HelmConfig, text: &str) {
    match log_format(config) {
        LogFormat::Json => tracing::info!("{text}"),
        LogFormat::Text => output::note(text),
    }
}

/// Begins logging to standard error.
pub(crate) fn log(config: &HelmConfig, default: &str) -> Result<()> {
    let level = config.log.filter()?.unwrap_or_else(|| default.to_owned());
    let filter = EnvFilter::try_new(&level)
        .map_err(|error| Failure::wrong(format!("log.level (LOG_LEVEL) {level:?}: {error}")))?;
    let format = log_format(config);
    let colour = std::io::stderr().is_terminal() && variable("NO_COLOR").is_none_or(|value| value.is_empty());
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_ansi(colour);
    // When nobody reads the log any more, saying so on the same stream would panic wherever something is logged.
    let lines = lines.log_internal_errors(false);
    let lines = match format {
        LogFormat::Json => lines.json().with_filter(filter).boxed(),
        LogFormat::Text => lines.with_filter(filter).boxed(),
    };
    let mut receivers: Vec<Receiver> = vec![lines];
    receivers.extend(traces::receiver(config)?);
    let begun = tracing_subscriber::registry().with(receivers).try_init();
    begun.map_err(|error| Failure::wrong(error.to_string()))
}

/// An open installation, as a tenant sees it.
pub(crate) async fn helm(global: &Global, of: &OfTenant) -> Result<Helm> {
    let config = config(global)?;
    log(&config, "warn")?;
    Ok(opened(&config).await?.for_tenant(of.tenant.clone()))
}

/// An open installation of this configuration.
pub(crate) async fn opened(config: &HelmConfig) -> Result<Helm> {
    let built = config.builder(&variable)?.build().await;
    built.map_err(|error| config.locate(error).into())
}

/// An installation that has been used before; nothing is created to find nothing in.
pub(crate) async fn existing(global: &Global, of: &OfTenant) -> Result<Helm> {
    require_database(&config(global)?)?;
    helm(global, of).await
}

/// An installation that has been used before, to look at: its schema stays as it is and no work is done.
pub(crate) async fn reading(global: &Global, of: &OfTenant) -> Result<Helm> {
    let config = config(global)?;
    log(&config, "warn")?;
    require_database(&config)?;
    Ok(watched(&config).await?.for_tenant(of.tenant.clone()))
}

/// The store of an installation that has been used before.
pub(crate) async fn store(global: &Global) -> Result<Arc<dyn Store>> {
    let config = config(global)?;
    require_database(&config)?;
    Ok(config.location()?.open_as_it_is().await?)
}

/// As [`reading`]; where nothing has been used yet, an empty one that is nowhere.
pub(crate) async fn reading_or_empty(global: &Global, of: &OfTenant) -> Result<Helm> {
    let config = config(global)?;
    log(&config, "warn")?;
    let location = config.location()?;
    if location.may_exist() {
        return Ok(watched(&config).await?.for_tenant(of.tenant.clone()));
    }
    output::note(&format!("note: {}", absent(&location)));
    let built = config.builder(&variable)?.store(Arc::new(MemoryStore::new())).observing().build().await;
    built.map_err(|error| config.locate(error).into())
}

/// An installation over the database as it is.
pub(crate) async fn watched(config: &HelmConfig) -> Result<Helm> {
    let builder = config.builder(&variable)?;
    let store = config.location()?.open_as_it_is().await?;
    let built = builder.store(store).observing().build().await;
    built.map_err(|error| config.locate(error).into())
}

fn require_database(config: &HelmConfig) -> Result<()> {
    let location = config.location()?;
    if location.may_exist() {
        return Ok(());
    }
    let absent = match location {
        StoreLocation::Memory => absent(&location),
        _ => format!("there is no database at {location}"),
    };
    Err(Failure::wrong(format!("{absent}; name one with --database sqlite://PATH")))
}

/// Why there is nothing to be read where an installation keeps its state.
pub(crate) fn absent(location: &StoreLocation) -> String {
    match location {
        StoreLocation::Memory => {
            format!("{location} is seen by the process alone that keeps it, and forgotten with it")
        }
        _ => format!("there is no database at {location} yet"),
    }
}

/// Refuses a task that is not configured, before anything is opened.
pub(crate) fn known_task(global: &Global, task: &TaskId) -> Result<()> {
    let tasks = config(global)?.tasks;
    if tasks.contains_key(task) {
        return Ok(());
    }
    let known = tasks.keys().map(TaskId::as_str).collect::<Vec<_>>().join(", ");
    Err(Failure::wrong(format!("there is no task {task}; the configured tasks are: {known}")))
}

/// Ends an installation.
pub(crate) async fn close(helm: &Helm) {
    helm.shutdown(Duration::from_secs(10)).await;
}
