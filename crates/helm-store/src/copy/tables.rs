//! The tables, in an order in which they may be filled.

use super::column::Kind::{self, Bytes, Flag, Floats, Id, Integer, Moment, Packed, Real, Text};
use crate::postgres::{insert_stats, stats_columns};

/// How one table is read and written. Both sides have the columns of `kinds`, in this order.
pub(super) struct Table {
    pub(super) name: &'static str,
    pub(super) kinds: &'static [Kind],
    /// How many rows there are, on either side.
    pub(super) count: &'static str,
    /// All rows of the file.
    pub(super) select: &'static str,
    /// Arrays of columns into the database.
    pub(super) insert: &'static str,
}

pub(super) const TABLES: &[Table] = &[
    Table {
        name: "helm_decision",
        kinds: &[
            Text, Id, Text, Text, Text, Real, Text, Text, Text, Text, Text, Text, Integer, Moment, Integer, Text,
        ],
        count: "SELECT count(*) FROM helm_decision",
        select: "SELECT tenant, id, user_id, task, strategy, propensity, mode, policy, policy_hash, experiment,
            variant, conversation, draw, at, format, body FROM helm_decision",
        insert: "INSERT INTO helm_decision (tenant, id, user_id, task, strategy, propensity, mode, policy,
                policy_hash, experiment, variant, conversation, draw, at, format, body)
            SELECT tenant, id, user_id, task, strategy, propensity, mode, policy, policy_hash, experiment, variant,
                conversation, draw, at, format, body::jsonb
            FROM unnest($1::text[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::float8[], $7::text[],
                $8::text[], $9::text[], $10::text[], $11::text[], $12::text[], $13::bigint[], $14::timestamptz[],
                $15::bigint[], $16::text[])
                r (tenant, id, user_id, task, strategy, propensity, mode, policy, policy_hash, experiment, variant,
                    conversation, draw, at, format, body)",
    },
    Table {
        name: "helm_turn",
        kinds: &[
            Text, Id, Text, Text, Text, Text, Text, Text, Integer, Integer, Integer, Integer, Integer, Text, Bytes,
            Moment, Moment,
        ],
        count: "SELECT count(*) FROM helm_turn",
        select: "SELECT tenant, id, user_id, task, conversation, status, input, output, latency_us, cost_nano_usd,
            input_tokens, output_tokens, format, outcome, digest, began, ended FROM helm_turn",
        insert: "INSERT INTO helm_turn (tenant, id, user_id, task, conversation, status, input, output, latency_us,
                cost_nano_usd, input_tokens, output_tokens, format, outcome, digest, began, ended)
            SELECT tenant, id, user_id, task, conversation, status, input, output, latency_us, cost_nano_usd,
                input_tokens, output_tokens, format, outcome::jsonb, digest, began, ended
            FROM unnest($1::text[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[],
                $8::text[], $9::bigint[], $10::bigint[], $11::bigint[], $12::bigint[], $13::bigint[], $14::text[],
                $15::bytea[], $16::timestamptz[], $17::timestamptz[])
                r (tenant, id, user_id, task, conversation, status, input, output, latency_us, cost_nano_usd,
                    input_tokens, output_tokens, format, outcome, digest, began, ended)",
    },
    Table {
        name: "helm_evidence",
        kinds: &[Text, Id, Text, Integer, Text, Text, Real, Text, Moment],
        count: "SELECT count(*) FROM helm_evidence",
        select: "SELECT tenant, decision, source, revision, task, strategy, value, key, at FROM helm_evidence",
        insert: "INSERT INTO helm_evidence (tenant, decision, source, revision, task, strategy, value, key, at)
            SELECT * FROM unnest($1::text[], $2::uuid[], $3::text[], $4::bigint[], $5::text[], $6::text[],
                $7::float8[], $8::text[], $9::timestamptz[])",
    },
    Table {
        name: "helm_reward",
        kinds: &[Text, Id, Text, Real, Text, Flag, Integer, Text, Text],
        count: "SELECT count(*) FROM helm_reward",
        select: "SELECT tenant, decision, task, value, stage, silence_ended, format, reward, contribution
            FROM helm_reward",
        insert: "INSERT INTO helm_reward (tenant, decision, task, value, stage, silence_ended, format, reward,
                contribution)
            SELECT tenant, decision, task, value, stage, silence_ended, format, reward::jsonb, contribution::json
            FROM unnest($1::text[], $2::uuid[], $3::text[], $4::float8[], $5::text[], $6::boolean[], $7::bigint[],
                $8::text[], $9::text[])
                r (tenant, decision, task, value, stage, silence_ended, format, reward, contribution)",
    },
    Table {
        name: "helm_stats",
        kinds: STATS,
        count: "SELECT count(*) FROM helm_stats",
        select: concat!("SELECT ", stats_columns!(), " FROM helm_stats"),
        insert: insert_stats!("helm_stats"),
    },
    Table {
        name: "helm_checkpoint",
        kinds: STATS,
        count: "SELECT count(*) FROM helm_checkpoint",
        select: concat!("SELECT ", stats_columns!(), " FROM helm_checkpoint"),
        insert: insert_stats!("helm_checkpoint"),
    },
    Table {
        name: "helm_checkpoint_total",
        kinds: &[Text, Text, Text, Integer, Integer, Integer, Integer],
        count: "SELECT count(*) FROM helm_checkpoint_total",
        select: "SELECT tenant, task, strategy, decisions, contributed, feedback_count, feedback_sum
            FROM helm_checkpoint_total",
        insert: "INSERT INTO helm_checkpoint_total (tenant, task, strategy, decisions, contributed, feedback_count,
                feedback_sum)
            SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::bigint[], $6::bigint[],
                $7::bigint[])",
    },
    Table {
        name: "helm_prior",
        kinds: &[Text, Text, Text, Integer, Integer, Text],
        count: "SELECT count(*) FROM helm_prior",
        select: "SELECT tenant, task, policy_hash, revision, format, body FROM helm_prior",
        insert: "INSERT INTO helm_prior (tenant, task, policy_hash, revision, format, body)
            SELECT tenant, task, policy_hash, revision, format, body::json
            FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::bigint[], $6::text[])
                r (tenant, task, policy_hash, revision, format, body)",
    },
    Table {
        name: "helm_preference",
        kinds: &[Text, Text, Integer, Integer, Text],
        count: "SELECT count(*) FROM helm_preference",
        select: "SELECT tenant, user_id, revision, format, body FROM helm_preference",
        insert: "INSERT INTO helm_preference (tenant, user_id, revision, format, body)
            SELECT tenant, user_id, revision, format, body::json
            FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[], $5::text[])
                r (tenant, user_id, revision, format, body)",
    },
    Table {
        name: "helm_message",
        kinds: &[Text, Text, Text, Id, Integer, Text, Integer, Text, Moment],
        count: "SELECT count(*) FROM helm_message",
        select: "SELECT tenant, user_id, conversation, turn, number, role, format, body, at FROM helm_message",
        insert: "INSERT INTO helm_message (tenant, user_id, conversation, turn, number, role, format, body, at)
            SELECT tenant, user_id, conversation, turn, number, role, format, body::json, at
            FROM unnest($1::text[], $2::text[], $3::text[], $4::uuid[], $5::bigint[], $6::text[], $7::bigint[],
                $8::text[], $9::timestamptz[])
                r (tenant, user_id, conversation, turn, number, role, format, body, at)",
    },
    Table {
        name: "helm_summary",
        kinds: &[Text, Text, Text, Id, Text, Moment],
        count: "SELECT count(*) FROM helm_summary",
        select: "SELECT tenant, user_id, conversation, turn, text, at FROM helm_summary",
        insert: "INSERT INTO helm_summary (tenant, user_id, conversation, turn, text, at)
            SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::uuid[], $5::text[], $6::timestamptz[])",
    },
    Table {
        name: "helm_collection",
        kinds: &[Text, Text, Text, Integer],
        count: "SELECT count(*) FROM helm_collection",
        select: "SELECT tenant, name, metric, dimension FROM helm_collection",
        insert: "INSERT INTO helm_collection (tenant, name, metric, dimension)
            SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[])",
    },
    Table {
        name: "helm_memory",
        kinds: &[Text, Text, Text, Id, Integer, Text, Floats, Text, Moment],
        count: "SELECT count(*) FROM helm_memory",
        select: "SELECT tenant, user_id, collection, turn, number, text, embedding, metadata, at FROM helm_memory",
        insert: "INSERT INTO helm_memory (tenant, user_id, collection, space, turn, number, text, embedding, metadata,
                at)
            SELECT r.tenant, r.user_id, r.collection, c.metric || '/' || c.dimension, r.turn, r.number, r.text,
                r.embedding::real[], r.metadata::json, r.at
            FROM unnest($1::text[], $2::text[], $3::text[], $4::uuid[], $5::bigint[], $6::text[], $7::text[],
                $8::text[], $9::timestamptz[])
                r (tenant, user_id, collection, turn, number, text, embedding, metadata, at)
            JOIN helm_collection c ON c.tenant = r.tenant AND c.name = r.collection",
    },
    Table {
        name: "helm_open_turn",
        kinds: &[Text, Id, Moment],
        count: "SELECT count(*) FROM helm_open_turn",
        select: "SELECT tenant, id, deadline FROM helm_open_turn",
        insert: "INSERT INTO helm_open_turn (tenant, id, deadline)
            SELECT * FROM unnest($1::text[], $2::uuid[], $3::timestamptz[])",
    },
    Table {
        name: "helm_api_key",
        kinds: &[Text, Text, Text, Text, Bytes, Moment, Moment, Moment],
        count: "SELECT count(*) FROM helm_api_key",
        select: "SELECT tenant, id, name, role, hash, created, expires, used FROM helm_api_key",
        insert: "INSERT INTO helm_api_key (tenant, id, name, role, hash, created, expires, used)
            SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bytea[], $6::timestamptz[],
                $7::timestamptz[], $8::timestamptz[])",
    },
    // Jobs keep their order and get numbers of the database's own.
    Table {
        name: "helm_job",
        kinds: &[Text, Text, Text, Text, Moment, Integer, Integer, Integer, Moment, Flag, Text],
        count: "SELECT count(*) FROM helm_job",
        select: "SELECT tenant, kind, dedupe, body, run_at, attempts, max_attempts, lease, lease_until, dead,
            last_error FROM helm_job ORDER BY id",
        insert: "INSERT INTO helm_job (tenant, kind, dedupe, body, run_at, attempts, max_attempts, lease,
                lease_until, dead, last_error)
            SELECT tenant, kind, dedupe, body::json, run_at, attempts, max_attempts, lease, lease_until, dead,
                last_error
            FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::timestamptz[], $6::bigint[],
                $7::bigint[], $8::bigint[], $9::timestamptz[], $10::boolean[], $11::text[])
                WITH ORDINALITY r (tenant, kind, dedupe, body, run_at, attempts, max_attempts, lease, lease_until,
                    dead, last_error, n)
            ORDER BY n",
    },
];

