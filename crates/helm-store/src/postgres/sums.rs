//! Learning state: differences are added by the server, and what is there is never read by this process.

use helm_core::Stats;
use sqlx::postgres::{PgArguments, PgConnection, Postgres};
use sqlx::query::Query;

use super::decode::{pack, scope_columns};
use super::error::failure;
use super::load::numbered;
use super::save::column;
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

/// Begins rows, or adds to those that somebody else has just begun. A first row has no count below 0: whatever
/// takes something away was added before.
const BEGIN: &str = upsert_stats!("helm_stats");

/// A difference of one row.
type Row = (StatsKey, Stats);

/// Adds differences, in the order of their keys.
pub(super) async fn add(connection: &mut PgConnection, rows: &[Row]) -> Result<(), Failure> {
    if rows.is_empty() {
        return Ok(());
    }
    let rows: Vec<&Row> = rows.iter().collect();
    let added = bound(ADD, &rows)?.fetch_all(&mut *connection).await;
    let added = added.map_err(|error| failure(OPERATION, error))?;
    if added.len() == rows.len() {
        return Ok(());
    }
    let added = added.iter().map(|row| numbered(row, &rows).map(|row| &row.0));
    let added: std::collections::BTreeSet<_> = added.collect::<Result<_>>()?;
    let new: Vec<_> = rows.into_iter().filter(|row| !added.contains(&row.0)).collect();
    let begun = bound(BEGIN, &new)?.execute(connection).await;
    begun.map(drop).map_err(|error| failure(OPERATION, error))
}

/// Binds rows to a statement that takes the columns of [`BEGIN`].
pub(super) fn bound(sql: &'static str, rows: &[&Row]) -> Result<Query<'static, Postgres, PgArguments>> {
    let scopes = rows.iter().map(|((.., place), _)| scope_columns(&place.0, OPERATION));
    let (scopes, members): (Vec<&str>, Vec<&str>) = scopes.collect::<Result<Vec<_>>>()?.into_iter().unzip();
    Ok(sqlx::query(sql)
        .bind(column(rows, |((tenant, ..), _)| tenant.as_str()))
        .bind(column(rows, |((_, task, _), _)| task.as_str()))
        .bind(scopes)
        .bind(members)
        .bind(column(rows, |((.., place), _)| place.1.to_string()))
        .bind(column(rows, |((.., place), _)| place.2.start()))
        .bind(column(rows, |((.., place), _)| place.3.number()))
        .bind(column(rows, |(_, change)| change.count))
        .bind(column(rows, |(_, change)| change.reward.to_bits()))
        .bind(column(rows, |(_, change)| change.reward_sq.to_bits()))
        .bind(column(rows, |(_, change)| change.turns))
        .bind(column(rows, |(_, change)| change.cost.nanos()))
        .bind(column(rows, |(_, change)| change.tokens))
        .bind(column(rows, |(_, change)| change.latency_us))
        .bind(column(rows, |(_, change)| change.failures))
        .bind(column(rows, |(_, change)| change.loss.to_bits()))
        .bind(column(rows, |(_, change)| pack(&change.packed))))
}
