local saros = require "saros"
local raises = require "spec.support.raises"
local TickingLoop = require "spec.support.ticking".TickingLoop

local FILE = debug.getinfo(1, "S").short_src

-- Something to print to.
local function recorder()
  local file = {}
  function file:write(text) self.text = (self.text or "") .. text end
  return file
end

-- The place of the line that calls this, and of lines after it.
local function here(offset)
  return ("%s:%d"):format(FILE, debug.getinfo(2, "l").currentline + (offset or 0))
end

-- What is printed for a loop that a function has filled, after some iterations; a loop that stands still
-- has no current and no main task.
local function drawn(fill, iterations)
  local loop <close> = TickingLoop()
  loop:set_exception_handler(function() end)
  fill(loop)
  for _ = 1, iterations or 2 do loop:run_once() end
  local file = recorder()
  saros.print_tasks(file, {loop = loop})
  return file.text
end

local function lines(...)
  return table.concat({...}, "\n") .. "\n"
end

describe("saros.print_tasks", function()
  it("says that there are no tasks", function()
    assert.equal("no tasks\n", drawn(function() end))
  end)

  it("tells where a task sleeps, and for how long", function()
    local place
    local text = drawn(function(loop)
      place = here(1)
      loop:create_task(function() saros.sleep(10) end):set_name("sleeper")
    end)
    -- It began to sleep at 1 s and is seen at 2.
    assert.equal(lines("sleeper: sleeping at " .. place .. ", 9.000 s left"), text)
  end)

  it("tells where the function of a task begins that has not started", function()
    local place
    local text = drawn(function(loop)
      place = here(1)
      loop:create_task(function()
        saros.sleep(10)
      end):set_name("fresh")
      loop:create_task(print):set_name("in C")
    end, 0)
    assert.equal(lines("fresh: not started at " .. place, "in C: not started"), text)
  end)

  it("tells of a task that will run in the next iteration", function()
    local place
    local text = drawn(function(loop)
      place = here(1)
      loop:create_task(function() while true do saros.sleep(0) end end):set_name("busy")
    end)
    assert.equal(lines("busy: ready at " .. place), text)
  end)

  it("tells of a future that is awaited, by its method or by await", function()
    local place
    local text = drawn(function(loop)
      local future = loop:create_future()
      place = here(1)
      loop:create_task(function() future:await() end):set_name("one")
      loop:create_task(function() saros.await(future) end):set_name("two")
    end)
    assert.equal(lines("one: waiting at " .. place .. " for a future",
      "two: waiting at " .. place:gsub("%d+$", function(n) return math.tointeger(n + 1) end) .. " for a future"),
      text)
  end)

  it("puts a task under the one that awaits it", function()
    local inner, outer
    local text = drawn(function(loop)
      inner = here(1)
      local child = loop:create_task(function() saros.sleep(60) end):set_name("child")
      outer = here(1)
      loop:create_task(function() child:await() end):set_name("parent")
    end)
    assert.equal(lines(
      "parent: waiting at " .. outer .. " for child",
      "  child: sleeping at " .. inner .. ", 59.000 s left"), text)
  end)

  it("puts the children of a gather under the task that awaits it, with those that are done", function()
    local forever, parent
    local text = drawn(function(loop)
      loop:create_task(function()
        forever = here(1)
        local function sleep() saros.sleep(60) end
        local a = saros.create_task(sleep):set_name("a")
        local b = saros.create_task(function() end):set_name("b")
        local c = saros.create_task(error, "no"):set_name("c")
        local done = loop:create_future()
        done:set_result(1)
        local inner = saros.gather(loop:create_future(), done)
        parent = here(1)
        saros.gather({a, b, c, inner}, {return_exceptions = true}):await()
      end):set_name("parent")
    end, 3)
    assert.equal(lines(
      "parent: waiting at " .. parent .. " for a gather",
      "  a: sleeping at " .. forever .. ", 59.000 s left",
      "  b: finished",
      "  c: failed",
      "  a gather",
      "    a future: pending",
      "    a future: finished"), text)
  end)

  it("tells of a task that wait_for waits for, and of one whose function it runs", function()
    local awaits, runs, sleeps
    local text = drawn(function(loop)
      sleeps = here(1)
      local child = loop:create_task(function() saros.sleep(60) end):set_name("child")
      awaits = here(1)
      loop:create_task(function() saros.wait_for(child, 30) end):set_name("awaits")
      runs = here(1)
      loop:create_task(function() saros.wait_for(function() saros.sleep(40) end, 30) end):set_name("runs")
      loop:create_task(function() saros.wait_for(saros.sleep, 30, 40) end):set_name("sleeps")
    end)
    assert.equal(lines(
      "awaits: waiting at " .. awaits .. " in wait_for for child",
      "  child: sleeping at " .. sleeps .. ", 59.000 s left",
      "runs: sleeping at " .. runs .. ", 39.000 s left",
      "sleeps: sleeping at " .. runs:gsub("%d+$", function(n) return math.tointeger(n + 1) end)
        .. ", 39.000 s left"), text)
  end)

  it("sees through a timeout scope", function()
    local place
    local text = drawn(function(loop)
      loop:create_task(function()
        local _ <close> = saros.timeout(30)
        place = here(1)
        loop:create_future():await()
      end):set_name("limited")
    end)
    assert.equal(lines("limited: waiting at " .. place .. " for a future"), text)
  end)

  it("names the primitive that a task waits in, at the program's line", function()
    local event, queue, protected
    local text = drawn(function(loop)
      local flag, items = saros.Event(), saros.Queue()
      event = here(1)
      loop:create_task(function() flag:wait() end):set_name("a")
      queue = here(1)
      loop:create_task(function() items:get() end):set_name("b")
      protected = here(1)
      loop:create_task(function() pcall(items.join, items); pcall(items.get, items) end):set_name("c")
    end)
    assert.equal(lines(
      "a: waiting at " .. event .. " in Event:wait",
      "b: waiting at " .. queue .. " in Queue:get",
      "c: waiting at " .. protected .. " in Queue:get"), text)
  end)

  it("puts the tasks of a TaskGroup under the one that leaves its scope", function()
    local text = drawn(function(loop)
      loop:create_task(function()
        local group <close> = saros.TaskGroup()
        group:create_task(saros.sleep, 60):set_name("a")
        group:create_task(function() end)
        group:create_task(saros.sleep, 60):set_name("b")
      end):set_name("parent")
    end, 3):gsub(" at %S+:%d+", "")
    assert.equal(lines(
      "parent: waiting in TaskGroup:__close",
      "  a: sleeping, 59.000 s left",
      "  b: sleeping, 59.000 s left"), text)
  end)

  it("puts what a shield protects under the task that awaits it", function()
    local text = drawn(function(loop)
      local inner = loop:create_task(saros.sleep, 60):set_name("inner")
      loop:create_task(function() saros.shield(inner):await() end):set_name("parent")
    end):gsub(" at %S+:%d+", "")
    assert.equal(lines("parent: waiting for a shield", "  inner: sleeping, 59.000 s left"), text)
  end)

  it("prints chains, each task once, those that several await in full where they come first", function()
    local function await(future) future:await() end
    local text = drawn(function(loop)
      local d = loop:create_task(saros.sleep, 60):set_name("d")
      local b = loop:create_task(await, d):set_name("b")
      local c = loop:create_task(await, d):set_name("c")
      loop:create_task(function() saros.gather(b, c):await() end):set_name("a")
      loop:create_task(await, c):set_name("e")
    end):gsub(" at %S+:%d+", "")
    assert.equal(lines(
      "a: waiting for a gather",
      "  b: waiting for d",
      "    d: sleeping, 59.000 s left",
      "  c: waiting for d",
      "    d (see above)",
      "e: waiting for c",
      "  c (see above)"), text)
  end)

  it("prints the children of a gather that several await once", function()
    local text = drawn(function(loop)
      local both = saros.gather(loop:create_future(), loop:create_task(saros.sleep, 60):set_name("child"))
      for _, name in ipairs {"one", "two"} do
        loop:create_task(function() both:await() end):set_name(name)
      end
      loop:create_task(function() saros.gather(both):await() end):set_name("three")
    end):gsub(" at %S+:%d+", "")
    assert.equal(lines(
      "one: waiting for a gather",
      "  a future: pending",
      "  child: sleeping, 59.000 s left",
      "two: waiting for a gather (see above)",
      "three: waiting for a gather",
      "  a gather (see above)"), text)
  end)

  it("comes to an end where tasks await each other in a circle", function()
    local text = drawn(function(loop)
      local tasks = {}
      for i = 1, 3 do
        tasks[i] = loop:create_task(function() tasks[i % 3 + 1]:await() end):set_name("t" .. i)
      end
      loop:create_task(function() tasks[2]:await() end):set_name("outside")
    end):gsub(" at %S+:%d+", "")
    assert.equal(lines(
      "outside: waiting for t2",
      "  t2: waiting for t3",
      "    t3: waiting for t1",
      "      t1: waiting for t2",
      "        t2 (see above)"), text)
  end)

  it("prints a circle that nobody outside awaits", function()
    local loop <close> = TickingLoop()
    local a, b
    a = loop:create_task(function() b:await() end):set_name("a")
    b = loop:create_task(function() a:await() end):set_name("b")
    for _ = 1, 3 do loop:run_once() end
    local file = recorder()
    saros.print_tasks(file, {loop = loop})
    assert.equal(lines("a: waiting for b", "  b: waiting for a", "    a (see above)"),
      (file.text:gsub(" at %S+:%d+", "")))
  end)

  it("prints a chain of 10,000 tasks, indented up to a bound #many", function()
    local text = drawn(function(loop)
      local last = loop:create_task(saros.sleep, 60):set_name("last")
      for i = 2, 10000 do
        local awaited = last
        last = loop:create_task(function() awaited:await() end):set_name("t" .. i)
      end
    end):gsub(" at %S+:%d+", "")
    local count = select(2, text:gsub("\n", ""))
    assert.equal(10000, count)
    assert.equal("t10000: waiting for t9999\n  t9999: waiting for t9998\n", text:sub(1, 53))
    local indent = ("  "):rep(20)
    assert.truthy(text:find("\n" .. indent .. "t9980: waiting for t9979\n", 1, true))
    assert.truthy(text:find("\n" .. indent .. "[21] t9979: waiting for t9978\n", 1, true))
    assert.truthy(text:find("\n" .. indent .. "[9999] last: sleeping, 59.000 s left\n", 1, true))
  end)

  it("marks the main task, the current one, and those that are being cancelled", function()
    local file, place = recorder(), nil
    saros.run(function()
      local stubborn = saros.create_task(function()
        pcall(saros.sleep, 60)
        saros.print_tasks(file)
      end):set_name("stubborn")
      saros.sleep(0)
      stubborn:cancel()
      saros.current_task():set_name("program")
      place = here(1)
      stubborn:await()
    end)
    assert.equal(lines(
      "program (main): waiting at " .. place .. " for stubborn",
      "  stubborn (current, cancelling): running at " .. ("%s:%d"):format(FILE,
        tonumber(place:match("%d+$")) - 6)), file.text)
  end)

  it("can be called in a task, inside a coroutine of its own", function()
    local file, place = recorder(), nil
    saros.run(function()
      saros.current_task():set_name("program")
      place = here(1)
      coroutine.wrap(function() saros.print_tasks(file) end)()
    end)
    assert.equal(lines("program (main, current): running at " .. place), file.text)
  end)

  it("can be called in a callback and in the handler of a signal", function()
    local file = recorder()
    saros.run(function()
      local loop = saros.get_running_loop()
      saros.current_task():set_name("program")
      local future = loop:create_future()
      loop:call_soon(saros.print_tasks, file)
      loop:add_signal_handler("SIGUSR1", function()
        saros.print_tasks(file)
        future:set_result()
      end)
      os.execute("kill -USR1 $PPID")
      future:await()
    end)
    local line = "program (main): waiting for a future\n"
    assert.equal(line .. line, (file.text:gsub(" at %S+:%d+", "")))
  end)

  it("changes nothing that it looks at", function()
    local reports = 0
    do
      local loop <close> = TickingLoop()
      loop:set_exception_handler(function() reports = reports + 1 end)
      local failing = loop:create_task(error, "lost")
      local both = saros.gather({failing, loop:create_future()}, {return_exceptions = true})
      local parent = loop:create_task(function() both:await() end)
      for _ = 1, 2 do loop:run_once() end
      saros.print_tasks(recorder(), {loop = loop})
      assert.is_false(parent:done())
    end
    assert.equal(1, reports)
  end)

  it("writes to standard error unless it is given a file", function()
    local err = io.stderr
    local file = recorder()
    io.stderr = file -- luacheck: ignore
    local ok, failure = pcall(saros.run, function() saros.print_tasks() end)
    io.stderr = err -- luacheck: ignore
    assert.is_true(ok, failure)
    assert.matches("^Task%-%d+ %(main, current%): running at ", file.text)
  end)

  it("takes the file as an option, too, and real files", function()
    local file = assert(io.tmpfile())
    local loop <close> = saros.new_event_loop()
    saros.print_tasks {file = file, loop = loop}
    saros.print_tasks(file, {loop = loop})
    file:seek("set")
    assert.equal("no tasks\nno tasks\n", file:read("a"))
    file:close()
  end)

  it("tells what is wrong with its arguments", function()
    local loop <close> = saros.new_event_loop()
    raises(saros.RuntimeError, saros.print_tasks)
    assert.error_matches(function() saros.print_tasks("tasks.txt", {loop = loop}) end,
      "bad argument #1 to 'print_tasks' %(file expected, got string%)")
    assert.error_matches(function() saros.print_tasks {file = 1, loop = loop} end,
      "bad argument #1 to 'print_tasks' %(file expected, got number%)")
    assert.error_matches(function() saros.print_tasks {loop = "loop"} end,
      "bad argument #1 to 'print_tasks' %(EventLoop expected, got string%)")
    assert.error_matches(function() saros.print_tasks(recorder(), 1) end,
      "bad argument #2 to 'print_tasks' %(table expected, got number%)")
    local failure = raises(saros.ValueError, saros.print_tasks, {limit = 3})
    assert.equal("unknown option 'limit' for 'print_tasks' (known: file, loop)", failure.message)
  end)

  it("tells when the file cannot be written", function()
    local loop <close> = saros.new_event_loop()
    local closed = assert(io.tmpfile())
    closed:close()
    assert.error_matches(function() saros.print_tasks(closed, {loop = loop}) end, "closed file")
    local full = io.open("/dev/full", "w")
    if not full then return end
    full:setvbuf("no")
    local failure = raises(saros.OSError, saros.print_tasks, full, {loop = loop})
    assert.matches("space", failure.message)
    full:close()
  end)
end)
