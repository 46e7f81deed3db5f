-- many_tasks.lua COUNT [stop]: COUNT tasks that sleep at the same time.
--
-- Prints what a task costs from creation to its end, in processor time, once
-- all of them slept together. `stop` keeps the collector from running, so that
-- small and large counts compare without its pauses.

local saros = require "saros"

local count = tonumber(arg[1])
if arg[2] == "stop" then
  collectgarbage("stop")
end

saros.run(function()
  local loop = saros.get_running_loop()
  local asleep, awake, all_asleep = 0, 0, false
  local done = loop:create_future()
  -- One deadline, far enough away for the last task to be asleep before it.
  local deadline = loop:time() + 0.5 + count * 5e-6

  local function sleeper()
    asleep = asleep + 1
    all_asleep = all_asleep or asleep == count
    saros.sleep(deadline - loop:time())
    asleep = asleep - 1
    awake = awake + 1
    if awake == count then
      done:set_result()
    end
  end

  local begin = os.clock()
  for _ = 1, count do
    saros.create_task(sleeper)
  end
  done:await()
  local spent = os.clock() - begin
  assert(all_asleep, "the first task woke before the last one slept")
  print("task_us", spent / count * 1e6)
end)
