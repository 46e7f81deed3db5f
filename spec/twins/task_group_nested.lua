-- TaskGroup in a TaskGroup: whose cancellation it is when an inner, an outer or both have failures.
local twin = require "spec.support.twin"
local saros, trace, watch = twin.saros, twin.trace, twin.watch
local RuntimeError, ValueError = saros.RuntimeError, saros.ValueError

local function turns(count)
  for _ = 1, count do saros.sleep(0) end
end

local function child(name, count, err)
  local ok, failure = pcall(turns, count)
  if not ok then
    trace(name, "is cancelled")
    error(failure, 0)
  end
  trace(name, err and "fails" or "ends")
  if err then error(err) end
end

local function inner_part(inner_turns, body_turns)
  local inner <close> = saros.TaskGroup()
  inner:create_task(child, "inner a", inner_turns, inner_turns < 50 and RuntimeError("inner") or nil)
  inner:create_task(child, "inner b", 5)
  turns(body_turns)
  trace("inner body ends")
end

local function outer_part(outer_turns, inner_turns, body_turns, catches)
  local me = saros.current_task()
  local outer <close> = saros.TaskGroup()
  outer:create_task(child, "outer a", outer_turns, outer_turns < 50 and ValueError("outer") or nil)
  outer:create_task(child, "outer b", 6)
  local _ <close> = setmetatable({}, { __close = function() trace("inner left", me:cancelling()) end })
  local ok, err = pcall(inner_part, inner_turns, body_turns)
  if ok then return end
  if not catches(err) then error(err, 0) end
  trace("between", err, me:cancelling())
  turns(1)
  trace("outer body goes on")
end

-- A failure in the outer group and one in the inner one, each after some iterations, or never.
local function nested(...)
  local ok, err = pcall(outer_part, ...)
  trace("outer left", saros.current_task():cancelling())
  turns(1)
  if not ok then error(err, 0) end
  return "after"
end

local function catches_none() return false end
local function catches_errors(err) return not saros.is_error(err, saros.CancelledError) end
local function catches_all() return true end

local function main(loop)
  for _, outer_turns in ipairs { 2, 3, 4, 5, 50 } do
    for _, inner_turns in ipairs { 2, 3, 4, 50 } do
      for _, body_turns in ipairs { 0, 9 } do
        trace("==", outer_turns, inner_turns, body_turns)
        watch("nested", loop:create_task(nested, outer_turns, inner_turns, body_turns, catches_none))
        watch("caught", loop:create_task(nested, outer_turns, inner_turns, body_turns, catches_errors))
        watch("swallowed", loop:create_task(nested, outer_turns, inner_turns, body_turns, catches_all))
      end
    end
  end

  -- The same, cancelled from outside.
  for waits = 1, 6 do
    trace("== cancelled", waits)
    local task = loop:create_task(nested, 4, 3, 0, catches_errors)
    turns(waits)
    trace("cancel", task:cancel("outside"))
    watch("nested", task)
    trace(task:cancelled(), task:cancelling())
  end

  -- A task of the outer group has a group of its own.
  local function own(name, count)
    local group <close> = saros.TaskGroup()
    group:create_task(child, name .. " a", count, ValueError(name))
    group:create_task(child, name .. " b", 9)
  end

  local function owner(name, count)
    local ok, err = pcall(own, name, count)
    trace(name, "left", saros.current_task():cancelling())
    twin.finish(ok, err)
  end

  local function family(...)
    local group <close> = saros.TaskGroup()
    for i, count in ipairs { ... } do group:create_task(owner, "owner " .. i - 1, count) end
  end

  for _, counts in ipairs { { 1, 9 }, { 1, 1 }, { 1, 2 }, { 2, 3 }, { 3, 1, 2 } } do
    trace("== family", counts)
    watch("family", loop:create_task(family, table.unpack(counts)))
  end

  -- A task of the inner group adds to the outer one, whether that is shutting down or not.
  local function adds(group, name, count)
    local ok, err = pcall(turns, count)
    local added, refusal = pcall(group.create_task, group, child, name, 2)
    if added then
      trace("added", name)
    else
      trace("refused", name, refusal)
    end
    twin.finish(ok, err)
  end

  local function adding(count)
    local outer <close> = saros.TaskGroup()
    outer:create_task(child, "fails", 3, ValueError("fails"))
    local inner <close> = saros.TaskGroup()
    inner:create_task(adds, outer, "to the outer", count)
    inner:create_task(adds, inner, "to the inner", count)
  end

  for count = 0, 4 do watch("adding", loop:create_task(adding, count)) end
end

twin.run(main)
