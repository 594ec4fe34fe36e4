-- Write what a refresh brought. KEYS[1]: the principal's sessions. ARGV: id hash, owner of the lease, now, the sealed
-- refresh token it was made from, token's end or "", inactivity timeout or "", retention; then fields, name and value.
-- Answers 1, or 0 where nothing was written.
local id, owner, now = ARGV[1], ARGV[2], tonumber(ARGV[3])
local key, lease = prefix .. 'session:' .. id, prefix .. 'lease:' .. id
local plain, seen, refresh = unpack(redis.call('HMGET', key, 'p', 'seen', 'r'))
-- A session that ended has no plain field: a sign-out wins over everything in flight.
if not plain or refresh ~= ARGV[4] then return 0 end
-- A lease that ran out and was taken by another is the other's. One that nobody took since does no harm: that the
-- refresh token is still the one that was used tells that nobody has written.
local holder = redis.call('HGET', lease, 'owner')
if holder and holder ~= owner then return 0 end
local signed_in, before, exempt, organization = string.match(plain, '^(%S+) (%S+) (%d) (.*)$')
local token_end = ARGV[5] ~= '' and ARGV[5] or before
-- What has reached its end stays so, even where nobody has come yet to find it out.
if now >= tonumber(before) then return 0 end
if ARGV[6] ~= '' and exempt ~= '1' and now >= tonumber(seen) + tonumber(ARGV[6]) then return 0 end
local renewed = signed_in .. ' ' .. token_end .. ' ' .. exempt .. ' ' .. organization
redis.call('HSET', key, 'p', renewed)
for i = 8, #ARGV, 2 do redis.call('HSET', key, ARGV[i], ARGV[i + 1]) end
redis.call('EXPIRE', key, TOMBSTONE + math.ceil(math.max(tonumber(ARGV[7]), tonumber(token_end) - now)))
redis.call('HSET', KEYS[1], id, renewed)
redis.call('EXPIRE', KEYS[1], REMEMBERED)
redis.call('DEL', lease)
redis.call('PUBLISH', 'claims:changed', tag .. ' ' .. id)
return 1
