-- Asks one path of many hosts, in the order that a file gives.
-- wrk -s wrk.lua URL -- PATH FILE   (FILE: one host a line)

local messages = {}
local position = 0

function init(args)
  for host in io.lines(args[2]) do
    messages[#messages + 1] = wrk.format("GET", args[1], { Host = host })
  end
end

function request()
  position = position % #messages + 1
  return messages[position]
end

function done(summary, latency, requests)
  local errors = summary.errors
  io.write(string.format(
    '{"requests": %d, "microseconds": %d, "bytes": %d, "failed": %d, ' ..
    '"p50": %d, "p99": %d, "max": %d}\n',
    summary.requests, summary.duration, summary.bytes,
    errors.connect + errors.read + errors.write + errors.status + errors.timeout,
    latency:percentile(50), latency:percentile(99), latency.max
  ))
end
