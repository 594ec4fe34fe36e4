-- Keep a posted form. KEYS[1]: `claims:{forms}:kept`, names by the instant they lapse. ARGV: name, sealed form, now,
-- seconds, what it is charged, what all may come to. Answers 1, or 0 where there is no room.
local sizes, form = string.gsub(KEYS[1], 'kept$', 'sizes'), string.gsub(KEYS[1], 'kept$', 'form:')
local name, now, seconds = ARGV[1], tonumber(ARGV[3]), tonumber(ARGV[4])
local function forget(lapsed)
  local size = redis.call('HGET', sizes, lapsed)
  if size then
    redis.call('HDEL', sizes, lapsed)
    redis.call('HINCRBY', sizes, '*', -tonumber(size))
  end
  redis.call('ZREM', KEYS[1], lapsed)
  redis.call('DEL', form .. lapsed)
end
for _, lapsed in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now)) do forget(lapsed) end
local others = tonumber(redis.call('HGET', sizes, '*') or '0') - tonumber(redis.call('HGET', sizes, name) or '0')
if others + tonumber(ARGV[5]) > tonumber(ARGV[6]) then return 0 end
forget(name)
redis.call('HSET', form .. name, 'f', ARGV[2])
redis.call('ZADD', KEYS[1], now + seconds, name)
redis.call('HSET', sizes, name, ARGV[5])
redis.call('HINCRBY', sizes, '*', ARGV[5])
for _, key in ipairs({form .. name, KEYS[1], sizes}) do redis.call('EXPIRE', key, seconds) end
return 1
