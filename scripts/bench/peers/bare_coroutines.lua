-- bare_coroutines.lua SECTION: the floor for tasks, coroutines of plain Lua.
--
-- No scheduler, no results, no errors caught: create, run to one yield, finish.
-- Prints `metric value` lines; times are processor time.

local COUNT, PASSES = 10000, 9

local function median(list)
  table.sort(list)
  return list[(#list + 1) // 2]
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
  local times = {}
  for pass = 1, PASSES do
    local begin, list = os.clock(), {}
    for i = 1, COUNT do
      list[i] = coroutine.create(function() coroutine.yield() end)
    end
    for i = 1, COUNT do
      coroutine.resume(list[i])
    end
    for i = 1, COUNT do
      coroutine.resume(list[i])
    end
    times[pass] = (os.clock() - begin) * 1e3
  end
  print("tasks_10k_ms", median(times))
end

function sections.task_memory()
  local n, keep = 100000, {}
  collectgarbage()
  collectgarbage("stop")
  local bytes, resident = collectgarbage("count") * 1024, resident_bytes()
  for i = 1, n do
    local co = coroutine.create(function() coroutine.yield() end)
    coroutine.resume(co)
    keep[i] = co
  end
  print("task_bytes", (collectgarbage("count") * 1024 - bytes) / n)
  if resident then
    print("task_resident_bytes", (resident_bytes() - resident) / n)
  end
  assert(#keep == n)
end

sections[arg[1]]()
