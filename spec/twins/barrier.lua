-- Barrier: filling, draining, reset and abort, and waiters that are cancelled in each of these.
local twin = require "spec.support.twin"
local saros, attempt, trace, watch = twin.saros, twin.attempt, twin.trace, twin.watch

local function turns(count)
  for _ = 1, count do saros.sleep(0) end
end

local function main(loop)
  for _, parties in ipairs { 0, -1 } do attempt("parties", saros.Barrier, parties) end
  local barrier = saros.Barrier(3)

  local function state(name)
    trace(name, barrier.parties, barrier.n_waiting, barrier.broken)
  end

  state("fresh")

  local function waits(name, times)
    for _ = 1, times do
      local ok, result = pcall(barrier.wait, barrier)
      trace(name, ok and "goes on" or "raised", result)
      if not ok and saros.is_error(result, saros.CancelledError) then error(result, 0) end
    end
  end

  local function spawn(names, times, tasks)
    tasks = tasks or {}
    for name in names:gmatch("%a+") do tasks[#tasks + 1] = loop:create_task(waits, name, times or 1) end
    return tasks
  end

  local function add(tasks, names)
    return spawn(names, 1, tasks)
  end

  local function join(tasks)
    for _, task in ipairs(tasks) do watch("task", task) end
    state("state")
  end

  -- The last to come wakes all; who comes while it drains waits for the next round.
  local tasks = spawn "a b"
  turns(3)
  state("two")
  join(add(tasks, "c"))
  tasks = spawn "d e f g h"
  turns(2)
  state("draining")
  turns(4)
  state("next round")
  join(add(tasks, "i"))
  join(spawn("j k l", 3))
  for late = 0, 5 do
    tasks = spawn "m n o"
    turns(late)
    state("late")
    join(add(tasks, "p q r"))
  end
  barrier = saros.Barrier(1)
  join(spawn("alone", 2))

  -- Reset and abort: with nobody, with some, while it drains, and both.
  local function ended(act, count, wait)
    trace("==", act, count, wait)
    barrier = saros.Barrier(3)
    tasks = spawn(("s t u v w"):sub(1, 2 * count))
    turns(wait)
    watch(act, barrier[act], barrier)
    state(act)
    add(tasks, "x")
    turns(4)
    state("later")
    add(tasks, "y")
    turns(5)
    barrier:reset()
    state("reset")
    turns(5)
    barrier:abort()
    join(tasks)
  end

  for _, act in ipairs { "reset", "abort" } do
    for count = 0, 4 do
      for wait = 0, 4 do ended(act, count, wait) end
    end
  end

  barrier = saros.Barrier(2)
  tasks = spawn "A"
  turns(2)
  local ends = {}
  for i, act in ipairs { "reset", "abort", "reset" } do ends[i] = loop:create_task(barrier[act], barrier) end
  add(tasks, "B C")
  join(ends)
  join(tasks)

  -- One is cancelled: which, and when; the others wait for one more.
  for which = 0, 3 do
    for wait = 0, 6 do
      trace("== cancel", which, wait)
      barrier = saros.Barrier(3)
      tasks = spawn "D E"
      turns(2)
      add(tasks, "F G")
      turns(wait)
      trace("cancel", tasks[which + 1]:cancel())
      state("cancelled")
      turns(4)
      state("later")
      add(tasks, "H I")
      turns(6)
      barrier:abort()
      join(tasks)
    end
  end

  -- Cancelled with a reset or an abort in one iteration, in either order.
  for _, act in ipairs { "reset", "abort" } do
    for _, cancel_first in ipairs { true, false } do
      barrier = saros.Barrier(3)
      tasks = spawn "J K"
      turns(2)
      if cancel_first then tasks[1]:cancel() end
      barrier[act](barrier)
      if not cancel_first then tasks[1]:cancel() end
      join(tasks)
    end
  end

  -- As a barrier is used: rounds of work.
  barrier = saros.Barrier(3)

  local function works(name, pause)
    for number = 0, 2 do
      saros.sleep(pause)
      trace(name, "round", number)
      barrier:wait()
    end
  end

  tasks = {}
  for i, case in ipairs { { "L", 1 }, { "M", 2.25 }, { "N", 0 } } do
    tasks[i] = loop:create_task(works, table.unpack(case))
  end
  join(tasks)
end

twin.run(main)
