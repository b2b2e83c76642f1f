-- Cost, tokens and latency are sums over all turns that have ended, not only over those with a reward.
ALTER TABLE helm_stats ADD COLUMN turns INTEGER NOT NULL DEFAULT 0; -- over which cost, tokens and latency are summed

-- Whatever says how long a turn took, what it cost or that it failed is about one that has ended.
UPDATE helm_reward SET contribution = (
    SELECT json_group_array(json(json_set(value, '$.stats.turns',
        CASE WHEN value ->> '$.stats.latency_us' <> 0 OR value ->> '$.stats.tokens' <> 0
            OR value ->> '$.stats.cost' <> 0 OR value ->> '$.stats.failures' <> 0 THEN 1 ELSE 0 END)) ORDER BY key)
    FROM json_each(contribution));
UPDATE helm_stats SET turns = logged.turns
FROM (
    SELECT r.tenant, r.task, c.value ->> '$.scope' AS place, c.value ->> '$.strategy' AS strategy,
        c.value ->> '$.epoch' AS epoch, c.value ->> '$.layout' AS layout, sum(c.value ->> '$.stats.turns') AS turns
    FROM helm_reward r, json_each(r.contribution) c
    GROUP BY 1, 2, 3, 4, 5, 6
) logged
WHERE helm_stats.tenant = logged.tenant AND helm_stats.task = logged.task
    AND logged.place = CASE scope WHEN 'task' THEN 'task' ELSE scope || ':' || member END
    AND helm_stats.strategy = logged.strategy AND helm_stats.epoch = logged.epoch AND helm_stats.layout = logged.layout;
