-- What decisions that have left the log had contributed to helm_stats, which is always the sum of this and of
-- helm_reward.contribution.
CREATE TABLE helm_checkpoint (
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
    turns     INTEGER NOT NULL, -- turns that have ended, over which cost, tokens and latency are summed
    cost      INTEGER NOT NULL, -- billionths of a dollar
    tokens    INTEGER NOT NULL, -- of prompts and answers
    latency_us INTEGER NOT NULL,
    failures  INTEGER NOT NULL, -- turns that failed for reasons other than quality
    loss      INTEGER NOT NULL, -- importance-weighted loss, fixed-point
    packed    BLOB,             -- components of a linear learner, 16 bytes each, little-endian
    PRIMARY KEY (tenant, task, scope, member, strategy, epoch, layout)
) STRICT, WITHOUT ROWID;

-- How many decisions of a strategy have left the log, and what people had said of them.
CREATE TABLE helm_checkpoint_total (
    tenant         TEXT    NOT NULL,
    task           TEXT    NOT NULL,
    strategy       TEXT    NOT NULL,
    decisions      INTEGER NOT NULL,
    contributed    INTEGER NOT NULL, -- those that had contributed anything
    feedback_count INTEGER NOT NULL, -- one for each decision and source
    feedback_sum   INTEGER NOT NULL, -- fixed-point
    PRIMARY KEY (tenant, task, strategy)
) STRICT, WITHOUT ROWID;
