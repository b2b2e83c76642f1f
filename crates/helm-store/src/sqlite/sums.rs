//! Learning state. There is only one writer, so reading, adding and writing back loses nothing.

use std::collections::{BTreeMap, BTreeSet};

use helm_core::Stats;

use super::BACKEND;
use super::decode::{pack, scope_columns, stats};
use super::load::{ask, found};
use super::many::{Many, many};
use super::script::Script;
use crate::batch::StatsKey;
use crate::error::Result;
use crate::fold::fold;

const OPERATION: &str = "settle";

/// A table of sums.
pub(super) struct Sums {
    /// Reads the rows of some keys.
    stored: &'static str,
    /// Writes rows.
    put: Many,
}

macro_rules! stored {
    ($table:literal) => {
        concat!(
            "SELECT k.key AS n, s.count, s.reward, s.reward_sq, s.turns, s.cost, s.tokens, s.latency_us,
                 s.failures, s.loss, s.packed
             FROM json_each(?) k CROSS JOIN ",
            $table,
            " s ON s.tenant = k.value ->> 0 AND s.task = k.value ->> 1 AND s.scope = k.value ->> 2
                 AND s.member = k.value ->> 3 AND s.strategy = k.value ->> 4 AND s.epoch = k.value ->> 5
                 AND s.layout = k.value ->> 6"
        )
    };
}

/// Learning state.
pub(super) const STATS: Sums = Sums {
    stored: stored!("helm_stats"),
    put: many!(
        "INSERT INTO helm_stats
             (tenant, task, scope, member, strategy, epoch, layout, count, reward, reward_sq, turns, cost, tokens,
              latency_us, failures, loss, packed) VALUES ",
        "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        " ON CONFLICT DO UPDATE SET count = excluded.count, reward = excluded.reward,
             reward_sq = excluded.reward_sq, turns = excluded.turns, cost = excluded.cost,
             tokens = excluded.tokens, latency_us = excluded.latency_us, failures = excluded.failures,
             loss = excluded.loss, packed = excluded.packed"
    ),
};

/// What has left the log.
pub(super) const CHECKPOINT: Sums = Sums {
    stored: stored!("helm_checkpoint"),
    put: many!(
        "INSERT INTO helm_checkpoint
             (tenant, task, scope, member, strategy, epoch, layout, count, reward, reward_sq, turns, cost, tokens,
              latency_us, failures, loss, packed) VALUES ",
        "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        " ON CONFLICT DO UPDATE SET count = excluded.count, reward = excluded.reward,
             reward_sq = excluded.reward_sq, turns = excluded.turns, cost = excluded.cost,
             tokens = excluded.tokens, latency_us = excluded.latency_us, failures = excluded.failures,
             loss = excluded.loss, packed = excluded.packed"
    ),
};

/// The columns of a row's key.
type Columns<'k> = (&'k str, &'k str, &'k str, &'k str, String, i64, i64);

/// Adds differences with checked arithmetic.
pub(super) async fn add(
    script: &mut Script<'_>,
    table: &Sums,
    changes: &BTreeMap<StatsKey, Stats>,
) -> Result<()> {
    let changes = changes.iter().filter(|(_, change)| !change.is_zero());
    let mut sums = BTreeMap::new();
    for (key, change) in changes {
        sums.insert(columns(key)?, change.clone());
    }
    let keys: BTreeSet<_> = sums.keys().cloned().collect();
    let asked = ask(script, table.stored, OPERATION, &keys)?;
    if asked.is_none() {
        return Ok(());
    }
    for (key, row) in found(&mut script.send().await?, asked, OPERATION, &keys)? {
        if let Some(sum) = sums.get_mut(key) {
            *sum = fold(BACKEND, &stats(&row, OPERATION)?, sum)?;
        }
    }
    let sums: Vec<_> = sums.into_iter().collect();
    for (_, sum) in &sums {
        // A row that is not there yet can fall below 0 too.
        fold(BACKEND, &Stats::default(), sum)?;
    }
    let put = script.write(&table.put, &sums, OPERATION, |query, (key, sum)| {
        let (tenant, task, scope, member, strategy, epoch, layout) = key;
        Ok(query
            .bind(*tenant)
            .bind(*task)
            .bind(*scope)
            .bind(*member)
            .bind(strategy)
            .bind(*epoch)
            .bind(*layout)
            .bind(sum.count)
            .bind(sum.reward.to_bits())
            .bind(sum.reward_sq.to_bits())
            .bind(sum.turns)
            .bind(sum.cost.nanos())
            .bind(sum.tokens)
            .bind(sum.latency_us)
            .bind(sum.failures)
            .bind(sum.loss.to_bits())
            .bind(pack(&sum.packed)))
    });
    put.await
}

fn columns((tenant, task, place): &StatsKey) -> Result<Columns<'_>> {
    let (scope, member) = scope_columns(&place.0, OPERATION)?;
    let strategy = place.1.to_string();
    Ok((tenant.as_str(), task.as_str(), scope, member, strategy, place.2.start(), place.3.number()))
}
