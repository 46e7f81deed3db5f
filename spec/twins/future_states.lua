-- What a future answers in each state, and which transitions it refuses.
local twin = require "spec.support.twin"
local saros, attempt, trace = twin.saros, twin.attempt, twin.trace
twin.untimed = true

local function ask(name, future)
  trace(name, future:done(), future:cancelled())
  attempt("  result", future.result, future)
  attempt("  exception", future.exception, future)
end

local function refuse(future)
  attempt("  set_result", future.set_result, future, 2)
  attempt("  set_exception", future.set_exception, future, saros.ValueError("no"))
  attempt("  cancel", future.cancel, future)
end

local function main(loop)
  local pending = loop:create_future()
  ask("pending", pending)

  local done = loop:create_future()
  attempt("set_result", done.set_result, done, 1)
  ask("done", done)
  refuse(done)
  ask("still done", done)

  local empty = loop:create_future()
  empty:set_result(nil)
  ask("empty", empty)

  local failed = loop:create_future()
  attempt("set_exception", failed.set_exception, failed, saros.ValueError("one"))
  ask("failed", failed)
  refuse(failed)
  trace("message", failed:exception().message)
  trace("the same object", failed:exception() == failed:exception())

  local by_kind = loop:create_future()
  by_kind:set_exception(saros.ValueError)
  ask("failed by a kind", by_kind)

  local gone = loop:create_future()
  trace("cancel", gone:cancel())
  ask("cancelled", gone)
  refuse(gone)

  -- An error that is a cancellation is an error all the same.
  local odd = loop:create_future()
  odd:set_exception(saros.CancelledError("set"))
  ask("failed by a CancelledError", odd)

  local messages = { n = 3, nil, "why", 12 }
  for i = 1, messages.n do
    local named = loop:create_future()
    named:cancel(messages[i])
    local _, err = pcall(named.await, named)
    trace("awaited", err.message)
    _, err = pcall(named.result, named)
    trace("result", err.message)
  end
  trace("isfuture", saros.isfuture(gone), saros.isfuture(1), saros.isfuture(nil),
    saros.isfuture(saros.current_task()))
  trace("its loop", gone:get_loop() == loop)
  trace("ensure_future", saros.ensure_future(gone) == gone)
end

twin.run(main)
