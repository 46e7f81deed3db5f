--- Running functions in other threads: `saros.ThreadPoolExecutor`, `saros.to_thread`.
--
-- Each worker is a thread with a Lua state of its own, so pure Lua runs in parallel. A function
-- travels there with copies of its upvalues and arguments; a worker keeps its globals and the
-- modules that it has loaded from job to job.
--
-- Mirrors `concurrent.futures.ThreadPoolExecutor`, whose futures are awaited here.
-- @module saros.executor

local core = require "saros.core"
local check = require "saros.check"
local map = require "saros.executor_map"
local max_workers = require "saros.max_workers"

local OPTIONS = {max_workers = "integer", thread_name_prefix = "string", initializer = "callable", initargs = "table"}

local executor = {
  to_thread = core.to_thread,
  blocking_sleep = core.blocking_sleep,
}

--- Make an executor. Its threads are started when they are needed.
-- `local executor <close> = saros.ThreadPoolExecutor()` shuts it down at the end of the scope.
-- Mirrors `concurrent.futures.ThreadPoolExecutor`.
-- @function ThreadPoolExecutor
-- @tparam ?table options how its workers are
-- @tparam ?integer options.max_workers how many threads there may be; by default 4 more than there are
-- processors, and 32 at most
-- @tparam[opt="saros"] string options.thread_name_prefix what the system calls the threads, followed by their numbers
-- @tparam ?function options.initializer what each worker calls before its first job; if it fails, the
-- executor is broken
-- @tparam ?table options.initargs a list of its arguments
-- @treturn ThreadPoolExecutor
-- @raise `bad argument`; `ValueError` for an unknown option, and if there are to be no workers;
-- `TransferError` for an initializer that cannot be transferred
function executor.ThreadPoolExecutor(options)
  options = check.options(options, OPTIONS, 1, "ThreadPoolExecutor")
  local count, prefix = max_workers(options.max_workers), options.thread_name_prefix or "saros"
  if not options.initializer then return core.thread_pool(count, prefix) end
  local arguments = options.initargs or {}
  local n = arguments.n or #arguments
  return core.thread_pool(count, prefix, options.initializer, table.unpack(arguments, 1, n))
end

--- Call a function with each item of a list, in the workers. All calls are submitted at once.
-- Mirrors `concurrent.futures.Executor.map`.
-- @function ThreadPoolExecutor:map
-- @tparam fun(item:any):any fn what to call there
-- @tparam {any,...} list the items
-- @tparam ?table options how to go about it
-- @tparam[opt=1] integer options.chunksize how many items make one job: more are cheaper where calls are short
-- @tparam ?number options.timeout seconds, counted from the call of `map`, in which all results must have come
-- @treturn MapIterator an iterator of `index, value` in the order of the list, whose steps suspend the task
-- and raise the call's error, or a `TimeoutError`
-- @raise what `submit` raises; `bad argument`; `ValueError` for an unknown option and a chunk of nothing
core.thread_pool_methods.map = map

return executor
