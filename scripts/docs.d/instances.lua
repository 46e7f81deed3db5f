--- How to get an instance of a class that no table of the library leads to, or whose fields
-- are documented and whose constructor needs arguments; and an error of a kind whose fields are
-- documented. By the name of the class or kind, a function that is called in a task.

local saros = require "saros"

local function nothing() end

-- Both ends of a connection, as streams.
local function connect()
  local server <close> = saros.start_server(function(_, writer) writer:close() end, "127.0.0.1", 0)
  return saros.open_connection("127.0.0.1", server:sockets()[1].port)
end

-- What a function raises.
local function failure_of(fn, ...)
  local _, failure = pcall(fn, ...)
  return failure
end

-- A stream that gets a text and then the end.
local function stream_of(text, options)
  local function send(_, writer) writer:write(text) end
  local server <close> = saros.start_server(send, "127.0.0.1", 0)
  return saros.open_connection("127.0.0.1", server:sockets()[1].port, options)
end

local instances = {}

function instances.Future() return saros.get_running_loop():create_future() end

function instances.Task() return saros.current_task() end

function instances.Handle() return saros.get_running_loop():call_soon(nothing) end

function instances.TimerHandle() return saros.get_running_loop():call_later(0, nothing) end

function instances.CircuitBreaker() return saros.CircuitBreaker() end

function instances.RateLimiter() return saros.RateLimiter(1) end

function instances.Generator() return saros.generator(nothing) end

function instances.StreamReader()
  local reader, writer = connect()
  writer:close()
  return reader
end

function instances.StreamWriter()
  local _, writer = connect()
  writer:close()
  return writer
end

function instances.Transport()
  local loop = saros.get_running_loop()
  local server <close> = loop:create_server(saros.Protocol, "127.0.0.1", 0)
  local transport = loop:create_connection(saros.Protocol, "127.0.0.1", server:sockets()[1].port)
  transport:close()
  return transport
end

function instances.OSError()
  return failure_of(saros.open_connection, "127.0.0.1", 0)
end

function instances.IncompleteReadError()
  local reader = stream_of("four")
  return failure_of(reader.readexactly, reader, 5)
end

function instances.LimitOverrunError()
  local reader = stream_of("too long a line", {limit = 4})
  return failure_of(reader.readuntil, reader, "\n")
end

function instances.ExceptionGroup()
  return failure_of(function()
    local group <close> = saros.TaskGroup()
    group:create_task(error, "a failure")
  end)
end

-- A spec cannot run inside of a loop, so this one is made by hand.
function instances.LeftoverError()
  return saros.testing.LeftoverError {message = "1 task is still pending", leftovers = {tasks = {"Task-1"}}}
end

function instances.CronExpression() return saros.cron.parse("@daily") end
function instances.BrokenExecutor()
  local executor <close> = saros.ProcessPoolExecutor()
  local future = executor:submit(os.exit, 1)
  return failure_of(future.await, future)
end

function instances.ProcessPoolExecutor() return saros.ProcessPoolExecutor() end

function instances.Channel() return saros.Channel() end

function instances.Thread() return saros.Thread {target = print, name = "a thread"} end

function instances.ThreadsafeTask() return saros.run_coroutine_threadsafe(saros.get_running_loop(), nothing) end

function instances.RemoteObject()
  local object <close> = saros.remote(function() return {} end)
  return object
end

function instances.Barrier() return saros.Barrier(1) end

function instances.ThreadPoolExecutor() return saros.ThreadPoolExecutor() end

function instances.MapIterator()
  local executor <close> = saros.ThreadPoolExecutor()
  return executor:map(math.abs, {-1})
end

-- A loop of this state is itself here, while it is open.
function instances.LoopProxy()
  local executor <close> = saros.ThreadPoolExecutor({max_workers = 1})
  local loop = saros.new_event_loop()
  executor:submit(function(proxy) _G.proxy = proxy end, loop):await()
  loop:close()
  return executor:submit(function() return _G.proxy end):await()
end

return instances
