-- Condition: who is notified, who gets the lock, and waiters cancelled before, with and after that.
local twin = require "spec.support.twin"
local saros, attempt, trace, watch = twin.saros, twin.attempt, twin.trace, twin.watch

local function turns(count)
  for _ = 1, count do saros.sleep(0) end
end

local function main(loop)
  local condition = saros.Condition()
  trace("fresh", condition:locked())
  attempt("notify", condition.notify, condition)
  attempt("notify_all", condition.notify_all, condition)
  local _, refusal = pcall(condition.wait, condition)
  trace("wait", refusal)

  local function waits_inside(name, hold)
    do
      local _ <close> = condition:hold()
      trace(name, "waits")
      trace(name, "was woken", condition:wait(), condition:locked())
      turns(hold or 0)
    end
    trace(name, "left")
  end

  local function waits(name, hold)
    local ok, err = pcall(waits_inside, name, hold)
    if not ok then trace(name, "cancelled", err.message, condition:locked(), saros.current_task():cancelling()) end
    twin.finish(ok, err)
  end

  local function spawn(names, hold)
    local tasks = {}
    for i, name in ipairs(names) do tasks[i] = loop:create_task(waits, name, hold) end
    turns(2)
    return tasks
  end

  local function notify(count, hold)
    local _ <close> = condition:hold()
    condition:notify(count)
    trace("notified", count)
    turns(hold or 0)
  end

  local function join(tasks)
    for _, task in ipairs(tasks) do watch("task", task) end
    trace("free", not condition:locked())
  end

  -- As many as it says, in order of waiting; for nobody else it is kept.
  notify(3)
  local tasks = spawn { "a", "b", "c", "d" }
  for count = 0, 2 do
    notify(count)
    turns(3)
  end
  notify(9)
  join(tasks)
  tasks = spawn { "e", "f", "g" }
  do
    local _ <close> = condition:hold()
    condition:notify_all()
    turns(2)
    trace("still mine")
  end
  join(tasks)

  -- Two notifications before anybody has run notify two.
  for _, hold in ipairs { 0, 2 } do
    tasks = spawn({ "h", "i", "j" }, hold)
    do
      local _ <close> = condition:hold()
      condition:notify()
      condition:notify()
    end
    turns(4)
    notify(1)
    join(tasks)
  end

  -- Cancelled: which one, how long after the notification, and with the lock free or held.
  for which = 0, 1 do
    for after = 0, 4 do
      for _, hold in ipairs { 0, 3 } do
        trace("== cancel", which, after, hold)
        tasks = spawn({ "k", "l", "m" }, 1)
        local notifier = loop:create_task(notify, 1, hold)
        turns(after)
        trace("cancel", tasks[which + 1]:cancel("stop"))
        notifier:await()
        turns(6)
        notify(9)
        join(tasks)
      end
    end
  end

  -- Notified, then cancelled, in one iteration, and the other way round: the notification is lost.
  for _, cancel_first in ipairs { true, false } do
    tasks = spawn { "n", "o" }
    do
      local _ <close> = condition:hold()
      if cancel_first then tasks[1]:cancel() end
      condition:notify()
      if not cancel_first then tasks[1]:cancel() end
    end
    turns(5)
    notify(9)
    join(tasks)
  end

  -- Those who have left in vain leave nothing behind in the order of the others.
  for gone = 1, 7 do
    local names = {}
    for i = 1, gone do names[i] = "gone" end
    tasks = spawn(names)
    for _, task in ipairs(tasks) do task:cancel() end
    join(tasks)
    tasks = spawn { "a", "b", "c", "d" }
    for _ = 1, 4 do
      notify(1)
      turns(3)
    end
    join(tasks)
  end

  -- Cancelled again and again while it waits for the lock.
  condition:acquire()
  tasks = { loop:create_task(waits, "p") }
  condition:release()
  turns(3)
  condition:acquire()
  condition:notify()
  for number = 0, 2 do
    trace("cancel", tasks[1]:cancel("number " .. number))
    turns(number)
  end
  trace("done", tasks[1]:done())
  condition:release()
  join(tasks)

  -- A predicate is looked at before the first wait, and after each notification with the lock held.
  local function waits_for(name, predicate)
    local _ <close> = condition:hold()
    watch(name, condition.wait_for, condition, predicate)
    trace(name, condition:locked())
  end

  local values = {}

  local function has(count)
    return function()
      trace("has", count, #values)
      return #values >= count and values[#values]
    end
  end

  local function puts(value)
    local _ <close> = condition:hold()
    table.insert(values, value)
    condition:notify_all()
  end

  tasks = {
    loop:create_task(waits_for, "q", has(2)), loop:create_task(waits_for, "r", has(1)),
    loop:create_task(waits_for, "s", has(9)),
  }
  turns(3)
  puts("one")
  turns(6)
  puts("two")
  turns(6)
  tasks[3]:cancel("enough")
  join(tasks)
  waits_for("at once", has(2))

  waits_for("failing predicate", function() error(saros.ValueError("predicate")) end)

  -- Two conditions on one lock.
  local lock = saros.Lock()
  local one, other = saros.Condition(lock), saros.Condition(lock)

  local function waits_on(name, waiting)
    local _ <close> = waiting:hold()
    waiting:wait()
    trace(name, one:locked(), other:locked())
  end

  tasks = { loop:create_task(waits_on, "one", one), loop:create_task(waits_on, "other", other) }
  turns(3)
  do
    local _ <close> = lock:hold()
    other:notify_all()
  end
  turns(5)
  do
    local _ <close> = other:hold()
    one:notify()
  end
  join(tasks)

  -- Somebody else's lock will do: to wait releases it.
  condition:acquire()

  local function without_lock()
    trace("waits", condition:wait())
    condition:release()
  end

  tasks = { loop:create_task(without_lock) }
  turns(2)
  trace("released", not condition:locked())
  notify(1)
  join(tasks)

  -- A time limit.
  local function in_time(delay)
    local _ <close> = condition:hold()
    local ok, err = pcall(saros.wait_for, condition.wait, delay, condition)
    if ok then
      trace("in time")
    elseif saros.is_error(err, saros.TimeoutError) then
      trace("too late", condition:locked())
    else
      error(err, 0)
    end
  end

  for delay = 1, 8 do
    tasks = { loop:create_task(in_time, delay) }
    turns(3)
    notify(1, 2)
    join(tasks)
  end
end

twin.run(main)
