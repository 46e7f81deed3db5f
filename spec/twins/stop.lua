-- stop() lets the iteration under way end; before run_forever it means one iteration.
local twin = require "spec.support.twin"
local saros, attempt, trace = twin.saros, twin.attempt, twin.trace

local loop = twin.new_loop()

-- Before the run: one iteration, whose offspring waits for the next run.
loop:stop()
loop:call_soon(function() trace("a"); loop:call_soon(trace, "child of a") end)
loop:run_forever()
trace("ran once")

-- Inside a callback: the rest of the iteration still runs, what it schedules does not.
loop:call_soon(trace, "before")
loop:call_soon(loop.stop, loop)
loop:call_soon(function() trace("after"); loop:call_soon(trace, "child of after") end)
loop:run_forever()
trace("stopped", loop:is_running())

-- Twice counts once.
loop:stop()
loop:stop()
loop:run_forever()
trace("ran")
loop:call_soon(function() loop:stop(); loop:stop() end)
loop:call_soon(function() loop:call_soon(trace, "after two stops") end)
loop:run_forever()
trace("ran")
loop:call_soon(function() trace("is_running", loop:is_running()); loop:stop() end)
loop:run_forever()

-- A timer that is due in the stopping iteration runs, one that is not waits for the next run.
loop:call_later(0, trace, "due")
loop:call_later(3, trace, "not yet due")
loop:call_later(5, loop.stop, loop)
loop:stop()
loop:run_forever()
trace("between")
loop:run_forever()


-- An error in a callback does not stop the loop.
local function fails()
  error(saros.ValueError("in a callback"))
end

loop:call_soon(fails)
loop:call_soon(trace, "goes on")
loop:call_soon(loop.stop, loop)
loop:run_forever()

-- Running inside a running loop is an error for the one who tries.
loop:call_soon(function() attempt("nested run_forever", loop.run_forever, loop) end)
loop:call_soon(function() attempt("close while running", loop.close, loop) end)
loop:call_soon(loop.stop, loop)
loop:run_forever()
trace("closed", loop:is_closed())
twin.close(loop)
trace("closed", loop:is_closed())
attempt("close twice", loop.close, loop)
attempt("run after close", loop.run_forever, loop)
attempt("call_soon after close", loop.call_soon, loop, trace)
attempt("call_later after close", loop.call_later, loop, 1, trace)
attempt("call_at after close", loop.call_at, loop, 1, trace)
attempt("call_soon_threadsafe after close", loop.call_soon_threadsafe, loop, trace)
attempt("stop after close", loop.stop, loop)
