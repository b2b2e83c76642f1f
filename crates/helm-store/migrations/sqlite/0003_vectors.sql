-- A tenant's memories live in collections, each with one metric and one dimension. The revision grows with every
-- change of its memories, whoever makes it, so that copies of them in memory know when they are out of date.
CREATE TABLE helm_collection (
    id        INTEGER PRIMARY KEY AUTOINCREMENT, -- never used twice, so a revision is never met again
    tenant    TEXT    NOT NULL,
    name      TEXT    NOT NULL,
    metric    TEXT    NOT NULL, -- cosine, inner_product, l2
    dimension INTEGER NOT NULL, -- components of an embedding
    revision  INTEGER NOT NULL DEFAULT 0,
    UNIQUE (tenant, name)
) STRICT;

-- Until now the dimension was a user's; where users of one tenant differ, the later ones move to collections of
-- their own.
INSERT INTO helm_collection (tenant, name, metric, dimension)
    SELECT tenant, collection, 'cosine', length(embedding) / 4
    FROM (SELECT tenant, collection, embedding, MIN(rowid) FROM helm_memory GROUP BY tenant, collection);
UPDATE helm_memory SET collection = collection || '@' || (length(embedding) / 4)
    WHERE length(embedding) / 4 <> (
        SELECT dimension FROM helm_collection c WHERE c.tenant = helm_memory.tenant AND c.name = collection);
INSERT INTO helm_collection (tenant, name, metric, dimension)
    SELECT tenant, collection, 'cosine', length(embedding) / 4
    FROM (SELECT tenant, collection, embedding, MIN(rowid) FROM helm_memory GROUP BY tenant, collection) WHERE true
    ON CONFLICT DO NOTHING;

-- Serves one user's memories and a whole tenant's alike.
DROP INDEX helm_memory_by_collection;
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
