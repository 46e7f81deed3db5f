local process = require "spec.support.process"
local raises = require "spec.support.raises"
local saros = require "saros"

-- A loop whose clock stands still but for jumps, and for sleeps, which take no real time: when nothing is
-- ready, it goes to the next deadline.
local JumpingLoop = saros.EventLoop:extend("JumpingLoop")

function JumpingLoop:init()
  self.now = 0.0
  self.deadlines = {}
end

function JumpingLoop:time()
  return self.now
end

function JumpingLoop:call_at(when, ...)
  self.deadlines[#self.deadlines + 1] = when
  return saros.EventLoop.call_at(self, when, ...)
end

function JumpingLoop:run_once()
  self:call_soon(function() end) -- never wait
  saros.EventLoop.run_once(self)
  self.idle = self:stats().callbacks == (self.callbacks or 0) + 1
  self.callbacks = self:stats().callbacks
  if not self.idle then return end
  table.sort(self.deadlines)
  while self.deadlines[1] and self.deadlines[1] <= self.now do table.remove(self.deadlines, 1) end
  self.now = self.deadlines[1] or self.now
end

-- Runs a program on such a loop.
local function run(main)
  local runner <close> = saros.Runner {loop_factory = JumpingLoop}
  return runner:run(main, runner:get_loop())
end

-- As if a callback had held the loop.
local function hold(loop, seconds)
  loop:call_soon(function() loop.now = loop.now + seconds end)
end

describe("saros.loop_monitor", function()
  it("tells how long the loop was held, once for each time", function()
    local blocks = {}
    run(function(loop)
      local monitor <close> = saros.LoopMonitor {
        threshold = 0.5, interval = 1, on_block = function(...) blocks[#blocks + 1] = table.pack(...) end,
      }
      monitor:start()
      saros.sleep(10.5)
      assert.same({}, blocks)
      hold(loop, 3.25) -- half of the interval is left
      saros.sleep(20)
      assert.same({{n = 1, 2.75}}, blocks)
      hold(loop, 1.5)
      saros.sleep(20)
      assert.equal(2, #blocks)
    end)
  end)

  it("says nothing of a delay up to the threshold", function()
    local blocks = {}
    run(function(loop)
      local monitor <close> = saros.LoopMonitor {
        threshold = 1, interval = 1, on_block = function(seconds) blocks[#blocks + 1] = seconds end,
      }
      monitor:start()
      saros.sleep(0)
      hold(loop, 2)
      saros.sleep(10)
      assert.same({}, blocks)
      hold(loop, 3)
      saros.sleep(10)
      assert.equal(1, #blocks)
    end)
  end)

  it("logs a warning by default, from a tenth of a second on", function()
    local lines = {}
    local recorder = {}
    for _, level in ipairs {"debug", "info", "warn", "error", "fatal"} do
      recorder[level] = function(_, format, ...) lines[#lines + 1] = level .. ": " .. format:format(...) end
    end
    saros.set_logger(recorder)
    local ok, failure = pcall(run, function(loop)
      local monitor <close> = saros.LoopMonitor():start()
      saros.sleep(0)
      hold(loop, 0.140625) -- less the interval of 0.05, not enough
      saros.sleep(1)
      hold(loop, 1.25)
      saros.sleep(1)
      assert.is_true(monitor:is_running())
    end)
    saros.set_logger(nil)
    assert.is_true(ok, failure)
    assert.equal(1, #lines)
    assert.matches("^warn: The event loop was held for 1%.2%d%d seconds$", lines[1])
  end)

  it("gives an error of on_block to the exception handler, and goes on", function()
    local contexts, calls = {}, 0
    run(function(loop)
      loop:set_exception_handler(function(_, context) contexts[#contexts + 1] = context end)
      local monitor <close> = saros.LoopMonitor {
        threshold = 0.5, interval = 1,
        on_block = function()
          calls = calls + 1
          error("no luck", 0)
        end,
      }
      monitor:start()
      for _ = 1, 2 do
        saros.sleep(0)
        hold(loop, 10)
        saros.sleep(5)
      end
    end)
    assert.equal(2, calls)
    assert.equal(2, #contexts)
    assert.equal("Exception in on_block of a LoopMonitor", contexts[1].message)
    assert.equal("no luck", contexts[1].exception)
    assert.matches("loop_monitor_spec.lua", contexts[1].traceback)
    assert.equal("LoopMonitor", contexts[1].task:get_name())
  end)

  it("does not take the time that on_block waits for a block", function()
    local calls = 0
    run(function(loop)
      local monitor <close> = saros.LoopMonitor {
        threshold = 0.5, interval = 1,
        on_block = function()
          calls = calls + 1
          saros.sleep(30)
        end,
      }
      monitor:start()
      saros.sleep(0)
      hold(loop, 10)
      saros.sleep(100)
    end)
    assert.equal(1, calls)
  end)

  it("is started once, stopped any number of times, and started again", function()
    run(function(loop)
      local blocks = 0
      local monitor = saros.LoopMonitor {
        threshold = 0.5, interval = 1, on_block = function() blocks = blocks + 1 end,
      }
      monitor:stop()
      assert.is_false(monitor:is_running())
      assert.equal(monitor, monitor:start())
      assert.equal("the loop monitor was started already", raises(saros.RuntimeError, monitor.start, monitor).message)
      saros.sleep(0)
      monitor:stop()
      monitor:stop()
      hold(loop, 10)
      saros.sleep(5)
      assert.equal(0, blocks)
      monitor:start()
      saros.sleep(0)
      hold(loop, 10)
      saros.sleep(5)
      assert.equal(1, blocks)
      monitor:stop()
      monitor:start() -- before the task of the last start has ended
      saros.sleep(0)
      assert.is_true(monitor:is_running())
      monitor:stop()
      saros.sleep(0)
      saros.sleep(0)
      assert.equal(1, #saros.all_tasks())
    end)
  end)

  it("may be stopped by on_block", function()
    run(function(loop)
      local calls = 0
      local monitor
      monitor = saros.LoopMonitor {
        threshold = 0.5, interval = 1,
        on_block = function()
          calls = calls + 1
          monitor:stop()
        end,
      }
      monitor:start()
      for _ = 1, 2 do
        saros.sleep(0)
        hold(loop, 10)
        saros.sleep(5)
      end
      assert.equal(1, calls)
      assert.equal(1, #saros.all_tasks())
    end)
  end)

  it("can be used on one loop after another", function()
    local monitor = saros.LoopMonitor {threshold = 0.5, interval = 1}
    for _ = 1, 2 do
      run(function() monitor:start() end)
      assert.is_false(monitor:is_running())
    end
  end)

  it("notices a busy callback in real time", function()
    local blocks = {}
    saros.run(function()
      local monitor <close> = saros.LoopMonitor {
        threshold = 0.03, interval = 0.005, on_block = function(seconds) blocks[#blocks + 1] = seconds end,
      }
      monitor:start()
      saros.sleep(0.02)
      local begin = saros.monotonic()
      while saros.monotonic() < begin + 0.1 do end
      saros.sleep(0.02)
    end)
    assert.is_true(#blocks >= 1)
    assert.is_true(blocks[1] >= 0.095, blocks[1])
  end)

  it("does not keep run() going, but does not end it before other things either", function()
    local loop <close> = saros.new_event_loop()
    local order = {}
    loop:call_soon(function()
      saros.LoopMonitor {interval = 0.001}:start()
      saros.LoopMonitor {interval = 0.001}:start()
      loop:call_later(0.02, function()
        order[#order + 1] = "timer"
        loop:create_task(function()
          saros.sleep(0.02)
          order[#order + 1] = "task"
        end)
      end)
    end)
    loop:run()
    assert.same({"timer", "task"}, order)
    assert.equal(2, loop:stats().tasks)
    loop:call_later(0.005, function() order[#order + 1] = "again" end)
    loop:run()
    assert.same({"timer", "task", "again"}, order)
  end)

  it("lets a script end under the launcher", function()
    local path = os.tmpname()
    local file = assert(io.open(path, "w"))
    file:write [[
      local saros = require "saros"
      saros.LoopMonitor{interval = 0.001}:start()
      saros.create_task(function() saros.sleep(0.02) print("done") end)
    ]]
    file:close()
    local program <close> = process.saros(path)
    assert.equal("exit 0", program:wait(20))
    assert.equal("done\n", program:output())
    assert.equal("", program:errors())
    os.remove(path)
  end)

  it("needs a running loop", function()
    local monitor = saros.LoopMonitor()
    raises(saros.RuntimeError, monitor.start, monitor)
    assert.is_false(monitor:is_running())
  end)

  it("tells what is wrong with its options", function()
    for _, value in ipairs {0, -1, math.huge} do
      assert.matches("^interval must be a positive number of seconds, got ",
        raises(saros.ValueError, saros.LoopMonitor, {interval = value}).message)
      assert.matches("^threshold must be a positive number of seconds, got ",
        raises(saros.ValueError, saros.LoopMonitor, {threshold = value}).message)
    end
    assert.error_matches(function() saros.LoopMonitor {interval = "1"} end,
      "bad argument #1 to 'LoopMonitor' %(option 'interval': number expected, got string%)")
    assert.error_matches(function() saros.LoopMonitor {on_block = 1} end,
      "bad argument #1 to 'LoopMonitor' %(option 'on_block': function expected, got number%)")
    assert.error_matches(function() saros.LoopMonitor(1) end,
      "bad argument #1 to 'LoopMonitor' %(table expected, got number%)")
    assert.equal("unknown option 'limit' for 'LoopMonitor' (known: interval, on_block, threshold)",
      raises(saros.ValueError, saros.LoopMonitor, {limit = 1}).message)
  end)
end)
