-- Each request with the next cookie of a file, one cookie to a line; with a second argument as a page's own script asks.
local requests, at = {}, 0
function init(args)
  if args[2] then
    wrk.headers["Sec-Fetch-Mode"] = "cors"
    wrk.headers["Sec-Fetch-Dest"] = "empty"
    wrk.headers["Sec-Fetch-Site"] = "same-origin"
  end
  -- No two requests on a connection have the same Cookie line, however few the sessions.
  repeat
    for cookie in io.lines(args[1]) do
      wrk.headers["Cookie"] = "visit=" .. #requests .. "; " .. cookie
      requests[#requests + 1] = wrk.format("GET")
    end
  until #requests >= 1000
end
function request()
  at = at % #requests + 1
  return requests[at]
end
