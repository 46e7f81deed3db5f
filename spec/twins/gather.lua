-- gather: results in order of its arguments, errors, cancellation from both sides.
local twin = require "spec.support.twin"
local saros, trace, watch = twin.saros, twin.trace, twin.watch
twin.untimed = true

local function each(list, method)
  local results = {}
  for i, object in ipairs(list) do results[i] = object[method](object) end
  return table.unpack(results)
end

local function main(loop)
  local function body(name, turns, value)
    trace(name, "starts")
    for _ = 1, turns do saros.sleep(0) end
    trace(name, "ends")
    if saros.is_error(value) then error(value) end
    return value or name
  end

  local function does(...)
    local arguments = table.pack(...)
    return function() return body(table.unpack(arguments, 1, arguments.n)) end
  end

  -- Results are in the order of the arguments, whatever the order of finishing.
  watch("three", saros.gather(does("a", 3), does("b", 1), does("c", 2)))
  watch("none", saros.gather())
  local empty = saros.gather()
  trace("none", empty:done())
  local done = loop:create_future()
  done:set_result("done")
  local both = saros.gather(done, does("d", 0))
  trace("with a done one", both:done())
  watch("with a done one", both)

  -- The same future counts once, and fills both places.
  local task = loop:create_task(body, "twice", 1)
  watch("duplicates", saros.gather(task, task, done, task))
  watch("one", saros.gather(does("alone", 0)))

  -- The first failure ends it; the others go on, and their errors are not reported.
  local tasks = {
    loop:create_task(body, "x", 1, saros.ValueError("x")),
    loop:create_task(body, "y", 3),
    loop:create_task(body, "z", 2, saros.ValueError("z")),
  }
  watch("failing", saros.gather(tasks))
  trace("the others", tasks[2]:done(), tasks[3]:done())
  watch("y", tasks[2])

  watch("errors as results", saros.gather({
    does("p", 1, saros.ValueError("p")), does("q", 0), does("r", 2, saros.ValueError("r")),
  }, { return_exceptions = true }))

  -- A child that is cancelled counts as failed, or is a result.
  for _, keep in ipairs { false, true } do
    local child = loop:create_task(body, "child", 9)
    local other = loop:create_task(body, "other", 2)
    local outer = saros.gather({ child, other }, { return_exceptions = keep })
    saros.sleep(0)
    child:cancel()
    watch("cancelled child", outer)
    trace("outer", outer:done(), outer:cancelled(), other:done())
    other:await()
  end

  -- Cancelling the gather cancels every child that is not done, and ends when all are.
  for _, keep in ipairs { false, true } do
    local children = {}
    for i, case in ipairs { { "k", 0 }, { "l", 9 }, { "m", 9 } } do
      children[i] = loop:create_task(body, case[1], case[2])
    end
    local outer = saros.gather(children, { return_exceptions = keep })
    outer:add_done_callback(function() trace("outer done") end)
    saros.sleep(0)
    saros.sleep(0)
    trace("cancel", outer:cancel("outer"), outer:done(), outer:cancelled())
    trace("children", each(children, "cancelling"))
    watch("outer", outer)
    trace("children", each(children, "cancelled"))
    trace("cancel again", outer:cancel())
  end

  -- Cancelled by the task that waits for it.
  local function waits(...)
    watch("gathered", saros.gather(...))
    watch("then", saros.sleep, 0, "slept")
  end

  local function stubborn(turns)
    return function()
      if pcall(saros.sleep, 9) then return end
      trace("stubborn")
      for _ = 1, turns do saros.sleep(0) end
      return "stayed"
    end
  end

  local waiter = loop:create_task(waits, stubborn(0), stubborn(2))
  saros.sleep(0)
  saros.sleep(0)
  trace("cancel", waiter:cancel())
  watch("waiter", waiter)
  trace(waiter:cancelled(), waiter:cancelling())

  waiter = loop:create_task(waits, stubborn(3), does("gives in", 9))
  saros.sleep(0)
  saros.sleep(0)
  trace("cancel", waiter:cancel())
  watch("waiter", waiter)
  for _ = 1, 4 do saros.sleep(0) end

  -- With nothing left to cancel in the children, cancel says so.
  local ended = { loop:create_task(body, "s", 0), loop:create_task(body, "t", 0) }
  local outer = saros.gather(ended)
  saros.sleep(0)
  trace("children done", ended[1]:done(), ended[2]:done(), outer:done())
  trace("cancel", outer:cancel())
  watch("outer", outer)

  -- In a gather of gathers.
  local inner = saros.gather(does("u", 9), does("v", 0))
  outer = saros.gather(inner, does("w", 0))
  saros.sleep(0)
  trace("cancel the inner", inner:cancel())
  watch("outer", outer)
  trace(inner:done(), outer:done(), inner:cancelled(), outer:cancelled())
end

twin.run(main)
