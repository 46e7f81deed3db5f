local saros = require "saros"
local raises = require "spec.support.raises"

local logged

local function recorder()
  local object = {}
  for _, level in ipairs {"debug", "info", "warn", "error", "fatal"} do
    object[level] = function(_, format, ...)
      logged[#logged + 1] = level .. ": " .. string.format(format, ...)
    end
  end
  return object
end

describe("saros.exceptions", function()
  local loop

  before_each(function()
    logged = {}
    saros.set_logger(recorder())
    loop = saros.new_event_loop()
  end)

  after_each(function()
    loop:close()
    saros.set_logger(nil)
  end)

  describe("the default handler", function()
    it("logs the message, the other fields by name, the error and its traceback", function()
      loop:call_exception_handler {
        message = "It broke",
        zebra = "last",
        alpha = 1,
        exception = saros.ValueError("no good"),
        traceback = "stack traceback:\n\tsomewhere",
      }
      assert.same({"error: It broke\nalpha: 1\nzebra: last\nValueError: no good\n"
        .. "stack traceback:\n\tsomewhere"}, logged)
    end)

    it("prefers the traceback that the error itself has", function()
      loop:call_exception_handler {
        message = "It broke",
        exception = saros.ValueError {message = "no good", traceback = "its own"},
        traceback = "another",
      }
      assert.same({"error: It broke\nValueError: no good\nits own"}, logged)
    end)

    it("has words for a context without a message", function()
      loop:call_exception_handler {}
      assert.same({"error: Unhandled exception in event loop"}, logged)
    end)

    it("logs an error that is no error object", function()
      loop:call_exception_handler {message = "It broke", exception = "text"}
      loop:call_exception_handler {message = "It broke", exception = false}
      assert.same({"error: It broke\ntext", "error: It broke\nfalse"}, logged)
    end)

    it("logs fields whose names are no strings with their values", function()
      loop:call_exception_handler {message = "It broke", [true] = "yes", [1] = "one"}
      assert.same({"error: It broke\n1: one\ntrue: yes"}, logged)
    end)

    it("names a task once, although it is the future as well", function()
      local task = setmetatable({}, {__tostring = function() return "Task-1" end})
      loop:call_exception_handler {message = "It broke", future = task, task = task}
      loop:call_exception_handler {message = "It broke", future = task}
      assert.same({"error: It broke\ntask: Task-1", "error: It broke\nfuture: Task-1"}, logged)
    end)

    it("says where the object was created", function()
      loop:call_exception_handler {message = "It broke", source_traceback = "here"}
      assert.same({"error: It broke\ncreated at: here"}, logged)
    end)

    it("logs the errors inside a group", function()
      loop:call_exception_handler {
        message = "It broke",
        exception = saros.ExceptionGroup {
          message = "two errors",
          errors = {
            saros.ValueError {message = "one", traceback = "trace\none"},
            saros.OSError("two"),
          },
        },
      }
      assert.same({"error: It broke\nExceptionGroup: two errors\n"
        .. "  ValueError: one\n  trace\n  one\n  OSError: two"}, logged)
    end)

    it("survives a value whose __tostring fails", function()
      local broken = setmetatable({}, {__name = "Broken", __tostring = function() error("no") end})
      loop:call_exception_handler {message = "It broke", field = broken}
      assert.same({"error: It broke\nfield: Broken whose __tostring fails"}, logged)
    end)
  end)

  it("logs an error in a callback, with the traceback", function()
    local function failing_callback() error("in a callback") end
    loop:call_soon(failing_callback)
    loop:call_soon(loop.stop, loop)
    loop:run_forever()
    assert.equal(1, #logged)
    assert.matches("in a callback", logged[1])
    assert.matches("stack traceback:.*exceptions_spec.lua", logged[1])
  end)

  it("calls the handler that was set with the loop and the context", function()
    local seen
    local function handler(...) seen = table.pack(...) end
    loop:set_exception_handler(handler)
    assert.equal(handler, loop:get_exception_handler())
    local context = {message = "It broke"}
    loop:call_exception_handler(context)
    assert.equal(2, seen.n)
    assert.equal(loop, seen[1])
    assert.equal(context, seen[2])
    assert.same({}, logged)
  end)

  it("takes any callable, and goes back to the default for nil", function()
    local calls = 0
    loop:set_exception_handler(setmetatable({}, {__call = function() calls = calls + 1 end}))
    loop:call_exception_handler {message = "one"}
    loop:set_exception_handler(nil)
    assert.is_nil(loop:get_exception_handler())
    loop:call_exception_handler {message = "two"}
    assert.equal(1, calls)
    assert.same({"error: two"}, logged)
  end)

  it("belongs to one loop", function()
    local other <close> = saros.new_event_loop()
    loop:set_exception_handler(function() end)
    assert.is_nil(other:get_exception_handler())
  end)

  it("lets a handler defer to the default one", function()
    loop:set_exception_handler(function(self, context)
      context.message = context.message .. "!"
      self:default_exception_handler(context)
    end)
    loop:call_exception_handler {message = "It broke"}
    assert.same({"error: It broke!"}, logged)
  end)

  it("reports an error in the handler, and what the handler was called for", function()
    loop:set_exception_handler(function() error("handler failed") end)
    loop:call_exception_handler {message = "It broke", exception = "original"}
    assert.equal(1, #logged)
    assert.matches("^error: Unhandled error in exception handler\ncontext: It broke\n  original\n",
      logged[1])
    assert.matches("handler failed\nstack traceback:", logged[1])
  end)

  it("calls a default handler that a class overrides", function()
    local contexts = {}
    local Loop = saros.EventLoop:extend("Loop")
    function Loop.default_exception_handler(_, context) contexts[#contexts + 1] = context.message end
    local special <close> = Loop()
    special:call_soon(error, "lost")
    special:call_soon(special.stop, special)
    special:run_forever()
    assert.equal(1, #contexts)
    special:set_exception_handler(function() error("handler failed") end)
    special:call_exception_handler {message = "It broke"}
    assert.equal("Unhandled error in exception handler", contexts[2])
    assert.same({}, logged)
  end)

  it("logs an error in a default handler", function()
    local Loop = saros.EventLoop:extend("Loop")
    function Loop.default_exception_handler() error("default failed") end
    local special <close> = Loop()
    special:call_exception_handler {message = "It broke"}
    assert.matches("^error: Exception in default exception handler\n.*default failed", logged[1])
    special:set_exception_handler(function() error("handler failed") end)
    special:call_exception_handler {message = "It broke"}
    assert.matches("while handling an unexpected error in custom exception handler", logged[2])
    assert.equal(2, #logged)
  end)

  it("lets an interrupt in a handler pass", function()
    loop:set_exception_handler(function() error(saros.KeyboardInterrupt()) end)
    raises(saros.KeyboardInterrupt, loop.call_exception_handler, loop, {message = "It broke"})
    assert.same({}, logged)
  end)

  it("goes on with the loop after a handler failed", function()
    loop:set_exception_handler(function() error("handler failed") end)
    local ran = false
    loop:call_soon(error, "lost")
    loop:call_soon(function()
      ran = true
      loop:stop()
    end)
    loop:run_forever()
    assert.is_true(ran)
    assert.equal(1, #logged)
  end)

  describe("refuses", function()
    it("a handler that cannot be called", function()
      assert.error_matches(function() loop:set_exception_handler("log") end,
        "bad argument #1 to 'set_exception_handler' %(function expected, got string%)")
    end)

    it("a context that is no table", function()
      assert.error_matches(function() loop:call_exception_handler("It broke") end,
        "bad argument #1 to 'call_exception_handler' %(table expected, got string%)")
      assert.error_matches(function() loop:default_exception_handler() end,
        "bad argument #1 to 'default_exception_handler' %(table expected, got nil%)")
    end)
  end)
end)
