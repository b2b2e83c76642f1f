-- Times are microseconds since 1970-01-01T00:00:00Z. Fixed-point columns are multiples of 2^-32.
-- Ids of decisions and turns are the 16 bytes of a UUID of version 7, so they sort by time.
-- `format` is the version of the JSON beside it; a build refuses what is newer than it.
-- Wide rows are kept by row number: without one, SQLite would search B-trees of whole rows.

-- One row for each decision, written before its answer leaves.
CREATE TABLE helm_decision (
    tenant      TEXT    NOT NULL,
    id          BLOB    NOT NULL,
    user_id     TEXT    NOT NULL,
    task        TEXT    NOT NULL,
    strategy    TEXT    NOT NULL, -- name@version, as chosen
    propensity  REAL    NOT NULL, -- probability of that choice
    mode        TEXT    NOT NULL, -- sampled, assigned, pinned, fallback
    policy      TEXT    NOT NULL,
    policy_hash TEXT    NOT NULL,
    experiment  TEXT,
    variant     TEXT,
    at          INTEGER NOT NULL,
    format      INTEGER NOT NULL,
    body        TEXT    NOT NULL, -- the whole decision as JSON: context, candidates, exclusions
    PRIMARY KEY (tenant, id)
) STRICT;
CREATE INDEX helm_decision_by_task ON helm_decision (tenant, task, strategy);
CREATE INDEX helm_decision_by_user ON helm_decision (tenant, user_id, id);

-- One row for each finished turn, with or without a decision.
CREATE TABLE helm_turn (
    tenant        TEXT    NOT NULL,
    id            BLOB    NOT NULL,
    user_id       TEXT    NOT NULL,
    task          TEXT    NOT NULL,
    conversation  TEXT,
    status        TEXT    NOT NULL,
    input         TEXT    NOT NULL, -- as the input guards let it pass
    output        TEXT,             -- as the output guards let it pass
    latency_us    INTEGER NOT NULL,
    cost_nano_usd INTEGER,          -- NULL when the price is unknown
    input_tokens  INTEGER NOT NULL,
    output_tokens INTEGER NOT NULL,
    format        INTEGER NOT NULL,
    outcome       TEXT    NOT NULL, -- the whole outcome as JSON: scores, violations, usage
    digest        BLOB    NOT NULL, -- SHA-256 of all that was committed, to tell a repetition from a conflict
    began         INTEGER NOT NULL,
    ended         INTEGER NOT NULL,
    PRIMARY KEY (tenant, id)
) STRICT;
CREATE INDEX helm_turn_by_time ON helm_turn (tenant, began, id);
CREATE INDEX helm_turn_by_user ON helm_turn (tenant, user_id, began, id);
CREATE INDEX helm_turn_by_task ON helm_turn (tenant, task, began, id);

