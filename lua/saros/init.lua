--- Saros: asyncio for Lua. `require "saros"` gives the whole public API in one table.
--
-- What not every program needs is loaded when it is first asked for.
-- @module saros

local core = require "saros.core"

-- Not lazily: the core calls these methods of EventLoop, also when no file can be opened
-- any more.
require "saros.exceptions"
require "saros.network"
require "saros.slow_callback"

local saros = {
  --- The version of the library.
  _VERSION = "0.1.0",
}

local FROM_CORE = {
  "Channel", "EventLoop", "all_tasks", "await", "cpu_count", "create_task", "current_task",
  "eager_task_factory", "ensure_future", "gather", "get_running_loop", "is_error", "isfuture", "monotonic",
  "run_coroutine_threadsafe", "sleep",
}

for _, name in ipairs(FROM_CORE) do saros[name] = core[name] end
for name, kind in pairs(core.errors) do saros[name] = kind end

-- Names that are a whole module.
local MODULES = {
  cron = "saros.cron",
  loop = "saros.loop",
  signal = "saros.signal",
  testing = "saros.testing",
}

-- Names that are fields of a module.
local FIELDS = {
  EventLoopPolicy = "saros.policy",
  get_event_loop = "saros.policy",
  get_event_loop_policy = "saros.policy",
  new_event_loop = "saros.policy",
  set_event_loop = "saros.policy",
  set_event_loop_policy = "saros.policy",

  Runner = "saros.runner",
  run = "saros.runner",

  ContextVar = "saros.context",
  copy_context = "saros.context",

  Barrier = "saros.barrier",
  BoundedSemaphore = "saros.semaphore",
  CircuitBreaker = "saros.circuit_breaker",
  Condition = "saros.condition",
  Event = "saros.event",
  LifoQueue = "saros.queue",
  Lock = "saros.lock",
  LoopMonitor = "saros.loop_monitor",
  PriorityQueue = "saros.queue",
  Queue = "saros.queue",
  RateLimiter = "saros.rate_limiter",
  Scheduler = "saros.scheduler",
  Semaphore = "saros.semaphore",

  ALL_COMPLETED = "saros.wait",
  FIRST_COMPLETED = "saros.wait",
  FIRST_EXCEPTION = "saros.wait",
  TaskGroup = "saros.task_group",
  as_completed = "saros.as_completed",
  generator = "saros.generator",
  map = "saros.map",
  pcall = "saros.pcall",
  shield = "saros.shield",
  wait = "saros.wait",
  xpcall = "saros.pcall",

  periodic = "saros.periodic",
  print_tasks = "saros.print_tasks",
  timeout = "saros.timeout",
  timeout_at = "saros.timeout",
  wait_for = "saros.wait_for",

  DatagramProtocol = "saros.protocols",
  Protocol = "saros.protocols",
  SubprocessProtocol = "saros.protocols",
  open_connection = "saros.streams",
  open_unix_connection = "saros.streams",
  start_server = "saros.streams",
  start_unix_server = "saros.streams",

  ProcessPoolExecutor = "saros.process_pool",
  Thread = "saros.thread",
  remote = "saros.remote",
  ThreadPoolExecutor = "saros.executor",
  blocking_sleep = "saros.executor",
  to_thread = "saros.executor",

  set_logger = "saros.logger",
}

return setmetatable(saros, {
  __index = function(_, name)
    local value
    if MODULES[name] then
      value = require(MODULES[name])
    elseif FIELDS[name] then
      value = require(FIELDS[name])[name]
    end
    saros[name] = value
    return value
  end,
})
