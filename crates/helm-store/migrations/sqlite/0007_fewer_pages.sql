-- A memory's identity begins with its turn, not with its user: new ones are neighbours in the index, and turns that are
-- committed together change fewer of its pages. Row numbers stay, and the collections' revisions.
CREATE TABLE helm_memory_by_turn (
    tenant     TEXT    NOT NULL,
    user_id    TEXT    NOT NULL,
    collection TEXT    NOT NULL,
    turn       BLOB    NOT NULL,
    number     INTEGER NOT NULL, -- within the turn
    text       TEXT    NOT NULL,
    embedding  BLOB    NOT NULL, -- 32-bit floats, little-endian
    metadata   TEXT    NOT NULL,
    at         INTEGER NOT NULL,
    PRIMARY KEY (tenant, turn, number, user_id)
) STRICT;
INSERT INTO helm_memory_by_turn (rowid, tenant, user_id, collection, turn, number, text, embedding, metadata, at)
    SELECT rowid, tenant, user_id, collection, turn, number, text, embedding, metadata, at
    FROM helm_memory ORDER BY rowid;
DROP TABLE helm_memory;
ALTER TABLE helm_memory_by_turn RENAME TO helm_memory;
CREATE INDEX helm_memory_by_collection ON helm_memory (tenant, collection, user_id);

CREATE TRIGGER helm_memory_added AFTER INSERT ON helm_memory BEGIN
    UPDATE helm_collection SET revision = revision + 1 WHERE tenant = NEW.tenant AND name = NEW.collection;
END;
CREATE TRIGGER helm_memory_removed AFTER DELETE ON helm_memory BEGIN
    UPDATE helm_collection SET revision = revision + 1 WHERE tenant = OLD.tenant AND name = OLD.collection;
END;
CREATE TRIGGER helm_memory_changed AFTER UPDATE ON helm_memory BEGIN
    UPDATE helm_collection SET revision = revision + 1 WHERE tenant = NEW.tenant AND name = NEW.collection;
    UPDATE helm_collection SET revision = revision + 1 WHERE tenant = OLD.tenant AND name = OLD.collection
        AND (OLD.tenant, OLD.collection) <> (NEW.tenant, NEW.collection);
END;

-- A user's decisions are found by the index of their draws, which holds all of them now: one index less to write a
-- turn. Nothing asks for them in the order of their ids.
DROP INDEX helm_decision_by_user;
DROP INDEX helm_decision_by_draw;
CREATE INDEX helm_decision_by_draw ON helm_decision (tenant, user_id, task, draw DESC, id);
