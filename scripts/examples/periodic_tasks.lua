-- Jobs that run again and again, side by side in one thread.
--
-- It shows a job on a steady grid, a job that takes longer than its interval (missed turns are
-- skipped, it never overlaps itself), and a job that fails and is taken up again.
--
--   scripts/run scripts/examples/periodic_tasks.lua [SECONDS]
--
-- It ends after SECONDS, or on Ctrl-C or SIGTERM.

local saros = require "saros"

local seconds = assert(tonumber(arg[1] or math.huge), "SECONDS must be a number")
local start

local function log(format, ...)
  local now = saros.get_running_loop():time() - start
  print(("%6.2f s  "):format(now) .. format:format(...))
  io.stdout:flush()
end

-- Runs a job for good. `periodic` ends with the first error of its function; here it is
-- reported, and the job begins anew after a pause.
local function keep_running(name, interval, job)
  while true do
    local ok, problem = pcall(saros.periodic, interval, job)
    -- Being cancelled is no failure: it must go on to whoever asked for it.
    if not ok and saros.is_error(problem, saros.CancelledError) then error(problem, 0) end
    log("%s failed, again in a second: %s", name, problem)
    saros.sleep(1)
  end
end

local function heartbeat()
  log("heartbeat")
end

local reports = 0

local function report()
  reports = reports + 1
  log("report %d: begins, and takes longer than its interval", reports)
  saros.sleep(0.7)
  log("report %d: done, %.0f KiB of Lua memory in use", reports, collectgarbage("count"))
end

local attempts = 0

local function unreliable()
  attempts = attempts + 1
  if attempts % 3 == 0 then error("no luck at attempt " .. attempts, 0) end
  log("attempt %d went well", attempts)
end

saros.run(function()
  local loop = saros.get_running_loop()
  local stop = saros.Event()
  start = loop:time()
  for _, name in ipairs({ "SIGINT", "SIGTERM" }) do
    loop:add_signal_handler(name, function() stop:set() end)
  end
  if seconds < math.huge then loop:call_later(seconds, stop.set, stop) end

  saros.create_task(keep_running, "heartbeat", 1, heartbeat)
  saros.create_task(keep_running, "report", 0.5, report)
  saros.create_task(keep_running, "unreliable", 0.4, unreliable)

  stop:wait()
  log("stopped") -- and leaving `run` cancels the jobs
end)
