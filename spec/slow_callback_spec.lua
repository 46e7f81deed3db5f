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

local FILE = debug.getinfo(1, "S").short_src

-- The place of the line that calls this, and of lines after it.
local function here(offset)
  return ("%s:%d"):format(FILE, debug.getinfo(2, "l").currentline + (offset or 0))
end

-- The lines of a loop that counts everything as slow, but for the times and for what is not about `word`.
local function lines_about(word, configure)
  local found = {}
  for _, line in ipairs(warnings(0, function() end, configure)) do
    if line:find(word, 1, true) then
      found[#found + 1] = line:gsub("took %d+%.%d%d%d seconds", "took N seconds")
    end
  end
  return found
end

describe("saros.slow_callback", function()
  it("names the place of a callback that took too long, and where it was scheduled", function()
    local callback, scheduled
    local lines = lines_about("callback spec", function(loop)
      callback = here(1)
      local function work() end
      scheduled = here(1)
      loop:call_soon(work)
    end)
    assert.equal(("warn: Executing callback %s, scheduled at %s, took N seconds"):format(callback, scheduled), lines[1])
  end)

  it("names the callback of a timer, which used to pass for a task that is done", function()
    local callback, scheduled
    local lines = lines_about("callback spec", function(loop)
      callback = here(1)
      local function work() end
      scheduled = here(1)
      loop:call_later(0, work)
    end)
    assert.equal(("warn: Executing callback %s, scheduled at %s, took N seconds"):format(callback, scheduled),
      lines[#lines])
  end)

  it("says nothing of the place where a callback was scheduled before debug mode", function()
    local callback
    local lines = lines_about("callback spec", function(loop)
      loop:set_debug(false)
      callback = here(1)
      local function work() end
      loop:call_soon(work)
      loop:call_later(0, work)
      loop:set_debug(true)
    end)
    assert.equal("warn: Executing callback " .. callback .. " took N seconds", lines[1])
  end)

  it("names functions of the library, and other callables", function()
    local lines = lines_about("Executing callback", function(loop)
      loop:call_soon(setmetatable({}, {__call = function() end, __tostring = function() return "a callable" end}))
    end)
    assert.matches("^warn: Executing callback a callable, scheduled at ", lines[1])
  end)

  it("measures a callback that fails, and reports its error as ever", function()
    local contexts = {}
    local place
    local lines = lines_about("callback spec", function(loop)
      loop:set_exception_handler(function(_, context) contexts[#contexts + 1] = context end)
      place = here(1)
      loop:call_soon(function() error("no luck", 0) end)
    end)
    assert.equal(("warn: Executing callback %s, scheduled at %s, took N seconds"):format(place, place), lines[1])
    assert.equal(1, #contexts)
    assert.equal("no luck", contexts[1].exception)
    assert.matches("slow_callback_spec", contexts[1].traceback)
  end)

  it("names the task of a step, where it was created, where the step began and where it waits", function()
    local created, first, second
    local lines = lines_about("task worker", function(loop)
      first = here(1)
      local function body()
        saros.sleep(0)
        saros.sleep(3600)
      end
      second = here(-2)
      created = here(1)
      loop:create_task(body):set_name("worker")
      loop:call_soon(function() loop:call_soon(function() end) end)
    end)
    local file, line = second:match("^(.*):(%d+)$")
    local awaits = ("%s:%d"):format(file, line - 1)
    assert.equal(("warn: Executing a step of task worker, created at %s, took N seconds, from %s to %s")
      :format(created, first, awaits), lines[1])
  end)

  it("tells where a later step began, past the library's own functions", function()
    local created, from, to
    local lines = lines_about("task worker", function(loop)
      local event, other = saros.Event(), saros.Event()
      local function body()
        event:wait()
        other:wait()
      end
      from, to = here(-3), here(-2)
      created = here(1)
      loop:create_task(body):set_name("worker")
      loop:run_once()
      event:set()
      loop:run_once()
    end)
    assert.equal(("warn: Executing a step of task worker, created at %s, took N seconds, from %s to %s")
      :format(created, from, to), lines[#lines])
  end)

  it("tells of a step in which the task ended, or failed", function()
    local place
    local lines = lines_about("task", function(loop)
      loop:set_exception_handler(function() end)
      place = here(1)
      loop:create_task(function() end):set_name("one")
      loop:create_task(function() error("no luck") end):set_name("two")
    end)
    local next_line = place:gsub("%d+$", function(n) return math.tointeger(n + 1) end)
    assert.equal(("warn: Executing a step of task one, created at %s, took N seconds, from %s to its end")
      :format(place, place), lines[1])
    assert.equal(("warn: Executing a step of task two, created at %s, took N seconds, from %s to its error at %s")
      :format(next_line, next_line, next_line), lines[2])
  end)

  it("says nothing of where a task was created before debug mode", function()
    local lines = lines_about("task", function(loop)
      loop:set_debug(false)
      loop:create_task(function() end):set_name("old")
      loop:set_debug(true)
    end)
    assert.matches("^warn: Executing a step of task old took N seconds, from .* to its end$", lines[1])
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
