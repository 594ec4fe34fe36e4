-- What the scripts share; it stands before each of them.
-- KEYS[1] is `claims:{tag}:sessions`, id hash -> "signed-in token-end exempt organization", which a session's own field
-- `p` repeats: few fields make a small hash. Every other key begins as KEYS[1] does and so lies on the same slot.
-- Numbers are kept as the text they came as, or with 17 digits, so that none is rounded.
local prefix = string.sub(KEYS[1], 1, -9)
local tag = string.match(prefix, '{(.*)}')
local marks = prefix .. 'marks'
local TOMBSTONE, REMEMBERED, KEPT = 86400, 7776000, 64

local function text(number) return string.format('%.17g', number) end

local function raise(field, at)
  local known = redis.call('HGET', marks, field)
  if not known or tonumber(known) < at then redis.call('HSET', marks, field, text(at)) end
  redis.call('EXPIRE', marks, REMEMBERED)
end

-- The later of an organization's mark and of the one that holds for all; false where neither is set.
local function mark(kind, organization)
  local own, all = unpack(redis.call('HMGET', marks, kind .. organization, kind .. '*'))
  if own and all then return math.max(tonumber(own), tonumber(all)) end
  local set = own or all
  return set and tonumber(set)
end

-- Delete, tombstone and message in one: nobody can see the one without the other.
local function end_session(id, organization, reason, at)
  local key = prefix .. 'session:' .. id
  redis.call('DEL', key)
  redis.call('HSET', key, 't', reason, 'at', text(at), 'org', organization)
  redis.call('EXPIRE', key, TOMBSTONE)
  redis.call('HDEL', KEYS[1], id)
  redis.call('PUBLISH', 'claims:ended', tag .. ' ' .. id .. ' ' .. reason)
end
