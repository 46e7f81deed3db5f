-- SIGINT, whose first one a loop takes gracefully and whose second one interrupts Lua code. Each
-- spec runs a program of its own, which says when it is ready.

local process = require "spec.support.process"

local LIMIT = 30

-- Runs a Lua program, sends it SIGINT each time it has printed the next one of `cues`, and gives
-- how it ended, its output, and its errors.
local function interrupt(code, ...)
  local program <close> = process.start(os.getenv("SAROS_LUA") or "lua5.4", "-e", [[
    io.stdout:setvbuf("no")
    local saros = require "saros"
  ]] .. code)
  for _, cue in ipairs { ... } do
    program:expect(cue, LIMIT)
    program:signal("SIGINT")
  end
  local outcome = program:wait(LIMIT)
  return outcome, program:output(), program:errors()
end

describe("core.loop.interrupt", function()
  it("raises KeyboardInterrupt out of a loop that waits", function()
    local outcome, output = interrupt([[
      local loop = saros.new_event_loop()
      loop:call_soon(print, "ready")
      local ok, failure = pcall(loop.run_forever, loop)
      print(ok, saros.is_error(failure, saros.KeyboardInterrupt), loop:is_running())
      loop:call_soon(print, "goes on")
      loop:run()
      loop:close()
    ]], "ready")
    assert.equal("ready\nfalse\ttrue\tfalse\ngoes on\n", output)
    assert.equal("exit 0", outcome)
  end)

  it("raises it in a callback that computes", function()
    local outcome, output = interrupt([[
      local loop = saros.new_event_loop()
      loop:call_soon(function()
        print("ready")
        while true do end
      end)
      loop:call_soon(print, "left for the next run")
      local ok, failure = pcall(loop.run, loop)
      print(ok, saros.is_error(failure, saros.KeyboardInterrupt))
      loop:run()
    ]], "ready")
    assert.equal("ready\nfalse\ttrue\nleft for the next run\n", output)
    assert.equal("exit 0", outcome)
  end)

  it("raises it in a task that computes, whose scopes are closed", function()
    local outcome, output = interrupt([[
      local loop = saros.new_event_loop()
      local task = loop:create_task(function()
        local _ <close> = setmetatable({}, {__close = function() print("closed") end})
        print("ready")
        while true do end
      end)
      local ok, failure = pcall(loop.run_until_complete, loop, task)
      print(ok, saros.is_error(failure, saros.KeyboardInterrupt), task:done())
      loop:close()
    ]], "ready")
    assert.equal("ready\nclosed\nfalse\ttrue\ttrue\n", output)
    assert.equal("exit 0", outcome)
  end)

  it("is out at once, also when a task computes and others wait", function()
    local outcome, output = interrupt([[
      local loop = saros.new_event_loop()
      loop:create_task(function() saros.sleep(3600) end)
      loop:create_task(function() print("ready") while true do end end)
      loop:call_later(0, print, "a timer")
      local ok, failure = pcall(loop.run_forever, loop)
      print(ok, saros.is_error(failure, saros.KeyboardInterrupt), loop:is_running())
      loop:set_exception_handler(function() end)
      loop:close()
      print("closed")
    ]], "ready")
    assert.matches("false\ttrue\tfalse\nclosed\n$", output)
    assert.equal("exit 0", outcome)
  end)

  describe("under saros.run", function()
    it("the first cancels the main task, and run raises KeyboardInterrupt", function()
      local outcome, output = interrupt([[
        local ok, failure = pcall(saros.run, function()
          print("ready")
          local ok, failure = pcall(saros.sleep, 3600)
          print("main", ok, saros.is_error(failure, saros.CancelledError))
          saros.sleep(0.001)
          print("cleaned up")
          error(failure, 0)
        end)
        print("run", ok, saros.is_error(failure, saros.KeyboardInterrupt))
      ]], "ready")
      assert.equal("ready\nmain\tfalse\ttrue\ncleaned up\nrun\tfalse\ttrue\n", output)
      assert.equal("exit 0", outcome)
    end)

    it("the first is forgotten when the main task swallows it", function()
      local outcome, output = interrupt([[
        print(saros.run(function()
          print("ready")
          pcall(saros.sleep, 3600)
          saros.sleep(0.001)
          return "went on"
        end))
      ]], "ready")
      assert.equal("ready\nwent on\n", output)
      assert.equal("exit 0", outcome)
    end)

    it("the second interrupts a busy loop in a task", function()
      local outcome, output = interrupt([[
        local ok, failure = pcall(saros.run, function()
          print("ready")
          pcall(saros.sleep, 3600)
          print("stubborn")
          while true do end
        end)
        print(ok, saros.is_error(failure, saros.KeyboardInterrupt))
      ]], "ready", "stubborn")
      assert.equal("ready\nstubborn\nfalse\ttrue\n", output)
      assert.equal("exit 0", outcome)
    end)

    it("the second interrupts a busy loop that the first could not reach", function()
      local outcome, output = interrupt([[
        local ok, failure = pcall(saros.run, function()
          print("ready")
          local begin = os.clock()
          while os.clock() < begin + 0.05 do end
          print("busy")
          while true do end
        end)
        print(ok, saros.is_error(failure, saros.KeyboardInterrupt))
      ]], "ready", "busy")
      assert.equal("ready\nbusy\nfalse\ttrue\n", output)
      assert.equal("exit 0", outcome)
    end)

    it("the second ends a main task that waits and will not leave", function()
      local outcome, output = interrupt([[
        local ok, failure = pcall(saros.run, function()
          print("ready")
          pcall(saros.sleep, 3600)
          print("stubborn")
          saros.sleep(3600)
        end)
        print(ok, saros.is_error(failure, saros.KeyboardInterrupt))
      ]], "ready", "stubborn")
      assert.equal("ready\nstubborn\nfalse\ttrue\n", output)
      assert.equal("exit 0", outcome)
    end)

    it("interrupts a coroutine that a task resumes, when that returns", function()
      local outcome, output = interrupt([[
        local ok, failure = pcall(saros.run, function()
          print("ready")
          pcall(saros.sleep, 3600)
          local begin = os.clock()
          coroutine.wrap(function()
            print("in a coroutine")
            while os.clock() < begin + 0.3 do end
          end)()
          while true do end
        end)
        print(ok, saros.is_error(failure, saros.KeyboardInterrupt))
      ]], "ready", "in a coroutine")
      assert.equal("ready\nin a coroutine\nfalse\ttrue\n", output)
      assert.equal("exit 0", outcome)
    end)
  end)

  it("is what a program's own handler is given instead", function()
    local outcome, output = interrupt([[
      local loop = saros.new_event_loop()
      local count = 0
      loop:add_signal_handler("SIGINT", function()
        count = count + 1
        print("handler " .. count)
        if count == 2 then loop:stop() end
      end)
      loop:call_soon(print, "ready")
      loop:run_forever()
      print("stopped")
    ]], "ready", "handler 1")
    assert.equal("ready\nhandler 1\nhandler 2\nstopped\n", output)
    assert.equal("exit 0", outcome)
  end)

  it("raises again once a program's own handler is removed", function()
    local outcome, output = interrupt([[
      local loop = saros.new_event_loop()
      loop:add_signal_handler("SIGINT", function()
        loop:remove_signal_handler("SIGINT")
        print("removed")
      end)
      loop:call_soon(print, "ready")
      local ok, failure = pcall(loop.run_forever, loop)
      print(ok, saros.is_error(failure, saros.KeyboardInterrupt))
    ]], "ready", "removed")
    assert.equal("ready\nremoved\nfalse\ttrue\n", output)
    assert.equal("exit 0", outcome)
  end)

  it("is given back when the loop ends", function()
    -- The interpreter's own handling of SIGINT ends the program with a message of its own.
    local outcome, output, errors = interrupt([[
      local loop = saros.new_event_loop()
      loop:call_soon(function() end)
      loop:run()
      print("ready")
      while true do end
    ]], "ready")
    assert.equal("ready\n", output)
    assert.matches("interrupted!", errors)
    assert.equal("exit 1", outcome)
  end)

  it("ends a program that catches nothing, and names itself", function()
    local outcome, _, errors = interrupt([[
      saros.run(function()
        print("ready")
        saros.sleep(3600)
      end)
    ]], "ready")
    assert.equal("exit 1", outcome)
    assert.matches("KeyboardInterrupt", errors)
  end)

  it("raises the first in a named task that computes, and calls the function while others do", function()
    local named = [[
      local core = require "saros.core"
      local loop = saros.new_event_loop()
      local function compute()
        print("ready")
        local began = os.clock()
        while os.clock() < began + 0.3 do end
        print("computed")
      end
      local computing, waiting = loop:create_task(compute), loop:create_task(saros.sleep, 3600)
      core.set_interrupt_handler(loop, function() print("the function") loop:stop() end, %s)
      local ok, failure = pcall(loop.run_forever, loop)
      print(ok, saros.is_error(failure, saros.KeyboardInterrupt))
    ]]
    local outcome, output = interrupt(named:format("computing"), "ready")
    assert.equal("ready\nfalse\ttrue\n", output)
    assert.equal("exit 0", outcome)
    outcome, output = interrupt(named:format("waiting"), "ready")
    assert.equal("ready\ncomputed\nthe function\ntrue\tfalse\n", output)
    assert.equal("exit 0", outcome)
  end)

  it("takes the next as the first after the function was set again", function()
    local outcome, output = interrupt([[
      local core = require "saros.core"
      local loop = saros.new_event_loop()
      local count = 0
      local function on_interrupt()
        count = count + 1
        print("time " .. count)
        if count == 3 then loop:stop() end
        core.set_interrupt_handler(loop, on_interrupt)
      end
      core.set_interrupt_handler(loop, on_interrupt)
      loop:call_soon(print, "ready")
      loop:run_forever()
    ]], "ready", "time 1", "time 2")
    assert.equal("ready\ntime 1\ntime 2\ntime 3\n", output)
    assert.equal("exit 0", outcome)
  end)
end)
