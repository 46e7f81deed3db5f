-- cancelling() counts the requests, uncancel() takes one back; neither changes what is delivered.
local twin = require "spec.support.twin"
local saros, trace, watch = twin.saros, twin.trace, twin.watch

local function main(loop)
  local me = saros.current_task()
  trace("fresh", me:cancelling(), me:uncancel())

  local function counts()
    local own = saros.current_task()
    trace("counts", own:cancelling())
    watch("first", saros.sleep, 9)
    trace("counts", own:cancelling(), own:uncancel(), own:cancelling())
    watch("second", saros.sleep, 1, "slept")
    trace("counts", own:uncancel(), own:uncancel(), own:uncancel())
    return "end"
  end

  local task = loop:create_task(counts)
  saros.sleep(0)
  trace(task:cancel("a"), task:cancel("b"), task:cancel("c"), task:cancelling())
  watch("counts", task)
  trace("after the end", task:cancelling(), task:cancel(), task:cancelling(), task:uncancel())

  -- Taken back before it was delivered: delivered all the same.
  task = loop:create_task(counts)
  saros.sleep(0)
  task:cancel("taken back")
  trace("uncancel", task:uncancel(), task:cancelling())
  watch("counts", task)

  -- Structured use: a block that makes the cancellation its own.
  local function block()
    local own = saros.current_task()
    local before = own:cancelling()
    loop:call_later(2.25, own.cancel, own, "mine")
    local ok, err = pcall(saros.sleep, 9)
    if not ok then
      if own:uncancel() > before then error(err, 0) end
      trace("block ended by itself", err.message)
    end
    saros.sleep(0)
    return "after the block"
  end

  for _, outside in ipairs { false, true } do
    task = loop:create_task(block)
    saros.sleep(0)
    if outside then
      loop:call_later(2.5, task.cancel, task, "from outside")
      loop:call_later(1, loop.stop, loop)
    end
    saros.sleep(1)
    watch("block", task)
    trace(task:cancelling(), task:cancelled())
  end

  -- Of a cancelled task.
  task = loop:create_task(saros.sleep, 9)
  saros.sleep(0)
  task:cancel()
  watch("sleep", task)
  trace("cancelled", task:cancelling(), task:uncancel(), task:cancelled())
end

local loop = twin.new_loop()
local task = loop:create_task(main, loop)
for _ = 1, 3 do
  if pcall(loop.run_until_complete, loop, task) then break end
  trace("stopped, and taken up again")
end
twin.close(loop)
