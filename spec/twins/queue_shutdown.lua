-- Queue.shutdown, as 3.13 has it: who waits at either end, what is left in it, and join.
local twin = require "spec.support.twin"
local saros, attempt, trace, watch = twin.saros, twin.attempt, twin.trace, twin.watch
twin.untimed = true

local KINDS = { "Queue", "PriorityQueue", "LifoQueue" }

local function turns(count)
  for _ = 1, count do saros.sleep(0) end
end

local function expected(err)
  return saros.is_error(err, saros.QueueShutDown) or saros.is_error(err, saros.CancelledError)
end

local function main(loop)
  local function gets(name, queue)
    local ok, result = pcall(queue.get, queue)
    if not ok and not expected(result) then error(result, 0) end
    trace(name, ok and "got" or "raised", result)
    if ok then queue:task_done() end
  end

  local function puts(name, queue, item)
    local ok, result = pcall(queue.put, queue, item)
    if not ok and not expected(result) then error(result, 0) end
    trace(name, ok and "put" or "raised", result)
  end

  local function joins(name, queue)
    queue:join()
    trace(name, "joined")
  end

  local function spawn(bodies)
    local tasks = {}
    for i, body in ipairs(bodies) do tasks[i] = loop:create_task(table.unpack(body)) end
    return tasks
  end

  local function join(tasks)
    for _, task in ipairs(tasks) do watch("task", task) end
  end

  local function shut_down(kind, immediate, size, items)
    trace("==", kind, immediate, size, items)
    local queue = saros[kind](size)
    for item = 0, items - 1 do queue:put_nowait(item) end
    local joining = loop:create_task(joins, "a", queue)
    local bodies = {}
    if items == 0 then bodies = { { gets, "b", queue }, { gets, "c", queue } } end
    if items == size then
      bodies[#bodies + 1] = { puts, "d", queue, 7 }
      bodies[#bodies + 1] = { puts, "e", queue, 7 }
    end
    local tasks = spawn(bodies)
    turns(1)
    attempt("shutdown", queue.shutdown, queue, { immediate = immediate })
    trace("size", queue:qsize())
    attempt("put_nowait", queue.put_nowait, queue, 8)
    puts("late", queue, 9)
    attempt("get_nowait", queue.get_nowait, queue)
    gets("late", queue)
    turns(2)
    attempt("shutdown again", queue.shutdown, queue)
    attempt("shutdown again", queue.shutdown, queue, { immediate = true })
    attempt("task_done", queue.task_done, queue)
    attempt("task_done", queue.task_done, queue)
    gets("later", queue)
    join(tasks)
    -- An item that was taken, whose work is never done.
    trace("joined", joining:done(), joining:cancel())
    join { joining }
  end

  for _, kind in ipairs(KINDS) do
    for _, immediate in ipairs { false, true } do
      for _, size in ipairs { 0, 2 } do
        for items = 0, 2 do shut_down(kind, immediate, size, items) end
      end
    end
  end

  -- A waiter that was woken, with an item or a place for it, when the queue is shut down.
  local queue, tasks
  for _, immediate in ipairs { false, true } do
    queue = saros.Queue()
    tasks = spawn { { gets, "f", queue }, { gets, "g", queue }, { gets, "h", queue } }
    turns(1)
    queue:put_nowait("item")
    queue:shutdown { immediate = immediate }
    join(tasks)
    queue = saros.Queue(1)
    queue:put_nowait("first")
    tasks = spawn { { puts, "i", queue, "i" }, { puts, "j", queue, "j" }, { puts, "k", queue, "k" } }
    turns(1)
    trace("get", queue:get_nowait())
    queue:shutdown { immediate = immediate }
    join(tasks)
    trace("size", queue:qsize())
  end

  -- Shut down and cancelled in one iteration, in either order.
  for _, cancel_first in ipairs { false, true } do
    for _, immediate in ipairs { false, true } do
      queue = saros.Queue(1)
      tasks = spawn { { gets, "l", queue }, { gets, "m", queue } }
      turns(1)
      if cancel_first then trace("cancel", tasks[1]:cancel()) end
      queue:shutdown { immediate = immediate }
      if not cancel_first then trace("cancel", tasks[1]:cancel()) end
      join(tasks)
      queue = saros.Queue(1)
      queue:put_nowait("first")
      tasks = spawn { { puts, "n", queue, 1 }, { puts, "o", queue, 2 }, { joins, "p", queue } }
      turns(1)
      if not cancel_first then queue:shutdown { immediate = immediate } end
      tasks[1]:cancel()
      tasks[3]:cancel()
      if cancel_first then queue:shutdown { immediate = immediate } end
      join(tasks)
      trace("size", queue:qsize())
    end
  end

  -- A worker ends when the queue is empty and shut down.
  local function works(name)
    while true do
      local ok, item = pcall(queue.get, queue)
      if not ok then break end
      trace(name, "works on", item)
      turns(2)
      queue:task_done()
    end
    trace(name, "ends", queue:qsize())
  end

  queue = saros.Queue(2)
  tasks = spawn { { works, "q" }, { works, "r" } }
  for item = 0, 4 do queue:put(item) end
  queue:shutdown()
  queue:join()
  join(tasks)
end

twin.run(main)
