local saros = require "saros"
local logger = require "saros.logger"
local raises = require "spec.support.raises"

local LEVELS = {"debug", "info", "warn", "error", "fatal"}

local function recorder()
  local records = {}
  local object = {records = records}
  for _, level in ipairs(LEVELS) do
    object[level] = function(self, format, ...)
      assert.equal(object, self)
      records[#records + 1] = level .. " " .. string.format(format, ...)
    end
  end
  return object
end

-- What `fn` writes to stderr.
local function captured_stderr(fn)
  local stderr = io.stderr
  local text = {}
  io.stderr = {write = function(_, ...) text[#text + 1] = table.concat({...}) end} -- luacheck: ignore 122
  local ok, failure = pcall(fn)
  io.stderr = stderr -- luacheck: ignore 122
  if not ok then error(failure, 0) end
  return table.concat(text)
end

describe("saros.logger", function()
  after_each(function() saros.set_logger(nil) end)

  it("writes lines to stderr by default", function()
    local text = captured_stderr(function()
      logger.warn("%d tasks", 3)
      logger.error("100% plain")
      logger.info("%s", "two\nlines\n")
    end)
    assert.equal("3 tasks\n100% plain\ntwo\nlines\n", text)
  end)

  it("sends every level to the method of that name of the logger that was set", function()
    local object = recorder()
    saros.set_logger(object)
    for _, level in ipairs(LEVELS) do logger[level]("%s", level) end
    assert.same({"debug debug", "info info", "warn warn", "error error", "fatal fatal"},
      object.records)
  end)

  it("receives what the library reports", function()
    local object = recorder()
    saros.set_logger(object)
    local loop <close> = saros.new_event_loop()
    loop:call_soon(error, "lost", 0)
    loop:call_soon(loop.stop, loop)
    loop:run_forever()
    assert.equal(1, #object.records)
    assert.matches("^error .*lost", object.records[1])
  end)

  it("loses no message when the logger fails", function()
    local object = recorder()
    function object.error() error("disk full", 0) end
    saros.set_logger(object)
    local text = captured_stderr(function() logger.error("%s", "the message") end)
    assert.equal("the logger failed: disk full\nthe message\n", text)
  end)

  it("lets an interrupt in the logger pass", function()
    local object = recorder()
    function object.error() error(saros.KeyboardInterrupt()) end
    saros.set_logger(object)
    raises(saros.KeyboardInterrupt, logger.error, "text")
  end)

  it("goes back to stderr for nil", function()
    local object = recorder()
    saros.set_logger(object)
    saros.set_logger(nil)
    assert.equal("text\n", captured_stderr(function() logger.warn("text") end))
    assert.same({}, object.records)
  end)

  it("refuses what cannot have methods", function()
    assert.error_matches(function() saros.set_logger("stderr") end,
      "bad argument #1 to 'set_logger' %(table expected, got string%)")
  end)

  it("refuses a logger that lacks a method, and keeps the one it has", function()
    local object = recorder()
    saros.set_logger(object)
    local partial = recorder()
    partial.fatal = nil
    assert.matches("fatal", raises(saros.ValueError, saros.set_logger, partial).message)
    logger.info("kept")
    assert.same({"info kept"}, object.records)
  end)
end)
