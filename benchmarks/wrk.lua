-- Sends the requests of a plan: one a line, "METHOD<tab>path<tab>number of a token<tab>body".
-- wrk … -s wrk.lua URL -- TOKENS PLAN once|again

local requests, position, once = {}, 0, false
sent = 0

function setup(thread)
  worker = thread
end

function init(arguments)
  local tokens = {}
  for token in io.lines(arguments[1]) do tokens[#tokens + 1] = token end
  for line in io.lines(arguments[2]) do
    local method, path, number, body = line:match("([^\t]*)\t([^\t]*)\t([^\t]*)\t(.*)")
    local head = method .. " " .. path .. " HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: */*\r\nAuthorization: Bearer "
      .. tokens[tonumber(number) + 1] .. "\r\n"
    if body ~= "" then
      head = head .. "Content-Type: application/json\r\nContent-Length: " .. #body .. "\r\n"
    end
    requests[#requests + 1] = head .. "\r\n" .. body
  end
  once = arguments[3] == "once"
end

function request()
  sent = sent + 1
  position = position + 1
  if position > #requests then
    position = 1
    if once then
      sent = sent - 1
      wrk.thread:stop()
    end
  end
  return requests[position]
end

function done(summary, latency, _)
  local errors = summary.errors
  print(string.format(
    'RESULT {"answered": %d, "sent": %d, "seconds": %f, "p50": %f, "p99": %f, "refused": %d, "broken": %d}',
    summary.requests, worker:get("sent"), summary.duration / 1e6,
    latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
    errors.status, errors.connect + errors.read + errors.write + errors.timeout))
end
