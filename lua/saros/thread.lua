--- A function in a thread of its own: `saros.Thread`.
--
-- The thread has a Lua state of its own, where it may run a loop: `saros.run` works there as
-- anywhere. The function travels there with copies of its upvalues and arguments. A loop arrives
-- as a proxy with `call_soon_threadsafe` and `time`, and can be given to
-- `run_coroutine_threadsafe`; channels and thread-safe callables are what they were.
--
-- An error of the function is raised by `join`. If nobody joins, it goes to the exception handler of
-- the loop that started the thread; without one it is logged when the Thread is collected.
--
-- When the state that started it closes, as it does at the end of the program, a thread that is left
-- is stopped as a job is whose future is cancelled; the program does not wait for long.
-- @module saros.thread

local core = require "saros.core"
local check = require "saros.check"

local OPTIONS = {target = "callable", args = "table", name = "string"}

local count = 0

local thread = {}

--- Make a thread, which `start` starts: `saros.Thread{target=, args=, name=}`. Mirrors `threading.Thread`.
-- @function Thread
-- @tparam table options what it does
-- @tparam function options.target what it calls; its results are not kept
-- @tparam ?table options.args a list of arguments
-- @tparam ?string options.name also the system's name for it; by default `Thread-1` and so on
-- @treturn Thread
-- @raise `bad argument`; `ValueError` for an unknown option; `TransferError` for what cannot be transferred
function thread.Thread(options)
  options = check.options(options, OPTIONS, 1, "Thread")
  if options.target == nil then
    error("bad argument #1 to 'Thread' (option 'target': function expected, got nil)", 2)
  end
  local arguments = options.args or {}
  local name = options.name
  if not name then
    count = count + 1
    name = "Thread-" .. count
  end
  return core.thread(name, options.target, table.unpack(arguments, 1, arguments.n or #arguments))
end

return thread
