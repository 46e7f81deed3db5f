-- Lock: who gets it in which iteration, and waiters cancelled around their wake-up.
local twin = require "spec.support.twin"
local saros, attempt, trace, watch = twin.saros, twin.attempt, twin.trace, twin.watch

local function turns(count)
  for _ = 1, count do saros.sleep(0) end
end

local function main(loop)
  local lock = saros.Lock()
  trace("fresh", lock:locked())
  attempt("release", lock.release, lock)
  watch("acquire", lock.acquire, lock)
  trace("taken", lock:locked())
  attempt("release", lock.release, lock)

  local function takes(name, hold)
    trace(name, "asks")
    do
      local _ <close> = lock:hold()
      trace(name, "has it")
      turns(hold or 1)
    end
    trace(name, "gave it back", lock:locked())
  end

  -- As `takes`, and says whether it was cancelled.
  local function asks(name, hold)
    local ok, err = pcall(takes, name, hold)
    if not ok then trace(name, "cancelled", lock:locked()) end
    twin.finish(ok, err)
  end

  local function spawn(names, hold)
    local tasks = {}
    for i, name in ipairs(names) do tasks[i] = loop:create_task(asks, name, hold) end
    saros.sleep(0)
    return tasks
  end

  local function join(tasks)
    for _, task in ipairs(tasks) do watch("task", task) end
    trace("free", not lock:locked())
  end

  -- In order of asking.
  join(spawn { "a", "b", "c" })
  join(spawn({ "d", "e", "f" }, 0))

  -- Who asks while the first that was woken has not run yet comes after those who wait.
  local tasks
  for late = 0, 3 do
    lock:acquire()
    tasks = spawn { "g", "h" }
    lock:release()
    trace("released", lock:locked())
    turns(late)
    tasks[3] = loop:create_task(asks, "late")
    join(tasks)
  end
  lock:acquire()
  tasks = spawn { "i", "j" }
  lock:release()
  takes("releaser")
  join(tasks)

  -- Released twice in one iteration, and taken again at once.
  lock:acquire()
  tasks = spawn { "k", "l" }
  lock:release()
  attempt("release again", lock.release, lock)
  join(tasks)

  -- A waiter is cancelled: which one, and how long before or after the release.
  for which = 0, 2 do
    for before = 0, 2 do
      for after = 0, 2 do
        trace("== cancel", which, before, after)
        lock:acquire()
        tasks = spawn { "m", "n", "o" }
        if before > 0 then
          tasks[which + 1]:cancel()
          turns(before - 1)
        end
        lock:release()
        turns(after)
        if before == 0 then trace("cancel", tasks[which + 1]:cancel()) end
        join(tasks)
      end
    end
  end

  -- All of them, in the iteration of the release.
  for _, release_first in ipairs { true, false } do
    lock:acquire()
    tasks = spawn { "p", "q", "r" }
    if release_first then lock:release() end
    trace("cancel", { tasks[1]:cancel(), tasks[2]:cancel(), tasks[3]:cancel() })
    if not release_first then lock:release() end
    saros.sleep(0)
    trace("locked", lock:locked())
    tasks[4] = spawn({ "s" })[1]
    join(tasks)
  end

  -- The first was cancelled, and the lock is taken before it has left the queue.
  lock:acquire()
  tasks = spawn { "t", "u" }
  for _, task in ipairs(tasks) do task:cancel() end
  lock:release()
  takes("quick")
  join(tasks)

  -- Cancelled while it holds it.
  tasks = spawn({ "v", "w" }, 9)
  tasks[1]:cancel()
  turns(3)
  tasks[2]:cancel()
  join(tasks)

  -- A time limit that is over as it is woken.
  local function in_time(name, delay)
    local ok, err = pcall(saros.wait_for, lock.acquire, delay, lock)
    if ok then
      trace(name, "has it")
      lock:release()
    elseif saros.is_error(err, saros.TimeoutError) then
      trace(name, "is too late", lock:locked())
    else
      error(err, 0)
    end
  end

  for delay = 1, 5 do
    lock:acquire()
    tasks = { loop:create_task(in_time, "x", delay), loop:create_task(in_time, "y", 9) }
    turns(3)
    lock:release()
    join(tasks)
  end
end

twin.run(main)
