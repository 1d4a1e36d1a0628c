-- For wrk: ask with the newest tag that was told, as caches and browsers do, and count what was
-- answered with 304. The tag in hand is one of wrk's own answers: each coding has its own.
local threads = {}

function setup(thread)
  table.insert(threads, thread)
end

unchanged = 0 -- global, so that `done` can ask the thread for it
local tag, text

function request()
  if text == nil then
    wrk.headers["If-None-Match"] = tag
    text = wrk.format("GET")
  end
  return text
end

function response(status, headers)
  if status == 304 then
    unchanged = unchanged + 1
  end
  local told = headers["etag"] or headers["ETag"]
  if told ~= nil and told ~= tag then
    tag, text = told, nil
  end
end

function done()
  local sum = 0
  for _, thread in ipairs(threads) do
    sum = sum + thread:get("unchanged")
  end
  io.write(string.format("unchanged %d\n", sum))
end
