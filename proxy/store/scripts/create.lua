-- Judge a sign-in and, where it may, write its session. KEYS[1]: the principal's sessions.
-- ARGV[1]: the creation as JSON, `write` and `signed_in` among it; then the sealed fields, name and value.
-- Answers {1, signed-in instant} (written only where `write` is set and the instant is the one given) or {0, mark}.
local c = cjson.decode(ARGV[1])
local organization, now = c.organization, c.now
local owes, signs_out = 'c:', 'o:'
local authentications = prefix .. 'authentications:' .. organization

-- The nearer end; of equal ones the session timeout wins and the token's end yields, as in policy.
local function nearer_end(signed_in, token_end, seen, exempt)
  local at, reason = token_end, 'token_lifetime'
  if c.session_length then at, reason = signed_in + c.session_length, 'session_timeout' end
  if c.inactivity and not exempt then
    local idle = seen + c.inactivity
    if idle < at or (idle == at and reason == 'token_lifetime') then return idle, 'inactivity_timeout' end
  end
  return at, reason
end

-- A session that the store has forgotten reached a custom limit, if one acts, at the latest when it was forgotten.
local function forgotten(id, signed_in, exempt)
  redis.call('HDEL', KEYS[1], id)
  if c.session_length or (c.inactivity and not exempt) then
    raise(owes .. organization, math.min(now, signed_in + (c.session_length or c.retention)))
  end
end

local function sweep(id, entry)
  local signed_in, token_end, exempt, where = string.match(entry, '^(%S+) (%S+) (%d) (.*)$')
  if where ~= organization then return end
  signed_in, exempt = tonumber(signed_in), exempt == '1'
  local seen = redis.call('HGET', prefix .. 'session:' .. id, 'seen')
  if not seen then return forgotten(id, signed_in, exempt) end
  local at, reason = nearer_end(signed_in, tonumber(token_end), tonumber(seen), exempt)
  if now < at then return end
  end_session(id, organization, reason, at)
  if reason ~= 'token_lifetime' then raise(owes .. organization, at) end
end

local entries = redis.call('HGETALL', KEYS[1])
for i = 1, #entries, 2 do sweep(entries[i], entries[i + 1]) end

-- The signed-in instant first recorded for an authentication; members are "authentication signed-in".
local function recorded(command, ...)
  local found = redis.call(command, authentications, ...)[1]
  return found and tonumber(string.match(found, ' (%S+)$'))
end

local auth, exact, known = c.authenticated_at, false, false
if not c.counts_as_credentials then
  -- Without credentials nobody restarts a session of custom length: the newest sign-in is continued.
  known = recorded('ZREVRANGE', 0, 0)
elseif auth then
  exact = recorded('ZRANGEBYSCORE', text(auth), text(auth))
  known = exact or recorded('ZRANGEBYSCORE', text(auth), '+inf', 'LIMIT', 0, 1)
else
  known = recorded('ZREVRANGE', 0, 0)
  if known and c.session_length and known + c.session_length <= now then known = false end
end
local first = known or c.earlier or now
if c.session_length and first + c.session_length <= now then raise(owes .. organization, first + c.session_length) end

local after = mark(owes, organization)
if after then
  -- An authentication that was used before the mark was made before it, whatever the provider's clock says. One from
  -- before it may seem newer by as much as the clocks may differ, so that this sign-in must have asked for credentials.
  local used = exact and exact <= after
  local asked = c.asked_at and c.asked_at > after and auth and auth >= c.asked_at - c.leeway
  local newer = auth and not used and (auth > after + c.leeway or asked)
  if not (newer and c.counts_as_credentials) then return {0, text(after)} end
  if first <= after then first, known = now, false end
end
-- A sign-out overtakes every sign-in that was under way, unless somebody has authenticated since.
local out = mark(signs_out, organization)
local under_way = out and (now < out or (c.started_at and c.started_at < out and not (auth and auth > out + c.leeway)))
if under_way then return {0, text(out)} end

local signed_in = c.session_length and first or now
if not c.write or c.signed_in ~= signed_in then return {1, text(signed_in)} end

if not known then
  local made = auth or now
  redis.call('ZREMRANGEBYSCORE', authentications, text(made), text(made))
  redis.call('ZADD', authentications, text(made), text(made) .. ' ' .. text(first))
  redis.call('ZREMRANGEBYRANK', authentications, 0, -KEPT - 1)
  redis.call('EXPIRE', authentications, REMEMBERED)
end
local key, exempt = prefix .. 'session:' .. c.id_hash, c.exempt and '1' or '0'
local plain = text(signed_in) .. ' ' .. text(c.token_end) .. ' ' .. exempt .. ' ' .. organization
redis.call('HSET', key, 'p', plain, 'seen', text(now))
for i = 2, #ARGV, 2 do redis.call('HSET', key, ARGV[i], ARGV[i + 1]) end
-- Past its longest possible end by a tombstone's time, so that whoever comes late still learns why it ended.
redis.call('EXPIRE', key, TOMBSTONE + math.ceil(math.max(c.retention, c.token_end - now)))
redis.call('HSET', KEYS[1], c.id_hash, plain)
redis.call('EXPIRE', KEYS[1], REMEMBERED)
if c.replaced ~= '' and redis.call('HGET', KEYS[1], c.replaced) then
  end_session(c.replaced, string.match(redis.call('HGET', KEYS[1], c.replaced), '^%S+ %S+ %d (.*)$'), 'replaced', now)
end
return {1, text(signed_in)}
