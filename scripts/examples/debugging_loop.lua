-- A loop that logs what is scheduled on it: every call_soon, call_later, call_at, and iteration, with the
-- steps of tasks by name and line.
--
--   scripts/run scripts/examples/debugging_loop.lua
--
-- It is a loop class, and a policy that makes such loops: `saros.run` and everything else that needs a new
-- loop asks the policy. The same lines in a program of yours show what that schedules.

local saros = require "saros"

local EventLoop = saros.EventLoop

local function log(format, ...)
  print(format:format(...))
end

-- A step of a task names itself; a Lua function is known by its line.
local function describe(fn)
  if type(fn) ~= "function" then return tostring(fn) end
  local info = debug.getinfo(fn, "S")
  if info.what == "C" then return "a function in C" end
  return ("%s:%d"):format(info.short_src, info.linedefined)
end

local DebuggingLoop = EventLoop:extend("DebuggingLoop")

function DebuggingLoop:init()
  self.iterations = 0
end

function DebuggingLoop:call_soon(fn, ...)
  log("  call_soon %s", describe(fn))
  return EventLoop.call_soon(self, fn, ...)
end

function DebuggingLoop:call_later(delay, fn, ...)
  log("  call_later in %g s: %s", delay, describe(fn))
  return EventLoop.call_later(self, delay, fn, ...)
end

-- call_later ends here as well, so each delay is logged twice: as what was asked for, and as a deadline.
function DebuggingLoop:call_at(when, fn, ...)
  log("  call_at, %.2f s from now: %s", when - self:time(), describe(fn))
  return EventLoop.call_at(self, when, fn, ...)
end

function DebuggingLoop:run_once()
  self.iterations = self.iterations + 1
  log("iteration %d", self.iterations)
  return EventLoop.run_once(self)
end

local DebuggingPolicy = saros.EventLoopPolicy:extend("DebuggingPolicy")

function DebuggingPolicy.new_event_loop(_)
  return DebuggingLoop()
end

saros.set_event_loop_policy(DebuggingPolicy())

local function worker(name)
  log("    %s begins", name)
  saros.sleep(0)
  log("    %s goes on", name)
end

saros.run(function()
  saros.current_task():set_name("main")
  local task = saros.create_task(worker, "the worker"):set_name("worker")
  task:await()
  saros.get_running_loop():call_soon(function() log("    a callback") end)
  saros.sleep(0.01)
  log("    main ends")
end)
