-- Turns that did not end as they should, or in which guards found something: few of many.
CREATE INDEX helm_turn_notable ON helm_turn (tenant, began, id)
    WHERE status <> 'completed' OR jsonb_array_length(outcome -> 'violations') > 0;
