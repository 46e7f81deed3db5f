-- Jobs on a schedule: a heartbeat, a report that takes too long, a job that fails and is tried again,
-- and one that follows a cron expression.
--
--   scripts/run scripts/examples/scheduled_jobs.lua [SECONDS]
--
-- It ends after SECONDS, or on Ctrl-C or SIGTERM: what runs may end, for as long as the
-- scheduler's `shutdown_timeout` says. A second Ctrl-C cancels it at once.

local saros = require "saros"

local seconds = tonumber(arg[1])
local start = saros.monotonic()

local function log(format, ...)
  print(("%6.2f s  "):format(saros.monotonic() - start) .. format:format(...))
  io.stdout:flush()
end

-- A job is a function. After its own arguments it gets a table that tells which run it is.
local function heartbeat(run)
  log("%s, due %s", run.name, os.date("!%H:%M:%S", math.floor(run.fire_time)))
end

local function report(what)
  log("report of %s begins", what)
  saros.sleep(1.2)
  log("report of %s is done", what)
end

local function fetch(run)
  if run.attempt < 3 then error("no answer", 0) end
  log("fetched at attempt %d", run.attempt)
end

saros.run(function()
  local scheduler <close> = saros.Scheduler { timezone = "local", shutdown_timeout = 5 }

  -- Every second, on time, however long it takes.
  scheduler:schedule_recurring("heartbeat", heartbeat, 1)
  -- Slower than its interval: what is due while it runs is left out.
  scheduler:schedule_recurring("report", report, 0.5, { args = { "sales" }, overlap = "skip" })
  -- Once, after half a second; three attempts, the time between them doubles.
  scheduler:schedule_once("fetch", fetch, 0.5, { retries = 2, retry_delay = 0.2, timeout = 10 })
  scheduler:schedule_cron("weekday morning", function() log("good morning") end, "0 9 * * MON-FRI")

  scheduler:on("skipped", function(event) log("%s is skipped", event.name) end)
  scheduler:on("cancelled", function(event) log("%s is cancelled", event.name) end)

  if seconds then scheduler:schedule_once("the end", function() scheduler:stop() end, seconds) end
  scheduler:serve()

  for _, name in ipairs { "heartbeat", "report", "fetch", "weekday morning" } do
    local job = scheduler:status()[name]
    log("%s: %d runs, %d failures", name, job.runs, job.failures)
  end
end)
