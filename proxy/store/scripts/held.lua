-- A form that is kept. KEYS[1]: `claims:{forms}:kept`. ARGV: name, now, 1 to take it. Answers it, or nothing.
local sizes, form = string.gsub(KEYS[1], 'kept$', 'sizes'), string.gsub(KEYS[1], 'kept$', 'form:') .. ARGV[1]
local lapses, sealed = redis.call('ZMSCORE', KEYS[1], ARGV[1])[1], redis.call('HGET', form, 'f')
if not sealed or not lapses or tonumber(lapses) <= tonumber(ARGV[2]) then return false end
if ARGV[3] == '1' then
  redis.call('DEL', form)
  redis.call('ZREM', KEYS[1], ARGV[1])
  redis.call('HINCRBY', sizes, '*', -tonumber(redis.call('HGET', sizes, ARGV[1]) or '0'))
  redis.call('HDEL', sizes, ARGV[1])
end
return sealed
