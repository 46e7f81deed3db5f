-- ContextVar and Context: who sees what was set where, and tokens and contexts used wrongly.
local twin = require "spec.support.twin"
local saros, attempt, trace, watch = twin.saros, twin.attempt, twin.trace, twin.watch
local copy_context = saros.copy_context

local var = saros.ContextVar("var")
local other = saros.ContextVar("other", "default")

local function see(name)
  trace(name, var:get(nil), other:get())
end

local function main(loop)
  see("main starts")

  -- Values, defaults and tokens.
  trace(var:get("instead"), other:get("instead"))
  local first = var:set("one")
  trace(var:get("instead"), var:get())
  local second = var:set("two")
  local third = var:set("three")
  attempt("reset", var.reset, var, third)
  see("reset")
  attempt("reset again", var.reset, var, third)
  attempt("of the other", other.reset, other, second)
  attempt("out of order", var.reset, var, first)
  see("as before the first")
  attempt("the second", var.reset, var, second)
  see("the second")
  local token = other:set(nil)
  trace("nil counts", other:get("instead"))
  other:reset(token)
  see("reset")

  -- A task has a copy of the context in which it was created.
  local function body(name, value)
    see(name)
    var:set(value)
    saros.sleep(0)
    see(name)
    other:set(value)
    saros.sleep(1)
    see(name)
    return var:get()
  end

  var:set("at creation")
  local tasks = { loop:create_task(body, "a", "of a") }
  var:set("later")
  tasks[2] = loop:create_task(body, "b", "of b")
  var:set("main's")
  see("main")
  for _, task in ipairs(tasks) do watch("task", task) end
  see("main")

  -- A coroutine that is awaited runs in the context of its task.
  local function calls(value)
    var:set(value)
    saros.sleep(0)
  end

  calls("called")
  see("called")
  saros.wait_for(calls, 5, "by wait_for")
  see("wait_for")
  watch("no time", saros.wait_for, calls, 0, "by wait_for, no time")
  see("wait_for, no time")

  -- What becomes a task does not.
  saros.gather(function() calls("by gather") end, function() body("gathered", "of gathered") end):await()
  see("gather")
  saros.shield(calls, "by shield"):await()
  see("shield")
  saros.wait { loop:create_task(calls, "by wait") }
  see("wait")
  do
    local group <close> = saros.TaskGroup()
    group:create_task(body, "c", "of c")
    var:set("in the group")
    group:create_task(body, "d", "of d")
  end
  see("group")

  -- Callbacks run in the context in which they were scheduled, and share nothing.
  local function callback(name, value, again)
    see(name)
    var:set(value)
    if again and again > 0 then loop:call_soon(callback, name .. "'s", value .. "'s", again - 1) end
    var:set(value .. ", later")
  end

  var:set("when scheduled")
  loop:call_soon(callback, "soon 1", "of soon 1", 2)
  loop:call_soon(callback, "soon 2", "of soon 2")
  loop:call_later(2, callback, "later", "of later", 1)
  loop:call_at(loop:time() + 3.5, callback, "at", "of at")
  loop:call_soon_threadsafe(callback, "threadsafe", "of threadsafe")
  local future = loop:create_future()
  future:add_done_callback(function() callback("done", "of done") end)
  var:set("after scheduling")
  future:add_done_callback(function() callback("done, added later", "of that") end)
  loop:call_later(4, future.set_result, future, nil)
  future:await()
  future:add_done_callback(function() callback("done already", "of done already") end)
  see("main")
  saros.sleep(9)
  see("main")

  -- The callback of a task runs in the context of who added it, not in the task's.
  local task = loop:create_task(body, "e", "of e")
  task:add_done_callback(function() see("callback of e") end)
  task:await()
  saros.sleep(0)

  -- A task keeps its context through errors, cancellations and locks.
  local lock = saros.Lock()

  local function holds(name)
    local _ <close> = lock:hold()
    see(name)
    saros.sleep(9)
  end

  local function keeps(name)
    var:set(name)
    local ok, err = pcall(holds, name)
    if not ok then
      see(name)
      saros.sleep(0)
    end
    see(name)
    twin.finish(ok, err)
  end

  tasks = { loop:create_task(keeps, "f"), loop:create_task(keeps, "g") }
  saros.sleep(1)
  for _, each in ipairs(tasks) do
    each:cancel()
    watch("task", each)
  end

  -- A token of another task, of a callback, and of a callback's own.
  token = var:set("main's own")
  attempt("in a callback", function() loop:call_soon(attempt, "reset", var.reset, var, token) end)

  local function resets()
    attempt("in a task", var.reset, var, token)
  end

  loop:create_task(resets):await()
  saros.sleep(0)
  attempt("in main", var.reset, var, token)
  see("reset")

  -- copy_context, and to run in it.
  local function sets(value)
    see("in context")
    var:set(value)
    return value
  end

  local context = copy_context()
  var:set("not in the copy")
  trace("run", context:run(sets, "first run"))
  trace("run", context:run(sets, "second run"))
  see("main")
  trace("get", context:get(var), context:get(other), context:get(other, "instead"))
  local copy = context:copy()
  trace("run", copy:run(sets, "in the copy's copy"))
  trace("get", context:get(var), copy:get(var))

  local function fails()
    var:set("before it failed")
    error(saros.ValueError("fails"))
  end

  attempt("failing", context.run, context, fails)
  see("main")
  trace("get", context:get(var))

  -- Not entered twice, but others inside, and anew afterwards.
  local function enters()
    local own = copy_context()
    attempt("itself", context.run, context, sets, "twice")
    attempt("the other", copy.run, copy, sets, "inside")
    attempt("a copy of its own", own.run, own, sets, "own")
    see("inside")
    attempt("not from the other either", copy.run, copy, context.run, context, sets, "twice")
    return "left"
  end

  attempt("enter", context.run, context, enters)
  attempt("enter", context.run, context, sets, "anew")
  see("main")

  -- What is scheduled in a context has a copy of it.
  context:run(loop.call_soon, loop, callback, "scheduled in it", "set by a callback")
  context:run(loop.call_later, loop, 1, callback, "later in it", "set by a timer")
  task = context:run(loop.create_task, loop, body, "created in it", "set by a task")
  token = context:run(var.set, var, "changed meanwhile")
  watch("task", task)
  trace("get", context:get(var))
  attempt("token", var.reset, var, token)
  attempt("token", context.run, context, var.reset, var, token)
  trace("get", context:get(var))

  -- A task enters a context, and the loop has others run meanwhile.
  local function user()
    local own = copy_context()
    for number = 0, 2 do
      own:run(sets, number)
      saros.sleep(0)
      see("user")
    end
    return own:get(var)
  end

  watch("users", saros.gather(user, user))
  see("main ends")
end

-- What the first callbacks set stays with them, although nothing has had a context before.
local loop = twin.new_loop()
for _, name in ipairs { "first", "second" } do
  loop:call_soon(see, name)
  loop:call_soon(var.set, var, "by " .. name)
end
loop:call_soon(loop.stop, loop)
loop:run_forever()
twin.close(loop)

see("outside")
var:set("outside")
other:set("outside, too")
twin.run(main)
see("outside")
loop = twin.new_loop()
loop:call_soon(see, "callback")
var:set("after scheduling")
loop:call_soon(loop.stop, loop)
loop:run_forever()
see("outside")
twin.close(loop)