const STATS: &[Kind] = &[
    Text, Text, Text, Text, Text, Integer, Integer, Integer, Integer, Integer, Integer, Integer, Integer,
    Integer, Integer, Integer, Packed,
];

#[cfg(test)]
mod tests {
    use sqlx::Row;

    use super::*;
    use crate::Store;
    use crate::sqlite::{SqliteOptions, SqliteStore, copying};

    /// What the database makes itself, or has of its own.
    const LEFT_OUT: [&str; 3] = ["helm_collection.id", "helm_collection.revision", "helm_job.id"];

    /// The names between two words of a statement.
    fn listed(sql: &'static str, from: &str, to: &str) -> Vec<&'static str> {
        let (_, rest) = sql.split_once(from).unwrap();
        rest.split_once(to).unwrap().0.split(',').map(str::trim).collect()
    }

    #[tokio::test]
    async fn no_table_and_no_column_is_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        let options = SqliteOptions::new(folder.path().join("helm.db"));
        SqliteStore::open(options.clone()).await.unwrap().close().await;
        let mut file = copying::locked(&options).await.unwrap();
        let columns = "SELECT m.name || '.' || c.name FROM sqlite_schema m, pragma_table_info(m.name) c
            WHERE m.type = 'table' AND m.name GLOB 'helm_*' AND m.name NOT IN ('helm_migration', 'helm_health')";
        let columns = sqlx::query(columns).fetch_all(&mut file).await.unwrap();
        let mut columns: Vec<String> = columns.iter().map(|row| row.get(0)).collect();
        columns.retain(|column| !LEFT_OUT.contains(&column.as_str()));
        columns.sort();
        let mut copied = Vec::new();
        for table in TABLES {
            let read = listed(table.select, "SELECT ", "FROM");
            assert_eq!(read.len(), table.kinds.len(), "{}", table.name);
            let mut written = listed(table.insert, "(", ")");
            written.retain(|column| *column != "space");
            assert_eq!(read, written, "{}", table.name);
            copied.extend(read.iter().map(|column| format!("{}.{column}", table.name)));
        }
        copied.sort();
        assert_eq!(copied, columns);
    }
}
