-- Each request puts a file of that many bytes.
local whole
function init(args)
  wrk.method = "PUT"
  wrk.body = string.rep("x", tonumber(args[1]))
  whole = wrk.format()
end
function request()
  return whole
end
