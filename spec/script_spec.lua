--- Scripts under the `saros` command, as their users see them.
local process = require "spec.support.process"
local scripts = require "spec.support.scripts"

local run, output_of, failure_of = scripts.run, scripts.output_of, scripts.failure_of

describe("a script under the saros command", function()
  it("is plain Lua until it needs a loop", function()
    assert.equal("false\ttrue\n", output_of("print((pcall(saros.get_running_loop)), (coroutine.isyieldable()))"))
  end)

  it("becomes a task where it first needs a loop", function()
    assert.equal("true\ttrue\n", output_of([[
      saros.sleep(0)
      print((pcall(saros.get_running_loop)), saros.current_task():get_coro() == coroutine.running())]]))
  end)

  -- All but the first three used to raise "no running event loop".
  for what, code in pairs {
    ["creating a task"] = "saros.create_task(function() end)",
    ["a gather"] = "saros.gather(function() end):await()",
    ["a future that is ensured"] = "saros.ensure_future(print, 'x'):await()",
    ["starting a server"] = "saros.start_server(print, '127.0.0.1', 0):close()",
    ["starting a Unix server"] = "saros.start_unix_server(print, arg[0] .. '.socket'):close()",
    ["a connection"] = "pcall(saros.open_connection, '127.0.0.1', 1)",
    ["a time limit"] = "local limit <close> = saros.timeout(1)",
    ["a time limit at a point in time"] = "local limit <close> = saros.timeout_at(nil)",
    ["a wait with a limit"] = "saros.wait_for(function() end, 1)",
    ["an event"] = "pcall(saros.wait_for, saros.Event().wait, 0.01, saros.Event())",
    ["a generator that waits"] = "saros.generator(function() saros.sleep(0) end)()",
    ["a generator in a generator"] = [[
      local function inner(yield) saros.sleep(0) yield(saros.current_task()) end
      local function outer(yield) for task in saros.generator(inner) do yield(task) end end
      for task in saros.generator(outer) do assert(task == saros.current_task()) end]],
    ["a periodic call"] = "pcall(saros.periodic, 1, error)",
  } do
    it("may begin with " .. what, function()
      assert.matches("done\n$", output_of(code .. " print(pcall(saros.get_running_loop) and 'done')"))
    end)
  end

  it("may begin by waiting for a queue that a callback fills", function()
    assert.equal("filled\n", output_of([[
      local queue = saros.Queue()
      saros.get_event_loop():call_later(0.01, queue.put_nowait, queue, "filled")
      print(queue:get())]]))
  end)

  it("is plain Lua still after a generator that does not wait", function()
    assert.equal("1\nfalse\n", output_of([[
      for value in saros.generator(function(yield) yield(1) end) do print(value) end
      print((pcall(saros.get_running_loop)))]]))
  end)

  it("has the generators closed that it leaves behind", function()
    assert.equal("main ends\nclosed\n", output_of([[
      kept = saros.generator(function(yield)
        local scope <close> = setmetatable({}, {__close = function() saros.sleep(0) print("closed") end})
        saros.sleep(0)
        yield(1)
      end)
      kept()
      print("main ends")]]))
  end)

  it("runs what it leaves scheduled", function()
    assert.equal("main ends\ntask\ntimer\n", output_of([[
      saros.create_task(function() saros.sleep(0.01) print("task") end)
      saros.get_running_loop():call_later(0.4, print, "timer")
      print("main ends")]]))
  end)

  it("runs callbacks that it scheduled without ever awaiting", function()
    assert.equal("end\nsoon\nlater\n", output_of([[
      local loop = require "saros.loop"
      loop.call_later(0.01, print, "later")
      loop.call_soon(print, "soon")
      print("end")]]))
  end)

  -- They used to be lost, because the first await made another loop.
  it("runs callbacks that it scheduled before its first await", function()
    assert.equal("soon\nslept\nlater\n", output_of([[
      local loop = require "saros.loop"
      loop.call_later(0.4, print, "later")
      loop.call_soon(print, "soon")
      saros.sleep(0.01)
      print("slept")]]))
  end)

  -- Such a script used to go on for ever, though it ends under `lua`.
  it("that ran its loop itself is not run again", function()
    assert.equal("1\nend\n", output_of([[
      local loop = require "saros.loop"
      local ticks = 0
      local function tick() ticks = ticks + 1 print(ticks) loop.call_later(0.05, tick) end
      tick()
      loop.call_later(0.02, loop.stop)
      loop.run()
      print("end")]]))
  end)

  it("may call saros.run as under `lua`", function()
    assert.equal("a\tb\n", output_of([[
      print(saros.run(function(...) saros.sleep(0) return ... end, "a", "b"))]]))
  end)

  it("gets its loop from the policy that it sets", function()
    assert.equal("made\nMine\n", output_of([[
      local Mine = saros.EventLoop:extend("Mine")
      function Mine:name() return "Mine" end
      local Policy = saros.EventLoopPolicy:extend("Policy")
      function Policy:new_event_loop() print("made") return Mine() end
      saros.set_event_loop_policy(Policy())
      saros.sleep(0)
      print(saros.get_running_loop():name())]]))
  end)

  it("fails where its policy cannot make a loop", function()
    assert.equal("saros: FILE:2: no loops today", (failure_of([[
      local Policy = saros.EventLoopPolicy:extend("Policy")
      function Policy:new_event_loop() error("no loops today") end
      saros.set_event_loop_policy(Policy())
      saros.sleep(0)]])))
  end)

  it("may stop the loop when it has ended, and its tasks may clean up", function()
    assert.equal("cleaned up\n", output_of([[
      saros.create_task(function()
        local scope <close> = setmetatable({}, {__close = function() saros.sleep(0.01) print("cleaned up") end})
        saros.get_running_loop():stop()
        saros.sleep(60)
      end)]]))
  end)

  it("fails when it stops the loop that it runs on", function()
    assert.equal("saros: RuntimeError: the loop was stopped before the script ended", (failure_of([[
      saros.sleep(0)
      saros.get_running_loop():stop()
      saros.sleep(60)]])))
  end)

  it("ends with the status that it gives os.exit, in a task too", function()
    for _, code in ipairs {
      "os.exit(7)", "saros.sleep(0) os.exit(7)", "saros.sleep(0) os.exit(7, true)",
      "saros.create_task(os.exit, 7) saros.sleep(60)",
      "saros.create_task(function() saros.sleep(0) os.exit(7, true) end) saros.sleep(60)",
      "saros.get_event_loop():call_soon(os.exit, 7, true)",
    } do
      local outcome, _, errors = run(code)
      assert.equal("", errors)
      assert.equal("exit 7", outcome, code)
    end
  end)
end)

