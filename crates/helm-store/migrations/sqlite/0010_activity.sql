-- What happened in a stretch of time is counted from indexes alone: the rows themselves are some hundred times as wide.
DROP INDEX helm_turn_by_task;
CREATE INDEX helm_turn_by_task ON helm_turn (tenant, task, began, id, latency_us, cost_nano_usd);
DROP INDEX helm_reward_by_task;
CREATE INDEX helm_reward_by_task ON helm_reward (tenant, task, decision, value);

-- Turns that did not end as they should, or in which guards found something: few of many.
CREATE INDEX helm_turn_notable ON helm_turn (tenant, began, id, task, status)
    WHERE status <> 'completed' OR json_array_length(outcome, '$.violations') > 0;
