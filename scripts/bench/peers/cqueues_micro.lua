-- cqueues_micro.lua SECTION: the measurements that cqueues can do.
-- Prints `metric value` lines; times are processor time.

local cqueues = require "cqueues"

local PASSES = 7

local function median(list)
  table.sort(list)
  return list[(#list + 1) // 2]
end

local sections = {}

function sections.tasks()
  local times = {}
  for pass = 1, PASSES do
    local controller, begin = cqueues.new(), os.clock()
    for _ = 1, 10000 do
      controller:wrap(function() cqueues.poll(0) end)
    end
    assert(controller:loop())
    times[pass] = (os.clock() - begin) * 1e3
  end
  print("tasks_10k_ms", median(times))
end

function sections.sleep0()
  local n, times = 50000, {}
  for pass = 1, PASSES do
    local controller, begin = cqueues.new(), os.clock()
    controller:wrap(function()
      for _ = 1, n do
        cqueues.poll(0)
      end
    end)
    assert(controller:loop())
    times[pass] = (os.clock() - begin) / n * 1e9
  end
  print("sleep0_ns", median(times))
end

function sections.lateness()
  local late, early, controller = {}, 0, cqueues.new()
  controller:wrap(function()
    for i = 1, 300 do
      local begin = cqueues.monotime()
      cqueues.sleep(0.0005)
      late[i] = (cqueues.monotime() - begin - 0.0005) * 1e6
      early = early + (late[i] < 0 and 1 or 0)
    end
  end)
  assert(controller:loop())
  print("sleep_late_us", median(late))
  print("sleep_early_count", early)
end

sections[arg[1]]()