describe("a script that fails under the saros command", function()
  for where, prelude in pairs { ["as plain Lua"] = "", ["as a task"] = "saros.sleep(0) " } do
    it("shows a string with its traceback, " .. where, function()
      local _, errors = failure_of(prelude .. "local function inner() error('boom') end inner()")
      assert.equal("saros: FILE:1: boom\nstack traceback:\n\t[C]: in global 'error'\n"
        .. "\tFILE:1: in local 'inner'\n\tFILE:1: in main chunk\n\t[C]: in ?\n", errors)
    end)

    it("shows an error object with its traceback, " .. where, function()
      local first, errors = failure_of(prelude .. "error(saros.ValueError{message = 'bad', value = 3})")
      assert.equal("saros: ValueError: bad", first)
      assert.matches("stack traceback:\n.*FILE:1: in main chunk", errors)
    end)

    for code, text in pairs {
      ["error()"] = "(error object is a nil value)",
      ["error({1})"] = "(error object is a table value)",
      ["error(42)"] = "42",
      ["error(setmetatable({}, {__tostring = function() return 'mine' end}))"] = "mine",
      ["error(setmetatable({}, {__tostring = error}))"] = "(error object is a table value)",
      ["error(setmetatable({}, {__metatable = 1}))"] = "(error object is a table value)",
      ["local e = saros.ValueError('v') e.traceback = {} error(e)"] = "ValueError: v",
      ["error(saros.CancelledError('by hand'))"] = "CancelledError: by hand",
    } do
      it(("shows what it can of %s, %s"):format(code, where), function()
        assert.equal("saros: " .. text, (failure_of(prelude .. code)))
      end)
    end
  end

  it("names the line of a wrong argument", function()
    assert.equal("saros: FILE:1: bad argument #1 to 'sleep' (number expected, got string)",
      (failure_of("saros.sleep('soon')")))
    assert.equal("saros: FILE:1: bad argument #1 to 'create_task' (function expected, got no value)",
      (failure_of("local function work() end saros.create_task(work())")))
  end)

  it("is told of each error in a group, and where it was raised", function()
    local _, errors = failure_of([[
      local function fails() error(saros.ValueError("inner")) end
      local group <close> = saros.TaskGroup()
      group:create_task(fails)
      group:create_task(error, "a string")]])
    assert.matches("^saros: ExceptionGroup: unhandled errors in a TaskGroup %(2 errors: .-\nstack traceback:", errors)
    assert.matches("\n  ValueError: inner\n  stack traceback:\n  \t%[C%]: in global 'error'\n  \tFILE:1: ", errors)
    assert.matches("\n  Error: a string\n  stack traceback:\n", errors)
  end)

  it("learns the options that there are", function()
    assert.matches("^saros: ValueError: unknown option 'backlogg' for 'start_server' %(known: backlog, ",
      (failure_of("saros.start_server(print, '127.0.0.1', 0, {backlogg = 1})")))
  end)

  it("learns why it cannot suspend where it is", function()
    assert.equal("saros: RuntimeError: cannot sleep across the C function 'table.sort'",
      (failure_of("table.sort({2, 1}, function() saros.sleep(0) end)")))
    assert.equal("saros: RuntimeError: cannot sleep inside a coroutine that the program resumes itself",
      (failure_of("saros.sleep(0) coroutine.wrap(function() saros.sleep(0) end)()")))
    assert.equal("saros: RuntimeError: attempt to yield from outside a coroutine",
      (failure_of("coroutine.yield()")))
  end)

  it("cancels its tasks, which may await while they clean up", function()
    local outcome, output, errors = run([[
      saros.create_task(function()
        local scope <close> = setmetatable({}, {__close = function() saros.sleep(0.01) print("cleaned up") end})
        saros.sleep(60)
      end)
      saros.sleep(0)
      error("main fails", 0)]])
    assert.equal("exit 1", outcome)
    assert.equal("cleaned up\n", output)
    assert.matches("^saros: main fails\n", errors)
  end)

  it("is told of a task that failed though nobody awaits it, and goes on", function()
    local outcome, output, errors = run([[
      saros.create_task(function() error("in a task", 0) end)
      saros.sleep(0.01)
      print("main ends")]])
    assert.equal("exit 0", outcome)
    assert.equal("main ends\n", output)
    assert.matches("Task exception was never retrieved\n.*in a task\n", errors)
  end)

  it("is told of a callback that failed, and goes on", function()
    local outcome, output, errors = run([[
      local loop = require "saros.loop"
      loop.call_soon(error, "in a callback", 0)
      loop.call_later(0.01, print, "goes on")]])
    assert.equal("exit 0", outcome)
    assert.equal("goes on\n", output)
    assert.matches("Exception in callback", errors)
    assert.matches("in a callback", errors)
  end)
end)

