-- As before, but nobody who looks for turns while some are moved to their month finds them in neither place: a reader
-- looks up the partitions under a lock of helm_turn, and waits for helm_turn_rest afterwards. A month to come has no turns
-- yet, so making it keeps no reader waiting.
CREATE OR REPLACE FUNCTION helm_make_month(month TIMESTAMPTZ) RETURNS BOOLEAN LANGUAGE plpgsql AS $$
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
    IF opens <= now() AT TIME ZONE 'UTC' OR EXISTS (SELECT FROM helm_turn_rest WHERE id >= low AND id < high) THEN
        LOCK TABLE ONLY helm_turn IN ACCESS EXCLUSIVE MODE;
    END IF;
    LOCK TABLE helm_turn_rest IN ACCESS EXCLUSIVE MODE;
    EXECUTE format('WITH moved AS (DELETE FROM helm_turn_rest WHERE id >= $1 AND id < $2 RETURNING *)
        INSERT INTO %I SELECT * FROM moved', child) USING low, high;
    EXECUTE format('ALTER TABLE helm_turn ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)', child, low, high);
    RETURN true;
END
$$;
