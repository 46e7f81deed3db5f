-- What a task answers at each point of its life; current_task and all_tasks.
local twin = require "spec.support.twin"
local saros, attempt, trace, watch = twin.saros, twin.attempt, twin.trace, twin.watch
twin.untimed = true

local function names(loop)
  local list = {}
  for i, task in ipairs(saros.all_tasks(loop)) do list[i] = task:get_name() end
  return list
end

local function ask(name, task)
  trace(name, task:done(), task:cancelled(), task:cancelling(), task:get_coro() ~= nil)
  attempt("  result", task.result, task)
  attempt("  exception", task.exception, task)
end

local function main(loop)
  local me = saros.current_task()
  me:set_name("Main-0")
  trace("current", me == saros.current_task(), me:get_loop() == loop)
  loop:call_soon(function() trace("in a callback", saros.current_task()) end)
  saros.sleep(0)

  local function body(err)
    local own = saros.current_task()
    trace("running", own:get_name(), own:done(), names(loop))
    saros.sleep(0)
    if err then error(err) end
    return "value"
  end

  local function make(number, ...)
    local task = loop:create_task(body, ...)
    task:set_name("Task-" .. number)
    task:add_done_callback(function(t) trace("done", t:get_name(), names(loop)) end)
    return task
  end

  local good, bad, gone, unstarted = make(1), make(2, saros.ValueError("e")), make(3), make(4)
  trace("all", names(loop))
  ask("new", good)
  unstarted:cancel()
  saros.sleep(0)
  ask("started", good)
  gone:cancel()
  ask("being cancelled", gone)
  attempt("set_result", good.set_result, good, 1)
  attempt("set_exception", good.set_exception, good, saros.ValueError())
  saros.sleep(0)
  trace("all", names(loop))
  for _, pair in ipairs {
    { "good", good }, { "bad", bad }, { "gone", gone }, { "unstarted", unstarted },
  } do
    local name, task = pair[1], pair[2]
    trace(name, task:done(), task:cancelled(), task:cancelling())
    attempt("  result", task.result, task)
    attempt("  exception", task.exception, task)
  end
  watch("good again", good)
  watch("good again", good)
  watch("bad again", bad)
  saros.sleep(0)
  trace("is a future", saros.isfuture(good), saros.ensure_future(good) == good)
end

twin.run(main)
attempt("current outside", saros.current_task)
