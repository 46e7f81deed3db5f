-- SIGUSR1, for which the launcher sets a function. Each spec runs a program of its own, which says when it
-- is ready.

local process = require "spec.support.process"

local LIMIT = 30
local LUA = os.getenv("SAROS_LUA") or "lua5.4"

local PRELUDE = [[
  io.stdout:setvbuf("no")
  local saros, core = require "saros", require "saros.core"
  local function inspect() print("inspected") end
]]

-- Starts a program, and waits until it is ready.
local function start(code, ...)
  local program = process.start(LUA, "-e", PRELUDE .. code, ...)
  program:expect("ready\n", LIMIT)
  return program
end

-- Sends the signal, and waits until the program has answered.
local function ask(program, answer)
  program:signal("SIGUSR1")
  program:expect("ready\n" .. answer .. "$", LIMIT)
end

describe("core.loop.inspect", function()
  it("wants something to call", function()
    local core = require "saros.core"
    assert.has_error(function() core.set_inspector(3) end,
      "bad argument #1 to 'set_inspector' (function expected, got number)")
  end)

  it("calls the function as a callback of the loop that runs, each time", function()
    local program <close> = start [[
      core.set_inspector(function()
        print(saros.get_running_loop():is_running(), saros.current_task())
      end)
      local loop = saros.new_event_loop()
      loop:call_soon(print, "ready")
      loop:run_forever()]]
    ask(program, "true\tnil\n")
    ask(program, "true\tnil\ntrue\tnil\n")
  end)

  it("finds the next loop, too, and keeps none going", function()
    local program <close> = start [[
      core.set_inspector(inspect)
      for i = 1, 2 do
        local asked = saros.Event()
        core.set_inspector(function() inspect() asked:set() end)
        saros.run(function()
          print(i == 1 and "ready" or "again")
          asked:wait()
        end)
      end
      local loop = saros.new_event_loop()
      loop:run()
      print("end")]]
    ask(program, "inspected\nagain\n")
    program:signal("SIGUSR1")
    assert.equal("exit 0", program:wait(LIMIT))
    assert.equal("ready\ninspected\nagain\ninspected\nend\n", program:output())
  end)

  it("reports an error of the function, and goes on", function()
    local program <close> = start [[
      core.set_inspector(function() print("failing") error("cannot tell", 0) end)
      saros.run(function()
        saros.create_task(print, "ready")
        saros.sleep(3600)
      end)]]
    ask(program, "failing\n")
    ask(program, "failing\nfailing\n")
    assert.matches("Exception in callback.-\ncannot tell\n", program:errors())
  end)

  it("does nothing while no loop runs", function()
    local path = os.tmpname()
    os.remove(path)
    local program <close> = start(([[
      core.set_inspector(inspect)
      print("ready")
      while not io.open(%q) do end
      print("end")]]):format(path))
    program:signal("SIGUSR1")
    assert(io.open(path, "w")):close()
    local outcome = program:wait(LIMIT)
    os.remove(path)
    assert.equal("exit 0", outcome)
    assert.equal("ready\nend\n", program:output())
  end)

  it("leaves the signal to a handler that the program has, until that is removed", function()
    local program <close> = start [[
      core.set_inspector(inspect)
      saros.run(function()
        local loop, own = saros.get_running_loop(), saros.Event()
        loop:add_signal_handler("SIGUSR1", function() print("own") own:set() end)
        saros.create_task(print, "ready")
        own:wait()
        loop:remove_signal_handler("SIGUSR1")
        print("removed")
        saros.sleep(3600)
      end)]]
    ask(program, "own\nremoved\n")
    ask(program, "own\nremoved\ninspected\n")
  end)

  it("leaves it to a handler that was there before the loop ran", function()
    local program <close> = start [[
      local loop = saros.new_event_loop()
      loop:add_signal_handler("SIGUSR1", print, "own")
      core.set_inspector(inspect)
      loop:call_soon(print, "ready")
      loop:run_forever()]]
    ask(program, "own\n")
  end)

  it("leaves it ignored when whoever started the program has it ignored", function()
    local program <close> = process.start("sh", "-c", [[trap "" USR1; exec "$0" -e "$1"]], LUA, PRELUDE .. [[
      core.set_inspector(inspect)
      print("ready")
      local asked = os.execute("kill -USR1 $PPID")
      saros.run(saros.sleep, 0.01)
      print("end", asked)]])
    assert.equal("exit 0", program:wait(LIMIT))
    assert.equal("ready\nend\ttrue\n", program:output())
  end)

  it("is not there before a function was set", function()
    local program <close> = start [[
      saros.run(function()
        saros.create_task(print, "ready")
        saros.sleep(3600)
      end)]]
    program:signal("SIGUSR1")
    assert.matches("^signal %d+$", program:wait(LIMIT))
  end)
end)
