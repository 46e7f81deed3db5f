local saros = require "saros"
local raises = require "spec.support.raises"

-- Sends a signal to this process. `os.execute` would have it ignore SIGINT meanwhile.
local function send(name)
  local stat <close> = assert(io.open("/proc/self/stat"))
  assert(io.popen(("kill -%s %d"):format(name, stat:read("n")))):close()
end

describe("core.loop.signals", function()
  local loop, order

  local function record(...) order[#order + 1] = table.concat({ ... }, " ") end

  -- Runs until the order has n entries; a loop that hears nothing fails by this timer.
  local function run_until(n)
    local guard = loop:call_later(10, loop.stop, loop)
    while #order < n and not guard:cancelled() do
      loop:run_once()
      if loop:time() >= guard:when() then break end
    end
    guard:cancel()
    assert.equal(n, #order, table.concat(order, "\n"))
  end

  before_each(function()
    loop = saros.new_event_loop()
    order = {}
  end)
  after_each(function() loop:close() end)

  it("calls the function with its arguments, each time", function()
    loop:add_signal_handler("SIGUSR1", record, "got", 1)
    loop:call_soon(send, "USR1")
    run_until(1)
    send("USR1")
    run_until(2)
    assert.same({ "got 1", "got 1" }, order)
  end)

  it("takes numbers and names", function()
    loop:add_signal_handler(saros.signal.SIGUSR1, record, "by number")
    loop:add_signal_handler("SIGUSR2", record, "by name")
    send("USR1")
    run_until(1)
    send("USR2")
    run_until(2)
    assert.same({ "by number", "by name" }, order)
    assert.is_true(loop:remove_signal_handler("SIGUSR1"))
    assert.is_true(loop:remove_signal_handler(saros.signal.SIGUSR2))
  end)

  it("calls the function as a callback of the loop, behind what was ready", function()
    loop:add_signal_handler("SIGUSR1", function()
      record("handler")
      assert.is_nil(saros.current_task())
      assert.equal(loop, saros.get_running_loop())
    end)
    send("USR1")
    loop:call_soon(record, "ready")
    run_until(2)
    assert.same({ "ready", "handler" }, order)
  end)

  it("replaces the function when one is added again", function()
    loop:add_signal_handler("SIGUSR1", record, "old")
    loop:add_signal_handler("SIGUSR1", record, "new")
    send("USR1")
    run_until(1)
    assert.same({ "new" }, order)
    assert.is_true(loop:remove_signal_handler("SIGUSR1"))
    assert.is_false(loop:remove_signal_handler("SIGUSR1"))
  end)

  it("may remove itself, and be added again by itself", function()
    loop:add_signal_handler("SIGUSR1", function()
      record("first", tostring(loop:remove_signal_handler("SIGUSR1")))
      loop:add_signal_handler("SIGUSR1", record, "second")
    end)
    send("USR1")
    run_until(1)
    send("USR1")
    run_until(2)
    assert.same({ "first true", "second" }, order)
  end)

  it("reports an error of the function and stays", function()
    local failures = 0
    loop:set_exception_handler(function() failures = failures + 1 end)
    loop:add_signal_handler("SIGUSR1", function()
      record("called")
      error("went wrong")
    end)
    for i = 1, 2 do
      send("USR1")
      run_until(i)
    end
    assert.equal(2, failures)
  end)

  it("tells every loop that listens", function()
    local other <close> = saros.new_event_loop()
    loop:add_signal_handler("SIGUSR1", record, "one")
    other:add_signal_handler("SIGUSR1", record, "two")
    send("USR1")
    run_until(1)
    other:call_later(10, other.stop, other)
    while #order < 2 do other:run_once() end
    assert.same({ "one", "two" }, order)
    other:remove_signal_handler("SIGUSR1")
    send("USR1")
    run_until(3)
    assert.equal("one", order[3])
  end)

  it("does nothing more once the loop is closed", function()
    local other = saros.new_event_loop()
    other:add_signal_handler("SIGUSR1", record, "closed")
    loop:add_signal_handler("SIGUSR1", record, "open")
    other:close()
    send("USR1")
    run_until(1)
    assert.same({ "open" }, order)
  end)

  it("lets go of the function when it is removed", function()
    local weak = setmetatable({}, { __mode = "v" })
    do
      local argument = {}
      weak[1] = argument
      loop:add_signal_handler("SIGUSR1", print, argument)
    end
    collectgarbage()
    assert.is_table(weak[1])
    loop:remove_signal_handler("SIGUSR1")
    collectgarbage()
    collectgarbage()
    assert.is_nil(weak[1])
  end)

  it("says whether there was a handler to remove", function()
    assert.is_false(loop:remove_signal_handler("SIGTERM"))
    assert.is_false(loop:remove_signal_handler(15))
  end)

  describe("bad input", function()
    it("refuses numbers and names that are no signal, and says what is allowed", function()
      for _, number in ipairs { 0, -1, 100, 1000000 } do
        for _, method in ipairs { "add_signal_handler", "remove_signal_handler" } do
          local failure = raises(saros.ValueError, loop[method], loop, number, print)
          assert.matches(tostring(number), failure.message, 1, true)
          assert.matches("%d+ to %d+", failure.message)
        end
      end
      for _, name in ipairs { "SIGNONE", "TERM", "", "sigterm" } do
        local failure = raises(saros.ValueError, loop.add_signal_handler, loop, name, print)
        assert.matches("'" .. name .. "'", failure.message, 1, true)
      end
    end)

    it("refuses the signals that cannot be caught", function()
      for _, signal in ipairs { 9, "SIGKILL", "SIGSTOP" } do
        local failure = raises(saros.RuntimeError, loop.add_signal_handler, loop, signal, print)
        assert.matches("cannot be caught", failure.message)
      end
    end)

    it("refuses types", function()
      assert.error_matches(function() loop:add_signal_handler({}, print) end,
        "bad argument #1 to 'add_signal_handler' %(.+ expected, got table%)")
      assert.error_matches(function() loop:add_signal_handler("SIGTERM") end,
        "bad argument #2 to 'add_signal_handler' %(function expected, got no value%)")
      assert.error_matches(function() loop:add_signal_handler(15, "print") end,
        "bad argument #2 to 'add_signal_handler' %(function expected, got string%)")
      assert.error_matches(function() loop:add_signal_handler(1.5, print) end,
        "bad argument #1 to 'add_signal_handler' %(number has no integer representation%)")
      assert.error_matches(function() loop:remove_signal_handler(nil) end,
        "bad argument #1 to 'remove_signal_handler' %(.+ expected, got nil%)")
    end)
  end)

  describe("SIGPIPE", function()
    local function bit_of(mask, number)
      return tonumber(mask, 16) >> (number - 1) & 1
    end

    it("is no end of the process", function()
      send("PIPE")
      assert.is_true(true)
      local pipe = io.popen("exec true", "w")
      -- The child may be gone or not when this is written; both are no end either.
      for _ = 1, 100 do pipe:write(("x"):rep(1000)) end
      pipe:close()
    end)

    it("is not ignored by the programs that are started", function()
      local pipe <close> = io.popen("exec cat /proc/self/status")
      local status = pipe:read("a")
      assert.equal(0, bit_of(status:match("SigIgn:%s*(%x+)"), saros.signal.SIGPIPE))
    end)
  end)
end)
