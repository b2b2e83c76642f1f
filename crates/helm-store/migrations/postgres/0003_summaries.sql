-- What the beginnings of conversations came to; the messages stay as they were said.
CREATE TABLE helm_summary (
    tenant       TEXT COLLATE "C" NOT NULL,
    user_id      TEXT COLLATE "C" NOT NULL,
    conversation TEXT COLLATE "C" NOT NULL,
    turn         UUID             NOT NULL, -- the last turn that it covers
    text         TEXT             NOT NULL,
    at           TIMESTAMPTZ      NOT NULL, -- when it was made
    PRIMARY KEY (tenant, user_id, conversation)
);
CREATE INDEX helm_summary_by_turn ON helm_summary (tenant, turn);
