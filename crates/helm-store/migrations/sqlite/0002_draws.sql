-- The draws that a conversation or a user keeps to, and a task's settled decisions in order.
ALTER TABLE helm_decision ADD COLUMN conversation TEXT;
ALTER TABLE helm_decision ADD COLUMN draw INTEGER; -- of a sampled decision: how many draws it replaced in turn
UPDATE helm_decision SET conversation = json_extract(body, '$.context.conversation'),
    draw = CASE mode WHEN 'sampled' THEN 0 END;
CREATE INDEX helm_decision_by_draw ON helm_decision (tenant, user_id, task, draw DESC, id) WHERE draw IS NOT NULL;
CREATE INDEX helm_decision_by_conversation ON helm_decision (tenant, user_id, task, conversation, draw DESC, id)
    WHERE draw IS NOT NULL AND conversation IS NOT NULL;
DROP INDEX helm_reward_by_task;
CREATE INDEX helm_reward_by_task ON helm_reward (tenant, task, decision);
