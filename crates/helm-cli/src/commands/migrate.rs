use helm_orchestrator::store::Store;
use helm_orchestrator::store::sqlite::{SqliteOptions, SqliteStore};

use crate::arguments::Global;
use crate::error::{Failure, Result};
use crate::open;
use crate::output::{self, Format};

/// Opening brings the schema up to date; what there was to do is told.
pub(super) async fn run(global: &Global) -> Result<()> {
    let config = open::config(global)?;
    open::log(&config, "warn")?;
    let opened = SqliteStore::open(SqliteOptions::new(config.sqlite_path()?)).await;
    let store = opened.map_err(|error| Failure::from(helm_orchestrator::Error::from(error)))?;
    let health = store.health().await;
    store.close().await;
    let health = health.map_err(|error| Failure::from(helm_orchestrator::Error::from(error)))?;
    if global.output != Format::Table {
        return output::json(global.output, &health);
    }
    output::line(&format!("{}: the schema is at version {}", health.detail, health.schema))
}
