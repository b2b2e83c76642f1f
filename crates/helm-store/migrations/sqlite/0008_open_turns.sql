-- Decisions whose turns have not ended, and until when they may take: two pages less to write a turn than as a job with
-- its indexes. A job is made of one when its deadline has passed. Jobs of before stay where they are.
CREATE TABLE helm_open_turn (
    tenant   TEXT    NOT NULL,
    id       BLOB    NOT NULL, -- the decision's
    deadline INTEGER NOT NULL,
    PRIMARY KEY (tenant, id)
) STRICT, WITHOUT ROWID;
