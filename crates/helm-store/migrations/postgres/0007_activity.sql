-- What happened in a stretch of time is counted from an index alone, once its pages are known to be visible to all.
DROP INDEX helm_turn_by_time;
CREATE INDEX helm_turn_by_time ON helm_turn (tenant, began, id) INCLUDE (task, status, latency_us, cost_nano_usd);

-- Turns that did not end as they should, or in which guards found something: few of many.
CREATE INDEX helm_turn_notable ON helm_turn (tenant, began, id)
    WHERE status <> 'completed' OR jsonb_array_length(outcome -> 'violations') > 0;
