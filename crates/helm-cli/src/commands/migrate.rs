use std::error::Error;

use helm_orchestrator::config::StoreLocation;
use helm_orchestrator::store::{ErrorKind, Health, MigrationStatus};
use serde::Serialize;

use crate::arguments::{Global, MigrateCommand};
use crate::error::{Failure, Result};
use crate::open;
use crate::output::{self, Format};

#[derive(Serialize)]
struct Report {
    database: String,
    /// The schema's version now.
    version: u32,
    /// What this call applied.
    applied: Vec<u32>,
}

pub(super) async fn run(global: &Global, command: Option<&MigrateCommand>) -> Result<()> {
    let config = open::config(global)?;
    open::log(&config, "warn")?;
    let location = config.location()?;
    match command {
        None | Some(MigrateCommand::Up) => up(global, &location).await,
        Some(MigrateCommand::Status) => status(global, &location).await,
    }
}

/// Opening brings the schema up to date; what there was to do is told.
async fn up(global: &Global, location: &StoreLocation) -> Result<()> {
    let pending = location.migrations().await?.into_iter().filter(|migration| !migration.applied);
    let pending: Vec<u32> = pending.map(|migration| migration.version).collect();
    let health =
        brought_up(location).await.map_err(|error| lacking(&error).unwrap_or_else(|| error.into()))?;
    let report = Report { database: health.detail, version: health.schema, applied: pending };
    if global.output != Format::Table {
        return output::json(global.output, &report);
    }
    let numbers: Vec<String> = report.applied.iter().map(u32::to_string).collect();
    let done = match numbers.as_slice() {
        [] => "nothing to do".to_owned(),
        numbers => format!("applied {}", numbers.join(", ")),
    };
    output::line(&format!("{}: the schema is at version {}; {done}", report.database, report.version))
}

async fn brought_up(location: &StoreLocation) -> helm_orchestrator::Result<Health> {
    let store = location.open().await?;
    let health = store.health().await;
    store.close().await;
    Ok(health?)
}

/// What is wrong where a table is missing that a migration has made: to migrate again does not bring it back.
fn lacking(error: &helm_orchestrator::Error) -> Option<Failure> {
    let helm_orchestrator::Error::Store(error) = error else { return None };
    let cause = error.source().filter(|_| error.kind() == ErrorKind::SchemaMismatch)?;
    Some(Failure::wrong(format!(
        "a table is missing that a migration has made ({cause}): the database is damaged, or only half of it was restored; restore it from a backup"
    )))
}

/// Lists the migrations and changes nothing.
async fn status(global: &Global, location: &StoreLocation) -> Result<()> {
    let migrations = location.migrations().await?;
    if global.output != Format::Table {
        return output::json(global.output, &migrations);
    }
    let row = |migration: &MigrationStatus| {
        let state = if migration.applied { "applied" } else { "pending" };
        [migration.version.to_string(), migration.name.to_owned(), state.to_owned()]
    };
    output::line(&output::texts(["version", "migration", "state"], migrations.iter().map(row)))
}
