use std::io::IsTerminal;
use std::path::Path;
use std::time::Duration;

use helm_core::TaskId;
use helm_orchestrator::config::LogFormat;
use helm_orchestrator::{Helm, HelmConfig};
use tracing_subscriber::EnvFilter;

use crate::arguments::Global;
use crate::error::{Failure, Result};

/// The value of an environment variable.
pub(crate) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// The configuration that holds: defaults, file, environment, flags.
pub(crate) fn config(global: &Global) -> Result<HelmConfig> {
    let mut config = HelmConfig::load(global.config.as_deref().map(Path::new), &variable)?;
    if let Some(url) = &global.database {
        config.store.url = url.as_str().into();
    }
    Ok(config)
}

/// Begins logging to standard error.
pub(crate) fn log(config: &HelmConfig, default: &str) -> Result<()> {
    let level = config.log.filter()?.unwrap_or_else(|| default.to_owned());
    let filter = EnvFilter::try_new(level)
        .map_err(|error| Failure::wrong(format!("log.level (LOG_LEVEL) {level:?}: {error}")))?;
    let format =
        config.log.format.unwrap_or(if config.is_production() { LogFormat::Json } else { LogFormat::Text });
    let colour = std::io::stderr().is_terminal() && variable("NO_COLOR").is_none_or(|value| value.is_empty());
    let builder =
        tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(colour);
    let begun = match format {
        LogFormat::Json => builder.json().try_init(),
        LogFormat::Text => builder.try_init(),
    };
    begun.map_err(|error| Failure::wrong(error.to_string()))
}

/// An open installation.
pub(crate) async fn helm(global: &Global) -> Result<Helm> {
    let config = config(global)?;
    log(&config, "warn")?;
    Ok(config.builder(&variable)?.build().await?)
}

/// An installation that has been used before; nothing is created to find nothing in.
pub(crate) async fn existing(global: &Global) -> Result<Helm> {
    let path = config(global)?.sqlite_path()?;
    if !path.exists() {
        let path = path.display();
        return Err(Failure::wrong(format!(
            "there is no database at {path}; name it with --database sqlite://PATH"
        )));
    }
    helm(global).await
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
