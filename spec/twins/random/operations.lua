--- What the operations of the random programs do, in Lua; operations.py is the same in Python.
--
-- Each gets the program, the name of whoever runs it, and the words of its line. `quick` ones do not
-- wait; `slow` ones may, and so may `blocks`, which get the operations in them as their last words.

local twin = require "spec.support.twin"
local saros, trace, attempt = twin.saros, twin.trace, twin.attempt

local operations = { quick = {}, slow = {}, blocks = {} }
local quick, slow, blocks = operations.quick, operations.slow, operations.blocks

local function label(who, ...)
  return who .. " " .. table.concat({ ... }, " ")
end

-- Names may be of things that are not there yet, or never come.
local function lookup(program, who, operation, name)
  local thing = program.objects[name]
  if thing == nil then trace(who, operation, name, "is nothing yet") end
  return thing
end

-- What the methods of one object are called with and give.
local METHODS = {
  cancel = function(_, thing) return thing:cancel() end,
  result = function(_, thing, value) return thing:set_result(value) end,
  fail = function(_, thing, value) return thing:set_exception(saros.ValueError(value)) end,
  callback = function(program, thing, name) return thing:add_done_callback(program:callback(name)) end,
  remove = function(program, thing, name) return thing:remove_done_callback(program:callback(name)) end,
  drop = function(_, thing) return thing:cancel() end,
  counts = function(_, thing) return thing:cancelling() end,
  set = function(_, thing) return thing:set() end,
  clear = function(_, thing) return thing:clear() end,
  put_nowait = function(_, thing, value) return thing:put_nowait(value) end,
  get_nowait = function(_, thing) return thing:get_nowait() end,
  task_done = function(_, thing) return thing:task_done() end,
  size = function(_, thing) return thing:qsize() end,
  shutdown = function(_, thing, how) return thing:shutdown { immediate = how == "immediate" } end,
  release = function(_, thing) return thing:release() end,
  locked = function(_, thing) return thing:locked() end,
  notify = function(_, thing, count) return thing:notify(tonumber(count)) end,
  notify_all = function(_, thing) return thing:notify_all() end,
  barrier_state = function(_, thing) return { thing.n_waiting, thing.broken } end,
  child = function(program, thing, name) program:spawn(name, thing.create_task, thing) end,
  var_get = function(_, thing) return thing:get() end,
  var_set = function(program, thing, value, token) program.objects[token] = thing:set(value) end,
  run_in = function(program, thing, name) return thing:run(program:callback(name)) end,
  spawn_in = function(program, thing, name) thing:run(program.spawn, program, name) end,
}

for operation, method in pairs(METHODS) do
  quick[operation] = function(program, who, name, ...)
    local thing = lookup(program, who, operation, name)
    if thing then attempt(label(who, operation, name, ...), method, program, thing, ...) end
  end
end

function quick.spawn(program, _, name)
  program:spawn(name)
end

-- Cancels the task that waits for something and came first.
function quick.cancel_waiter(program, who, name)
  local waiter = program:first_waiter(name)
  if waiter then trace(who, "cancels", waiter, "which waits for", name, program.objects[waiter]:cancel()) end
end

function quick.state(program, _, name)
  program:state(name)
end

function quick.stop(program)
  program.loop:stop()
end

function quick.raise(_, _, value)
  error(saros.ValueError(value))
end

function quick.soon(program, _, name, callback)
  program.objects[name] = program.loop:call_soon(program:callback(callback))
end

function quick.later(program, _, name, delay, callback)
  program.objects[name] = program.loop:call_later(program:delay(delay), program:callback(callback))
end

function quick.soon_in(program, who, context, name, callback)
  local thing = lookup(program, who, "soon_in", context)
  if thing then attempt(label(who, "soon_in", context), thing.run, thing, quick.soon, program, who, name, callback) end
end

function quick.var_reset(program, who, name, token)
  local thing = lookup(program, who, "var_reset", token)
  local variable = program.objects[name]
  if thing then attempt(label(who, "var_reset", name, token), variable.reset, variable, thing) end
end

function quick.copy(program, who, name, context)
  if not context then
    program.objects[name] = saros.copy_context()
  else
    local thing = lookup(program, who, "copy", context)
    program.objects[name] = thing and thing:copy()
  end
end

