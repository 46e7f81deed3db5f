-- run_until_complete: what still runs in its last iteration, and its errors.
local twin = require "spec.support.twin"
local saros, attempt, trace = twin.saros, twin.attempt, twin.trace
twin.untimed = true

local loop = twin.new_loop()

local function body(value)
  trace("body")
  -- The stop is scheduled by the callback of the done task: this runs before it, and the
  -- callback this one schedules runs in the iteration that is the last.
  loop:call_soon(function() trace("same"); loop:call_soon(trace, "scheduled by same") end)
  return value
end

trace("result", loop:run_until_complete(body, 7))
trace("running", loop:is_running())

-- A future that a callback completes.
local future = loop:create_future()
loop:call_soon(function()
  trace("sets")
  future:set_result("x")
  loop:call_soon(trace, "beside")
end)
future:add_done_callback(function() trace("done callback") end)
trace("result", loop:run_until_complete(future))
loop:call_soon(trace, "before the done one")
trace("result of a done one", loop:run_until_complete(future))


local function fails()
  error(saros.ValueError("from the task"))
end

attempt("task error", loop.run_until_complete, loop, fails)

local failed = loop:create_future()
failed:set_exception(saros.ValueError("set"))
attempt("future error", loop.run_until_complete, loop, failed)
attempt("again", loop.run_until_complete, loop, failed)

local cancelled = loop:create_future()
loop:call_soon(cancelled.cancel, cancelled)
attempt("cancelled future", loop.run_until_complete, loop, cancelled)

-- Stopped before the future is done; the run can be taken up again.
local pending = loop:create_future()
loop:call_soon(loop.stop, loop)
attempt("stopped", loop.run_until_complete, loop, pending)
trace("pending", pending:done())
loop:call_soon(pending.set_result, pending, "late")
trace("result", loop:run_until_complete(pending))


local function nested()
  local inner = loop:create_future()
  attempt("nested", loop.run_until_complete, loop, inner)
  trace("inner", inner:done())
  return "end"
end

trace("result", loop:run_until_complete(nested))


-- Another task goes on in the next run, where it left off.
local function long()
  for i = 0, 5 do
    trace("long", i)
    saros.sleep(0)
  end
end

local task = loop:create_task(long)

local function short()
  trace("short")
  saros.sleep(0)
  trace("short again")
end

loop:run_until_complete(short)
trace("between", task:done())
loop:run_until_complete(task)
twin.close(loop)
attempt("closed", loop.run_until_complete, loop, future)
