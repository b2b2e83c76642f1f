-- Text is ordered by its bytes, as everywhere in Helm. Fixed-point columns are multiples of 2^-32.
-- Ids of decisions and turns are UUIDs of version 7, so they sort by time, and helm_turn is partitioned by ranges of
-- ids. Every key begins with the tenant.
-- `format` is the version of the JSON beside it; a build refuses what is newer than it.
-- JSONB holds what Helm made; JSON holds what an application gave, which must come back as it was.

-- One row for each decision, written before its answer leaves.
CREATE TABLE helm_decision (
    tenant       TEXT COLLATE "C" NOT NULL,
    id           UUID             NOT NULL,
    user_id      TEXT COLLATE "C" NOT NULL,
    task         TEXT COLLATE "C" NOT NULL,
    strategy     TEXT COLLATE "C" NOT NULL, -- name@version, as chosen
    propensity   DOUBLE PRECISION NOT NULL, -- probability of that choice
    mode         TEXT COLLATE "C" NOT NULL, -- sampled, sticky, assigned, pinned, fallback
    policy       TEXT COLLATE "C" NOT NULL,
    policy_hash  TEXT COLLATE "C" NOT NULL,
    experiment   TEXT COLLATE "C",
    variant      TEXT COLLATE "C",
    conversation TEXT COLLATE "C",
    draw         BIGINT,                    -- of a sampled decision: how many draws it replaced in turn
    at           TIMESTAMPTZ      NOT NULL,
    format       INTEGER          NOT NULL,
    body         JSONB            NOT NULL, -- the whole decision: context, candidates, exclusions
    PRIMARY KEY (tenant, id)
);
CREATE INDEX helm_decision_by_task ON helm_decision (tenant, task, strategy);
CREATE INDEX helm_decision_by_user ON helm_decision (tenant, user_id, id);
CREATE INDEX helm_decision_by_draw ON helm_decision (tenant, user_id, task, draw DESC, id) WHERE draw IS NOT NULL;
CREATE INDEX helm_decision_by_conversation ON helm_decision (tenant, user_id, task, conversation, draw DESC, id)
    WHERE draw IS NOT NULL AND conversation IS NOT NULL;

-- One row for each finished turn, with or without a decision.
CREATE TABLE helm_turn (
    tenant        TEXT COLLATE "C" NOT NULL,
    id            UUID             NOT NULL,
    user_id       TEXT COLLATE "C" NOT NULL,
    task          TEXT COLLATE "C" NOT NULL,
    conversation  TEXT COLLATE "C",
    status        TEXT COLLATE "C" NOT NULL,
    input         TEXT             NOT NULL, -- as the input guards let it pass
    output        TEXT,                      -- as the output guards let it pass
    latency_us    BIGINT           NOT NULL,
    cost_nano_usd BIGINT,                    -- NULL when the price is unknown
    input_tokens  BIGINT           NOT NULL,
    output_tokens BIGINT           NOT NULL,
    format        INTEGER          NOT NULL,
    outcome       JSONB            NOT NULL, -- the whole outcome: scores, violations, usage
    digest        BYTEA            NOT NULL, -- SHA-256 of all that was committed, to tell a repetition from a conflict
    began         TIMESTAMPTZ      NOT NULL,
    ended         TIMESTAMPTZ      NOT NULL,
    PRIMARY KEY (tenant, id)
) PARTITION BY RANGE (id);
CREATE INDEX helm_turn_by_time ON helm_turn (tenant, began, id);
CREATE INDEX helm_turn_by_user ON helm_turn (tenant, user_id, began, id);
CREATE INDEX helm_turn_by_task ON helm_turn (tenant, task, began, id);

-- Turns by the month of their ids: helm_turn_YYYYMM for each month around now, helm_turn_rest for all others.
CREATE TABLE helm_turn_rest PARTITION OF helm_turn DEFAULT;

