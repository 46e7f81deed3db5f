-- luv_micro.lua SECTION: the measurements that luv can do, in callbacks.
-- Prints `metric value` lines; times are processor time, or by the clock for what threads do.

local uv = require "luv"

local TIMERS, PASSES = 200000, 5

local function median(list)
  table.sort(list)
  return list[(#list + 1) // 2]
end

local sections = {}

function sections.timers()
  local times = {}
  for pass = 1, PASSES do
    local fired, begin = 0, os.clock()
    for i = 1, TIMERS do
      local timer = uv.new_timer()
      timer:start((i * 7919 % 1000) // 1000, 0, function()
        fired = fired + 1
        timer:close()
      end)
    end
    uv.run()
    assert(fired == TIMERS)
    times[pass] = (os.clock() - begin) / TIMERS * 1e9
  end
  print("timer_fire_ns", median(times))
end

function sections.call_later()
  local inserts, cancels = {}, {}
  local function callback() end
  for pass = 1, PASSES do
    local timers, begin = {}, os.clock()
    for i = 1, TIMERS do
      local timer = uv.new_timer()
      timer:start(100000 + i * 7919 % 100000, 0, callback)
      timers[i] = timer
    end
    local inserted = os.clock()
    for i = 1, TIMERS do
      timers[i]:close()
    end
    uv.run()
    inserts[pass] = (inserted - begin) / TIMERS * 1e9
    cancels[pass] = (os.clock() - inserted) / TIMERS * 1e9
  end
  print("timer_insert_ns", median(inserts))
  print("timer_cancel_ns", median(cancels))
end

-- A round trip after the other.
function sections.executor()
  local n, times = 10000, {}
  for pass = 1, PASSES do
    local left, work = n, nil
    work = uv.new_work(function() end, function()
      left = left - 1
      if left > 0 then
        work:queue()
      end
    end)
    local begin = uv.hrtime()
    work:queue()
    uv.run()
    times[pass] = (uv.hrtime() - begin) / n / 1e3
  end
  print("executor_us", median(times))
end

function sections.executor_burst()
  local n, times = 20000, {}
  for pass = 1, PASSES do
    local left = n
    local work = uv.new_work(function() end, function() left = left - 1 end)
    local begin = uv.hrtime()
    for _ = 1, n do
      work:queue()
    end
    uv.run()
    assert(left == 0)
    times[pass] = (uv.hrtime() - begin) / n / 1e3
  end
  print("executor_job_us", median(times))
end

sections[arg[1]]()
