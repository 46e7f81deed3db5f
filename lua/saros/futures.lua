--- Lists of awaitables, as `wait` and `as_completed` take them.
-- @module saros.futures
-- @local

local core = require "saros.core"
local check = require "saros.check"

local futures = {}

-- Raise unless the argument is a plain list.
local function check_list(list, name)
  if type(list) ~= "table" or check.is_awaitable(list) or check.is_callable(list) then
    check.fail(1, name, "list", list)
  end
end

local function fail_entry(name, i, expected, value)
  check.fail(1, name, ("list of %s"):format(expected), value, (" at index %d"):format(i))
end

--- Check a list of futures, and drop those that are in it twice.
-- @tparam table list the argument
-- @tparam string name the public function's name
-- @treturn {Future,...} the different ones, in order
-- @raise `bad argument`
function futures.unique(list, name)
  check_list(list, name)
  local result, seen = {}, {}
  for i, future in ipairs(list) do
    if not core.isfuture(future) then fail_entry(name, i, "futures", future) end
    if not seen[future] then result[#result + 1] = future end
    seen[future] = true
  end
  return result
end

--- Check a list of awaitables and make futures of them: functions become tasks, the same function
-- twice two of them; the same future counts once. Nothing is started unless all are fit.
-- @tparam table list the argument
-- @tparam string name the public function's name
-- @treturn {Future,...} the different ones, in order
-- @raise `bad argument`
function futures.ensure(list, name)
  check_list(list, name)
  for i, awaitable in ipairs(list) do
    if not check.is_awaitable(awaitable) and not check.is_callable(awaitable) then
      fail_entry(name, i, "awaitables", awaitable)
    end
  end
  local started = {}
  for i, awaitable in ipairs(list) do started[i] = core.ensure_future(awaitable) end
  return futures.unique(started, name)
end

return futures
