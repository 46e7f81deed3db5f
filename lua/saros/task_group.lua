--- Tasks that end together: `saros.TaskGroup`, which mirrors `asyncio.TaskGroup`.
--
--     do
--       local group <close> = saros.TaskGroup()
--       group:create_task(fetch, "a")
--       group:create_task(fetch, "b")
--     end                                  -- both have ended here
--
-- The first task that fails cancels the others and the body; leaving the scope waits for all, and
-- raises an `ExceptionGroup` of what failed.
-- @module saros.task_group

local core = require "saros.core"
local check = require "saros.check"
local Class = require "saros.class"

local errors = core.errors
local group, is_error = core.group, core.is_error
local park, wake = core.wait_queue.park, core.wait_queue.wake
local RuntimeError = errors.RuntimeError

--- Made by `saros.TaskGroup()`, and held in a `<close>` variable of the task that made it. Mirrors
-- `asyncio.TaskGroup`.
-- @type TaskGroup
local TaskGroup = Class.new("TaskGroup")

function TaskGroup:init()
  self.parent = core.current_task()
  if self.parent == nil then error(RuntimeError("a TaskGroup can only be used inside a task")) end
  self.parent_cancelling = self.parent:cancelling()
  self.errors = {}
  self.exiting, self.aborting, self.parent_cancel_requested = false, false, false
  self.completed = core.WaitQueue("TaskGroup")
  self.children = group.new(function(task, last) self:_on_done(task, last) end)
end

-- What ends the loop does not wait to be grouped.
local function is_base_error(failure)
  return is_error(failure, errors.KeyboardInterrupt)
end

local function abort(self)
  self.aborting = true
  for _, task in ipairs(group.children(self.children)) do task:cancel() end
end

local function note_failure(self, task, failure)
  local noted = core.wrap_error(failure)
  if noted ~= failure then noted.traceback = task:traceback() end -- a string cannot carry it
  self.errors[#self.errors + 1] = noted
  if self.base_error == nil and is_base_error(failure) then self.base_error = failure end
  if self.parent:done() then
    self.parent:get_loop():call_exception_handler {
      message = ("%s has failed, but its parent %s is done already"):format(task, self.parent),
      exception = failure,
      task = task,
    }
  elseif not self.aborting and not self.parent_cancel_requested then
    abort(self)
    self.parent_cancel_requested = true
    self.parent:cancel()
  end
end

-- A task has failed, or the last one is done.
function TaskGroup:_on_done(task, last)
  if last then wake(self.completed) end
  if task then note_failure(self, task, task:exception()) end
end

--- Run a function as a task of the group. Mirrors `TaskGroup.create_task`.
-- @tparam function fn any callable
-- @param ... its arguments
-- @treturn Task
-- @raise `RuntimeError` once the group is shutting down or was left; `bad argument`
function TaskGroup:create_task(fn, ...)
  if type(fn) ~= "function" then check.callable(fn, 1, "create_task") end
  if self.exiting and group.count(self.children) == 0 then
    error(RuntimeError("the TaskGroup is finished"))
  end
  if self.aborting then error(RuntimeError("the TaskGroup is shutting down")) end
  return group.create_task(self.children, fn, ...)
end

-- Waits until no task is left, however often the parent is cancelled; returns the first of these
-- cancellations, unless the group was shutting down already.
local function wait_for_tasks(self)
  local cancellation
  while group.count(self.children) > 0 do
    local ok, failure = park(self.completed)
    if not ok and not self.aborting then
      cancellation = failure
      abort(self)
    end
  end
  return cancellation
end

local function describe(failure)
  local ok, text = pcall(tostring, failure)
  return ok and text or check.type_name(failure)
end

-- For print_tasks.
function TaskGroup:__awaited()
  return group.children(self.children)
end

local function make_group(list)
  local texts = {}
  for i, failure in ipairs(list) do texts[i] = describe(failure) end
  local count = #list == 1 and "1 error" or #list .. " errors"
  return errors.ExceptionGroup {
    message = ("unhandled errors in a TaskGroup (%s: %s)"):format(count, table.concat(texts, "; ")),
    errors = list,
  }
end

function TaskGroup:__close(failure)
  self.exiting = true
  if self.base_error == nil and is_base_error(failure) then self.base_error = failure end
  local is_cancellation = is_error(failure, errors.CancelledError)
  local cancellation = is_cancellation and failure or nil
  local is_taken_back = self.parent_cancel_requested
  if is_taken_back and self.parent:uncancel() <= self.parent_cancelling then
    cancellation = nil -- it was the group's own
  end
  if failure ~= nil and not self.aborting then abort(self) end
  cancellation = wait_for_tasks(self) or cancellation
  -- A task that failed while the parent waited here has cancelled it, too.
  if self.parent_cancel_requested and not is_taken_back then self.parent:uncancel() end
  if self.base_error ~= nil then error(self.base_error, 0) end
  local list = self.errors
  if cancellation and #list == 0 then error(cancellation, 0) end
  if failure ~= nil and not is_cancellation then list[#list + 1] = core.wrap_error(failure) end
  if #list > 0 then error(make_group(list), 0) end
end

-- A group that was made without `<close>` and never left: its errors would be lost.
function TaskGroup:__gc()
  local loop = not self.exiting and self.errors and self.errors[1] and self.parent:get_loop()
  if not loop then return end
  loop:call_exception_handler {
    message = "A TaskGroup was never left, but has failed: it belongs in a <close> variable",
    exception = make_group(self.errors),
  }
end

return {TaskGroup = TaskGroup}
