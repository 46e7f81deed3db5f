--- Jobs whose runs tell of themselves outside of any store, in the file that WITNESS names: a line at the beginning
-- and a line at the end, each by one write, as `spec.support.witness` reads them.

local saros = require "saros"

local witness = assert(io.open(os.getenv("WITNESS"), "a"))

local function note(event, run)
  local fire_time = math.floor(run.fire_time * 1e6 + 0.5)
  witness:write(("%s %s %d %d %s\n"):format(event, run.name, fire_time, run.token, run.node))
  witness:flush()
end

local function lasting(seconds)
  return function(run)
    note("begin", run)
    saros.sleep(seconds)
    note("end", run)
  end
end

-- A store keeps the last 1,000 runs of a job, which is more than a minute of them here.
return function(scheduler)
  scheduler:schedule_recurring("allow", lasting(0.15), 0.1, { overlap = "allow", coalesce = "all" })
  scheduler:schedule_recurring("queue", lasting(0.02), 0.3, { overlap = "queue", coalesce = "all" })
  scheduler:schedule_recurring("recover", lasting(0.1), 0.2, { overlap = "allow", coalesce = "all", recover = true })
  scheduler:schedule_recurring("skip", lasting(0.09), 0.08)
  scheduler:schedule_cron("cron", lasting(0.1), "@every_second", { overlap = "queue", coalesce = "all" })
  scheduler:schedule_once("once", lasting(0.02), 0.5)
  print("up")
end