-- The least id of a moment.
CREATE FUNCTION helm_first_id(at TIMESTAMPTZ) RETURNS UUID LANGUAGE sql IMMUTABLE STRICT RETURN
    rpad(lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0'), 32, '0')::uuid;

-- Makes a month's partition unless it is there, with what helm_turn_rest has of it. Answers whether it was made.
CREATE FUNCTION helm_make_month(month TIMESTAMPTZ) RETURNS BOOLEAN LANGUAGE plpgsql AS $$
DECLARE
    opens TIMESTAMP := date_trunc('month', month AT TIME ZONE 'UTC');
    low UUID := helm_first_id(opens AT TIME ZONE 'UTC');
    high UUID := helm_first_id((opens + INTERVAL '1 month') AT TIME ZONE 'UTC');
    child TEXT := 'helm_turn_' || to_char(opens, 'YYYYMM');
BEGIN
    -- Several processes may want it at once.
    PERFORM pg_advisory_xact_lock(hashtextextended('helm months', 0));
    IF to_regclass(child) IS NOT NULL THEN
        RETURN false;
    END IF;
    EXECUTE format('CREATE TABLE %I (LIKE helm_turn INCLUDING DEFAULTS INCLUDING CONSTRAINTS)', child);
    IF EXISTS (SELECT FROM helm_turn_rest WHERE id >= low AND id < high) THEN
        -- Nobody may add to the rest what would then have its own place.
        LOCK TABLE helm_turn_rest IN ACCESS EXCLUSIVE MODE;
        EXECUTE format('WITH moved AS (DELETE FROM helm_turn_rest WHERE id >= $1 AND id < $2 RETURNING *)
            INSERT INTO %I SELECT * FROM moved', child) USING low, high;
    END IF;
    EXECUTE format('ALTER TABLE helm_turn ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)', child, low, high);
    RETURN true;
END
$$;

-- Drops the months that end before a moment and have no turns. Answers how many.
CREATE FUNCTION helm_drop_months(before TIMESTAMPTZ) RETURNS BIGINT LANGUAGE plpgsql AS $$
DECLARE
    child TEXT;
    filled BOOLEAN;
    dropped BIGINT := 0;
BEGIN
    FOR child IN
        SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
        WHERE i.inhparent = 'helm_turn'::regclass AND c.relname ~ '^helm_turn_[0-9]{6}$'
            AND make_timestamp(substr(c.relname, 11, 4)::int, substr(c.relname, 15, 2)::int, 1, 0, 0, 0)
                + INTERVAL '1 month' <= before AT TIME ZONE 'UTC'
        ORDER BY c.relname
    LOOP
        EXECUTE format('SELECT EXISTS (SELECT FROM %I)', child) INTO filled;
        CONTINUE WHEN filled;
        -- Once more, when nobody can add to it.
        LOCK TABLE helm_turn IN ACCESS EXCLUSIVE MODE;
        EXECUTE format('SELECT EXISTS (SELECT FROM %I)', child) INTO filled;
        CONTINUE WHEN filled;
        EXECUTE format('DROP TABLE %I', child);
        dropped := dropped + 1;
    END LOOP;
    RETURN dropped;
END
$$;

-- Every judgement ever accepted; the highest revision of a source is its current one.
CREATE TABLE helm_evidence (
    tenant   TEXT COLLATE "C" NOT NULL,
    decision UUID             NOT NULL,
    source   TEXT COLLATE "C" NOT NULL,
    revision BIGINT           NOT NULL,
    task     TEXT COLLATE "C" NOT NULL, -- the decision's
    strategy TEXT COLLATE "C" NOT NULL, -- the decision's
    value    DOUBLE PRECISION NOT NULL CHECK (value >= 0 AND value <= 1),
    key      TEXT COLLATE "C",          -- the caller's idempotency key
    at       TIMESTAMPTZ      NOT NULL, -- when this value was first given; a repetition keeps it
    PRIMARY KEY (tenant, decision, source, revision)
);
CREATE UNIQUE INDEX helm_evidence_by_key ON helm_evidence (tenant, key) WHERE key IS NOT NULL;
CREATE INDEX helm_evidence_by_task ON helm_evidence (tenant, task);

-- What a decision amounts to now, and what it has contributed to helm_stats.
CREATE TABLE helm_reward (
    tenant        TEXT COLLATE "C" NOT NULL,
    decision      UUID             NOT NULL,
    task          TEXT COLLATE "C" NOT NULL,
    value         DOUBLE PRECISION,          -- NULL while there is no reward
    stage         TEXT COLLATE "C",          -- default, provisional, judged, human
    silence_ended BOOLEAN          NOT NULL, -- whether the reward window has ended
    format        INTEGER          NOT NULL,
    reward        JSONB,                     -- the whole reward
    contribution  JSON             NOT NULL, -- rows of statistics
    PRIMARY KEY (tenant, decision)
) WITH (fillfactor = 70);
CREATE INDEX helm_reward_by_task ON helm_reward (tenant, task, decision);

-- Learning state: sums over decisions. Always equal to the sum of helm_reward.contribution and helm_checkpoint.
CREATE TABLE helm_stats (
    tenant     TEXT COLLATE "C" NOT NULL,
    task       TEXT COLLATE "C" NOT NULL,
    scope      TEXT COLLATE "C" NOT NULL, -- task, segment or user
    member     TEXT COLLATE "C" NOT NULL, -- which segment or user; empty for the task
    strategy   TEXT COLLATE "C" NOT NULL,
    epoch      BIGINT NOT NULL, -- the first second of the time bucket
    layout     BIGINT NOT NULL, -- what packed means; 0 for none
    count      BIGINT NOT NULL CONSTRAINT helm_stats_count CHECK (count >= 0), -- decisions with a reward
    reward     BIGINT NOT NULL, -- sum of rewards, fixed-point
    reward_sq  BIGINT NOT NULL, -- sum of squared rewards, fixed-point
    turns      BIGINT NOT NULL, -- turns that have ended, over which cost, tokens and latency are summed
    cost       BIGINT NOT NULL, -- billionths of a dollar
    tokens     BIGINT NOT NULL, -- of prompts and answers
    latency_us BIGINT NOT NULL,
    failures   BIGINT NOT NULL CONSTRAINT helm_stats_failures CHECK (failures >= 0), -- not about quality
    loss       BIGINT NOT NULL, -- importance-weighted loss, fixed-point
    packed     NUMERIC[],       -- components of a linear learner: integers of 128 bits; NULL for none
    CONSTRAINT helm_stats_packed_shape CHECK (array_position(packed, NULL) IS NULL),
    CONSTRAINT helm_stats_packed_range CHECK (-170141183460469231731687303715884105728 <= ALL (packed)
        AND 170141183460469231731687303715884105727 >= ALL (packed)),
    PRIMARY KEY (tenant, task, scope, member, strategy, epoch, layout)
) WITH (fillfactor = 50);

-- What decisions that have left the log had contributed to helm_stats, which is always the sum of this and of
-- helm_reward.contribution.
CREATE TABLE helm_checkpoint (
    LIKE helm_stats,
    CONSTRAINT helm_checkpoint_packed_shape CHECK (array_position(packed, NULL) IS NULL),
    CONSTRAINT helm_checkpoint_packed_range CHECK (-170141183460469231731687303715884105728 <= ALL (packed)
        AND 170141183460469231731687303715884105727 >= ALL (packed)),
    PRIMARY KEY (tenant, task, scope, member, strategy, epoch, layout)
);

-- How many decisions of a strategy have left the log, and what people had said of them.
CREATE TABLE helm_checkpoint_total (
    tenant         TEXT COLLATE "C" NOT NULL,
    task           TEXT COLLATE "C" NOT NULL,
    strategy       TEXT COLLATE "C" NOT NULL,
    decisions      BIGINT NOT NULL,
    contributed    BIGINT NOT NULL, -- those that had contributed anything
    feedback_count BIGINT NOT NULL, -- one for each decision and source
    feedback_sum   BIGINT NOT NULL, -- fixed-point
    PRIMARY KEY (tenant, task, strategy)
);

-- What is estimated from the statistics of all users, for each policy that reads it.
CREATE TABLE helm_prior (
    tenant      TEXT COLLATE "C" NOT NULL,
    task        TEXT COLLATE "C" NOT NULL,
    policy_hash TEXT COLLATE "C" NOT NULL,
    revision    BIGINT           NOT NULL,
    format      INTEGER          NOT NULL,
    body        JSON             NOT NULL,
    PRIMARY KEY (tenant, task, policy_hash)
);

CREATE TABLE helm_preference (
    tenant   TEXT COLLATE "C" NOT NULL,
    user_id  TEXT COLLATE "C" NOT NULL,
    revision BIGINT           NOT NULL, -- 0 while there are none
    format   INTEGER          NOT NULL,
    body     JSON             NOT NULL, -- values by name
    PRIMARY KEY (tenant, user_id)
);

CREATE TABLE helm_message (
    tenant       TEXT COLLATE "C" NOT NULL,
    user_id      TEXT COLLATE "C" NOT NULL,
    conversation TEXT COLLATE "C" NOT NULL,
    turn         UUID             NOT NULL,
    number       BIGINT           NOT NULL, -- counted from 0 within the turn
    role         TEXT COLLATE "C" NOT NULL,
    format       INTEGER          NOT NULL,
    body         JSON             NOT NULL, -- the message
    at           TIMESTAMPTZ      NOT NULL,
    PRIMARY KEY (tenant, user_id, conversation, turn, number)
);

-- A tenant's memories live in collections, each with one metric and one dimension.
CREATE TABLE helm_collection (
    tenant    TEXT COLLATE "C" NOT NULL,
    name      TEXT COLLATE "C" NOT NULL,
    metric    TEXT COLLATE "C" NOT NULL, -- cosine, inner_product, l2
    dimension BIGINT           NOT NULL, -- components of an embedding
    PRIMARY KEY (tenant, name)
);

CREATE TABLE helm_memory (
    tenant     TEXT COLLATE "C" NOT NULL,
    user_id    TEXT COLLATE "C" NOT NULL,
    collection TEXT COLLATE "C" NOT NULL,
    space      TEXT COLLATE "C" NOT NULL, -- the collection's metric and dimension, as in cosine/384
    indexed    BOOLEAN          NOT NULL DEFAULT true, -- false for what the HNSW index of its space has not got yet
    turn       UUID             NOT NULL,
    number     BIGINT           NOT NULL, -- within the turn
    text       TEXT             NOT NULL,
    embedding  REAL[]           NOT NULL,
    metadata   JSON             NOT NULL,
    -- The metadata for conditions. JSONB has no NUL; U+FFFF stands for it.
    facts      JSONB            NOT NULL GENERATED ALWAYS AS (CASE WHEN strpos(metadata::text, '\u0000') = 0
        THEN metadata::text::jsonb
        ELSE regexp_replace(metadata::text, '(?<!\\)((?:\\\\)*)\\u0000', '\1\\uffff', 'g')::jsonb END) STORED,
    at         TIMESTAMPTZ      NOT NULL,
    PRIMARY KEY (tenant, user_id, turn, number)
);
CREATE INDEX helm_memory_by_collection ON helm_memory (tenant, collection, user_id);
CREATE INDEX helm_memory_fresh ON helm_memory (space, tenant, collection, user_id) WHERE NOT indexed;
-- With the extension pgvector, embeddings are vectors of its own type.
DO $$
BEGIN
    IF EXISTS (SELECT 1 FROM pg_extension WHERE extname = 'vector') THEN
        ALTER TABLE helm_memory ALTER COLUMN embedding TYPE vector USING embedding::vector;
    END IF;
END
$$;

-- What conditions on metadata look at; NULL for what is of another type.
CREATE FUNCTION helm_number(value JSONB) RETURNS DOUBLE PRECISION LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$ SELECT CASE WHEN jsonb_typeof(value) = 'number' THEN value::double precision END $$;
CREATE FUNCTION helm_array(value JSONB) RETURNS JSONB LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$ SELECT CASE WHEN jsonb_typeof(value) = 'array' THEN value END $$;
-- A text YYYY-MM-DDThh:mm:ss[.f] with 1 to 6 decimals and Z, +hh:mm or -hh:mm. Impossible days are no moments.
CREATE FUNCTION helm_time(value JSONB) RETURNS TIMESTAMPTZ LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
    t TEXT := value #>> '{}';
    y INT;
    d INT;
    moment TIMESTAMPTZ;
BEGIN
    IF jsonb_typeof(value) <> 'string' OR t COLLATE "C" !~ ('^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])'
        'T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]{1,6})?(Z|[+-]([01][0-9]|2[0-5]):[0-5][0-9])$') THEN
        RETURN NULL;
    END IF;
    -- The year before 1 is 0 there and -1 here.
    y := CASE WHEN left(t, 4) = '0000' THEN -1 ELSE left(t, 4)::int END;
    d := substr(t, 9, 2)::int;
    IF d > extract(day FROM make_date(y, substr(t, 6, 2)::int, 1) + interval '1 month' - interval '1 day') THEN
        RETURN NULL;
    END IF;
    moment := make_timestamp(y, substr(t, 6, 2)::int, d, substr(t, 12, 2)::int, substr(t, 15, 2)::int,
        substring(t FROM '^.{17}([0-9.]+)')::double precision) AT TIME ZONE 'UTC';
    IF right(t, 1) <> 'Z' THEN
        moment := moment - (CASE left(right(t, 6), 1) WHEN '-' THEN -1 ELSE 1 END)
            * make_interval(hours => substr(right(t, 6), 2, 2)::int, mins => right(t, 2)::int);
    END IF;
    -- The latest moment that Helm can read.
    RETURN CASE WHEN moment <= timestamptz '9999-12-30 22:00:00.999999+00' THEN moment END;
END
$$;

-- Follow-up work. `lease` is a fencing token: it grows with every claim.
CREATE TABLE helm_job (
    tenant       TEXT COLLATE "C" NOT NULL,
    id           BIGINT           NOT NULL GENERATED ALWAYS AS IDENTITY,
    kind         TEXT COLLATE "C" NOT NULL,
    dedupe       TEXT COLLATE "C" NOT NULL,
    body         JSON             NOT NULL,
    run_at       TIMESTAMPTZ      NOT NULL,
    attempts     BIGINT           NOT NULL,
    max_attempts BIGINT           NOT NULL,
    lease        BIGINT           NOT NULL,
    lease_until  TIMESTAMPTZ,               -- NULL while nobody holds it
    dead         BOOLEAN          NOT NULL, -- once the attempts are used up
    last_error   TEXT,
    PRIMARY KEY (tenant, id),
    UNIQUE (tenant, dedupe)
) WITH (fillfactor = 70);
CREATE INDEX helm_job_due ON helm_job (run_at, id) WHERE NOT dead;

-- One row, written to find out whether the database can be written to.
CREATE TABLE helm_health (
    id    INTEGER PRIMARY KEY CHECK (id = 1),
    beats BIGINT NOT NULL
);
