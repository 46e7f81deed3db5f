-- saros.run: what is left is cancelled in order of creation and awaited, then the loop closes.
local twin = require "spec.support.twin"
local saros, attempt, trace, watch = twin.saros, twin.attempt, twin.trace, twin.watch

local tasks

local function sleeper(name, clean_up, answer)
  trace(name, "sleeps")
  local ok, err = pcall(saros.sleep, 9)
  if ok then return end
  trace(name, "cancelled")
  for _ = 1, clean_up or 0 do saros.sleep(0) end
  trace(name, "cleaned up")
  if saros.is_error(answer) then error(answer) end
  if answer == nil then error(err, 0) end
  return answer
end

local function leave(loop, ...)
  tasks[#tasks + 1] = loop:create_task(sleeper, ...)
end

local function cancelled()
  local list = {}
  for i, task in ipairs(tasks) do list[i] = task:cancelled() end
  return table.unpack(list)
end

local function leaves_tasks(loop, err)
  leave(loop, "a", 0)
  leave(loop, "b", 3)
  leave(loop, "c", 1, "answer")
  leave(loop, "d", 2, saros.ValueError("while cleaning up"))
  leave(loop, "e", 0, saros.ValueError("at once"))
  saros.sleep(0)
  leave(loop, "starts late")
  loop:call_soon(trace, "callback left behind")
  loop:call_later(1, trace, "timer left behind")
  trace("main ends")
  if err then error(err) end
  return "result"
end

local main_errors = { n = 3, nil, saros.ValueError("main failed"), saros.CancelledError() }
for i = 1, main_errors.n do
  tasks = {}
  trace("error", main_errors[i])
  attempt("run", twin.run_whole, function(loop) return leaves_tasks(loop, main_errors[i]) end)
  trace("cancelled", cancelled())
end

-- What a task does while it is cancelled may create more.
local function spawns(loop)
  local _ <close> = setmetatable({}, {
    __close = function()
      local late = loop:create_task(sleeper, "late")
      saros.sleep(0)
      saros.sleep(0)
      late:cancel()
      watch("late", late)
    end,
  })
  saros.sleep(9)
end

local function leaves_spawner(loop)
  local task = loop:create_task(spawns, loop)
  saros.sleep(0)
  trace("current", saros.current_task() ~= nil, task:done())
end

attempt("run", twin.run_whole, leaves_spawner)

-- The main task cancels itself, or is cancelled by another.
attempt("run", twin.run_whole, function()
  saros.current_task():cancel("myself")
  watch("sleep", saros.sleep, 0)
  saros.current_task():cancel("again")
  saros.sleep(0)
end)

attempt("run", twin.run_whole, function(loop)
  local me = saros.current_task()
  loop:call_later(1, me.cancel, me)
  saros.sleep(9)
end)

-- Inside a running loop it refuses; a loop outside is none.
attempt("run", twin.run_whole, function(loop)
  attempt("nested", saros.run, function() trace("no run inside") end)
  trace("running", saros.get_running_loop() == loop)
end)
attempt("outside", saros.get_running_loop)

-- A runner takes one main after the other on the same loop, and cancels at its end.
local function part(loop, name)
  trace("part", name)
  tasks[#tasks + 1] = loop:create_task(sleeper, "of " .. name, 1)
  saros.sleep(0)
  return name
end

tasks = {}
local loop, runner
do
  local scope <close> = saros.Runner { loop_factory = twin.new_loop }
  runner = scope
  loop = runner:get_loop()
  trace(runner:run(part, loop, "one"))
  trace("between", tasks[1]:done())
  attempt("failing part", runner.run, runner, leaves_spawner, loop)
  trace(runner:run(part, loop, "two"))
  trace("same loop", runner:get_loop() == loop)
end
trace("closed", loop:is_closed(), cancelled())
attempt("after the end", runner.run, runner, part, loop, "three")
attempt("after the end", runner.get_loop, runner)
attempt("close again", runner.close, runner)
