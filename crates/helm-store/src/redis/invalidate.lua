-- KEYS[1]: a cached value. ARGV: the revision that the thing has now, for how many ms older ones are refused,
-- and the channel and text of the notice.
local held = redis.call('GETRANGE', KEYS[1], 0, 15)
if #held ~= 16 or held < ARGV[1] then redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2]) end
redis.call('PUBLISH', ARGV[3], ARGV[4])
