-- TaskGroup: cancelled from outside, before, while and after it shuts down, and what stays of the counts.
local twin = require "spec.support.twin"
local saros, trace, watch = twin.saros, twin.trace, twin.watch
local ValueError = saros.ValueError

local function turns(count)
  for _ = 1, count do saros.sleep(0) end
end

local function child(name, count, err)
  local ok, failure = pcall(turns, count)
  if not ok then
    trace(name, "is cancelled")
    error(failure, 0)
  end
  if err then error(err) end
  trace(name, "ends")
end

-- Takes its time to end when it is cancelled.
local function stubborn(name, count)
  local ok, failure = pcall(saros.sleep, 99)
  if ok then return end
  trace(name, "is cancelled")
  turns(count)
  trace(name, "ends")
  error(failure, 0)
end

local function swallows(name, count, err)
  if not pcall(saros.sleep, 99) then turns(count) end
  trace(name, "swallowed it")
  if err then error(err) end
end

local function add(group, children)
  for _, make in ipairs(children) do group:create_task(table.unpack(make)) end
end

local function body_of(children, body_turns, body_error)
  local group <close> = saros.TaskGroup()
  add(group, children)
  turns(body_turns)
  trace("body ends")
  if body_error then error(body_error) end
end

local function parent(...)
  local me = saros.current_task()
  local ok, err = pcall(body_of, ...)
  if not ok then trace("group raised", err, "cancelling", me:cancelling()) end
  trace("left", me:cancelling())
  if not ok then error(err, 0) end
  saros.sleep(0)
  trace("went on")
end

local two = { { child, "a", 6 }, { child, "b", 9 } }
local slow = { { stubborn, "c", 3 }, { child, "d", 9 } }
local failing = { { child, "e", 3, ValueError("e") }, { stubborn, "f", 4 } }
local tough = { { swallows, "g", 2 }, { child, "h", 9 } }
local fail_late = { { swallows, "i", 2, ValueError("i") }, { stubborn, "j", 3 } }

local function main(loop)
  local function report(task)
    watch("parent", task)
    trace("parent", task:cancelled(), "cancelling", task:cancelling())
  end

  local function cancelled_after(name, waits, arguments, again)
    trace("==", name, waits)
    local task = loop:create_task(parent, table.unpack(arguments))
    turns(waits)
    trace("cancel", task:cancel("outside"), task:cancelling())
    for _, more in ipairs(again or {}) do
      turns(more)
      trace("cancel again", task:cancel("again"), task:cancelling())
    end
    report(task)
  end

  -- While the body awaits, and while it waits for its children.
  for waits = 0, 3 do
    cancelled_after("body", waits, { two, 9 })
    cancelled_after("children", waits, { two, 0 })
  end
  -- Several times, while it shuts down.
  cancelled_after("again", 2, { slow, 0 }, { 1, 1 })
  cancelled_after("again, in the body", 2, { slow, 9 }, { 0, 2 })
  -- Around the failure of a child: before, in its iteration, and while the others end.
  for waits = 2, 9 do
    cancelled_after("failing", waits, { failing, 0 })
    cancelled_after("failing, body awaits", waits, { failing, 9 })
  end
  -- While the body's own error waits for the children.
  for waits = 2, 4 do
    cancelled_after("body fails", waits, { slow, 1, ValueError("body") })
  end
  -- Children that swallow the cancellation, or fail for it.
  for waits = 2, 4 do
    cancelled_after("tough", waits, { tough, 0 })
    cancelled_after("fails late", waits, { fail_late, 0 })
    cancelled_after("fails late, body awaits", waits, { fail_late, 9 })
  end

  -- The parent had been cancelled before the group began, and went on.
  local function cancelled_before(children, body_turns)
    watch("first", saros.sleep, 99)
    parent(children, body_turns)
  end

  for _, children in ipairs { two, failing } do
    for _, body_turns in ipairs { 0, 9 } do
      for case = 1, 2 do
        local second = case == 2 and 2 or nil
        trace("== before", body_turns, second)
        local task = loop:create_task(cancelled_before, children, body_turns)
        saros.sleep(0)
        task:cancel("before")
        if second then
          turns(second)
          trace("cancel", task:cancel("second"), task:cancelling())
        end
        report(task)
      end
    end
  end

  -- The parent cancels itself, in the body and as it leaves.
  local function cancels_itself(count)
    local me = saros.current_task()
    local group <close> = saros.TaskGroup()
    group:create_task(child, "k", 3)
    trace("cancel", me:cancel("itself"))
    turns(count)
    trace("body ends")
  end

  for count = 0, 1 do report(loop:create_task(cancels_itself, count)) end

  -- A timeout around a group, and a group around a timeout.
  local function timed(children, delay)
    local ok, err = pcall(function()
      local _ <close> = saros.timeout(delay)
      parent(children, 1)
    end)
    trace("timed", saros.current_task():cancelling())
    twin.finish(ok, err)
  end

  local function timeout_inside(children, delay)
    do
      local group <close> = saros.TaskGroup()
      add(group, children)
      local _ <close> = saros.timeout(delay)
      saros.sleep(99)
    end
    trace("timeout inside", saros.current_task():cancelling())
  end

  -- A group that was left with errors leaves nothing behind for the timeout around it.
  local function group_before_sleep(body_turns)
    local _ <close> = saros.timeout(20)
    local ok, err = pcall(parent, failing, body_turns)
    if not ok and not saros.is_error(err, saros.ExceptionGroup) then error(err, 0) end
    trace("between", err)
    saros.sleep(99)
  end

  for _, body_turns in ipairs { 0, 3, 9 } do
    watch("group before", loop:create_task(group_before_sleep, body_turns))
  end

  for _, children in ipairs { two, slow, failing, tough, fail_late } do
    for _, delay in ipairs { 2, 3, 5 } do
      trace("== timed", delay)
      watch("timed", loop:create_task(timed, children, delay))
      watch("timeout inside", loop:create_task(timeout_inside, children, delay))
    end
  end
end

twin.run(main)
