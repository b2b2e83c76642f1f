-- One step of forgetting all values of a kind and tenant: keys that begin with ARGV[2] and are ARGV[3] bytes long.
-- Answers where the next step goes on; after the last, tells the channel ARGV[4] that nothing read so far is to be trusted.
local found = redis.call('SCAN', ARGV[1], 'MATCH', ARGV[2] .. '*', 'COUNT', 500)
for _, key in ipairs(found[2]) do
    if #key == tonumber(ARGV[3]) then
        redis.call('DEL', key)
    end
end
if found[1] == '0' then
    redis.call('PUBLISH', ARGV[4], '')
end
return found[1]
