-- wrk: each line of BENCH_LINES once, as one POST; beyond the end it goes on with the first, as repeats.
local lines = {}
local next_line = 0

function setup(thread)
	thread:set("path", os.getenv("BENCH_PATH"))
	thread:set("file", os.getenv("BENCH_LINES"))
end

function init(args)
	for line in io.lines(file) do
		lines[#lines + 1] = line
	end
end

function request()
	next_line = next_line + 1
	local body = lines[(next_line - 1) % #lines + 1]
	return wrk.format("POST", path, { ["Content-Type"] = "application/json" }, body)
end

local refused = 0
function response(status, headers, body)
	if status ~= 202 then
		refused = refused + 1
		if refused <= 3 then
			io.stderr:write("answer ", status, ": ", body, "\n")
		end
	end
end

function done(summary, latency, requests)
	io.stdout:write(string.format('{"requests":%d,"duration_us":%d,"errors":%d,"p50_us":%d,"p99_us":%d}\n',
		summary.requests, summary.duration, summary.errors.status + summary.errors.connect + summary.errors.read +
		summary.errors.write + summary.errors.timeout, latency:percentile(50), latency:percentile(99)))
end
