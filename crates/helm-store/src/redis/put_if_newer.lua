-- KEYS[1]: a cached value. ARGV: its revision as 16 hexadecimal digits, its bytes, its time to live in ms.
-- Answers nothing when it is held, or the later revision that is known.
local held = redis.call('GETRANGE', KEYS[1], 0, 15)
if #held == 16 and held > ARGV[1] then return held end
redis.call('SET', KEYS[1], ARGV[1] .. '=' .. ARGV[2], 'PX', ARGV[3])
return false
