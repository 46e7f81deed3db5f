--- Protected calls that let a cancellation through.
--
-- A task that catches everything would catch its own cancellation as well; these do not.
-- @module saros.pcall

local core = require "saros.core"
local check = require "saros.check"

local is_error = core.is_error
local CancelledError, KeyboardInterrupt = core.errors.CancelledError, core.errors.KeyboardInterrupt

local function passes(failure)
  return is_error(failure, CancelledError) or is_error(failure, KeyboardInterrupt)
end

local function finish(ok, ...)
  if not ok and passes((...)) then error((...), 0) end
  return ok, ...
end

local protected = {}

--- Call a function as Lua's `pcall` does, but raise a `CancelledError`, whoever's it is, and a
-- `KeyboardInterrupt`. The function may suspend.
-- @tparam function fn any callable
-- @param ... its arguments
-- @treturn boolean whether it succeeded
-- @treturn any ... its results, or the error
-- @raise `CancelledError`; `KeyboardInterrupt`
function protected.pcall(fn, ...)
  return finish(pcall(fn, ...))
end

--- Call a function as Lua's `xpcall` does, but raise a `CancelledError`, whoever's it is, and a
-- `KeyboardInterrupt`: the handler does not see them. The function may suspend, the handler may not.
-- @tparam function fn any callable
-- @tparam function handler called with the error, where it was raised
-- @param ... the arguments of `fn`
-- @treturn boolean whether it succeeded
-- @treturn any ... its results, or what the handler returned
-- @raise `CancelledError`; `KeyboardInterrupt`; `bad argument`
function protected.xpcall(fn, handler, ...)
  check.callable(handler, 2, "xpcall")
  local passing
  local function handle(failure)
    if not passes(failure) then return handler(failure) end
    passing = failure
    return failure
  end
  local function finish_handled(ok, ...)
    if not ok and passing ~= nil and rawequal(passing, (...)) then error(passing, 0) end
    return ok, ...
  end
  return finish_handled(xpcall(fn, handle, ...))
end

return protected
