local saros = require "saros"

local FILE = debug.getinfo(1, "S").short_src

local function line() return debug.getinfo(2, "l").currentline end

describe("core.loop.origin", function()
  local loop, contexts

  before_each(function()
    contexts = {}
    loop = saros.new_event_loop()
    loop:set_debug(true)
    loop.slow_callback_duration = math.huge
    loop:set_exception_handler(function(_, context) contexts[#contexts + 1] = context end)
  end)

  after_each(function() loop:close() end)

  -- That the only context tells of this line.
  local function created_at(expected)
    assert.equal(1, #contexts)
    assert.matches("^stack traceback:", contexts[1].source_traceback)
    assert.truthy(contexts[1].source_traceback:find(FILE .. ":" .. expected .. ":", 1, true),
      contexts[1].source_traceback)
  end

  it("tells the exception handler where a callback was scheduled", function()
    local expected = line() + 1
    loop:call_soon(error, "no luck")
    loop:run()
    created_at(expected)
  end)

  it("tells where a timer was set", function()
    local expected = line() + 1
    loop:call_later(0, error, "no luck")
    loop:run()
    created_at(expected)
  end)

  it("tells where a future was made whose error nobody retrieved", function()
    local expected = line() + 1
    local future = loop:create_future()
    future:set_exception("no luck")
    loop:close()
    created_at(expected)
  end)

  it("tells where a gather was made", function()
    local child = loop:create_future()
    local expected = line() + 1
    local both = saros.gather(child, loop:create_future())
    child:set_exception("no luck")
    loop:run()
    assert.is_true(both:done())
    loop:close()
    created_at(expected)
  end)

  it("tells where a task was made", function()
    local expected = line() + 1
    loop:create_task(error, "no luck")
    loop:run()
    loop:close()
    created_at(expected)
  end)

  it("keeps nothing of a callback that has run or was cancelled", function()
    local function schedule()
      for _ = 1, 100 do
        loop:call_soon(function() end):cancel()
        loop:call_soon(function() end)
        loop:call_later(60, function() end):cancel()
        loop:call_later(0, function() end)
      end
      loop:run()
      collectgarbage()
      collectgarbage()
      return collectgarbage("count")
    end
    schedule()
    local before = schedule()
    for _ = 1, 5 do schedule() end
    assert.is_true(schedule() < before + 20)
  end)

  it("tells nothing of a slot's earlier timer", function()
    loop:call_later(60, print):cancel()
    loop:call_later(60, print)
    loop:set_debug(false)
    loop:call_later(0, error, "no luck")
    loop:run_once()
    loop:set_debug(true)
    loop:call_soon(function() end)
    loop:run_once()
    assert.equal(1, #contexts)
    assert.is_nil(contexts[1].source_traceback)
  end)

  it("is silent outside debug mode", function()
    loop:set_debug(false)
    loop:call_soon(error, "no luck")
    loop:call_later(0, error, "no luck")
    loop:run()
    assert.equal(2, #contexts)
    for _, context in ipairs(contexts) do assert.is_nil(context.source_traceback) end
  end)

  it("takes debug mode being switched off between", function()
    loop:call_soon(error, "no luck")
    loop:call_later(0, error, "no luck")
    loop:set_debug(false)
    loop:run()
    assert.equal(2, #contexts)
  end)
end)
