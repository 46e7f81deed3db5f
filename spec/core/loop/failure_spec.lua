-- What becomes of an error that a callback raises: core/loop/failure.c.

local saros = require "saros"

describe("core.loop.failure", function()
  local loop, contexts, order

  before_each(function()
    contexts, order = {}, {}
    loop = saros.new_event_loop()
    loop:set_exception_handler(function(_, context) contexts[#contexts + 1] = context end)
  end)

  after_each(function() loop:close() end)

  local function record(what) order[#order + 1] = what end

  it("lets the rest of the iteration run, in order", function()
    loop:call_soon(record, "first")
    loop:call_soon(error, "one")
    loop:call_soon(record, "second")
    loop:call_soon(error, "two")
    loop:call_soon(record, "third")
    loop:run_once()
    assert.same({ "first", "second", "third" }, order)
    assert.equal("one", contexts[1].exception)
    assert.equal("two", contexts[2].exception)
    assert.equal(2, #contexts)
  end)

  it("names the callback and gives its handle", function()
    local function fails() error("x") end
    local handle = loop:call_soon(fails)
    loop:run_once()
    assert.matches("^Exception in callback function <.*failure_spec.lua:%d+>$", contexts[1].message)
    assert.equal(getmetatable(handle), getmetatable(contexts[1].handle))
  end)

  it("puts the traceback into an error object, and beside any other value", function()
    local object = saros.ValueError("bad")
    loop:call_soon(function() error(object) end)
    loop:call_soon(function() error("text") end)
    loop:call_soon(function() error(nil) end)
    loop:run_once()
    assert.equal(object, contexts[1].exception)
    assert.matches("failure_spec.lua", object.traceback)
    assert.equal(object.traceback, contexts[1].traceback)
    assert.matches("text$", contexts[2].exception)
    assert.matches("failure_spec.lua", contexts[2].traceback)
    assert.is_nil(contexts[3].exception)
    assert.matches("failure_spec.lua", contexts[3].traceback)
  end)

  it("does not give one error the traceback of another", function()
    loop:call_soon(function() error("text") end)
    loop:call_soon(function() error(saros.CancelledError("no failure")) end)
    loop:run_once()
    assert.is_string(contexts[1].traceback)
    assert.is_nil(contexts[2].traceback)
  end)

  it("lets a KeyboardInterrupt leave the loop, which goes on where it was", function()
    loop:call_soon(record, "before")
    loop:call_soon(function() error(saros.KeyboardInterrupt("stop")) end)
    loop:call_soon(record, "after")
    local ok, failure = pcall(loop.run, loop)
    assert.is_false(ok)
    assert.is_true(saros.is_error(failure, saros.KeyboardInterrupt))
    assert.is_false(loop:is_running())
    assert.same({ "before" }, order)
    loop:call_soon(record, "later")
    loop:run()
    assert.same({ "before", "after", "later" }, order)
    assert.equal(0, #contexts)
  end)

  it("survives thousands of failures in one iteration", function()
    for i = 1, 5000 do loop:call_soon(error, i) end
    loop:run_once()
    assert.equal(5000, #contexts)
    assert.equal(5000, contexts[5000].exception)
  end)
end)
