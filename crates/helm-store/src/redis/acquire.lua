-- The generic cell rate algorithm of limit/gcra.rs, for all limits of a key or none.
-- KEYS[1]: a hash with the theoretical arrival time of each limit, as microseconds and parts of one.
-- ARGV[1]: the present in microseconds, or '' for the server's own. Then for each limit: its field, how many
-- parts make a microsecond, and the times that the cost and the whole burst take, as microseconds and parts.
-- Answers nothing, or the refusing limit with the longest wait: its number from 0, and microseconds.
local now = tonumber(ARGV[1])
if not now then
  local time = redis.call('TIME')
  now = time[1] * 1000000 + time[2]
end
local writes, longest, which, idle = {}, -1, 0, now
for first = 2, #ARGV, 6 do
  local parts = tonumber(ARGV[first + 1])
  local whole, part = now, 0
  local held = redis.call('HGET', KEYS[1], ARGV[first])
  if held then
    local held_whole, held_part = string.match(held, '^(%d+) (%d+)$')
    held_whole, held_part = tonumber(held_whole), tonumber(held_part)
    if held_whole and held_whole >= now then whole, part = held_whole, held_part end
  end
  whole, part = whole + ARGV[first + 2], part + ARGV[first + 3]
  if part >= parts then whole, part = whole + 1, part - parts end
  local wait = whole - now - ARGV[first + 4]
  if part > tonumber(ARGV[first + 5]) then wait = wait + 1 end
  if wait > 0 then
    if wait > longest then longest, which = wait, (first - 2) / 6 end
  else
    writes[#writes + 1] = ARGV[first]
    writes[#writes + 1] = string.format('%.0f %.0f', whole, part)
    if whole > idle then idle = whole end
  end
end
if longest > 0 then return { which, longest } end
redis.call('HSET', KEYS[1], unpack(writes))
redis.call('PEXPIRE', KEYS[1], string.format('%.0f', math.floor((idle - now) / 1000) + 1000))
return {}
