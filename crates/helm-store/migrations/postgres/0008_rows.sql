-- What a statement was to change, when it is known how many rows that is. Fewer mean that somebody else has changed them
-- since they were read, and nothing of the statement is done.
CREATE FUNCTION helm_rows(changed BIGINT, wanted BIGINT) RETURNS BIGINT LANGUAGE plpgsql AS $$
BEGIN
    IF changed <> wanted THEN
        RAISE EXCEPTION 'somebody else has changed what was read' USING ERRCODE = 'serialization_failure';
    END IF;
    RETURN changed;
END
$$;
