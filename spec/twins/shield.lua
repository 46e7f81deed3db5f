-- shield: outside and inside cancelled, inside failing when nobody looks any more, and inside done.
local twin = require "spec.support.twin"
local saros, trace, watch = twin.saros, twin.trace, twin.watch

local function turns(count)
  for _ = 1, count do saros.sleep(0) end
end

local function main(loop)
  local function body(name, count, value)
    trace(name, "starts")
    do
      local _ <close> = setmetatable({}, { __close = function() trace(name, "ends") end })
      turns(count)
    end
    if saros.is_error(value) then error(value) end
    return value or name
  end

  -- Nothing is cancelled.
  watch("result", saros.shield(body, "a", 2))
  watch("error", saros.shield(body, "b", 1, saros.ValueError("b")))
  local task = loop:create_task(body, "c", 2)
  local outer = saros.shield(task)
  trace("same", outer == task)
  task:add_done_callback(function() trace("inner done", outer:done()) end)
  outer:add_done_callback(function() trace("outer done", task:done()) end)
  watch("task", outer)

  -- Inside done already: it is its own shield.
  trace("same", saros.shield(task) == task, saros.shield(outer) == outer)
  watch("done", saros.shield(task))

  -- Outside cancelled: inside goes on.
  task = loop:create_task(body, "d", 3)
  outer = saros.shield(task)
  saros.sleep(0)
  trace("cancel", outer:cancel("outside"), outer:cancelled(), task:done(), task:cancelling())
  watch("outer", outer)
  watch("inner", task)

  -- The task that waits is cancelled.
  local function waits(inner)
    watch("shielded", saros.shield(inner))
    return "went on"
  end

  local waiting
  for when = 0, 5 do
    task = loop:create_task(body, "e", 3)
    waiting = loop:create_task(waits, task)
    turns(when)
    trace("cancel", waiting:cancel("waiting"))
    watch("waiting", waiting)
    trace("inner", task:done(), task:cancelling())
    watch("inner", task)
  end

  -- Inside fails after outside was cancelled: the error stays inside.
  task = loop:create_task(body, "f", 2, saros.ValueError("f"))
  outer = saros.shield(task)
  saros.sleep(0)
  outer:cancel()
  turns(4)
  trace("outer", outer:cancelled(), "inner", task:exception())

  -- When nobody looks at it there either, it is reported.
  loop:set_exception_handler(function(_, context) trace("reported", context.exception) end)
  for when = 0, 4 do
    task = loop:create_task(body, "f", 2, saros.ValueError("f"))
    outer = saros.shield(task)
    turns(when)
    trace("cancel", outer:cancel(), "after", when, task:done())
    turns(4)
    trace("outer", outer:cancelled() or outer:exception())
    task, outer = nil, nil
    collectgarbage()
  end
  loop:set_exception_handler(twin.on_error)

  -- Inside is cancelled: outside is too.
  task = loop:create_task(body, "g", 9)
  waiting = loop:create_task(waits, task)
  outer = saros.shield(task)
  turns(2)
  trace("cancel", task:cancel("inside"))
  watch("waiting", waiting)
  watch("outer", outer)
  trace("cancelled", task:cancelled(), outer:cancelled(), waiting:cancelled(), waiting:cancelling())

  -- Both in one iteration, in either order.
  for first = 0, 1 do
    task = loop:create_task(body, "h", 9)
    outer = saros.shield(task)
    turns(2)
    for _, future in ipairs(first == 1 and { task, outer } or { outer, task }) do trace("cancel", future:cancel()) end
    watch("outer", outer)
    watch("inner", task)
  end

  -- A future inside, set and cancelled in the iteration in which outside is cancelled.
  for _, act in ipairs {
    function(future) future:set_result("result") end,
    function(future) future:set_exception(saros.ValueError("error")) end,
    function(future) future:cancel() end,
  } do
    for _, outer_first in ipairs { false, true } do
      local future = loop:create_future()
      outer = saros.shield(future)
      if outer_first then outer:cancel() end
      act(future)
      if not outer_first then outer:cancel() end
      trace("now", future:done(), outer:done())
      watch("outer", outer)
      if not future:cancelled() then trace("inner", future:exception()) end
    end
  end

  -- Shields of shields, and in a gather.
  task = loop:create_task(body, "i", 2)
  local twice = saros.shield(saros.shield(task))
  watch("twice", twice)
  task = loop:create_task(body, "j", 4)
  local gathered = saros.gather({ saros.shield(task), function() return body("k", 9) end },
    { return_exceptions = true })
  turns(2)
  trace("cancel", gathered:cancel())
  watch("gathered", gathered)
  trace("inner", task:done())
  watch("inner", task)
  watch("in time", saros.wait_for, saros.shield(body, "l", 1), 9)
  task = loop:create_task(body, "m", 5)
  watch("too late", saros.wait_for, saros.shield(task), 2)
  watch("inner", task)
end

twin.run(main)
