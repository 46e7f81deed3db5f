--- Protecting a future from the cancellation of who waits for it.
-- @module saros.shield

local core = require "saros.core"
local check = require "saros.check"

-- Passes the end of the inner future on.
local function copy_outcome(inner, outer)
  if outer:cancelled() then
    if not inner:cancelled() then inner:exception() end -- counts as retrieved
  elseif inner:cancelled() then
    outer:cancel()
  elseif core.has_failed(inner) then
    outer:set_exception(inner:exception())
  else
    outer:set_result(inner:result())
  end
end

local shield = {}

--- Make a future that ends as another one does, but whose cancellation does not reach that one.
-- Mirrors `asyncio.shield`.
--
--     local answer = saros.shield(task):await()    -- cancelling this leaves the task alone
-- @tparam awaitable|function awaitable a Future, a Task, an object with `__await`, or any callable,
-- which becomes a task
-- @param ... the arguments of a function
-- @treturn Future the same one if it is done already
-- @raise `bad argument`; `RuntimeError` if no loop is running
function shield.shield(awaitable, ...)
  if not check.is_awaitable(awaitable) and not check.is_callable(awaitable) then
    check.fail(1, "shield", "awaitable or function", awaitable)
  end
  local inner = core.ensure_future(awaitable, ...)
  if inner:done() then return inner end
  local outer = inner:get_loop():create_future()
  local function on_inner_done() copy_outcome(inner, outer) end
  core.note_shielded(outer, {inner})
  inner:add_done_callback(on_inner_done)
  outer:add_done_callback(function()
    if not inner:done() then inner:remove_done_callback(on_inner_done) end
  end)
  return outer
end

return shield