local function members(program, names)
  local list = {}
  for _, name in ipairs(names) do list[#list + 1] = program.objects[name] end
  return list
end

function quick.gather(program, _, name, mode, ...)
  if program.objects[name] then return end
  program.objects[name] = saros.gather(members(program, { ... }), { return_exceptions = mode == "keep" })
end

function quick.shield(program, who, name, inner)
  local thing = lookup(program, who, "shield", inner)
  if thing and not program.objects[name] then program.objects[name] = saros.shield(thing) end
end

-- Those that wait, each on one object.
local WAITS = {
  wait = function(_, thing) return thing:wait() end,
  put = function(_, thing, value) return thing:put(value) end,
  get = function(_, thing) return thing:get() end,
  join = function(_, thing) return thing:join() end,
  acquire = function(_, thing) return thing:acquire() end,
  abort = function(_, thing) return thing:abort() end,
  reset = function(_, thing) return thing:reset() end,
  await = function(_, thing) return thing:await() end,
  wait_for = function(program, thing, delay) return saros.wait_for(thing, program:limit(delay)) end,
  wait_until = function(program, thing, event)
    return thing:wait_for(function() return program.objects[event]:is_set() end)
  end,
}

for operation, wait in pairs(WAITS) do
  slow[operation] = function(program, who, name, ...)
    local thing = lookup(program, who, operation, name)
    if not thing then return end
    trace(label(who, operation, name, ...))
    local result
    do
      local _ <close> = program:waiting(who, name)
      result = wait(program, thing, ...)
    end
    trace(label(who, operation, name, ...), "gave", result, program:values())
  end
end

function slow.sleep(program, who, delay)
  saros.sleep(program:limit(delay))
  trace(who, "slept", delay, program:values())
end

slow["return"] = function(_, _, value)
  return { value }
end

function slow.await_self()
  saros.current_task():await()
end

function slow.cancel_self(_, who)
  trace(who, "cancels itself", saros.current_task():cancel())
end

function slow.uncancel(_, who)
  trace(who, "uncancel", saros.current_task():uncancel())
end

local function options(program, limit, fields)
  -- Distinct from every other deadline, 0 and less too.
  if limit ~= "none" then fields.timeout = program:delay(limit) end
  return fields
end

function slow.wait_all(program, who, when, limit, ...)
  local list = members(program, { ... })
  if #list == 0 then return end
  trace(who, "waits", when, limit, ...)
  local _ <close> = program:waiting(who, ...)
  local done, pending = saros.wait(list, options(program, limit, { return_when = saros[when] }))
  trace(who, "waited", program:names(done), program:names(pending))
end

function slow.completed(program, who, limit, ...)
  local list = members(program, { ... })
  trace(who, "expects", limit, ...)
  local _ <close> = program:waiting(who, ...)
  for future in saros.as_completed(list, options(program, limit, {})) do
    local ok, result = pcall(future.await, future)
    if not ok and not saros.is_error(result, saros.ValueError) then error(result, 0) end
    trace(who, "expected", ok and "got" or "raised", result)
  end
  trace(who, "expects no more")
end

function blocks.timeout(program, who, delay, block)
  local _ <close> = saros.timeout(program:limit(delay))
  return (program:run_block(who, block))
end

function blocks.group(program, who, name, block)
  -- Left after the group, which waits when its block has ended.
  local _ <close> = program:waiting(who, name)
  local group <close> = saros.TaskGroup()
  program.objects[name] = group
  local result = program:run_block(who, block)
  trace(who, "leaves", name)
  return result
end

function blocks.hold(program, who, name, block)
  trace(who, "enters", name)
  local waiting <close> = program:waiting(who, name)
  local _ <close> = program.objects[name]:hold()
  waiting:finish()
  trace(who, "holds", name)
  local result = program:run_block(who, block)
  trace(who, "leaves", name)
  return result
end

local TRY = {}

function blocks.try(program, who, how, block, handler)
  return TRY[how](program, who, block, handler)
end

function TRY.any(program, who, block, handler)
  local ok, result = pcall(program.run_block, program, who, block)
  if ok then return result end
  trace(who, "caught", result)
  return program:run_block(who, handler)
end

function TRY.cancel(program, who, block, handler)
  local ok, result = pcall(program.run_block, program, who, block)
  if ok then return result end
  if not saros.is_error(result, saros.CancelledError) then error(result, 0) end
  trace(who, "caught", result)
  return program:run_block(who, handler)
end

function TRY.reraise(program, who, block, handler)
  local ok, result = pcall(program.run_block, program, who, block)
  if ok then return result end
  trace(who, "caught", result)
  program:run_block(who, handler)
  error(result, 0)
end

function TRY.finally(program, who, block, handler)
  local _ <close> = setmetatable({}, {
    __close = function()
      trace(who, "finally")
      program:run_block(who, handler)
    end,
  })
  return (program:run_block(who, block))
end

--- What a declaration makes, by its kind.
operations.make = {
  future = function(program) return program.loop:create_future() end,
  event = function() return saros.Event() end,
  queue = function(_, size, class) return saros[class](tonumber(size)) end,
  lock = function() return saros.Lock() end,
  condition = function(program, lock) return saros.Condition(program.objects[lock]) end,
  semaphore = function(_, value, class) return saros[class](tonumber(value)) end,
  barrier = function(_, parties) return saros.Barrier(tonumber(parties)) end,
  variable = function(_, default) return saros.ContextVar("variable", default == "default" and default or nil) end,
}

return operations
