-- What the beginnings of conversations came to; the messages stay as they were said.
CREATE TABLE helm_summary (
    tenant       TEXT    NOT NULL,
    user_id      TEXT    NOT NULL,
    conversation TEXT    NOT NULL,
    turn         BLOB    NOT NULL, -- the last turn that it covers
    text         TEXT    NOT NULL,
    at           INTEGER NOT NULL, -- when it was made, microseconds
    PRIMARY KEY (tenant, user_id, conversation)
) STRICT;
CREATE INDEX helm_summary_by_turn ON helm_summary (tenant, turn);