-- Starts a script, presses Ctrl-C when it has said "ready", and then whenever it says "again"; how it ended.
local function interrupt(text, presses)
  local file <close> = scripts.write('io.stdout:setvbuf("no") ' .. text)
  local running <close> = process.saros(file.path)
  for i = 1, presses or 1 do
    running:expect(i == 1 and "ready\n" or "again\n")
    running:signal("SIGINT")
  end
  return running:wait(scripts.LIMIT), running:output(), running:errors()
end

-- Interrupts a script that is to end silently; what it printed after "ready".
local function interrupted(text, presses)
  local outcome, output, errors = interrupt(text, presses)
  assert.equal("", errors)
  assert.equal("exit 130", outcome)
  return (output:match("^ready\n(.*)"))
end

describe("Ctrl-C under the saros command", function()
  it("ends silently, with status 130, a script that", function()
    local in_callbacks = "local loop = require 'saros.loop' loop.call_later(60, print) loop.call_soon(print, 'ready') "
    for what, code in pairs {
      ["is plain Lua"] = "print('ready') while true do end",
      sleeps = "saros.create_task(print, 'ready') saros.sleep(60)",
      ["waits for a future"] = "saros.create_task(print, 'ready') saros.get_running_loop():create_future():await()",
      ["has ended, and left a task"] = "saros.create_task(function() print('ready') saros.sleep(60) end)",
      ["has ended, and left a timer"] = "saros.sleep(0) saros.get_running_loop():call_later(60, print) print('ready')",
      ["is in callback style"] = in_callbacks,
      ["runs its loop itself"] = in_callbacks .. "loop.run()",
      ["calls saros.run"] = "saros.run(function() print('ready') saros.sleep(60) end)",
      ["serves clients"] = "local s = saros.start_server(print, '127.0.0.1', 0) print('ready') s:serve_forever()",
    } do
      local outcome, output, errors = interrupt(code)
      assert.equal("exit 130", outcome, what .. ": " .. errors)
      assert.equal("ready\n", output, what)
      assert.equal("", errors, what)
    end
  end)

  local SCOPE = [[
    local function scope(name)
      return setmetatable({}, {__close = function() saros.sleep(0.01) print(name .. " cleaned up") end})
    end ]]

  it("cancels the script, then its tasks; both may await while they clean up", function()
    assert.equal("script cleaned up\ntask cleaned up\n", interrupted(SCOPE .. [[
      saros.create_task(function()
        local task <close> = scope("task")
        print("ready")
        saros.sleep(60)
      end)
      local script <close> = scope("script")
      saros.sleep(60)]]))
  end)

  it("lets tasks that the script left clean up", function()
    assert.equal("task cleaned up\n", interrupted(SCOPE .. [[
      saros.create_task(function()
        local task <close> = scope("task")
        print("ready")
        saros.sleep(60)
      end)]]))
  end)

  it("lets tasks of a script in callback style clean up", function()
    assert.equal("task cleaned up\n", interrupted(SCOPE .. [[
      require("saros.loop").create_task(function()
        local task <close> = scope("task")
        print("ready")
        saros.sleep(60)
      end)]]))
  end)

  it("ends a busy script when pressed again", function()
    assert.equal("again\n", interrupted([[
      saros.sleep(0)
      print("ready")
      local began = os.clock()
      while os.clock() < began + 0.3 do end
      print("again")
      while true do end]], 2))
  end)

  -- It used to report the interrupt as an error that nobody retrieved.
  it("ends a busy task when pressed again", function()
    assert.equal("again\n", interrupted([[
      saros.create_task(function()
        print("ready")
        local began = os.clock()
        while os.clock() < began + 0.3 do end
        print("again")
        while true do end
      end)
      saros.sleep(60)]], 2))
  end)

  it("ends a script whose clean-up takes too long when pressed again", function()
    assert.equal("again\n", interrupted([[
      local scope <close> = setmetatable({}, {__close = function() print("again") saros.sleep(60) print("late") end})
      saros.create_task(print, "ready")
      saros.sleep(60)]], 2))
  end)

  it("ends tasks whose clean-up takes too long when pressed again", function()
    assert.equal("again\n", interrupted([[
      saros.create_task(function()
        local scope <close> = setmetatable({}, {__close = function() print("again") saros.sleep(60) print("late") end})
        print("ready")
        saros.sleep(60)
      end)]], 2))
  end)

  it("does not hide the error of a script that fails while it cleans up", function()
    local outcome, _, errors = interrupt([[
      local scope <close> = setmetatable({}, {__close = function() error("cannot clean up", 0) end})
      saros.create_task(print, "ready")
      saros.sleep(60)]])
    assert.equal("exit 1", outcome)
    assert.matches("^saros: cannot clean up\n", errors)
  end)

  -- What was pressed while a script had a loop but had not awaited yet used to be lost.
  local BUSY = [[
    saros.create_task(function() saros.sleep(60) end)
    print("ready")
    local began = os.clock()
    while os.clock() < began + 0.3 do end ]]

  it("cancels the first await of a script that was busy", function()
    assert.equal("", interrupted(BUSY .. "saros.sleep(60)"))
    assert.equal("false\tCancelledError\n", interrupted(BUSY .. [[
      local ok, failure = pcall(saros.sleep, 60)
      print(ok, failure)
      error(failure, 0)]]))
  end)

  it("ends what a script left that was busy to its end", function()
    assert.equal("end\n", interrupted(BUSY .. "print('end')"))
  end)

  it("is a script's own when it handles SIGINT", function()
    local outcome, output, errors = interrupt([[
      local stop = saros.Event()
      saros.create_task(print, "ready")
      saros.get_running_loop():add_signal_handler("SIGINT", stop.set, stop)
      stop:wait()
      print("stopped")]])
    assert.equal("exit 0", outcome)
    assert.equal("ready\nstopped\n", output)
    assert.equal("", errors)
  end)
end)
