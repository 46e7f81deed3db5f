-- PriorityQueue and LifoQueue: what comes out, equal items, waiters at both ends, join, and cancellations.
local twin = require "spec.support.twin"
local saros, attempt, trace, watch = twin.saros, twin.attempt, twin.trace, twin.watch
twin.untimed = true

local KINDS = { "Queue", "PriorityQueue", "LifoQueue" }

-- An item that compares by its weight alone.
local Item = {
  __lt = function(a, b) return a.weight < b.weight end,
}

local function new_item(weight, name)
  return setmetatable({ weight = weight, name = name, weight .. name }, Item)
end

local function turns(count)
  for _ = 1, count do saros.sleep(0) end
end

local function main(loop)
  local function fill(queue, items)
    for _, item in ipairs(items) do queue:put_nowait(item) end
  end

  local function drained(queue)
    local items = {}
    while not queue:empty() do items[#items + 1] = queue:get_nowait() end
    return items
  end

  -- Numbers, strings, lists, and items that are equal.
  local queue
  for _, kind in ipairs(KINDS) do
    queue = saros[kind]()
    fill(queue, { 5, 1, 4, 1.5, 9, 2, 6, 5, 3, 5 })
    trace("numbers", drained(queue))
    fill(queue, { "pear", "fig", "apple", "figs", "Fig", "" })
    trace("strings", drained(queue))
    fill(queue, { { 2, "b" }, { 1, "z" }, { 2, "a" }, { 1 }, { 1, "z", 0 }, { 10, "a" }, { 1, "y" } })
    trace("lists", drained(queue))
    local number = 1
    for step = 0, 299 do
      number = number * 75 % 65537
      if number % 5 < 3 or queue:empty() then
        queue:put_nowait(new_item(number % 4, "-" .. step))
      else
        trace("item", queue:get_nowait())
      end
    end
    trace("left", drained(queue))
  end

  -- With waiters at both ends.
  local function gets(name, from, count)
    for _ = 1, count do
      watch(name, from.get, from)
      -- Once too often after a cancellation.
      attempt("task_done", from.task_done, from)
    end
  end

  local function puts(name, to, ...)
    for _, item in ipairs { ... } do watch(name, to.put, to, item) end
  end

  local function joins(joined)
    joined:join()
    trace("joined", joined:qsize())
  end

  local function spawn(bodies)
    local tasks = {}
    for i, body in ipairs(bodies) do tasks[i] = loop:create_task(table.unpack(body)) end
    return tasks
  end

  local function join(tasks)
    for _, task in ipairs(tasks) do watch("task", task) end
  end

  local tasks
  for _, kind in ipairs(KINDS) do
    for size = 0, 2 do
      trace("==", kind, size)
      queue = saros[kind](size)
      trace(queue.maxsize, queue:empty(), queue:full())
      tasks = spawn {
        { gets, "a", queue, 2 }, { puts, "b", queue, 5, 1, 4 }, { joins, queue }, { gets, "c", queue, 3 },
        { puts, "d", queue, 3, 2 }, { puts, "e", queue, 9 }, { joins, queue },
      }
      turns(9)
      trace(queue:qsize(), queue:full())
      gets("f", queue, queue:qsize())
      join(tasks)
      attempt("task_done", queue.task_done, queue)
    end
  end

  -- An item that comes while the getter that was woken has not run yet may be the one it gets.
  for _, kind in ipairs(KINDS) do
    queue = saros[kind]()
    local task = loop:create_task(queue.get, queue)
    turns(1)
    fill(queue, { 2, 3, 1 })
    watch("got", task)
    trace("left", drained(queue))
  end

  -- Getters and putters cancelled around their wake-up.
  local function getters_cancelled(kind, which, after)
    queue = saros[kind]()
    tasks = spawn { { gets, "g", queue, 1 }, { gets, "h", queue, 1 }, { gets, "i", queue, 1 } }
    turns(1)
    fill(queue, { 2, 1 })
    turns(after)
    trace("cancel", tasks[which + 1]:cancel())
    turns(3)
    trace("size", queue:qsize())
    fill(queue, { 3, 4 })
    join(tasks)
    trace("left", drained(queue))
  end

  local function putters_cancelled(kind, which, after)
    queue = saros[kind](1)
    queue:put_nowait(0)
    tasks = spawn { { puts, "j", queue, 3 }, { puts, "k", queue, 1 }, { puts, "l", queue, 2 } }
    turns(1)
    trace("get", queue:get_nowait())
    turns(after)
    trace("cancel", tasks[which + 1]:cancel())
    for _ = 1, 3 do
      turns(3)
      trace("left", drained(queue))
    end
    join(tasks)
  end

  for _, kind in ipairs(KINDS) do
    for which = 0, 2 do
      for after = 0, 2 do
        trace("==", kind, which, after)
        getters_cancelled(kind, which, after)
        putters_cancelled(kind, which, after)
      end
    end
  end

  -- join: taken up again by new items, cancelled, and woken before an item comes.
  queue = saros.Queue()
  fill(queue, { 0, 1 })
  tasks = spawn { { joins, queue }, { joins, queue }, { joins, queue } }
  turns(1)
  queue:get_nowait()
  queue:task_done()
  tasks[1]:cancel()
  turns(2)
  queue:get_nowait()
  queue:task_done()
  queue:put_nowait("more")
  tasks[2]:cancel()
  turns(1)
  tasks[4] = loop:create_task(joins, queue)
  turns(3)
  trace { tasks[1]:done(), tasks[2]:done(), tasks[3]:done(), tasks[4]:done() }
  queue:task_done()
  join(tasks)
end

twin.run(main)
