-- Queue: blocking at both ends, waiters in order, and waiters cancelled around their wake-up.
local twin = require "spec.support.twin"
local saros, attempt, trace, watch = twin.saros, twin.attempt, twin.trace, twin.watch
twin.untimed = true

local function main(loop)
  local queue = saros.Queue()
  trace("fresh", queue:qsize(), queue:empty(), queue:full(), queue.maxsize)
  attempt("get_nowait", queue.get_nowait, queue)
  local first = { n = 3, 1, nil, 3 }
  for i = 1, first.n do watch("put", queue.put, queue, first[i]) end
  trace("filled", queue:qsize(), queue:empty(), queue:full())
  for _ = 1, 3 do watch("get", queue.get, queue) end

  local function gets(name, times)
    return function()
      for _ = 1, times or 1 do watch(name, queue.get, queue) end
    end
  end

  local function puts(name, ...)
    local items = { ... }
    return function()
      for _, item in ipairs(items) do
        trace(name, "puts", item)
        watch(name, queue.put, queue, item)
      end
    end
  end

  local function spawn(...)
    local tasks = {}
    for i, body in ipairs { ... } do tasks[i] = loop:create_task(body) end
    saros.sleep(0)
    return tasks
  end

  local function join(tasks)
    for _, task in ipairs(tasks) do watch("task", task) end
  end

  -- Getters wait in order; an item that comes meanwhile is not given to whoever comes first.
  local tasks = spawn(gets("a", 2), gets("b"), gets("c"))
  queue:put_nowait("x")
  queue:put_nowait("y")
  trace("size", queue:qsize())
  watch("overtakes", queue.get, queue)
  saros.sleep(0)
  for _, item in ipairs { "z", "u", "v" } do queue:put_nowait(item) end
  join(tasks)

  -- A bounded queue makes putters wait, in order.
  queue = saros.Queue(1)
  tasks = spawn(puts("p", 1, 2), puts("q", 3), puts("r", 4))
  trace("full", queue:full(), queue:qsize())
  attempt("put_nowait", queue.put_nowait, queue, 9)
  for _ = 1, 4 do
    watch("get", queue.get, queue)
    trace("size", queue:qsize())
  end
  join(tasks)

  -- A getter cancelled while it waits, and one cancelled after an item woke it.
  queue = saros.Queue()
  tasks = spawn(gets("d"), gets("e"), gets("f"))
  tasks[1]:cancel()
  saros.sleep(0)
  queue:put_nowait("for e")
  tasks[2]:cancel()
  trace("size", queue:qsize())
  saros.sleep(0)
  saros.sleep(0)
  trace("size", queue:qsize())
  queue:put_nowait("spare")
  join(tasks)
  trace("left", queue:qsize())

  -- The same for putters.
  queue = saros.Queue(1)
  queue:put_nowait("first")
  tasks = spawn(puts("g", "of g"), puts("h", "of h"), puts("i", "of i"))
  tasks[1]:cancel()
  saros.sleep(0)
  trace("get", queue:get_nowait())
  tasks[2]:cancel()
  saros.sleep(0)
  saros.sleep(0)
  saros.sleep(0)
  trace("size", queue:qsize())
  watch("get", queue.get, queue)
  join(tasks)
  trace("left", queue:qsize())

  -- Cancelled from one waiter to the next in a single iteration.
  queue = saros.Queue()
  tasks = spawn(gets("j"), gets("k"), gets("l"))
  queue:put_nowait("one")
  queue:put_nowait("two")
  for _, task in ipairs(tasks) do task:cancel() end
  join(tasks)
  trace("kept", queue:qsize(), queue:get_nowait(), queue:get_nowait())

  -- Producer and consumer take turns through a queue of one.
  queue = saros.Queue(1)
  join(spawn(puts("producer", 1, 2, 3, 4), gets("consumer", 4)))

  -- join waits for task_done of every item.
  queue = saros.Queue()
  watch("join of nothing", queue.join, queue)
  for item = 0, 2 do queue:put_nowait(item) end

  local function joins()
    queue:join()
    trace("joined")
  end

  local function works()
    while not queue:empty() do
      trace("works on", queue:get())
      saros.sleep(0)
      queue:task_done()
    end
  end

  join(spawn(joins, works, joins))
  attempt("task_done too often", queue.task_done, queue)
  queue:put_nowait("again")
  tasks = spawn(joins)
  tasks[1]:cancel()
  join(tasks)
end

twin.run(main)
