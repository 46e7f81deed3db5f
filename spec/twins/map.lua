-- saros.map against a TaskGroup with a Semaphore, which is what it stands for. Among the first
-- items that begin none ends at once: in asyncio the task of the next one has not begun to wait then.
local twin = require "spec.support.twin"
local saros, trace = twin.saros, twin.trace

local function main(loop)
  local function work(turns)
    trace("begins", turns)
    for _ = 1, turns do saros.sleep(0) end
    trace("ends", turns)
    return turns * 10
  end

  for _, limit in ipairs {false, 1, 2, 3, 10} do
    limit = limit or nil
    loop:call_soon(trace, "limit", limit)
    trace("results", saros.map(work, {3, 2, 1, 0, 0, 1}, {limit = limit}))
  end

  trace("empty", saros.map(work, {}))

  local function sleeps(seconds)
    saros.sleep(seconds)
    trace("slept", seconds)
    return seconds
  end

  trace("results", saros.map(sleeps, {4, 2, 3, 1}, {limit = 2}))

  -- The first failure cancels the rest, which may clean up.
  local function fails(item)
    trace("item", item)
    local _ <close> = setmetatable({}, {__close = function()
      saros.sleep(0)
      trace("cleaned up", item)
    end})
    saros.sleep(item)
    error(saros.ValueError(tostring(item)))
  end

  twin.watch("failed", saros.map, fails, {3, 1, 5})

  local function fails_at_once(item)
    error(saros.ValueError(tostring(item)))
  end

  twin.watch("failed", saros.map, fails_at_once, {1})

  -- Cancelling the caller cancels all.
  local function stuck(item)
    local _ <close> = setmetatable({}, {__close = function()
      for _ = 1, item do saros.sleep(0) end
      trace("cleaned up", item)
    end})
    saros.sleep(100)
  end

  local task = loop:create_task(saros.map, stuck, {2, 0, 1})
  for _ = 1, 3 do saros.sleep(0) end
  task:cancel("enough")
  twin.watch("cancelled", task)
end

twin.run(main)
