--- Running functions in other processes: `saros.ProcessPoolExecutor`.
--
-- Each worker is a process that runs one job at a time, with a Lua state that keeps its globals
-- and loaded modules from job to job. A job that crashes takes nothing else with it, and C code
-- that is not made for threads does not mind. Jobs travel as they do between threads, but what
-- threads share cannot.
--
-- The workers are started as the program was: by the Lua at the lowest index of the global
-- `arg`, or by the program that runs in this process where that is not there. Their output is
-- the program's, their input is empty, and they end with it, however it ends. Ctrl-C is for the
-- program alone to act on.
--
-- Mirrors `concurrent.futures.ProcessPoolExecutor`, whose futures are awaited here.
-- @module saros.process_pool

local core = require "saros.core"
local check = require "saros.check"
local map = require "saros.executor_map"
local max_workers = require "saros.max_workers"

local OPTIONS = {max_workers = "integer", initializer = "callable", initargs = "table"}

-- What a worker runs, with the parent's paths; 3 is the descriptor that leads to the parent.
local BOOTSTRAP = "package.path, package.cpath = %q, %q; require('saros.core').serve_parent(3)"

local process_pool = {}

-- Whether a program's name can be started from here: without a folder, it is looked for on the PATH.
local function is_there(program)
  if not program:find("/", 1, true) then return true end
  local file = io.open(program, "rb")
  if file then file:close() end
  return file ~= nil
end

-- The Lua that runs the program.
local function interpreter()
  local arguments, index = rawget(_G, "arg"), 0
  if type(arguments) == "table" then
    while arguments[index - 1] do index = index - 1 end
    local program = arguments[index]
    if type(program) == "string" and is_there(program) then return program end
  end
  return core.program_path() or error(core.errors.RuntimeError("cannot tell which program runs in this process"))
end

--- Make an executor. Its processes are started when they are needed.
-- `local executor <close> = saros.ProcessPoolExecutor()` shuts it down at the end of the scope.
-- A process that ends before its job is done fails that with a `BrokenExecutor`, and another one
-- takes its place. Mirrors `concurrent.futures.ProcessPoolExecutor`.
-- @function ProcessPoolExecutor
-- @tparam ?table options how its workers are
-- @tparam ?integer options.max_workers how many processes there may be; by default as many as there are processors
-- @tparam ?function options.initializer what each worker calls before its first job; if it fails, the
-- executor is broken
-- @tparam ?table options.initargs a list of its arguments
-- @treturn ProcessPoolExecutor
-- @raise `bad argument`; `ValueError` for an unknown option, and if there are to be no workers;
-- `TransferError` for an initializer that cannot be transferred
function process_pool.ProcessPoolExecutor(options)
  options = check.options(options, OPTIONS, 1, "ProcessPoolExecutor")
  local count = max_workers(options.max_workers)
  local program, code = interpreter(), BOOTSTRAP:format(package.path, package.cpath)
  if not options.initializer then return core.process_pool(count, program, code) end
  local arguments = options.initargs or {}
  return core.process_pool(count, program, code, options.initializer,
    table.unpack(arguments, 1, arguments.n or #arguments))
end

--- Call a function with each item of a list, in the workers. All calls are submitted at once.
-- Mirrors `concurrent.futures.Executor.map`.
-- @function ProcessPoolExecutor:map
-- @tparam fun(item:any):any fn what to call there
-- @tparam {any,...} list the items
-- @tparam ?table options how to go about it
-- @tparam[opt=1] integer options.chunksize how many items make one job: more are cheaper where calls are short
-- @tparam ?number options.timeout seconds, counted from the call of `map`, in which all results must have come
-- @treturn MapIterator an iterator of `index, value` in the order of the list, whose steps suspend the task
-- and raise the call's error, or a `TimeoutError`
-- @raise what `submit` raises; `bad argument`; `ValueError` for an unknown option and a chunk of nothing
core.process_pool_methods.map = map

return process_pool
