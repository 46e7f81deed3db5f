local saros = require "saros"

-- What a loop in debug mode logs while it runs `callback` once.
local function warnings(duration, callback, configure)
  local lines = {}
  local recorder = {}
  for _, level in ipairs {"debug", "info", "warn", "error", "fatal"} do
    recorder[level] = function(_, format, ...)
      lines[#lines + 1] = level .. ": " .. string.format(format, ...)
    end
  end
  saros.set_logger(recorder)
  local loop <close> = saros.new_event_loop()
  loop:set_debug(true)
  loop.slow_callback_duration = duration
  if configure then configure(loop) end
  loop:call_soon(callback)
  loop:call_soon(loop.stop, loop)
  loop:run_forever()
  saros.set_logger(nil)
  return lines
end

describe("saros.slow_callback", function()
  it("names the place of a callback that took too long", function()
    local lines = warnings(0, function() end)
    assert.matches("^warn: Executing callback .*slow_callback_spec.lua:%d+ took 0%.%d%d%d seconds$",
      lines[1])
  end)

  it("warns about a step of a task, too", function()
    local lines = warnings(0, function() end, function(loop)
      loop:create_task(function() end)
    end)
    assert.matches("^warn: Executing a step of Task: Task%-%d+ finished took 0%.%d%d%d seconds$", lines[1])
  end)

  it("warns from a tenth of a second on unless told otherwise", function()
    local loop <close> = saros.new_event_loop()
    assert.equal(0.1, loop.slow_callback_duration)
    loop.slow_callback_duration = 1
    local other <close> = saros.new_event_loop()
    assert.equal(0.1, other.slow_callback_duration)
  end)

  it("says nothing of a quick callback", function()
    assert.same({}, warnings(3600, function() end))
  end)

  it("says nothing outside debug mode", function()
    assert.same({}, warnings(0, function() end, function(loop) loop:set_debug(false) end))
  end)
end)
