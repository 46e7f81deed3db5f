-- Semaphore and BoundedSemaphore: places handed on, waiters cancelled around that, and misuse.
local twin = require "spec.support.twin"
local saros, attempt, trace, watch = twin.saros, twin.attempt, twin.trace, twin.watch

local function turns(count)
  for _ = 1, count do saros.sleep(0) end
end

local function main(loop)
  local semaphore
  for _, kind in ipairs { saros.Semaphore, saros.BoundedSemaphore } do
    attempt("negative", kind, -1)
    semaphore = kind(2)
    trace("fresh", semaphore:locked())
    watch("acquire", semaphore.acquire, semaphore)
    watch("acquire", semaphore.acquire, semaphore)
    trace("taken", semaphore:locked())
    for _ = 1, 3 do attempt("release", semaphore.release, semaphore) end
    trace("given back", semaphore:locked(), kind():locked(), kind(0):locked())
  end

  local function takes(name, hold)
    trace(name, "asks", semaphore:locked())
    local ok, err = pcall(function()
      local _ <close> = semaphore:hold()
      trace(name, "has a place", semaphore:locked())
      turns(hold or 1)
    end)
    if ok or saros.is_error(err, saros.CancelledError) then
      trace(name, ok and "gave it back" or "cancelled", semaphore:locked())
    end
    twin.finish(ok, err)
  end

  local function spawn(names, hold)
    local tasks = {}
    for i, name in ipairs(names) do tasks[i] = loop:create_task(takes, name, hold) end
    saros.sleep(0)
    return tasks
  end

  local function join(tasks)
    for _, task in ipairs(tasks) do watch("task", task) end
    trace("locked", semaphore:locked())
  end

  -- Several at a time, in order of asking.
  semaphore = saros.Semaphore(2)
  join(spawn { "a", "b", "c", "d", "e" })
  join(spawn({ "f", "g", "h", "i" }, 0))

  -- Who comes after a release, before the one that was woken has run.
  local tasks
  for late = 0, 3 do
    semaphore = saros.Semaphore(0)
    tasks = spawn { "j", "k" }
    semaphore:release()
    trace("released", semaphore:locked())
    turns(late)
    tasks[3] = loop:create_task(takes, "late")
    turns(3)
    semaphore:release()
    join(tasks)
  end

  -- Several releases in one iteration; more of them than there are waiters.
  for count = 1, 4 do
    semaphore = saros.Semaphore(0)
    tasks = spawn({ "l", "m", "n" }, 2)
    for _ = 1, count do semaphore:release() end
    trace("released", count, semaphore:locked())
    takes("releaser", 0)
    join(tasks)
  end

  -- A waiter is cancelled: which one, and how long before or after how many releases.
  local function cancelled(releases, which, before, after)
    trace("== cancel", releases, which, before, after)
    semaphore = saros.Semaphore(0)
    tasks = spawn({ "o", "p", "q" }, 0)
    if before > 0 then
      tasks[which + 1]:cancel()
      turns(before - 1)
    end
    for _ = 1, releases do semaphore:release() end
    turns(after)
    if before == 0 then trace("cancel", tasks[which + 1]:cancel()) end
    trace("locked", semaphore:locked())
    join(tasks)
  end

  for releases = 1, 2 do
    for which = 0, 2 do
      for before = 0, 2 do
        for after = 0, 2 do cancelled(releases, which, before, after) end
      end
    end
  end

  -- All of them, in the iteration of the release.
  for _, release_first in ipairs { true, false } do
    semaphore = saros.Semaphore(0)
    tasks = spawn { "r", "s", "t" }
    if release_first then semaphore:release() end
    trace("cancel", { tasks[1]:cancel(), tasks[2]:cancel(), tasks[3]:cancel() })
    if not release_first then semaphore:release() end
    trace("locked", semaphore:locked())
    saros.sleep(0)
    trace("locked", semaphore:locked())
    tasks[4] = spawn({ "u" })[1]
    join(tasks)
  end

  -- All cancelled, and a place taken before they have left the queue.
  semaphore = saros.Semaphore(0)
  tasks = spawn { "v", "w" }
  for _, task in ipairs(tasks) do task:cancel() end
  semaphore:release()
  takes("quick")
  join(tasks)

  -- A bounded one counts what was handed on as taken.
  semaphore = saros.BoundedSemaphore(2)
  tasks = spawn({ "x", "y", "z" }, 3)
  for _ = 1, 3 do attempt("release", semaphore.release, semaphore) end
  for _, task in ipairs(tasks) do watch("task", task) end
  semaphore = saros.BoundedSemaphore(1)
  semaphore:acquire()
  tasks = spawn({ "A", "B" }, 0)
  attempt("release", semaphore.release, semaphore)
  attempt("release", semaphore.release, semaphore)
  tasks[1]:cancel()
  join(tasks)
  attempt("release", semaphore.release, semaphore)

  -- A time limit that is over as it is woken.
  local function in_time(name, delay)
    local ok, err = pcall(saros.wait_for, semaphore.acquire, delay, semaphore)
    if ok then
      trace(name, "has a place")
      semaphore:release()
    elseif saros.is_error(err, saros.TimeoutError) then
      trace(name, "is too late", semaphore:locked())
    else
      error(err, 0)
    end
  end

  for delay = 1, 5 do
    semaphore = saros.Semaphore(1)
    semaphore:acquire()
    tasks = { loop:create_task(in_time, "C", delay), loop:create_task(in_time, "D", 9) }
    turns(3)
    semaphore:release()
    join(tasks)
  end
end

twin.run(main)
