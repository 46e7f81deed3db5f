--- Random programs of tasks, futures, timers and cancellations, as neutral text.
--
-- interpret.lua and interpret.py run the same text and print a trace each. A program is a list of
-- lines; a block reaches to its `end`:
--
--   program 17 timed       its seed; an untimed one sets no timer and runs on the loop as it comes
--   task t0                the operations of task t0, which start when something spawns it
--   callback c0            the operations of callback c0, none of which waits
--   main                   what the program starts with, in a callback
--   at 12                  operations of a callback in iteration 12
--
-- A task awaits tasks of a higher number alone, directly or through a gather: awaits that form a
-- circle would never end, and cancelling them would neither.

local generate = {}

local state

local function below(n)
  return math.random(0, n - 1)
end

local function chance(percent)
  return math.random(100) <= percent
end

local function pick(list)
  return list[math.random(#list)]
end

local function emit(...)
  state.lines[#state.lines + 1] = ("  "):rep(state.depth) .. table.concat({ ... }, " ")
end

local function fresh(prefix)
  local number = state.count[prefix] or 0
  state.count[prefix] = number + 1
  return prefix .. number
end

local function future() return "f" .. below(state.futures) end
local function callback() return "c" .. below(state.callbacks) end
local function event() return "e" .. below(state.events) end
local function queue() return "q" .. below(state.queues) end
local function any_task() return "t" .. below(state.tasks) end

-- A task above the one whose operations are being made, or nil for the last one.
local function task_above()
  local first = state.level + 1
  if first >= state.tasks then return nil end
  return "t" .. math.random(first, state.tasks - 1)
end

-- Something that the task of this level may await.
local function awaitable()
  local gathers = {}
  for _, name in ipairs(state.gathers) do
    if state.gather_level[name] > state.level then gathers[#gathers + 1] = name end
  end
  if #gathers > 0 and chance(35) then return pick(gathers) end
  return chance(50) and task_above() or future()
end

-- Anything that has states, for operations that do not wait.
local function reference()
  if #state.gathers > 0 and chance(20) then return pick(state.gathers) end
  return chance(60) and any_task() or future()
end

local function level_of(name)
  if state.gather_level[name] then return state.gather_level[name] end
  return name:match("^t(%d+)$") and tonumber(name:sub(2)) or math.huge
end

local function delay()
  if chance(15) then return pick { "0", "-1" } end
  return tostring(math.random(1, 9))
end

local quick = {}

function quick.spawn() emit("spawn", any_task()) end
function quick.cancel() emit("cancel", reference()) end
function quick.result() emit("result", future(), fresh("v")) end
function quick.fail() emit("fail", future(), fresh("v")) end
function quick.state() emit("state", reference()) end
function quick.callback() emit("callback", reference(), callback()) end
function quick.remove() emit("remove", reference(), callback()) end
function quick.soon() emit("soon", fresh("h"), callback()) end
function quick.set() emit("set", event()) end
function quick.clear() emit("clear", event()) end
function quick.put_nowait() emit("put_nowait", queue(), fresh("v")) end
function quick.get_nowait() emit("get_nowait", queue()) end
function quick.counts() emit("counts", any_task()) end
function quick.stop() emit("stop") end

function quick.drop()
  if state.count.h then emit("drop", "h" .. below(state.count.h)) end
end

function quick.later()
  if state.timed then emit("later", fresh("h"), delay(), callback()) end
end

function quick.gather()
  local name, level, children = fresh("g"), math.huge, {}
  for i = 1, below(5) do
    children[i] = awaitable()
    level = math.min(level, level_of(children[i]))
  end
  emit("gather", name, pick { "keep", "raise" }, table.unpack(children))
  state.gathers[#state.gathers + 1] = name
  state.gather_level[name] = level
end

local slow = {}
local operations

function slow.sleep() emit("sleep", state.timed and delay() or "0") end
function slow.yield() emit("sleep", "0") end
function slow.await() emit("await", awaitable()) end
function slow.wait_for() emit("wait_for", awaitable(), state.timed and delay() or "0") end
function slow.wait() emit("wait", event()) end
function slow.put() emit("put", queue(), fresh("v")) end
function slow.get() emit("get", queue()) end
function slow.await_self() emit("await_self") end
function slow.cancel_self() emit("cancel_self") end
function slow.uncancel() emit("uncancel") end

function slow.timeout()
  if state.depth > 3 then return end
  emit("timeout", state.timed and delay() or pick { "0", "none" })
  operations(math.random(1, 3), slow)
  emit("end")
end

function slow.try()
  if state.depth > 3 then return end
  emit("try", pick { "any", "cancel", "reraise", "finally" })
  operations(math.random(1, 3), slow)
  emit("except")
  operations(math.random(0, 2), slow)
  emit("end")
end

-- What makes a program interesting comes often, what ends or blurs it seldom.
local WEIGHTS = {
  spawn = 2, cancel = 6, result = 4, fail = 2, state = 1, callback = 3, remove = 1, soon = 2,
  later = 2, drop = 1, set = 3, clear = 1, put_nowait = 3, get_nowait = 1, counts = 1, stop = 1,
  gather = 5, sleep = 8, yield = 8, await = 18, wait_for = 5, wait = 4, put = 4, get = 4,
  await_self = 1, cancel_self = 2, uncancel = 1, timeout = 6, try = 24,
}

local function draw(...)
  local names, total = {}, 0
  for _, set in ipairs { ... } do
    for name in pairs(set) do
      names[#names + 1] = name
      total = total + WEIGHTS[name]
    end
  end
  -- The order in which pairs goes is not the same in every process.
  table.sort(names)
  local ticket = math.random(total)
  for _, name in ipairs(names) do
    ticket = ticket - WEIGHTS[name]
    if ticket <= 0 then return quick[name] or slow[name] end
  end
end

function operations(count, with)
  state.depth = state.depth + 1
  for _ = 1, count do draw(quick, with)() end
  state.depth = state.depth - 1
end

local function last_words()
  state.depth = state.depth + 1
  if chance(20) then
    emit("raise", fresh("v"))
  elseif chance(50) then
    emit("return", fresh("v"))
  end
  state.depth = state.depth - 1
end

local function block(kind, name, level, body)
  state.level = level
  emit(kind, name)
  body()
  emit("end")
end

local function task(number)
  block("task", "t" .. number, number, function()
    operations(math.random(2, 8), slow)
    last_words()
  end)
end

local function main()
  for number = 0, state.tasks - 1 do
    if chance(75) then emit("  spawn", "t" .. number) end
  end
  operations(math.random(0, 2), {})
end

-- Keeps a program going whose tasks all wait.
local function agenda()
  local iteration = 2
  while true do
    iteration = iteration + math.random(1, 5)
    if iteration >= 40 then return end
    block("at", tostring(iteration), -1, function() operations(math.random(1, 2), {}) end)
  end
end

--- The text of one program.
-- @tparam integer seed makes it what it is
function generate.program(seed)
  math.randomseed(seed)
  state = {
    lines = {}, depth = 0, count = {}, gathers = {}, gather_level = {}, level = -1,
    timed = chance(65),
    tasks = math.random(2, 7), futures = math.random(1, 4), callbacks = math.random(1, 3),
    events = math.random(1, 2), queues = math.random(1, 2),
  }
  emit("program", seed, state.timed and "timed" or "untimed")
  for number = 0, state.futures - 1 do emit("future", "f" .. number) end
  for number = 0, state.events - 1 do emit("event", "e" .. number) end
  for number = 0, state.queues - 1 do emit("queue", "q" .. number, below(3)) end
  block("main", "main", -1, main)
  -- From the last task to the first, so that each finds the gathers that it may await.
  for number = state.tasks - 1, 0, -1 do task(number) end
  for number = 0, state.callbacks - 1 do
    block("callback", "c" .. number, -1, function()
      operations(math.random(0, 3), {})
      if chance(15) then emit("  raise", fresh("v")) end
    end)
  end
  agenda()
  emit("run")
  return table.concat(state.lines, "\n")
end

return generate
