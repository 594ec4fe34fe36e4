-- Each request with the next cookie of a file, one cookie to a line.
local requests, at = {}, 0
function init(args)
  for cookie in io.lines(args[1]) do
    wrk.headers["Cookie"] = cookie
    requests[#requests + 1] = wrk.format("GET")
  end
end
function request()
  at = at % #requests + 1
  return requests[at]
end
