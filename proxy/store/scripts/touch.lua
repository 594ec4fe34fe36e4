-- Move a session's last activity forward. KEYS[1]: the session. ARGV[1]: the instant. What has ended is left alone.
local seen = redis.call('HGET', KEYS[1], 'seen')
if seen and tonumber(seen) < tonumber(ARGV[1]) then redis.call('HSET', KEYS[1], 'seen', ARGV[1]) end
return 1
