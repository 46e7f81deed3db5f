-- micro.lua SECTION: the measurements on Saros, through its public API alone.
--
-- Sections: tasks sleep0 call_soon call_later timers lateness task_memory lock queue
-- task_group executor executor_burst executor_scaling executor_string.
-- Prints `metric value` lines, each the median of its passes. Times are the
-- process's processor time, in the unit that the metric's name ends with;
-- lateness is by the loop's own clock, and so is what executors take.

local saros = require "saros"

local TIMERS = 200000

local function nothing() end

local function median(list)
  table.sort(list)
  return list[(#list + 1) // 2]
end

-- Calls fn `passes` times and reports the median of what it returns.
local function report(metric, passes, fn)
  local values = {}
  for pass = 1, passes do
    values[pass] = fn()
  end
  print(metric, median(values))
end

-- Bytes of this process that no file backs, or nil where there is no /proc.
local function resident_bytes()
  local file = io.open("/proc/self/smaps_rollup")
  if not file then
    return nil
  end
  local kib = file:read("a"):match("Anonymous:%s+(%d+)")
  file:close()
  return tonumber(kib) * 1024
end

local sections = {}

function sections.tasks()
  local n = 10000
  local function noop()
    saros.sleep(0)
  end
  report("tasks_10k_ms", 9, function()
    local begin, list = os.clock(), {}
    for i = 1, n do
      list[i] = saros.create_task(noop)
    end
    saros.gather(list):await()
    return (os.clock() - begin) * 1e3
  end)
end

function sections.sleep0()
  local n = 200000
  local sleep = saros.sleep
  report("sleep0_ns", 7, function()
    local begin = os.clock()
    for _ = 1, n do
      sleep(0)
    end
    return (os.clock() - begin) / n * 1e9
  end)
end

function sections.call_soon()
  local n = 50000
  local loop = saros.get_running_loop()
  report("call_soon_ns", 9, function()
    local begin = os.clock()
    for _ = 1, n do
      loop:call_soon(nothing)
    end
    saros.sleep(0)
    return (os.clock() - begin) / n * 1e9
  end)
end

function sections.call_later()
  local loop = saros.get_running_loop()
  local inserts, cancels = {}, {}
  for pass = 1, 5 do
    local begin, handles = os.clock(), {}
    for i = 1, TIMERS do
      handles[i] = loop:call_later(100 + i * 7919 % 100000 / 1e3, nothing)
    end
    local inserted = os.clock()
    for i = 1, TIMERS do
      handles[i]:cancel()
    end
    saros.sleep(0)
    inserts[pass] = (inserted - begin) / TIMERS * 1e9
    cancels[pass] = (os.clock() - inserted) / TIMERS * 1e9
  end
  print("timer_insert_ns", median(inserts))
  print("timer_cancel_ns", median(cancels))
end

function sections.timers()
  local loop = saros.get_running_loop()
  report("timer_fire_ns", 5, function()
    local fired, done = 0, loop:create_future()
    local function fire()
      fired = fired + 1
      if fired == TIMERS then
        done:set_result()
      end
    end
    local begin = os.clock()
    for i = 1, TIMERS do
      loop:call_later(i * 7919 % 1000 / 1e6, fire)
    end
    done:await()
    return (os.clock() - begin) / TIMERS * 1e9
  end)
end

function sections.lateness()
  local loop, early = saros.get_running_loop(), 0
  report("sleep_late_us", 300, function()
    local begin = loop:time()
    saros.sleep(0.0005)
    local late = (loop:time() - begin - 0.0005) * 1e6
    early = early + (late < 0 and 1 or 0)
    return late
  end)
  print("sleep_early_count", early)
end

function sections.task_memory()
  local n = 100000
  collectgarbage()
  collectgarbage("stop")
  local bytes, resident = collectgarbage("count") * 1024, resident_bytes()
  for _ = 1, n do
    saros.create_task(function() saros.sleep(1000) end)
  end
  saros.sleep(0) -- the tasks begin before this one goes on, and sleep
  print("task_bytes", (collectgarbage("count") * 1024 - bytes) / n)
  if resident then
    print("task_resident_bytes", (resident_bytes() - resident) / n)
  end
  collectgarbage("restart")
end

-- Two tasks want a lock that is held: from then on each release hands it to the one that waits.
function sections.lock()
  local n = 100000
  report("lock_ns", 7, function()
    local lock = saros.Lock()
    local function take_turns()
      for _ = 1, n / 2 do
        lock:acquire()
        lock:release()
      end
    end
    lock:acquire()
    local both = saros.gather(take_turns, take_turns)
    saros.sleep(0)
    local begin = os.clock()
    lock:release()
    both:await()
    return (os.clock() - begin) / n * 1e9
  end)
end

-- A producer and a consumer of a queue with room for one item: both wait all the time.
function sections.queue()
  local n = 100000
  report("queue_ns", 7, function()
    local queue = saros.Queue(1)
    local function produce()
      for i = 1, n do queue:put(i) end
    end
    local function consume()
      for _ = 1, n do queue:get() end
    end
    local begin = os.clock()
    saros.gather(produce, consume):await()
    return (os.clock() - begin) / n * 1e9
  end)
end

function sections.task_group()
  local n = 10000
  local function noop()
    saros.sleep(0)
  end
  report("task_group_ms", 9, function()
    local begin = os.clock()
    do
      local group <close> = saros.TaskGroup()
      for _ = 1, n do
        group:create_task(noop)
      end
    end
    return (os.clock() - begin) * 1e3
  end)
end

function sections.executor()
  local n = 10000
  local to_thread, now = saros.to_thread, saros.monotonic
  report("executor_us", 7, function()
    local begin = now()
    for _ = 1, n do
      to_thread(nothing)
    end
    return (now() - begin) / n * 1e6
  end)
end

function sections.executor_burst()
  local n, now = 20000, saros.monotonic
  local executor <close> = saros.ThreadPoolExecutor({max_workers = 4}) -- as many as libuv has
  report("executor_job_us", 9, function()
    local begin, list = now(), {}
    for i = 1, n do
      list[i] = executor:submit(nothing)
    end
    for i = 1, n do
      list[i]:await()
    end
    return (now() - begin) / n * 1e6
  end)
end

-- How many times as much two workers do as one.
function sections.executor_scaling()
  local executor <close> = saros.ThreadPoolExecutor({max_workers = 2})
  local function work()
    local sum = 0
    for i = 1, 10000000 do
      sum = sum + i % 7
    end
    return sum
  end
  report("executor_scaling", 5, function()
    local begin = saros.monotonic()
    executor:submit(work):await()
    local middle = saros.monotonic()
    saros.gather(executor:submit(work), executor:submit(work)):await()
    return 2 * (middle - begin) / (saros.monotonic() - middle)
  end)
end

-- How long 10 MB take to a worker and back, in times of copying them once.
function sections.executor_string()
  local executor <close> = saros.ThreadPoolExecutor({max_workers = 1})
  local text = ("x"):rep(10000000)
  local function same(...)
    return ...
  end
  report("executor_string_copies", 21, function()
    local begin = saros.monotonic()
    local copy = text .. "y"
    local copied = saros.monotonic()
    assert(#executor:submit(same, text):await() == #copy - 1)
    return (saros.monotonic() - copied) / (copied - begin)
  end)
end

local section = sections[arg[1]]
if not section then
  io.stderr:write("usage: micro.lua SECTION\n")
  os.exit(2)
end
saros.run(section)
