-- scheduled_jobs.lua COUNT [stop]: a scheduler with COUNT recurring jobs.
--
-- Prints what a run costs, in processor time: the job's turn, its task, and setting its next turn. The
-- clock is virtual, so that nothing is waited for; no two jobs are due at the same time. `stop` keeps the
-- collector from running, so that small and large counts compare without its pauses.

local saros = require "saros"

local count = tonumber(arg[1])
if arg[2] == "stop" then
  collectgarbage("stop")
end

local RUNS = 200000

saros.testing.run(function()
  local loop = saros.get_running_loop()
  local scheduler <close> = saros.Scheduler {history = 1}
  local runs, begin = 0, nil
  local done = loop:create_future()
  -- Each job has run once when the measurement begins.
  local function job()
    runs = runs + 1
    if runs == count then
      begin = os.clock()
    elseif runs == count + RUNS then
      done:set_result(os.clock() - begin)
    end
  end
  for i = 1, count do
    scheduler:schedule_recurring("job " .. i, job, 1, i / count)
  end
  print("fire_us", done:await() / RUNS * 1e6)
end)