-- Every judgement ever accepted; the highest revision of a source is its current one.
CREATE TABLE helm_evidence (
    tenant   TEXT    NOT NULL,
    decision BLOB    NOT NULL,
    source   TEXT    NOT NULL,
    revision INTEGER NOT NULL,
    task     TEXT    NOT NULL, -- the decision's
    strategy TEXT    NOT NULL, -- the decision's
    value    REAL    NOT NULL, -- 0 to 1
    key      TEXT,             -- the caller's idempotency key
    at       INTEGER NOT NULL, -- when this value was first given; a repetition keeps it
    PRIMARY KEY (tenant, decision, source, revision)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX helm_evidence_by_key ON helm_evidence (tenant, key) WHERE key IS NOT NULL;
CREATE INDEX helm_evidence_by_task ON helm_evidence (tenant, task);

-- What a decision amounts to now, and what it has contributed to helm_stats.
CREATE TABLE helm_reward (
    tenant        TEXT    NOT NULL,
    decision      BLOB    NOT NULL,
    task          TEXT    NOT NULL,
    value         REAL,             -- NULL while there is no reward
    stage         TEXT,             -- default, provisional, judged, human
    silence_ended INTEGER NOT NULL, -- 1 once the reward window has ended
    format        INTEGER NOT NULL,
    reward        TEXT,             -- the whole reward as JSON
    contribution  TEXT    NOT NULL, -- rows of statistics as JSON
    PRIMARY KEY (tenant, decision)
) STRICT;
CREATE INDEX helm_reward_by_task ON helm_reward (tenant, task);

-- Learning state: sums over decisions. Always equal to the sum of helm_reward.contribution.
CREATE TABLE helm_stats (
    tenant    TEXT    NOT NULL,
    task      TEXT    NOT NULL,
    scope     TEXT    NOT NULL, -- task, segment or user
    member    TEXT    NOT NULL, -- which segment or user; empty for the task
    strategy  TEXT    NOT NULL,
    epoch     INTEGER NOT NULL, -- the first second of the time bucket
    layout    INTEGER NOT NULL, -- what packed means; 0 for none
    count     INTEGER NOT NULL, -- decisions with a reward
    reward    INTEGER NOT NULL, -- sum of rewards, fixed-point
    reward_sq INTEGER NOT NULL, -- sum of squared rewards, fixed-point
    cost      INTEGER NOT NULL, -- billionths of a dollar
    tokens    INTEGER NOT NULL, -- of prompts and answers
    latency_us INTEGER NOT NULL,
    failures  INTEGER NOT NULL, -- turns that failed for reasons other than quality
    loss      INTEGER NOT NULL, -- importance-weighted loss, fixed-point
    packed    BLOB,             -- components of a linear learner, 16 bytes each, little-endian
    PRIMARY KEY (tenant, task, scope, member, strategy, epoch, layout)
) STRICT, WITHOUT ROWID;

-- What is estimated from the statistics of all users, for each policy that reads it.
CREATE TABLE helm_prior (
    tenant      TEXT    NOT NULL,
    task        TEXT    NOT NULL,
    policy_hash TEXT    NOT NULL,
    revision    INTEGER NOT NULL,
    format      INTEGER NOT NULL,
    body        TEXT    NOT NULL,
    PRIMARY KEY (tenant, task, policy_hash)
) STRICT, WITHOUT ROWID;

CREATE TABLE helm_preference (
    tenant   TEXT    NOT NULL,
    user_id  TEXT    NOT NULL,
    revision INTEGER NOT NULL,
    format   INTEGER NOT NULL,
    body     TEXT    NOT NULL, -- JSON object: values by name
    PRIMARY KEY (tenant, user_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE helm_message (
    tenant       TEXT    NOT NULL,
    user_id      TEXT    NOT NULL,
    conversation TEXT    NOT NULL,
    turn         BLOB    NOT NULL,
    number       INTEGER NOT NULL, -- counted from 0 within the turn
    role         TEXT    NOT NULL,
    format       INTEGER NOT NULL,
    body         TEXT    NOT NULL, -- the message as JSON
    at           INTEGER NOT NULL,
    PRIMARY KEY (tenant, user_id, conversation, turn, number)
) STRICT;

CREATE TABLE helm_memory (
    tenant     TEXT    NOT NULL,
    user_id    TEXT    NOT NULL,
    collection TEXT    NOT NULL,
    turn       BLOB    NOT NULL,
    number     INTEGER NOT NULL, -- within the turn
    text       TEXT    NOT NULL,
    embedding  BLOB    NOT NULL, -- 32-bit floats, little-endian
    metadata   TEXT    NOT NULL,
    at         INTEGER NOT NULL,
    PRIMARY KEY (tenant, user_id, turn, number)
) STRICT;
CREATE INDEX helm_memory_by_collection ON helm_memory (tenant, user_id, collection);

-- Follow-up work. `lease` is a fencing token: it grows with every claim.
CREATE TABLE helm_job (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    tenant       TEXT    NOT NULL,
    kind         TEXT    NOT NULL,
    dedupe       TEXT    NOT NULL,
    body         TEXT    NOT NULL,
    run_at       INTEGER NOT NULL,
    attempts     INTEGER NOT NULL,
    max_attempts INTEGER NOT NULL,
    lease        INTEGER NOT NULL,
    lease_until  INTEGER,          -- NULL while nobody holds it
    dead         INTEGER NOT NULL, -- 1 once the attempts are used up
    last_error   TEXT,
    UNIQUE (tenant, dedupe)
) STRICT;
CREATE INDEX helm_job_due ON helm_job (dead, run_at);

-- One row, written to find out whether the file can be written to.
CREATE TABLE helm_health (
    id    INTEGER PRIMARY KEY CHECK (id = 1),
    beats INTEGER NOT NULL
) STRICT;
