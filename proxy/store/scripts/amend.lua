-- Write one more field of a session, once. ARGV: id hash, name, value. What has ended, or has the field, is left alone.
local key = prefix .. 'session:' .. ARGV[1]
local alive, known = unpack(redis.call('HMGET', key, 'p', ARGV[2]))
if not alive or known then return 0 end
redis.call('HSET', key, ARGV[2], ARGV[3])
redis.call('PUBLISH', 'claims:changed', tag .. ' ' .. ARGV[1])
return 1
