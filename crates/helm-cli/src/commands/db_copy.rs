use helm_orchestrator::config::StoreLocation;
use helm_orchestrator::llm::RedactedUrl;
use helm_orchestrator::store::copy::{CopiedTable, copy};
use helm_orchestrator::store::postgres::PostgresOptions;
use helm_orchestrator::store::sqlite::SqliteOptions;

use crate::arguments::Global;
use crate::error::{Failure, Result};
use crate::open;
use crate::output::{self, Format};

/// Moves an installation and shows the counts of both sides.
pub(super) async fn run(global: &Global, from: &str, to: &str) -> Result<()> {
    open::log(&open::config(global)?, "warn")?;
    let (file, url) = match (located(from)?, located(to)?) {
        (StoreLocation::Sqlite(file), StoreLocation::Postgres(url)) => (file, url),
        _ => {
            let message = "copies go from sqlite://PATH to postgres://USER@HOST/DATABASE";
            return Err(Failure::wrong(message.to_owned()));
        }
    };
    let bar = output::progress(Some(0), "{msg:>16} {wide_bar} {pos}/{len} rows");
    let mut progress = |table: &'static str, sent: u64, rows: u64| {
        bar.set_message(table);
        bar.set_length(rows);
        bar.set_position(sent);
    };
    let to = PostgresOptions::new(url.expose());
    let copied = copy(&SqliteOptions::new(file.path), &to, &mut progress).await;
    bar.finish_and_clear();
    let copied = copied.map_err(helm_orchestrator::Error::from)?;
    report(global, &copied)?;
    output::note("set DATABASE_URL (or store.url) to the new address before the next turn");
    Ok(())
}

fn located(url: &str) -> Result<StoreLocation> {
    Ok(StoreLocation::parse(&RedactedUrl::new(url))?)
}

fn report(global: &Global, copied: &[CopiedTable]) -> Result<()> {
    if global.output != Format::Table {
        return output::json(global.output, &copied);
    }
    let row =
        |table: &CopiedTable| [table.table.to_owned(), table.rows.to_string(), table.copied.to_string()];
    output::line(&output::texts(
        ["table", "rows in the file", "rows in the database"],
        copied.iter().map(row),
    ))
}
