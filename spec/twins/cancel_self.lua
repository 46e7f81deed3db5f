-- A task that cancels itself goes on to its next await, or ends cancelled.
local twin = require "spec.support.twin"
local saros, trace, watch = twin.saros, twin.trace, twin.watch

local function main(loop)
  local function at_sleep()
    local me = saros.current_task()
    trace("cancel", me:cancel("by myself"), me:cancelling())
    trace("still running")
    watch("sleep", saros.sleep, 0)
    trace("after it")
    saros.sleep(0)
    return "value"
  end

  watch("at_sleep", loop:create_task(at_sleep))

  -- Awaiting something done does not deliver it, nor does a plain call.
  local function at_nothing()
    local done = loop:create_future()
    done:set_result("done")
    saros.current_task():cancel()
    trace("awaited", done:await())
    trace("awaited", done:await())
    watch("pending", loop:create_future())
    watch("then", saros.sleep, 0, "slept")
  end

  watch("at_nothing", loop:create_task(at_nothing))

  -- No further await: the task ends cancelled, whatever it returns.
  local function at_end()
    saros.current_task():cancel("at the end")
    return "lost"
  end

  local task = loop:create_task(at_end)
  watch("at_end", task)
  trace(task:cancelled(), task:cancelling())

  -- An error it raises wins over the cancellation.
  local function at_error()
    saros.current_task():cancel("forgotten")
    error(saros.ValueError("first"))
  end

  task = loop:create_task(at_error)
  watch("at_error", task)
  trace(task:cancelled())

  -- The future awaited next is cancelled, as if cancel had come while it was waiting.
  local shared = loop:create_future()
  shared:add_done_callback(function(f) trace("shared cancelled", f:cancelled()) end)

  local function at_future()
    saros.current_task():cancel("with the future")
    watch("shared", shared)
  end

  watch("at_future", loop:create_task(at_future))

  -- At a timer, the timer is cancelled too.
  local function at_timer()
    saros.current_task():cancel()
    watch("timer", saros.sleep, 3)
    watch("timer", saros.sleep, 1, "slept")
  end

  watch("at_timer", loop:create_task(at_timer))

  -- At a task, the cancellation goes into the task.
  local function inner()
    trace("inner starts")
    watch("inner", saros.sleep, 5)
    return "inner value"
  end

  local function at_task()
    local inner_task = loop:create_task(inner)
    saros.current_task():cancel("into the task")
    watch("task", inner_task)
    trace("task cancelled", inner_task:cancelled())
  end

  watch("at_task", loop:create_task(at_task))

  local function at_started_task()
    local inner_task = loop:create_task(inner)
    saros.sleep(0)
    saros.current_task():cancel("into the started task")
    watch("task", inner_task)
    trace("task cancelled", inner_task:cancelled())
  end

  watch("at_started_task", loop:create_task(at_started_task))

  local function awaits_itself()
    watch("itself", saros.current_task())
    return "survived"
  end

  local survivor = loop:create_task(awaits_itself)
  watch("awaits_itself", survivor)
end

twin.run(main)
