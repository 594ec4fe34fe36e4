-- Change settings if nobody has since. KEYS[1]: `claims:{settings}:values`. ARGV: the revision that is expected, the one
-- that it becomes, the entry for the history, then names and values; an empty value forgets. Answers 1 where it did.
local revision = tonumber(redis.call('HGET', KEYS[1], 'revision') or '0')
if revision ~= tonumber(ARGV[1]) then return 0 end
local history = string.gsub(KEYS[1], 'values$', 'history')
for i = 4, #ARGV, 2 do
  if ARGV[i + 1] == '' then redis.call('HDEL', KEYS[1], ARGV[i]) else redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1]) end
end
redis.call('HSET', KEYS[1], 'revision', ARGV[2])
redis.call('LPUSH', history, ARGV[3])
redis.call('LTRIM', history, 0, 9999)
redis.call('PUBLISH', 'claims:settings', ARGV[2])
return 1
