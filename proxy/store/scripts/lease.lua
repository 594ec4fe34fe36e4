-- Hold the right to renew a session. KEYS[1]: the principal's sessions. ARGV: id hash, owner, seconds (0 gives it up).
-- Answers 1 where the owner holds it, or has given it up, else 0. A hash: GET is more than the user of Redis is given.
local lease = prefix .. 'lease:' .. ARGV[1]
local holder = redis.call('HGET', lease, 'owner')
if holder and holder ~= ARGV[2] then return 0 end
if ARGV[3] == '0' then redis.call('DEL', lease) return 1 end
if not redis.call('HGET', prefix .. 'session:' .. ARGV[1], 'p') then return 0 end
redis.call('HSET', lease, 'owner', ARGV[2])
redis.call('EXPIRE', lease, ARGV[3])
return 1
