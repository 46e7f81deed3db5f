-- TaskGroup: the body or children failing, in every order, and creating tasks at the wrong time.
local twin = require "spec.support.twin"
local saros, trace = twin.saros, twin.trace
local CancelledError, RuntimeError, ValueError = saros.CancelledError, saros.RuntimeError, saros.ValueError

local function turns_of(count)
  for _ = 1, count do saros.sleep(0) end
end

local function main()
  local me = saros.current_task()

  local function child(name, turns, value)
    trace(name, "starts")
    local ok, err = pcall(turns_of, turns)
    if not ok then
      trace(name, "is cancelled")
      error(err, 0)
    end
    trace(name, "ends")
    if saros.is_error(value) then error(value) end
    return value
  end

  local function outcome(name, body, ...)
    local ok, value = pcall(body, ...)
    trace(name, ok and "gave" or "raised", value)
    trace(name, "cancelling", me:cancelling())
    -- A cancellation that is left over would come here.
    saros.sleep(0)
  end

  -- All goes well: leaving waits for all.
  outcome("well", function()
    local first
    do
      local group <close> = saros.TaskGroup()
      first = group:create_task(child, "a", 3, "of a")
      group:create_task(child, "b", 1)
      trace("body ends")
    end
    trace("left", first:result())
    return "after"
  end)

  outcome("empty", function()
    local _ <close> = saros.TaskGroup()
    trace("nothing in it")
  end)

  outcome("all_done", function()
    local group <close> = saros.TaskGroup()
    group:create_task(child, "c", 0)
    turns_of(2)
    trace("body ends")
  end)

  -- One child fails: while the body awaits, when it has ended, in its last iteration.
  for turns = 0, 4 do
    outcome("child fails", function()
      local group <close> = saros.TaskGroup()
      group:create_task(child, "d", 2, ValueError("d"))
      group:create_task(child, "e", 9)
      turns_of(turns)
      trace("body ends")
    end)
  end

  -- Several fail: at once, and while they are cancelled.
  outcome("several", function()
    local group <close> = saros.TaskGroup()
    group:create_task(child, "f", 1, ValueError("f"))
    group:create_task(child, "g", 1, RuntimeError("g"))
    group:create_task(child, "h", 2, ValueError("h"))
    group:create_task(child, "i", 9)
  end)

  local function fails_when_cancelled(name, err)
    local ok = pcall(saros.sleep, 99)
    if ok then return end
    trace(name, "fails")
    error(err)
  end

  outcome("while cancelled", function()
    local group <close> = saros.TaskGroup()
    group:create_task(fails_when_cancelled, "j", RuntimeError("j"))
    group:create_task(child, "k", 1, ValueError("k"))
    group:create_task(fails_when_cancelled, "l", saros.TimeoutError("l"))
  end)

  -- The body fails: its own error comes last.
  outcome("body fails", function()
    local group <close> = saros.TaskGroup()
    group:create_task(fails_when_cancelled, "m", RuntimeError("m"))
    group:create_task(child, "n", 9)
    saros.sleep(0)
    error(ValueError("body"))
  end)

  outcome("body fails at once", function()
    local group <close> = saros.TaskGroup()
    group:create_task(child, "o", 9)
    error(ValueError("body"))
  end)

  for turns = 0, 3 do
    outcome("both fail", function()
      local group <close> = saros.TaskGroup()
      group:create_task(child, "p", 1, RuntimeError("p"))
      turns_of(turns)
      error(ValueError("body"))
    end)
  end

  -- The body makes an error of the cancellation that a child caused.
  outcome("body answers", function()
    local group <close> = saros.TaskGroup()
    group:create_task(child, "q", 1, RuntimeError("q"))
    if pcall(saros.sleep, 99) then return end
    trace("body", "cancelling", me:cancelling())
    error(ValueError("answer"))
  end)

  outcome("body swallows", function()
    local group <close> = saros.TaskGroup()
    group:create_task(child, "r", 1, RuntimeError("r"))
    if not pcall(saros.sleep, 99) then saros.sleep(0) end
    trace("body ends")
  end)

  -- A child that is cancelled, or cancels itself, is no failure.
  outcome("child cancelled", function()
    local group <close> = saros.TaskGroup()
    local task = group:create_task(child, "s", 9)
    group:create_task(child, "t", 2)
    saros.sleep(0)
    task:cancel()
  end)

  outcome("child cancels itself", function()
    local group <close> = saros.TaskGroup()
    group:create_task(function() error(CancelledError()) end)
    group:create_task(child, "u", 2)
  end)

  -- The body awaits a child that fails: the error comes twice, and is one of the group's.
  outcome("awaits child", function()
    local group <close> = saros.TaskGroup()
    local task = group:create_task(child, "v", 1, ValueError("v"))
    local _ <close> = setmetatable({}, { __close = function() trace("after await", me:cancelling()) end })
    task:await()
  end)

  outcome("catches child", function()
    local group <close> = saros.TaskGroup()
    local task = group:create_task(child, "w", 1, ValueError("w"))
    local _, err = pcall(task.await, task)
    if not saros.is_error(err, ValueError) then error(err, 0) end
    trace("caught", err, me:cancelling())
    saros.sleep(0)
    trace("goes on")
  end)

  -- Children make children, in time and too late.
  local function makes(group, name, turns)
    local ok, err = pcall(turns_of, turns)
    local made, refusal = pcall(group.create_task, group, child, name, 1)
    if made then
      trace("made", name)
    else
      trace(name, refusal)
    end
    if not ok then error(err, 0) end
  end

  outcome("children of children", function()
    local group
    do
      local scope <close> = saros.TaskGroup()
      group = scope
      group:create_task(makes, group, "x", 1)
      trace("body ends")
    end
    makes(group, "too late", 0)
  end)

  outcome("shutting down", function()
    local group <close> = saros.TaskGroup()
    group:create_task(makes, group, "y", 99)
    group:create_task(child, "z", 1, ValueError("z"))
  end)

  -- Cancelled in the order in which they were created.
  outcome("many", function()
    local group <close> = saros.TaskGroup()
    for number = 0, 39 do
      group:create_task(child, number, number == 20 and 1 or 9, ValueError("20"))
    end
  end)
end

twin.run(main)
