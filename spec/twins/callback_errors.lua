-- An error in a callback goes to the exception handler, and the rest of the iteration runs.
local twin = require "spec.support.twin"
local saros, trace = twin.saros, twin.trace

local function fails(kind, message)
  error(kind(message))
end

local function main(loop)
  loop:call_soon(trace, "one")
  loop:call_soon(fails, saros.ValueError, "v")
  loop:call_soon(trace, "two")
  loop:call_soon(fails, saros.RuntimeError, "r")
  loop:call_soon(fails, saros.CancelledError, "c")
  loop:call_soon(trace, "three")
  loop:call_later(1, fails, saros.TimeoutError, "t")
  loop:call_later(1.5, trace, "timer after the failing one")
  saros.sleep(4)

  -- Of a future's callbacks, each runs, whatever the ones before it did.
  local future = loop:create_future()
  future:add_done_callback(function() trace("first") end)
  future:add_done_callback(function() fails(saros.ValueError, "second") end)
  future:add_done_callback(function() trace("third") end)
  future:set_result(nil)
  future:await()
  trace("awaited")
  saros.sleep(0)

  -- So does a task that waits behind a failing callback.
  future = loop:create_future()
  future:add_done_callback(function() fails(saros.ValueError, "before the waiter") end)

  local task = loop:create_task(function()
    trace("waits")
    future:await()
    trace("goes on")
  end)
  saros.sleep(0)
  future:set_result(nil)
  task:await()

  -- A handler that schedules, and one that is taken away again.
  local function handler(handled, context)
    trace("own handler", handled == loop, context.exception, context.exception.message)
    loop:call_soon(trace, "scheduled by the handler")
  end

  local default = loop:get_exception_handler()
  loop:set_exception_handler(handler)
  trace(loop:get_exception_handler() == handler)
  loop:call_soon(fails, saros.ValueError, "to the own handler")
  loop:call_soon(trace, "behind it")
  saros.sleep(0)
  saros.sleep(0)
  loop:set_exception_handler(default)
  loop:call_exception_handler { message = "by hand", exception = saros.ValueError("x") }
  loop:call_exception_handler { message = "by hand" }
end

twin.run(main)
