--- Running a program: `saros.run` and `saros.Runner`.
--
-- Mirrors `asyncio.run` and `asyncio.Runner`. While a main function runs, the first
-- SIGINT cancels its task; the second raises `KeyboardInterrupt` wherever Lua code is.
-- @module saros.runner

local core = require "saros.core"
local check = require "saros.check"
local close_generators = require "saros.generator".close_all
local policy = require "saros.policy"

local errors = core.errors
local RuntimeError = errors.RuntimeError

local OPTIONS = {debug = "boolean", loop_factory = "callable"}

local Runner = {__name = "Runner"}
Runner.__index = Runner

-- Raises unless no loop runs in this Lua state.
local function refuse_nested(name)
  if core.running_loop_or_nil() then
    error(RuntimeError(name .. "() cannot be called from a running event loop"))
  end
end

-- The loop is made when it is first needed, as a runner that is never used must not
-- leave a loop behind.
local function ensure_loop(self)
  if self.closed then error(RuntimeError("the runner is closed")) end
  if self.loop then return self.loop end
  self.context = core.current_context() and core.copy_context()
  local loop
  if self.loop_factory then loop = self.loop_factory() else loop = policy.new_event_loop() end
  if not check.is_loop(loop) then
    local maker = self.loop_factory and "loop_factory" or "policy"
    error(RuntimeError(("the %s made no EventLoop, but a %s"):format(maker, check.type_name(loop))))
  end
  self.loop = loop
  if not self.loop_factory then
    policy.set_event_loop(loop)
    self.set_event_loop = true
  end
  if self.debug ~= nil then self.loop:set_debug(self.debug) end
  return self.loop
end

local function report_failed_shutdown(loop, task)
  if task:cancelled() then return end
  local exception = task:exception()
  if exception == nil then return end
  loop:call_exception_handler {
    message = "unhandled exception during saros.run() shutdown",
    exception = exception,
    task = task,
  }
end

local function cancel_all_tasks(loop)
  local tasks = core.all_tasks(loop)
  if #tasks == 0 then return end
  for _, task in ipairs(tasks) do task:cancel() end
  loop:run_until_complete(core.gather(tasks, {return_exceptions = true}))
  for _, task in ipairs(tasks) do report_failed_shutdown(loop, task) end
end

local function do_nothing() end

local function shut_down(loop)
  cancel_all_tasks(loop)
  -- asyncio ends with two coroutines, for its asynchronous generators and for the
  -- default executor. Callbacks that are still chained when main returns can count the
  -- iterations that these two take, so both are here even when they have nothing to do.
  loop:run_until_complete(close_generators, loop)
  loop:run_until_complete(loop.shutdown_default_executor or do_nothing, loop)
end

-- What `run` raises for the error with which the main task ended.
local function convert_error(runner, task, failure)
  if runner.interrupts > 0 and core.is_error(failure, errors.CancelledError)
    and task:uncancel() == 0 then
    return errors.KeyboardInterrupt()
  end
  if type(failure) == "string" and task:done() then
    -- An error object keeps its traceback in a field; a string has nothing else.
    local traceback = task:traceback()
    if traceback then return failure .. "\n" .. traceback end
  end
  return failure
end

-- The main tasks share a context, which is nil as long as it is empty.
local function share_context(runner, task)
  local context = runner.context
  -- That the program's own is not is nothing to them.
  if context == nil and core.current_context() then context = setmetatable({}, core.Context) end
  if context then core.share_context(task, context) end
end

local function finish(runner, loop, task, ok, ...)
  core.set_interrupt_handler(loop, nil)
  runner.context = core.task_context(task)
  if ok then return ... end
  -- An interrupt leaves the loop before anybody has looked at the task that it ended.
  if task:done() and not task:cancelled() then task:exception() end
  error(convert_error(runner, task, (...)), 0)
end

--- The parts of `saros.run`, for programs that run several main functions on one loop.
-- Mirrors `asyncio.Runner`.
-- @type Runner

--- Run a function as a task until it is done; may be called again and again. What one of them sets of
-- context variables, the next one sees: they share a copy of the context in which the loop was made.
-- @tparam function fn any callable
-- @param ... its arguments
-- @treturn any ... all its results
-- @raise its own error, the same object; a string gains the traceback.
-- `KeyboardInterrupt` when SIGINT ended it; `RuntimeError` inside a running loop and on
-- a closed runner; `bad argument` for what cannot be called
function Runner:run(fn, ...)
  check.callable(fn, 1, "run")
  refuse_nested("Runner:run")
  local loop = ensure_loop(self)
  local task = loop:create_task(fn, ...)
  share_context(self, task)
  self.interrupts = 0
  core.set_interrupt_handler(loop, function()
    self.interrupts = self.interrupts + 1
    -- A task that ended in this very iteration cannot be cancelled any more.
    if not task:cancel() then error(errors.KeyboardInterrupt()) end
  end)
  return finish(self, loop, task, pcall(loop.run_until_complete, loop, task))
end

--- The runner's loop, made on first use.
-- @treturn EventLoop
-- @raise `RuntimeError` on a closed runner, and if what makes its loop makes something else
function Runner:get_loop()
  return ensure_loop(self)
end

local function release_loop(self)
  local loop = self.loop
  self.loop = nil
  self.closed = true
  if self.set_event_loop then policy.set_event_loop(nil) end
  loop:close()
end

--- Cancel and await every task that is left, then close the loop. What fails meanwhile
-- goes to the exception handler. Closing twice, or before first use, does nothing.
-- `local runner <close> = saros.Runner()` does it at the end of the scope.
-- @raise `RuntimeError` while the loop runs
function Runner:close()
  if not self.loop then return end
  if self.loop:is_running() then
    error(RuntimeError("a runner cannot be closed while its loop runs"))
  end
  local ok, failure = pcall(shut_down, self.loop)
  release_loop(self)
  if not ok then error(failure, 0) end
end

Runner.__close = Runner.close

--- @section end

-- Cancels and awaits all tasks that are left on a loop, for the launcher.
local runner = {shut_down = shut_down}

--- Make a runner; mirrors `asyncio.Runner`.
-- @tparam ?table options how it makes its loop
-- @tparam ?boolean options.debug the loop's debug mode
-- @tparam ?fun():EventLoop options.loop_factory makes the loop, which then does not become
-- the current loop; by default the policy makes it
-- @treturn Runner
-- @raise `bad argument`; `ValueError` for an unknown option
function runner.Runner(options)
  options = check.options(options, OPTIONS, 1, "Runner")
  return setmetatable({
    debug = options.debug,
    loop_factory = options.loop_factory,
    interrupts = 0,
    closed = false,
    set_event_loop = false,
  }, Runner)
end

--- Run a program: make a loop, run `main` as a task, cancel and await what is left,
-- close the loop. Mirrors `asyncio.run`.
-- @tparam function main any callable
-- @param ... its arguments
-- @treturn any ... all its results
-- @raise its own error, the same object; a string gains the traceback.
-- `KeyboardInterrupt` when SIGINT ended it; `RuntimeError` inside a running loop;
-- `bad argument` for what cannot be called
function runner.run(main, ...)
  check.callable(main, 1, "run")
  refuse_nested("saros.run")
  local scope <close> = runner.Runner()
  return scope:run(main, ...)
end

return runner
