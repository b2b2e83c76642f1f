//! Learning state: differences are added by the server, and what is there is never read by this process.

use helm_core::Stats;
use sqlx::postgres::PgConnection;

use super::decode::{pack, scope_columns};
use super::save::column;
use super::together::{Part, Together};
use super::{added_stats, stats_arrays, stats_columns, upsert_stats};
use crate::batch::{Failure, StatsKey};
use crate::error::Result;

const OPERATION: &str = "settle";

/// Adds to rows that exist, in the order of their keys.
const ADD: &str = concat!(
    "UPDATE helm_stats s SET ",
    added_stats!("k", "k.packed::numeric[]"),
    " FROM ",
    stats_arrays!(" WITH ORDINALITY k ("),
    stats_columns!(),
    ", n)
    WHERE s.tenant = k.tenant AND s.task = k.task AND s.scope = k.scope AND s.member = k.member
        AND s.strategy = k.strategy AND s.epoch = k.epoch AND s.layout = k.layout
    RETURNING k.n"
);

/// Begins the other rows, or adds to those that somebody else has just begun. A first row has no count below 0: whatever
/// takes something away was added before.
const BEGIN: &str =
    upsert_stats!("helm_stats", " WITH ORDINALITY k (", ", n) WHERE n NOT IN (SELECT n FROM added)");

/// A difference of one row.
pub(super) type Row = (StatsKey, Stats);

/// Adds differences, in the order of their keys.
pub(super) async fn add(connection: &mut PgConnection, rows: &[Row]) -> Result<(), Failure> {
    let mut writes = Together::new(OPERATION);
    write(&mut writes, rows)?;
    if writes.is_empty() {
        return Ok(());
    }
    writes.run(connection).await.map(drop)
}

/// Goes on with adding differences, in the order of their keys.
pub(super) fn write(writes: &mut Together, rows: &[Row]) -> Result<()> {
    if rows.is_empty() {
        return Ok(());
    }
    bind(writes.before("added", ADD).write(BEGIN, None), rows)
}

/// Binds rows to a write that takes the columns of [`BEGIN`].
pub(super) fn bind(write: Part<'_>, rows: &[Row]) -> Result<()> {
    let scopes = rows.iter().map(|((.., place), _)| scope_columns(&place.0, OPERATION));
    let (scopes, members): (Vec<&str>, Vec<&str>) = scopes.collect::<Result<Vec<_>>>()?.into_iter().unzip();
    write
        .bind(column(rows, |((tenant, ..), _)| tenant.as_str()))?
        .bind(column(rows, |((_, task, _), _)| task.as_str()))?
        .bind(scopes)?
        .bind(members)?
        .bind(column(rows, |((.., place), _)| place.1.to_string()))?
        .bind(column(rows, |((.., place), _)| place.2.start()))?
        .bind(column(rows, |((.., place), _)| place.3.number()))?
        .bind(column(rows, |(_, change)| change.count))?
        .bind(column(rows, |(_, change)| change.reward.to_bits()))?
        .bind(column(rows, |(_, change)| change.reward_sq.to_bits()))?
        .bind(column(rows, |(_, change)| change.turns))?
        .bind(column(rows, |(_, change)| change.cost.nanos()))?
        .bind(column(rows, |(_, change)| change.tokens))?
        .bind(column(rows, |(_, change)| change.latency_us))?
        .bind(column(rows, |(_, change)| change.failures))?
        .bind(column(rows, |(_, change)| change.loss.to_bits()))?
        .bind(column(rows, |(_, change)| pack(&change.packed)))?;
    Ok(())
}
