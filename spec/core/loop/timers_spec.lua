local saros = require "saros"
local raises = require "spec.support.raises"

local EventLoop = saros.EventLoop

local function collect()
  collectgarbage()
  collectgarbage()
end

-- A loop whose clock a spec sets: no time passes while it runs.
local ManualLoop = EventLoop:extend("ManualLoop")
ManualLoop.now = 0.0
function ManualLoop:time() return self.now end

-- One iteration that does not wait for the nearest deadline.
local function turn(loop)
  loop:call_soon(function() end)
  loop:run_once()
end

describe("core.loop.timers", function()
  local loop, order

  local function record(...) order[#order + 1] = table.concat({ ... }, " ") end

  before_each(function()
    loop = ManualLoop()
    order = {}
  end)
  after_each(function() loop:close() end)

  it("fires by deadline, equal ones in the order in which they were set", function()
    for i, delay in ipairs { 3, 1, 2, 1, 3, 2, 1, 1 } do loop:call_later(delay, record, delay, i) end
    loop:call_at(1, record, 1, "at")
    loop.now = 5.0
    turn(loop)
    assert.same({ "1 2", "1 4", "1 7", "1 8", "1 at", "2 3", "2 6", "3 1", "3 5" }, order)
  end)

  it("keeps the order of equal deadlines among thousands, with some cancelled #many", function()
    math.randomseed(7)
    local set, handles = {}, {}
    for i = 1, 20000 do
      local when = math.random(0, 200) / 8
      handles[i] = loop:call_at(when, function() order[#order + 1] = i end)
      set[i] = { i = i, when = when }
    end
    local expected = {}
    for i, timer in ipairs(set) do
      if math.random(3) == 1 then
        handles[i]:cancel()
      else
        expected[#expected + 1] = timer
      end
    end
    table.sort(expected, function(a, b)
      if a.when ~= b.when then return a.when < b.when end
      return a.i < b.i
    end)
    -- In several goes, so that due ones are taken out one by one and in bulk.
    for _, now in ipairs { 0.0, 0.125, 0.25, 3.0, 24.0, 24.875, 25.0 } do
      loop.now = now
      turn(loop)
    end
    assert.equal(#expected, #order)
    for i, timer in ipairs(expected) do assert.equal(timer.i, order[i]) end
    assert.equal(0, loop:stats().timers)
  end)

  it("fires what is due behind what was ready, and what is set meanwhile later", function()
    loop:call_later(1, function()
      record("timer")
      loop:call_later(0, record, "set by the timer")
      loop:call_later(-5, record, "set in the past by the timer")
    end)
    loop.now = 2.0
    loop:call_soon(function()
      record("ready")
      loop:call_later(0, record, "set by the ready one")
    end)
    loop:run_once()
    assert.same({ "ready", "timer" }, order)
    loop:run_once()
    assert.same({ "ready", "timer", "set in the past by the timer", "set by the ready one",
      "set by the timer" }, order)
  end)

  it("takes delays of zero and less, and times that are past", function()
    loop.now = 100.0
    loop:call_later(0, record, "zero")
    loop:call_later(-1, record, "negative")
    loop:call_later(-math.huge, record, "minus infinity")
    loop:call_at(3, record, "past")
    loop:run_once()
    assert.same({ "minus infinity", "past", "negative", "zero" }, order)
  end)

  it("never fires before its deadline, by the loop's own clock", function()
    local real <close> = saros.new_event_loop()
    local late = {}
    for i = 1, 60 do
      local when = real:time() + i * 0.00017
      real:call_at(when, function() late[#late + 1] = real:time() - when end)
    end
    for i = 1, 20 do
      local begin = real:time()
      real:call_later(i * 0.0003, function() late[#late + 1] = real:time() - (begin + i * 0.0003) end)
    end
    real:run()
    assert.equal(80, #late)
    for _, seconds in ipairs(late) do assert.is_true(seconds >= 0) end
  end)

  it("is not early when many short sleeps follow each other", function()
    local real <close> = saros.new_event_loop()
    real:run_until_complete(function()
      for _ = 1, 40 do
        local begin = real:time()
        saros.sleep(0.0002)
        assert.is_true(real:time() >= begin + 0.0002)
      end
    end)
  end)

  it("waits without using the processor", function()
    local real <close> = saros.new_event_loop()
    real:call_later(0.2, function() end)
    local busy = os.clock()
    real:run()
    assert.is_true(os.clock() - busy < 0.1)
    assert.is_true(real:stats().iterations < 10)
  end)

  it("waits for the earlier deadline when one is set while another is waited for", function()
    local real <close> = saros.new_event_loop()
    real:call_later(60, record, "late"):cancel()
    local far = real:call_later(3600, record, "far")
    real:call_soon(function()
      real:call_later(0.001, function()
        record("near")
        real:call_later(0.001, record, "nearer than far")
        real:call_later(0.002, far.cancel, far)
      end)
    end)
    real:run()
    assert.same({ "near", "nearer than far" }, order)
  end)

  it("takes an infinite delay for never", function()
    local real <close> = saros.new_event_loop()
    local handle = real:call_later(math.huge, record, "never")
    assert.equal(math.huge, handle:when())
    real:call_at(1e300, record, "as good as never")
    real:call_later(0.001, real.stop, real)
    real:run_forever()
    assert.same({}, order)
  end)

  it("passes any number of arguments, nils among them", function()
    local seen = {}
    for n = 0, 30 do
      loop:call_later(n, function(...) seen[#seen + 1] = table.pack(...) end, table.unpack({}, 1, n))
    end
    loop:call_later(31, function(...) seen[#seen + 1] = table.pack(...) end, nil, 2, nil)
    loop:call_later(32, function(...) seen[#seen + 1] = table.pack(...) end, false)
    loop.now = 50.0
    turn(loop)
    for n = 0, 30 do assert.equal(n, seen[n + 1].n) end
    assert.same({ n = 3, nil, 2, nil }, seen[32])
    assert.same({ n = 1, false }, seen[33])
  end)

  describe("a handle", function()
    it("tells its deadline", function()
      loop.now = 10.0
      assert.equal(12.5, loop:call_later(2.5, print):when())
      assert.equal(7, loop:call_at(7, print):when())
      assert.equal("float", math.type(loop:call_at(7, print):when()))
    end)

    it("keeps a cancelled timer from firing, also by a callback of the same iteration", function()
      local by_timer, by_callback
      loop:call_later(1, function()
        record("canceller")
        by_timer:cancel()
      end)
      by_timer = loop:call_later(2, record, "by timer")
      by_callback = loop:call_later(3, record, "by callback")
      loop:call_later(4, record, "kept")
      loop.now = 9.0
      loop:call_soon(function() by_callback:cancel() end)
      loop:run_once()
      assert.same({ "canceller", "kept" }, order)
      assert.is_true(by_timer:cancelled())
      assert.is_true(by_callback:cancelled())
    end)

    it("can be cancelled twice, and after it fired", function()
      local handle = loop:call_later(1, record, "fired")
      loop.now = 1.0
      loop:run_once()
      assert.is_false(handle:cancelled())
      handle:cancel()
      handle:cancel()
      assert.is_true(handle:cancelled())
      assert.same({ "fired" }, order)
    end)

    it("cancels nothing but its own timer, however many came since", function()
      local old = {}
      for i = 1, 50 do old[i] = loop:call_later(1, record, i) end
      for i = 1, 25 do old[i]:cancel() end
      loop.now = 1.0
      turn(loop)
      order = {}
      for i = 1, 50 do loop:call_later(1, record, "new", i) end
      for i = 1, 50 do old[i]:cancel() end
      loop.now = 3.0
      turn(loop)
      assert.equal(50, #order)
    end)

    it("lets go of the function and arguments as soon as it is cancelled", function()
      local weak = setmetatable({}, { __mode = "v" })
      local handle
      do
        local upvalue, first, second = {}, {}, {}
        weak[1], weak[2], weak[3] = upvalue, first, second
        handle = loop:call_later(3600, function() return upvalue end, first, second)
      end
      collect()
      assert.equal(3, #weak)
      handle:cancel()
      collect()
      assert.is_nil(next(weak))
      assert.equal(0, loop:stats().timers)
    end)

    it("lets go of them when it fired, one argument or many", function()
      local weak = setmetatable({}, { __mode = "v" })
      local handles
      do
        local one, two, three = {}, {}, {}
        weak[1], weak[2], weak[3] = one, two, three
        handles = {
          loop:call_later(1, function() end, one),
          loop:call_later(1, function() end, two, three),
        }
      end
      loop.now = 1.0
      turn(loop)
      collect()
      assert.is_nil(next(weak))
      assert.equal(2, #handles)
    end)

    it("outlives its loop", function()
      local other = saros.new_event_loop()
      local handle = other:call_later(60, print)
      other:close()
      local new <close> = ManualLoop()
      local count = 0
      for _ = 1, 4 do new:call_later(1, function() count = count + 1 end) end
      handle:cancel()
      assert.is_true(handle:cancelled())
      assert.is_number(handle:when())
      new.now = 2.0
      turn(new)
      assert.equal(4, count)
    end)

    it("has a string form that tells its deadline and state", function()
      local handle = loop:call_at(12.5, print)
      assert.matches("^TimerHandle: .*12%.5", tostring(handle))
      handle:cancel()
      assert.matches("cancelled", tostring(handle))
    end)

    it("refuses to be anything else", function()
      local handle = loop:call_later(1, print)
      assert.error_matches(function() handle.cancel(loop) end, "TimerHandle expected, got ManualLoop")
      assert.error_matches(function() handle.cancelled({}) end, "TimerHandle expected, got table")
      assert.error_matches(function() handle.when() end, "TimerHandle expected, got no value")
    end)
  end)

  it("reports a failing timer and fires the others", function()
    local contexts = {}
    loop:set_exception_handler(function(_, context) contexts[#contexts + 1] = context end)
    loop:call_later(1, record, "before")
    loop:call_later(2, error, "went wrong")
    loop:call_later(3, record, "after")
    loop.now = 5.0
    turn(loop)
    assert.same({ "before", "after" }, order)
    assert.equal(1, #contexts)
    assert.equal("went wrong", contexts[1].exception)
    assert.is_string(contexts[1].message)
    assert.is_not_nil(contexts[1].handle)
  end)

  it("sets and cancels 100,000 and runs the rest in order #many", function()
    local handles = {}
    for i = 1, 100000 do
      handles[i] = loop:call_later(i * 7919 % 100000, function() order[#order + 1] = i * 7919 % 100000 end)
    end
    for i = 1, 100000 do
      if i % 10 ~= 0 then handles[i]:cancel() end
    end
    assert.equal(10000, loop:stats().timers)
    loop.now = 1e6
    turn(loop)
    assert.equal(10000, #order)
    for i = 2, #order do
      if order[i - 1] > order[i] then error("out of order at " .. i) end
    end
  end)

  describe("bad input", function()
    it("refuses types", function()
      assert.error_matches(function() loop:call_later("soon", print) end,
        "bad argument #1 to 'call_later' %(number expected, got string%)")
      assert.error_matches(function() loop:call_later(nil, print) end,
        "bad argument #1 to 'call_later' %(number expected, got nil%)")
      assert.error_matches(function() loop:call_later(1) end,
        "bad argument #2 to 'call_later' %(function expected, got no value%)")
      assert.error_matches(function() loop:call_at({}, print) end,
        "bad argument #1 to 'call_at' %(number expected, got table%)")
      assert.error_matches(function() loop:call_at(1, "print") end,
        "bad argument #2 to 'call_at' %(function expected, got string%)")
    end)

    it("refuses NaN", function()
      assert.matches("NaN", raises(saros.ValueError, loop.call_later, loop, 0 / 0, print).message)
      assert.matches("NaN", raises(saros.ValueError, loop.call_at, loop, 0 / 0, print).message)
      assert.equal(0, loop:stats().timers)
    end)
  end)
end)
