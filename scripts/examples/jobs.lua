-- A jobs file for the service `saros scheduler`: what `scripts/run` runs when it is given no program.
--
--   scripts/run scheduler scripts/examples/jobs.lua --store memory --control /tmp/jobs
--   scripts/run scheduler status --watch --control /tmp/jobs
--   scripts/run scheduler pause heartbeat --control /tmp/jobs
--   kill -HUP PID                                                    after a change in this file
--
-- Without --store the states are kept in an SQLite database beside this file. Ctrl-C or SIGTERM stop it,
-- and give what runs ten seconds to end.

local saros = require "saros"

local function say(format, ...)
  print(os.date("%H:%M:%S  ") .. format:format(...))
end

-- A job is a function. After its own arguments it gets a table that tells which run it is.
local function heartbeat(run)
  say("heartbeat, due at %s", os.date("%H:%M:%S", math.floor(run.fire_time)))
end

-- It fails at its first attempt, and is tried again.
local function fetch(url, run)
  saros.sleep(0.2)
  if run.attempt == 1 then error("no answer from " .. url, 0) end
  say("fetched %s at attempt %d", url, run.attempt)
end

local function report(what)
  say("the report of %s begins", what)
  saros.sleep(3)
  say("the report of %s is done", what)
end

return function(scheduler)
  -- On time, however long it takes.
  scheduler:schedule_recurring("heartbeat", heartbeat, 5)
  -- Three attempts, each for two seconds at most.
  scheduler:schedule_recurring("fetch", fetch, 30, 1, {
    args = {"example.org"}, retries = 2, retry_delay = 0.5, timeout = 2,
  })
  -- Each minute, on the minute; what was due while the service was down is made up for once.
  scheduler:schedule_cron("report", report, "* * * * *", {args = {"sales"}, timezone = "local"})
  -- Not on weekends; skipped if it could only begin an hour late.
  scheduler:schedule_cron("good morning", function() say("good morning") end, "0 9 * * MON-FRI", {
    timezone = "local", grace = 3600,
  })
  scheduler:schedule_once("warm-up", function() say("warm") end, 2)

  scheduler:on("failed", function(event) say("%s has failed after %d attempts", event.name, event.attempts) end)
end
