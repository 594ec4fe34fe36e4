-- End all sessions of a principal. KEYS[1]: its sessions. ARGV: organization or "*" for all, reason, instant, owes
-- credentials (1 or 0), signs out (1 or 0). Answers the id hashes that were ended.
local organization, reason, at = ARGV[1], ARGV[2], tonumber(ARGV[3])
local ended, entries = {}, redis.call('HGETALL', KEYS[1])
for i = 1, #entries, 2 do
  local where = string.match(entries[i + 1], '^%S+ %S+ %d (.*)$')
  if organization == '*' or where == organization then
    end_session(entries[i], where, reason, at)
    ended[#ended + 1] = entries[i]
  end
end
-- After what frees memory, as in end.lua.
if ARGV[4] == '1' then raise('c:' .. organization, at) end
if ARGV[5] == '1' then raise('o:' .. organization, at) end
return ended
