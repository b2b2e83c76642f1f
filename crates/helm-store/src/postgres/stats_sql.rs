//! The columns of sums, in helm_stats and helm_checkpoint alike, for statements that are put together when compiled.

/// Their names, the key's and the sums'.
macro_rules! stats_columns {
    () => {
        "tenant, task, scope, member, strategy, epoch, layout, count, reward, reward_sq, turns, cost, tokens,
         latency_us, failures, loss, packed"
    };
}

/// Rows that come as arrays of columns, `$1` to `$17`, as an item of FROM with these names.
macro_rules! stats_arrays {
    ($after:literal) => {
        concat!(
            "unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::bigint[], $7::bigint[],
                 $8::bigint[], $9::bigint[], $10::bigint[], $11::bigint[], $12::bigint[], $13::bigint[], $14::bigint[],
                 $15::bigint[], $16::bigint[], $17::text[])",
            $after
        )
    };
}

/// Inserts such rows into a table; as columns `k`, they may be counted and chosen from.
macro_rules! insert_stats {
    ($table:literal) => {
        crate::postgres::insert_stats!($table, " k (", ")")
    };
    ($table:literal, $begin:literal, $end:literal) => {
        concat!(
            "INSERT INTO ",
            $table,
            " AS s (",
            crate::postgres::stats_columns!(),
            ") SELECT tenant, task, scope, member, strategy, epoch, layout, count, reward, reward_sq, turns, cost,
                 tokens, latency_us, failures, loss, packed::numeric[] FROM ",
            crate::postgres::stats_arrays!($begin),
            crate::postgres::stats_columns!(),
            $end
        )
    };
}

/// Adds what `$new` holds to a row `s`. Packed components are added one by one, and two lists of different lengths leave
/// a NULL, which the tables refuse.
macro_rules! added_stats {
    ($new:literal, $packed:literal) => {
        concat!(
            "count = s.count + ",
            $new,
            ".count, reward = s.reward + ",
            $new,
            ".reward,
             reward_sq = s.reward_sq + ",
            $new,
            ".reward_sq, turns = s.turns + ",
            $new,
            ".turns,
             cost = s.cost + ",
            $new,
            ".cost, tokens = s.tokens + ",
            $new,
            ".tokens,
             latency_us = s.latency_us + ",
            $new,
            ".latency_us, failures = s.failures + ",
            $new,
            ".failures,
             loss = s.loss + ",
            $new,
            ".loss,
             packed = CASE WHEN ",
            $packed,
            " IS NULL THEN s.packed WHEN s.packed IS NULL THEN ",
            $packed,
            "
                 ELSE (SELECT array_agg(a.old + a.new ORDER BY a.n)
                     FROM unnest(s.packed, ",
            $packed,
            ") WITH ORDINALITY a (old, new, n)) END"
        )
    };
}

/// Adds such rows to those that a table has, and inserts the others.
macro_rules! upsert_stats {
    ($table:literal) => {
        crate::postgres::upsert_stats!($table, " k (", ")")
    };
    ($table:literal, $begin:literal, $end:literal) => {
        concat!(
            crate::postgres::insert_stats!($table, $begin, $end),
            " ON CONFLICT (tenant, task, scope, member, strategy, epoch, layout) DO UPDATE SET ",
            crate::postgres::added_stats!("excluded", "excluded.packed")
        )
    };
}

/// The statistics of one task.
macro_rules! select_stats {
    ($table:literal) => {
        concat!(
            "SELECT scope, member, strategy, epoch, layout, count, reward, reward_sq, turns, cost, tokens, latency_us,
                 failures, loss, packed::text AS packed FROM ",
            $table,
            " WHERE tenant = $1 AND task = $2 ORDER BY scope, member, strategy, epoch, layout"
        )
    };
}

pub(crate) use {added_stats, insert_stats, select_stats, stats_arrays, stats_columns, upsert_stats};
