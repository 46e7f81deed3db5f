-- Objects that can be awaited: they run in the awaiting task, and may wait themselves.
local twin = require "spec.support.twin"
local saros, trace, watch = twin.saros, twin.trace, twin.watch

local Awaitable = {}
Awaitable.__index = Awaitable

function Awaitable:__await()
  trace("__await__", saros.current_task():get_name())
  for _ = 1, self.turns do saros.sleep(0) end
  if saros.is_error(self.value) then error(self.value) end
  return self.value
end

local function awaitable(turns, value)
  return setmetatable({ turns = turns, value = value }, Awaitable)
end

local function main(loop)
  saros.current_task():set_name("main")
  loop:call_soon(trace, "next iteration")
  watch("at once", awaitable(0, "value"))
  watch("later", awaitable(2, "value"))
  watch("failing", awaitable(1, saros.ValueError("error")))
  watch("wait_for", saros.wait_for, awaitable(1, "value"), 5)
  watch("wait_for, too late", saros.wait_for, awaitable(9, "value"), 2)
  local task = saros.ensure_future(awaitable(1, "value"))
  task:set_name("its own")
  trace("task", task:done())
  watch("ensure_future", task)

  local first = saros.ensure_future(awaitable(1, "first"))
  local second = saros.ensure_future(awaitable(0, saros.ValueError("second")))
  first:set_name("first")
  second:set_name("second")
  watch("gather", saros.gather({ first, second }, { return_exceptions = true }))

  task = loop:create_task(saros.await, awaitable(9, "value")):set_name("cancelled")
  saros.sleep(0)
  task:cancel("c")
  watch("cancelled", task)
end

local loop = twin.new_loop()
trace("run_until_complete", (loop:run_until_complete(main, loop)))
twin.close(loop)
