-- call_soon is FIFO; what a callback schedules runs in the next iteration.
local twin = require "spec.support.twin"
local attempt, trace = twin.attempt, twin.trace
twin.untimed = true

local function nested(loop, name, depth)
  trace(name, depth)
  if depth > 0 then
    loop:call_soon(nested, loop, name .. "l", depth - 1)
    loop:call_soon(nested, loop, name .. "r", depth - 1)
  end
end

local function cancels(handle, name)
  trace(name, "cancels")
  handle:cancel()
end

local loop = twin.new_loop()
for _, name in ipairs { "a", "b", "c" } do
  loop:call_soon(trace, name, 1, nil, true)
end
loop:call_soon(nested, loop, "n", 2)

-- A handle that an earlier callback of the same iteration cancels never runs; one that a later
-- callback cancels has run.
local second
local first = loop:call_soon(function() cancels(second, "first") end)
second = loop:call_soon(trace, "second must not run")
local third = loop:call_soon(trace, "third")
loop:call_soon(cancels, third, "fourth")
local dropped = loop:call_soon(trace, "dropped must not run")
trace("dropped", dropped:cancelled())
dropped:cancel()
dropped:cancel()
trace("dropped", dropped:cancelled())

for turn = 0, 3 do
  trace("turn", turn)
  loop:call_soon(loop.stop, loop)
  loop:run_forever()
end
trace(first:cancelled(), second:cancelled(), third:cancelled(), dropped:cancelled())
attempt("cancel after the run", first.cancel, first)
trace(first:cancelled())
twin.close(loop)
