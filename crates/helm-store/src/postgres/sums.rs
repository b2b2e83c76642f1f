//! Learning state: differences are added by the server, and what is there is never read by this process.

use helm_core::Stats;
use sqlx::postgres::{PgArguments, PgConnection, Postgres};
use sqlx::query::Query;

use super::decode::{pack, scope_columns};
use super::error::failure;
use super::load::numbered;
use super::save::column;
use crate::batch::{Failure, StatsKey};
use crate::error::Result;

const OPERATION: &str = "settle";

/// Adds to rows that exist, in the order of their keys. Packed components are added one by one, and two lists of
/// different lengths leave a NULL, which the table refuses.
const ADD: &str = "UPDATE helm_stats s SET count = s.count + k.count, reward = s.reward + k.reward,
        reward_sq = s.reward_sq + k.reward_sq, turns = s.turns + k.turns, cost = s.cost + k.cost,
        tokens = s.tokens + k.tokens, latency_us = s.latency_us + k.latency_us,
        failures = s.failures + k.failures, loss = s.loss + k.loss,
        packed = CASE WHEN k.packed IS NULL THEN s.packed WHEN s.packed IS NULL THEN k.packed::numeric[]
            ELSE (SELECT array_agg(a.old + a.new ORDER BY a.n)
                FROM unnest(s.packed, k.packed::numeric[]) WITH ORDINALITY a (old, new, n)) END
    FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::bigint[], $7::bigint[],
        $8::bigint[], $9::bigint[], $10::bigint[], $11::bigint[], $12::bigint[], $13::bigint[], $14::bigint[],
        $15::bigint[], $16::bigint[], $17::text[]) WITH ORDINALITY
        k (tenant, task, scope, member, strategy, epoch, layout, count, reward, reward_sq, turns, cost, tokens,
            latency_us, failures, loss, packed, n)
    WHERE s.tenant = k.tenant AND s.task = k.task AND s.scope = k.scope AND s.member = k.member
        AND s.strategy = k.strategy AND s.epoch = k.epoch AND s.layout = k.layout
    RETURNING k.n";

/// Begins rows, or adds to those that somebody else has just begun. A first row has no count below 0: whatever
/// takes something away was added before.
const BEGIN: &str = "INSERT INTO helm_stats (tenant, task, scope, member, strategy, epoch, layout, count, reward,
        reward_sq, turns, cost, tokens, latency_us, failures, loss, packed)
    SELECT tenant, task, scope, member, strategy, epoch, layout, count, reward, reward_sq, turns, cost, tokens,
        latency_us, failures, loss, packed::numeric[]
    FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::bigint[], $7::bigint[],
        $8::bigint[], $9::bigint[], $10::bigint[], $11::bigint[], $12::bigint[], $13::bigint[], $14::bigint[],
        $15::bigint[], $16::bigint[], $17::text[])
        k (tenant, task, scope, member, strategy, epoch, layout, count, reward, reward_sq, turns, cost, tokens,
            latency_us, failures, loss, packed)
    ON CONFLICT (tenant, task, scope, member, strategy, epoch, layout) DO UPDATE SET
        count = helm_stats.count + excluded.count, reward = helm_stats.reward + excluded.reward,
        reward_sq = helm_stats.reward_sq + excluded.reward_sq, turns = helm_stats.turns + excluded.turns,
        cost = helm_stats.cost + excluded.cost, tokens = helm_stats.tokens + excluded.tokens,
        latency_us = helm_stats.latency_us + excluded.latency_us,
        failures = helm_stats.failures + excluded.failures, loss = helm_stats.loss + excluded.loss,
        packed = CASE WHEN excluded.packed IS NULL THEN helm_stats.packed
            WHEN helm_stats.packed IS NULL THEN excluded.packed
            ELSE (SELECT array_agg(a.old + a.new ORDER BY a.n)
                FROM unnest(helm_stats.packed, excluded.packed) WITH ORDINALITY a (old, new, n)) END";

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
