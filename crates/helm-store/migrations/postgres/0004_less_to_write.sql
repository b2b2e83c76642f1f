-- Decisions whose turns have not ended, and until when they may take: less to write a turn than a job with its indexes.
-- A job is made of one when its deadline has passed. Jobs of before stay where they are.
CREATE TABLE helm_open_turn (
    tenant   TEXT COLLATE "C" NOT NULL,
    id       UUID             NOT NULL, -- the decision's
    deadline TIMESTAMPTZ      NOT NULL,
    PRIMARY KEY (tenant, id)
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000);

-- A user's decisions are found by the index of their draws, which holds all of them now: one index less to write.
-- Nothing asks for them in the order of their ids.
DROP INDEX helm_decision_by_user;
DROP INDEX helm_decision_by_draw;
CREATE INDEX helm_decision_by_draw ON helm_decision (tenant, user_id, task, draw DESC, id);
