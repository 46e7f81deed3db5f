--- Iterators whose body may await; mirrors Python's asynchronous generators.
--
--     local function ticks(yield, interval)
--       for i = 1, math.huge do
--         yield(i)
--         saros.sleep(interval)
--       end
--     end
--     for i in saros.generator(ticks, 0.5) do print(i) end
--
-- The body runs in the task that asks for a value, as part of it: `saros.current_task()`,
-- cancellation and time limits are that task's. A loop that is left by `break` or an error
-- leaves the generator behind, to be closed when it is collected, or with the loop;
-- `<close>` closes it promptly:
--
--     local numbers <close> = saros.generator(ticks, 0.5)
--     for i in numbers do if i == 3 then break end end
-- @module saros.generator

local core = require "saros.core"

local generator = {}

generator.generator = core.generator

-- What the step of asyncio's loop.shutdown_asyncgens does.
local function report(loop, closing, task)
  if task:cancelled() or not core.has_failed(task) then return end
  loop:call_exception_handler {
    message = ("an error occurred during closing of %s"):format(closing),
    exception = task:exception(),
    task = task,
  }
end

--- Close all generators that were begun on a loop and left before their end, for who closes
-- the loop. Their errors go to the exception handler. Mirrors
-- `asyncio.loop.shutdown_asyncgens`.
-- @local
-- @tparam EventLoop loop the running loop
function generator.close_all(loop)
  local left = core.generators(loop)
  if #left == 0 then return end
  local tasks = {}
  for i, closing in ipairs(left) do tasks[i] = loop:create_task(closing.close, closing) end
  core.gather(tasks, {return_exceptions = true}):await()
  for i, task in ipairs(tasks) do report(loop, left[i], task) end
end

return generator
