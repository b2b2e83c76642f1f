-- The correction of limit/gcra.rs.
-- KEYS[1]: as in acquire.lua. ARGV[1]: as there. Then for each limit: its field, how many parts make a
-- microsecond, '+' for what is owed or '-' for what is given back, and the time that takes.
local now = tonumber(ARGV[1])
if not now then
  local time = redis.call('TIME')
  now = time[1] * 1000000 + time[2]
end
local latest = 4503599627370496
local expiry = redis.call('PTTL', KEYS[1])
for first = 2, #ARGV, 5 do
  local parts = tonumber(ARGV[first + 1])
  local held = redis.call('HGET', KEYS[1], ARGV[first])
  local whole, part
  if held then
    whole, part = string.match(held, '^(%d+) (%d+)$')
    whole, part = tonumber(whole), tonumber(part)
  end
  if ARGV[first + 2] == '+' then
    if not whole or whole < now then whole, part = now, 0 end
    whole, part = whole + ARGV[first + 3], part + ARGV[first + 4]
    if part >= parts then whole, part = whole + 1, part - parts end
    if whole >= latest then whole, part = latest, 0 end
  elseif whole then
    whole, part = whole - ARGV[first + 3], part - ARGV[first + 4]
    if part < 0 then whole, part = whole - 1, part + parts end
    if whole < now then whole, part = now, 0 end
  end
  if whole then
    redis.call('HSET', KEYS[1], ARGV[first], string.format('%.0f %.0f', whole, part))
    expiry = math.max(expiry, math.floor((whole - now) / 1000) + 1000)
  end
end
if expiry > 0 then redis.call('PEXPIRE', KEYS[1], string.format('%.0f', expiry)) end
