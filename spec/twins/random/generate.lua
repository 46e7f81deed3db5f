--- Random programs of tasks, futures, timers and cancellations, as neutral text.
--
-- interpret.lua and interpret.py run the same text and print a trace each. A program is a list of
-- lines; a block reaches to its `end`:
--
--   program 17 timed       its seed; an untimed one sets no timer and runs on the loop as it comes
--   lock l0                something to use, with its words if it takes any
--   task t0                the operations of task t0, which start when something spawns it
--   callback c0            the operations of callback c0, none of which waits
--   main                   what the program starts with, in a callback
--   at 12                  operations of a callback in iteration 12
--
-- The operations are those of vocabulary.lua.
--
-- A task awaits tasks of a higher number alone, directly or through a gather, a shield or a group:
-- awaits that form a circle would never end, and cancelling them would neither.

local vocabulary = require "spec.twins.random.vocabulary"

local generate = {}

-- How names of what is declared begin.
local PREFIXES = {
  task = "t", future = "f", callback = "c", event = "e", queue = "q", lock = "l", condition = "k",
  semaphore = "s", barrier = "b", variable = "x",
}

-- Beside the basics, in percent of the programs.
local FAMILIES = {
  { "events", 40 }, { "queues", 30 }, { "gathers", 40 }, { "shields", 30 }, { "waits", 30 },
  { "groups", 40 }, { "locks", 25 }, { "semaphores", 20 }, { "conditions", 25 }, { "barriers", 15 },
  { "contexts", 25 },
}

-- The most that a program has of them.
local HELPERS = 12

-- What tasks wait for, beside futures and groups.
local WAITED = { "event", "queue", "lock", "condition", "semaphore", "barrier" }

local state
local draw = {}

local function below(n)
  return math.random(0, n - 1)
end

local function chance(percent)
  return math.random(100) <= percent
end

