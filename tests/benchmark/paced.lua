-- Each connection waits between its requests, for a random number of milliseconds with the given mean.
local most = 0
function init(args)
  most = math.floor(2 * tonumber(args[1]) + 0.5)
  math.randomseed(1)
end
function delay()
  return math.random(0, most)
end
