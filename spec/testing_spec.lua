local saros = require "saros"
local process = require "spec.support.process"
local raises = require "spec.support.raises"

local testing = saros.testing
local async = testing.async

local function here()
  return debug.getinfo(2, "l").currentline
end

local function loop() return saros.get_running_loop() end
local function on_timer() end

-- Runs a spec that leaves something behind; returns the lists and the message.
local function left_by(fn, options)
  local failure = raises(testing.LeftoverError, async(fn, options))
  assert.matches("^the spec left something behind\n", failure.message)
  return failure.leftovers, failure.message:gsub("^.-\n", "")
end

-- What is logged while `fn` runs.
local function logged(fn)
  local lines = {}
  local function write(_, format, ...) lines[#lines + 1] = format:format(...) end
  saros.set_logger { debug = write, info = write, warn = write, error = write, fatal = write }
  local ok, failure = pcall(fn)
  saros.set_logger(nil)
  if not ok then error(failure, 0) end
  return table.concat(lines, "\n")
end

describe("testing", function()
  describe("async", function()
    it("runs the function in a task, on a fresh virtual clock, which is the current loop", function()
      local seen = {}
      local spec = async(function(...)
        assert.equal(loop(), saros.get_event_loop())
        assert.truthy(saros.current_task())
        assert.equal(0, loop():time())
        saros.sleep(3600)
        assert.equal(3600, loop():time())
        seen[#seen + 1] = loop()
        return ...
      end)
      assert.same({ "a", nil, "c", n = 3 }, table.pack(spec("a", nil, "c")))
      spec()
      assert.not_equal(seen[1], seen[2])
      assert.is_true(seen[1]:is_closed())
    end)

    it("passes the loop's options on", function()
      async(function()
        assert.equal(1e9, loop():wall_time())
        loop():call_later(1, on_timer)
        loop():advance(5)
        assert.equal(1e9 + 5, loop():wall_time())
        assert.is_true(loop():get_debug())
      end, { manual = true, start = 1e9, debug = true })()
      async(function() assert.is_false(loop():get_debug()) end, { debug = false })()
    end)

    it("runs on loops of a class of one's own", function()
      local Mine = testing.VirtualClockLoop:extend("Mine")
      async(function()
        assert.matches("^Mine: ", tostring(loop()))
        assert.equal(5, loop():wall_time())
      end, { loop_factory = Mine, start = 5 })()
      local spec = async(function() end, { loop_factory = function() return saros.EventLoop() end })
      assert.equal("option 'loop_factory' of 'async' made EventLoop instead of a VirtualClockLoop",
        raises(saros.ValueError, spec).message)
    end)

    it("takes any callable", function()
      local callable = setmetatable({}, { __call = function(_, x) return x end })
      assert.equal(7, async(callable)(7))
      local failing = setmetatable({}, { __call = function() error(saros.ValueError("no")) end })
      raises(saros.ValueError, async(failing))
    end)

    it("passes the body's own error on, the same value", function()
      local mine = setmetatable({}, {})
      for _, value in ipairs { mine, "text", 7, saros.ValueError("no"), false } do
        local ok, failure = pcall(async(function()
          saros.sleep(1)
          error(value, 0)
        end))
        assert.is_false(ok)
        assert.is_true(rawequal(value, failure))
      end
      local ok, failure = pcall(async(function() error(nil) end))
      assert.is_false(ok)
      assert.is_nil(failure)
    end)

    it("prefers the body's own error to what is left, and logs what else was reported", function()
      local log = logged(function()
        local failure = raises(saros.ValueError, async(function()
          saros.create_task(saros.sleep, 10)
          saros.create_task(error, saros.RuntimeError("in a task"))
          loop():call_soon(error, saros.RuntimeError("in a callback"))
          saros.sleep(1)
          error(saros.ValueError("mine"))
        end))
        assert.equal("mine", failure.message)
      end)
      assert.matches("RuntimeError: in a task", log)
      assert.matches("RuntimeError: in a callback", log)
    end)

    it("fails when the spec would wait for ever", function()
      local failure = raises(saros.RuntimeError, async(function() saros.Event():wait() end))
      assert.matches("^the loop waits for ever: .*\n  spec at spec/testing_spec.lua:%d+$", failure.message)
    end)

    it("restores the policy and the current loop, whatever happens", function()
      local policy = saros.get_event_loop_policy()
      local current <close> = saros.new_event_loop()
      saros.set_event_loop(current)
      local function check()
        assert.equal(policy, saros.get_event_loop_policy())
        assert.equal(current, saros.get_event_loop())
      end
      async(function()
        assert.not_equal(current, saros.get_event_loop())
        saros.set_event_loop(nil)
      end)()
      check()
      pcall(async(function() saros.set_event_loop_policy(nil) error("no") end))
      check()
      pcall(async(function() saros.Event():wait() end))
      check()
      saros.set_event_loop(nil)
    end)

    it("makes loops of the same kind by the policy meanwhile", function()
      async(function()
        local other <close> = saros.new_event_loop()
        assert.equal(99, other:wall_time())
      end, { start = 99 })()
    end)

    it("cannot be used inside a running loop", function()
      local failure = raises(saros.RuntimeError, saros.run, async(function() end))
      assert.equal("a spec of testing.async() cannot run inside a running event loop", failure.message)
    end)

    it("refuses bad input", function()
      assert.error_matches(function() async(nil) end, "bad argument #1 to 'async' %(function expected, got nil%)")
      assert.error_matches(function() async(print, 1) end, "bad argument #2 to 'async' %(table expected, got number%)")
      assert.equal("unknown option 'clock' for 'async' (known: debug, loop_factory, manual, start, timeout)",
        raises(saros.ValueError, async, print, { clock = 1 }).message)
      assert.error_matches(function() async(print, { timeout = "1" }) end,
        "option 'timeout': number expected, got string")
      assert.equal("option 'timeout' of 'async' must be more than 0",
        raises(saros.ValueError, async, print, { timeout = 0 }).message)
      raises(saros.ValueError, async(print, { start = math.huge }))
    end)
  end)

  describe("async fails on", function()
    it("tasks that are still pending", function()
      local line
      local found, message = left_by(function()
        line = here() + 1
        saros.create_task(function() saros.Event():wait() end):set_name("waits")
        saros.create_task(saros.sleep, 10):set_name("sleeps")
        saros.sleep(1)
      end)
      assert.equal(2, #found.tasks)
      assert.equal("waits at spec/testing_spec.lua:" .. line, found.tasks[1])
      assert.equal("sleeps", found.tasks[2])
      assert.equal("2 tasks are still pending:\n  waits at spec/testing_spec.lua:" .. line .. "\n  sleeps", message)
    end)

    it("tasks, and tells in debug mode where they were created", function()
      local line
      local found = left_by(function()
        line = here() + 1
        saros.create_task(saros.sleep, 10):set_name("sleeps")
      end, { debug = true })
      assert.matches("^sleeps\n  created at: .*spec/testing_spec.lua:" .. line, found.tasks[1])
    end)

    it("tasks that yield for ever", function()
      local found = left_by(function()
        saros.create_task(function() while true do saros.sleep(0) end end):set_name("spins")
      end)
      assert.equal(1, #found.tasks)
    end)

    it("timers, by deadline", function()
      local found, message = left_by(function()
        loop():call_later(7, on_timer)
        loop():call_at(3, on_timer)
        loop():call_later(9, on_timer):cancel()
      end)
      assert.equal(2, #found.timers)
      local line = debug.getinfo(on_timer, "S").linedefined
      assert.equal(("2 timers are still set:\n  function <spec/testing_spec.lua:%d>, due at 3.0\n"
        .. "  function <spec/testing_spec.lua:%d>, due at 7.0"):format(line, line), message)
    end)

    it("transports and servers", function()
      local address
      local found, message = left_by(function()
        local server = saros.start_server(function(reader) reader:read() end, "127.0.0.1", 0)
        address = "127.0.0.1:" .. server:sockets()[1].port
        saros.open_connection("127.0.0.1", server:sockets()[1].port)
      end)
      assert.same({ address }, found.servers)
      assert.equal(1, #found.transports)
      assert.matches("^Transport: .*, from 127%.0%.0%.1:%d+ to " .. address, found.transports[1])
      assert.matches("\n1 server still listens:\n  " .. address .. "$", message)
    end)

    it("a Unix socket", function()
      local path = os.tmpname() .. ".socket"
      local found = left_by(function()
        saros.start_unix_server(function() end, path)
      end)
      assert.same({ "unix:" .. path }, found.servers)
      assert.is_nil(io.open(path))
      os.remove((path:gsub("%.socket$", "")))
    end)

    it("watched descriptors", function()
      local file <close> = assert(io.popen("true"))
      local found = left_by(function() loop():add_reader(file, on_timer) end)
      assert.equal(1, #found.descriptors)
      assert.matches("^%d+$", found.descriptors[1])
    end)

    it("errors that nobody retrieved", function()
      local line
      local found, message = left_by(function()
        line = here() + 1
        saros.create_task(function() error(saros.ValueError("lost")) end)
        local future = loop():create_future()
        future:set_exception(saros.RuntimeError("kept"))
      end)
      assert.equal(2, #found.errors)
      assert.matches("Future exception was never retrieved: RuntimeError: kept", message, 1, true)
      assert.matches("Task exception was never retrieved: ValueError: lost\n.*spec/testing_spec.lua:" .. line, message)
    end)

    it("errors in callbacks", function()
      local found = left_by(function()
        loop():call_soon(error, saros.ValueError("in a callback"))
        saros.sleep(1)
      end)
      assert.equal(1, #found.errors)
      assert.matches("ValueError: in a callback", found.errors[1])
    end)

    it("errors of tasks that are cancelled afterwards, and tasks that do not end then", function()
      local found = left_by(function()
        saros.create_task(function()
          pcall(saros.sleep, 1)
          error(saros.ValueError("while cleaning up"))
        end)
        saros.create_task(function()
          pcall(saros.sleep, 1)
          saros.Event():wait()
        end):set_name("stubborn")
      end)
      assert.equal(2, #found.tasks)
      local text = table.concat(found.errors, "\n")
      assert.matches("ValueError: while cleaning up", text)
      assert.matches("cannot end the tasks: RuntimeError: the loop waits for ever.*stubborn", text)
    end)
  end)

  describe("async does not mind", function()
    it("what ends without time passing", async(function()
      local task = saros.create_task(saros.sleep, 10)
      saros.sleep(1)
      task:cancel()
      saros.create_task(function() for _ = 1, 50 do saros.sleep(0) end end)
      loop():call_soon(on_timer)
      loop():call_later(0, on_timer)
    end))

    it("transports that are closing, and servers whose scope is left", async(function()
      local server <close> = saros.start_server(function(reader, writer)
        writer:write(reader:read("l"))
      end, "127.0.0.1", 0)
      local reader, writer = saros.open_connection("127.0.0.1", server:sockets()[1].port)
      writer:write("hello\n")
      assert.equal("hello", reader:read())
      writer:close()
    end))

    it("errors for which the body has set a handler, or that it retrieves", async(function()
      local messages = {}
      loop():set_exception_handler(function(_, context) messages[#messages + 1] = context.message end)
      loop():call_soon(error, "no")
      local task = saros.create_task(error, "no")
      saros.sleep(1)
      assert.equal(1, #messages)
      assert.equal("no", task:exception())
    end))

    it("limits that were not reached", async(function()
      local limit <close> = saros.timeout(10)
      saros.wait_for(saros.sleep, 5, 1)
      assert.is_false(limit:expired())
    end))

    it("how long cancelled tasks take to clean up, on a manual clock too", function()
      local cleaned
      local found = left_by(function()
        saros.create_task(function()
          pcall(saros.sleep, 1)
          saros.sleep(3600)
          cleaned = loop():time()
        end)
        loop():advance(0)
      end, { manual = true })
      assert.equal(3600, cleaned)
      assert.same({}, found.errors)
    end)
  end)

  describe("async limits real time", function()
    it("for a spec on whose clock time passes for ever", function()
      local began = saros.monotonic()
      local failure = raises(saros.TimeoutError, async(function()
        saros.create_task(function() saros.periodic(1, on_timer) end)
        saros.Event():wait()
      end, { timeout = 0.05 }))
      assert.is_true(saros.monotonic() - began < 30)
      assert.matches("^the spec takes longer than 0.05 seconds of real time\n  spec at spec/testing_spec.lua:%d+\n"
        .. "  Task%-%d+ at spec/testing_spec.lua:%d+$", failure.message)
    end)

    it("for one that waits for a socket, that yields for ever, or whose tasks do not end", function()
      raises(saros.TimeoutError, async(function()
        local server <close> = saros.start_server(function(reader) reader:read() end, "127.0.0.1", 0)
        local reader = saros.open_connection("127.0.0.1", server:sockets()[1].port)
        reader:read()
      end, { timeout = 0.05 }))
      raises(saros.TimeoutError, async(function() while true do saros.sleep(0) end end, { timeout = 0.05 }))
      local found = left_by(function()
        saros.create_task(function() while true do pcall(saros.sleep, 0) end end)
      end, { timeout = 0.05 })
      assert.matches("cleaning up after the spec takes longer than 0.05 seconds", found.errors[1])
    end)

    it("leaves alone what takes longer by its own clock", async(function()
      saros.sleep(1e6)
    end, { timeout = 30 }))
  end)

  describe("under busted", function()
    local output, ended

    lazy_setup(function()
      -- Not the file in which this run counts.
      ended, output = process.run(60, "env", "-u", "SAROS_PROGRESS", os.getenv("SAROS_LUA") or "lua5.4",
        "spec/support/busted.lua", "spec/support/failing.lua")
    end)

    -- What busted says about one of spec/support/failing.lua.
    local function told_of(name)
      for part in (output .. "\n\n"):gmatch("(.-)\n\n") do
        local kind, line, text = part:match("^(%a+) %-> spec/support/failing.lua @ (%d+)\nfailing " .. name
          .. "\n(.*)$")
        if kind then return kind, math.tointeger(tonumber(line)), text end
      end
      error(("nothing about %s in\n%s"):format(name, output))
    end

    it("the failing ones fail, the others do not", function()
      assert.matches("1 success / 1 failure / 6 errors / 1 pending", output)
      assert.equal("exit 1", ended)
      assert.matches("finally ran", output)
    end)

    it("shows the difference of an assertion, and its line", function()
      local kind, line, text = told_of("<difference>")
      assert.equal("Failure", kind)
      assert.matches("^spec/support/failing.lua:" .. line + 2 .. ": Expected objects to be the same%.", text)
      assert.matches("*[2] = {\n   *[1] = 3 } }", text, 1, true)
    end)

    it("shows other errors at their lines", function()
      local kind, line, text = told_of("<string>")
      assert.equal("Error", kind)
      assert.equal("spec/support/failing.lua:" .. line + 2 .. ": a string", text)
      kind, line, text = told_of("<object>")
      assert.equal("Error", kind)
      assert.equal("spec/support/failing.lua:" .. line + 2 .. ": ValueError: an object", text)
    end)

    it("lets a spec be pending", function()
      local _, line, text = told_of("<pending>")
      assert.equal("spec/support/failing.lua:" .. line .. ": later", text)
    end)

    it("lists what is left at the line of the spec", function()
      local _, line, text = told_of("<left>")
      local pattern = ([[
spec/support/failing.lua:%d: LeftoverError: the spec left something behind
1 task is still pending:
  sleeper
1 timer is still set:
  function <spec/support/failing.lua:8>, due at 5.0
1 transport is still open:
  Transport: 0x? fd=? read=@ write=0 bytes, from 127.0.0.1:? to 127.0.0.1:?
1 server still listens:
  127.0.0.1:?
1 error was handled by nobody:
  Task exception was never retrieved: ValueError: nobody looks]]):format(line)
      pattern = pattern:gsub("[%(%)%.%-%+]", "%%%0"):gsub("%?", "%%x+"):gsub("@", "%%a+")
      assert.matches("^" .. pattern, text)
    end)

    it("names who waits when a spec would not end", function()
      local _, line, text = told_of("<hanging>")
      assert.equal(("spec/support/failing.lua:%d: RuntimeError: the loop waits for ever: nothing is ready, "
        .. "timed or outstanding; 1 waiting task:\n  spec at spec/support/failing.lua:%d")
        :format(line, line + 1), text)
      _, line, text = told_of("<endless>")
      assert.equal(("spec/support/failing.lua:%d: TimeoutError: the spec takes longer than 0.2 seconds of "
        .. "real time\n  spec at spec/support/failing.lua:%d"):format(line, line + 1), text)
    end)
  end)

  describe("run", function()
    it("is saros.run on a virtual clock", function()
      local time, argument = testing.run(function(x)
        saros.sleep(3600)
        return loop():time(), x
      end, "x")
      assert.equal(3600, time)
      assert.equal("x", argument)
      raises(saros.ValueError, testing.run, function() error(saros.ValueError("no")) end)
      raises(saros.RuntimeError, testing.run, function() saros.Event():wait() end)
      assert.error_matches(function() testing.run() end, "bad argument #1 to 'run' %(function expected, got nil%)")
    end)
  end)
end)
