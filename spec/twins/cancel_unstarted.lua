-- A task that is cancelled before it started never runs its body.
local twin = require "spec.support.twin"
local saros, trace, watch = twin.saros, twin.trace, twin.watch
twin.untimed = true

local function main(loop)
  local function body(name)
    trace(name, "must not run")
  end

  local task = loop:create_task(body, "a")
  task:add_done_callback(function(t) trace("done", t:cancelled()) end)
  trace("cancel", task:cancel("too early"))
  trace("state", task:done(), task:cancelled(), task:cancelling())
  watch("a", task)
  trace("state", task:done(), task:cancelled(), task:cancelling())
  trace("cancel", task:cancel())

  -- By a callback that runs just before its first step, and by a task created before it.
  local later
  loop:call_soon(function() trace("cancel", later:cancel()) end)
  later = loop:create_task(body, "b")
  watch("b", later)

  local victim
  local first = loop:create_task(function()
    trace("cancel", victim:cancel(), victim:cancel())
  end)
  victim = loop:create_task(body, "c")
  watch("c", victim)
  trace(victim:cancelling())
  first:await()

  -- Uncancelled in time it is cancelled all the same: uncancel only counts.
  task = loop:create_task(body, "d")
  task:cancel()
  trace("uncancel", task:uncancel(), task:uncancel())
  watch("d", task)

  -- Several at once end in order of creation.
  local tasks = {}
  for i = 0, 3 do
    tasks[i] = loop:create_task(body, tostring(i))
    tasks[i]:add_done_callback(function() trace("done", i) end)
  end
  for _, i in ipairs { 2, 0, 3, 1 } do tasks[i]:cancel(i) end
  for i = 0, 3 do watch("task", tasks[i]) end
  saros.sleep(0)
end

twin.run(main)
