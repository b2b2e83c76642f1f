-- Keys that open the API. Only their hashes are kept, so nothing that leaks of this table opens anything.
CREATE TABLE helm_api_key (
    tenant  TEXT    NOT NULL, -- whose data the key opens
    id      TEXT    NOT NULL, -- the part of the key that may be shown
    name    TEXT    NOT NULL, -- limits are counted by it
    role    TEXT    NOT NULL, -- what the key may do
    hash    BLOB    NOT NULL, -- SHA-256 of the whole key
    created INTEGER NOT NULL,
    expires INTEGER,          -- from then on it opens nothing; NULL for never
    PRIMARY KEY (tenant, id)
) STRICT, WITHOUT ROWID;
