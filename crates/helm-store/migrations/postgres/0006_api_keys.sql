-- Keys that open the API. Only their hashes are kept, so nothing that leaks of this table opens anything.
CREATE TABLE helm_api_key (
    tenant  TEXT COLLATE "C" NOT NULL, -- whose data the key opens
    id      TEXT COLLATE "C" NOT NULL, -- the part of the key that may be shown
    name    TEXT COLLATE "C" NOT NULL, -- limits are counted by it
    role    TEXT COLLATE "C" NOT NULL, -- what the key may do
    hash    BYTEA            NOT NULL CHECK (length(hash) = 32), -- SHA-256 of the whole key
    created TIMESTAMPTZ      NOT NULL,
    expires TIMESTAMPTZ,               -- from then on it opens nothing; NULL for never
    PRIMARY KEY (tenant, id)
);
