--- The Lua half of the twins: programs told twice, in Lua and in Python.
--
-- Both halves print a trace, one event a line, and spec/twins_spec.lua compares the two. Each line
-- starts with the number of the loop iteration it was printed in: a callback that puts itself back
-- at the head of every iteration counts them. That callback also moves the clock, one second an
-- iteration, so sleeping takes no real time and wakes up in a known iteration.
--
-- SAROS_TWIN chooses the loop, because no choice may change an order: "plain" is a loop with
-- nothing but its clock replaced, "overridden" one whose methods go through Lua on their way,
-- "debug" one in debug mode.
-- A twin that sets no timer says so (twin.untimed = true) and gets the loop as it comes.

local saros = require "saros"

local twin = { saros = saros, untimed = false }

local iteration = 0

local function show(value)
  if saros.is_error(value, saros.ExceptionGroup) then
    return value.name .. show(value.errors)
  elseif saros.is_error(value) then
    return value.name
  elseif math.type(value) == "float" then
    return string.format("%.6g", value)
  elseif type(value) == "table" then
    local items = {}
    for i = 1, value.n or #value do items[i] = show(value[i]) end
    return "[" .. table.concat(items, " ") .. "]"
  end
  return tostring(value)
end

--- Prints one event, after the number of the iteration.
function twin.trace(...)
  local items = table.pack(...)
  for i = 1, items.n do items[i] = show(items[i]) end
  print(iteration .. ": " .. table.concat(items, " ", 1, items.n))
end

--- The number of the iteration under way.
function twin.iteration()
  return iteration
end

--- Calls, and traces the first result or the kind of the error under `name`.
function twin.attempt(name, call, ...)
  local ok, value = pcall(call, ...)
  if ok then
    twin.trace(name, value)
  else
    twin.trace(name, "raised", value)
  end
end

-- The message of an error that a twin made or was given; the library words its own ones.
local function message(err)
  if saros.is_error(err, saros.CancelledError) or saros.is_error(err, saros.ValueError) then
    return err.message
  end
  return nil
end

--- Awaits a future, or calls a function that may suspend, and traces the result or the kind and
-- message of the error under `name`.
function twin.watch(name, awaitable, ...)
  local call = type(awaitable) == "function" and awaitable or saros.await
  local ok, value
  if call == awaitable then
    ok, value = pcall(call, ...)
  else
    ok, value = pcall(call, awaitable)
  end
  if ok then
    twin.trace(name, "got", value)
  else
    twin.trace(name, "raised", value, message(value))
  end
end

--- Raises unless the call succeeded; `pcall`'s results otherwise, without the boolean. What
-- `try ... finally` is in Python is `pcall`, the clean-up, and this.
function twin.finish(ok, ...)
  if not ok then error((...), 0) end
  return ...
end

--- Traces what reached the exception handler, and which fields came along.
function twin.on_error(_, context)
  local fields = {}
  for _, key in ipairs { "task", "future", "handle" } do
    if context[key] ~= nil then fields[#fields + 1] = key end
  end
  twin.trace("handler", context.exception, table.unpack(fields))
end

local function timed_class(base)
  local class = base:extend("TimedLoop")
  function class:time() return self.now end
  return class
end

local function overridden_class(base)
  local class = base:extend("OverriddenLoop")
  for _, name in ipairs { "call_soon", "call_later", "call_at", "run_once" } do
    class[name] = function(self, ...) return base[name](self, ...) end
  end
  return class
end

local function loop_class()
  local class = saros.EventLoop
  if not twin.untimed then class = timed_class(class) end
  if os.getenv("SAROS_TWIN") == "overridden" then class = overridden_class(class) end
  return class
end

local function count(loop)
  iteration = iteration + 1
  loop.now = loop.now + 1
  loop.counting = loop:call_soon(count, loop)
end

--- A fresh loop, its count of iterations started at zero.
function twin.new_loop()
  iteration = 0
  local loop = loop_class()()
  loop.now = 0.0
  loop:set_debug(os.getenv("SAROS_TWIN") == "debug")
  -- A pause of the machine is no part of the trace.
  loop.slow_callback_duration = math.huge
  loop:set_exception_handler(twin.on_error)
  loop.counting = loop:call_soon(count, loop)
  return loop
end

--- Runs `main(loop)` as saros.run does, to the closing of the loop.
function twin.run_whole(main)
  -- The count ends with the loop: what is still scheduled when it closes is dropped.
  local runner <close> = saros.Runner { loop_factory = twin.new_loop }
  return runner:run(main, runner:get_loop())
end

--- Stops the count and closes the loop.
function twin.close(loop)
  loop.counting:cancel()
  loop:close()
end

--- Runs `main(loop)` as a task on a fresh loop, to its end.
function twin.run(main)
  local loop = twin.new_loop()
  local ok, value = pcall(loop.run_until_complete, loop, main, loop)
  twin.trace(ok and "main returned" or "main raised", value)
  twin.close(loop)
end

return twin
