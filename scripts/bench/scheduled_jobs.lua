-- scheduled_jobs.lua COUNT: a scheduler with COUNT recurring jobs.
--
-- Prints what a fire costs, in processor time: the job's turn, its run as a task, and its next turn.
-- The clock is virtual, so that nothing is waited for, and the jobs' first turns are spread evenly.

local saros = require "saros"

local count = tonumber(arg[1])
local FIRES = 200000

saros.testing.run(function()
  local loop = saros.get_running_loop()
  local scheduler <close> = saros.Scheduler { history = 0 }
  local fired, begin = 0, nil
  local done = loop:create_future()
  -- The jobs have had their first turns when the measurement begins.
  local function job()
    fired = fired + 1
    if fired == count then begin = os.clock() end
    if fired == count + FIRES then done:set_result(os.clock() - begin) end
  end
  for i = 1, count do scheduler:schedule_recurring("job " .. i, job, 1, i / count) end
  print("fire_us", done:await() / FIRES * 1e6)
end)
