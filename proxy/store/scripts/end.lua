-- End one session. KEYS[1]: the principal's sessions. ARGV: id hash ("" raises marks alone), organization, reason, instant, owes credentials
-- (1 or 0), signs out (1 or 0), last activity at most or "", token's end at most or "", sealed refresh token or "".
-- Answers 1 where it lived or was unknown, else 0.
local id, organization, reason, at = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4])
local stone, seen, plain, refresh = unpack(redis.call('HMGET', prefix .. 'session:' .. id, 't', 'seen', 'p', 'r'))
if ARGV[7] ~= '' and seen and tonumber(seen) > tonumber(ARGV[7]) then return 0 end
if ARGV[8] ~= '' and plain and tonumber(string.match(plain, '^%S+ (%S+)')) > tonumber(ARGV[8]) then return 0 end
if ARGV[9] ~= '' and plain and refresh ~= ARGV[9] then return 0 end
local ends = not stone and id ~= ''
-- First what frees memory: a store that is full refuses a script's first write where that needs any.
if ends then end_session(id, organization, reason, at) end
if ARGV[5] == '1' then raise('c:' .. organization, at) end
if ARGV[6] == '1' then raise('o:' .. organization, at) end
return ends and 1 or 0