local function pick(list)
  return list[math.random(#list)]
end

function draw.emit(...)
  state.lines[#state.lines + 1] = ("  "):rep(state.depth) .. table.concat({ ... }, " ")
end

local emit = draw.emit

function draw.fresh(prefix)
  local number = state.count[prefix] or 0
  state.count[prefix] = number + 1
  return prefix .. number
end

-- A name that `fresh` has given before, if it has given any.
function draw.earlier(prefix)
  local count = state.count[prefix]
  return count and prefix .. below(count)
end

function draw.one(kind)
  return PREFIXES[kind] .. below(state.number[kind])
end

-- Distinct, and not in rising order: a priority queue has something to sort.
function draw.value()
  return draw.fresh(pick { "A", "B", "C", "D", "E" })
end

function draw.delay()
  if chance(15) then return pick { "0", "-1" } end
  return tostring(math.random(1, 9))
end

function draw.is_callback()
  return state.level < 0
end

function draw.is_deep()
  return state.depth > 3
end

local function task_above(level)
  local first = level + 1
  if first >= state.number.task then return nil end
  return "t" .. math.random(first, state.number.task - 1)
end

-- A task above the one whose operations are being made, or nil for the last one.
function draw.task_above()
  return task_above(state.level)
end

-- Something that the task of this level may await.
function draw.awaitable()
  local derived = {}
  for _, name in ipairs(state.derived) do
    if state.levels[name] > state.level then derived[#derived + 1] = name end
  end
  if #derived > 0 and chance(35) then return pick(derived) end
  return chance(50) and draw.task_above() or draw.one "future"
end

local function any_task()
  return chance(30) and draw.earlier "w" or draw.one "task"
end

-- Anything that has states, for operations that do not wait.
function draw.reference()
  if #state.derived > 0 and chance(20) then return pick(state.derived) end
  return chance(60) and any_task() or draw.one "future"
end

function draw.anything()
  if #state.groups > 0 and chance(30) then return pick(state.groups) end
  return chance(50) and draw.reference() or draw.one(pick(WAITED))
end

-- A task of a few operations that no other task awaits. When there are enough, one of them again.
function draw.helper()
  return state.count.w == HELPERS and draw.earlier "w" or draw.fresh "w"
end

local function level_of(name)
  return state.levels[name] or name:match("^t(%d+)$") and tonumber(name:sub(2)) or math.huge
end

-- The name of a new future that is done when others are.
function draw.derived(prefix, others)
  local name, level = draw.fresh(prefix), math.huge
  for _, other in ipairs(others) do level = math.min(level, level_of(other)) end
  state.derived[#state.derived + 1] = name
  state.levels[name] = level
  return name
end

-- The name of a new task group of the task whose operations are being made.
function draw.group()
  local name = draw.fresh "n"
  state.groups[#state.groups + 1] = name
  state.levels[name] = state.level
  return name
end

-- A group, mostly the latest, and a task that may be in it.
function draw.group_of_child()
  if #state.groups == 0 then return nil end
  local group = chance(70) and state.groups[#state.groups] or pick(state.groups)
  return group, task_above(state.levels[group])
end

-- The operations that the program knows, and the shares of their draws.
local function known(...)
  local names, total = {}, 0
  for _, set in ipairs { ... } do
    for name in pairs(set) do
      if state.families[vocabulary.family[name]] then
        names[#names + 1] = name
        total = total + vocabulary.weight[name]
      end
    end
  end
  -- The order in which pairs goes is not the same in every process.
  table.sort(names)
  return { names = names, total = total }
end

local function draw_operation(from)
  local ticket = math.random(from.total)
  for _, name in ipairs(from.names) do
    ticket = ticket - vocabulary.weight[name]
    if ticket <= 0 then return vocabulary.quick[name] or vocabulary.slow[name] end
  end
end

local function operations(count, from, often)
  state.depth = state.depth + 1
  for _ = 1, count do
    local named = often and #often > 0 and chance(50) and pick(often)
    local write = named and (vocabulary.quick[named] or vocabulary.slow[named]) or draw_operation(from)
    write(draw)
  end
  state.depth = state.depth - 1
end

function draw.block(count, ...)
  operations(count, state.all, { ... })
end

-- A block of operations that holds something named.
function draw.hold(kind, write)
  local name = draw.one(kind)
  -- Who holds it already would wait for itself, till the end of the program.
  if state.held[name] and chance(80) then return end
  state.held[name] = true
  emit("hold", name)
  write(name)
  emit("end")
  state.held[name] = nil
end

local function last_words()
  state.depth = state.depth + 1
  if chance(20) then
    emit("raise", draw.fresh "v")
  elseif chance(50) then
    emit("return", draw.fresh "v")
  end
  state.depth = state.depth - 1
end

local function block(kind, name, level, body)
  state.level, state.held = level, {}
  emit(kind, name)
  body()
  emit("end")
end

local function task(number)
  block("task", "t" .. number, number, function()
    operations(math.random(2, 8), state.all)
    last_words()
  end)
end

-- They come last, because every operation may make one, theirs too.
local function helpers()
  local number = 0
  while number < (state.count.w or 0) do
    block("task", "w" .. number, math.huge, function() operations(math.random(1, 3), state.all, state.special) end)
    number = number + 1
  end
end

local function main()
  -- The others are left to groups.
  local share = state.families.groups and 50 or 75
  for number = 0, state.number.task - 1 do
    if number == 0 or chance(share) then emit("  spawn", "t" .. number) end
  end
  operations(math.random(0, 2), state.quick)
end

-- Keeps a program going whose tasks all wait.
local function agenda()
  local iteration = 2
  while true do
    iteration = iteration + math.random(1, 5)
    if iteration >= 40 then return end
    block("at", tostring(iteration), -1, function() operations(math.random(1, 2), state.quick) end)
  end
end

-- The words that go with a declaration.
local WORDS = {
  queue = function() return below(3) .. " " .. pick { "Queue", "PriorityQueue", "LifoQueue" } end,
  condition = function() return chance(30) and draw.one "lock" or "own" end,
  semaphore = function() return below(3) .. " " .. pick { "Semaphore", "BoundedSemaphore" } end,
  barrier = function() return math.random(1, 3) end,
  variable = function() return pick { "default", "bare" } end,
}

local DECLARED = { "future", "event", "queue", "lock", "condition", "semaphore", "barrier", "variable" }

local function declare()
  for _, kind in ipairs(DECLARED) do
    for number = 0, state.number[kind] - 1 do
      local words = WORDS[kind]
      emit(kind, PREFIXES[kind] .. number, words and words())
    end
  end
end

local function draw_families()
  local families = { basics = true }
  for _, family in ipairs(FAMILIES) do families[family[1]] = chance(family[2]) end
  return families
end

--- The text of one program.
-- @tparam integer seed makes it what it is
function generate.program(seed)
  math.randomseed(seed)
  local families = draw_families()
  state = {
    lines = {}, depth = 0, count = {}, derived = {}, groups = {}, levels = {}, level = -1,
    families = families,
    number = {
      -- A group needs tasks that nothing else has spawned.
      task = math.random(2, families.groups and 11 or 7), future = math.random(1, 6), callback = math.random(1, 3),
      event = math.random(1, 2), queue = math.random(1, 2), lock = math.random(1, 2),
      condition = chance(30) and 2 or 1, semaphore = math.random(1, 2), barrier = 1,
      variable = families.contexts and math.random(1, 2) or 0,
    },
  }
  draw.timed = chance(65)
  state.quick = known(vocabulary.quick)
  state.all = known(vocabulary.quick, vocabulary.slow)
  -- What the program is about: that which is not in every program.
  state.special = {}
  for _, name in ipairs(state.all.names) do
    if vocabulary.family[name] ~= "basics" then table.insert(state.special, name) end
  end
  emit("program", seed, draw.timed and "timed" or "untimed")
  declare()
  block("main", "main", -1, main)
  -- From the last task to the first, so that each finds the futures that it may await.
  for number = state.number.task - 1, 0, -1 do task(number) end
  for number = 0, state.number.callback - 1 do
    block("callback", "c" .. number, -1, function()
      operations(math.random(0, 3), state.quick)
      if chance(15) then emit("  raise", draw.fresh "v") end
    end)
  end
  agenda()
  helpers()
  emit("run")
  return table.concat(state.lines, "\n")
end

return generate
