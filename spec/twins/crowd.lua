-- Crowds: more tasks at each primitive than its queue has room for at first, cancelled and timed out at random.
local twin = require "spec.support.twin"
local saros, trace = twin.saros, twin.trace

local TASKS = 20
local ROUNDS = 3

-- The same numbers in both halves.
local Random = {}
Random.__index = Random

function Random:below(limit)
  self.number = (self.number * 1103515245 + 12345) % (1 << 31)
  return (self.number >> 8) % limit
end

local function turns(count)
  for _ = 1, count do saros.sleep(0) end
end

local function hold(crowd, name)
  do
    local _ <close> = crowd.thing:hold()
    trace(name, "is in", crowd.thing:locked())
    turns(crowd.random:below(3))
  end
  trace(name, "is out")
end

local function condition(crowd, name, number)
  local _ <close> = crowd.thing:hold()
  if number % 3 > 0 then
    crowd.thing:wait()
    trace(name, "was notified")
  else
    crowd.thing:notify(crowd.random:below(6))
    trace(name, "notified")
  end
end

local function event(crowd, name, number)
  if number % 3 > 0 then
    crowd.thing:wait()
    trace(name, "saw it", crowd.thing:is_set())
  else
    crowd.thing:set()
    turns(crowd.random:below(2))
    crowd.thing:clear()
    trace(name, "showed it")
  end
end

local function queue(crowd, name, number)
  if number % 2 > 0 then
    trace(name, "got", crowd.thing:get())
  else
    crowd.thing:put(crowd.random:below(100))
    trace(name, "put", crowd.thing:qsize())
  end
end

local function barrier(crowd, name)
  trace(name, "passed", crowd.thing:wait())
end

local Crowd = {}
Crowd.__index = Crowd

function Crowd:come(name, number)
  turns(self.random:below(5))
  trace(name, "comes")
  if self.random:below(3) == 0 then
    -- Distinct, because equal deadlines have no order in asyncio.
    self.timers = self.timers + 1
    local limit = 1 + self.random:below(9) + self.timers / 4096
    saros.wait_for(self.use, limit, self, name, number)
  else
    self:use(name, number)
  end
end

function Crowd:visit(number)
  local name = "t" .. number
  for _ = 1, ROUNDS do
    local ok, err = pcall(self.come, self, name, number)
    if not ok then
      if saros.is_error(err, saros.TimeoutError) then
        trace(name, "is too late")
      elseif saros.is_error(err, saros.CancelledError) then
        trace(name, "is cancelled")
        if self.random:below(2) == 0 then error(err, 0) end
      else
        error(err, 0)
      end
    end
  end
end

local CROWDS = {
  { "lock", saros.Lock, hold }, { "semaphore", function() return saros.Semaphore(3) end, hold },
  { "condition", saros.Condition, condition }, { "event", saros.Event, event },
  { "queue", saros.Queue, queue }, { "bounded queue", function() return saros.Queue(2) end, queue },
  { "priority queue", function() return saros.PriorityQueue(3) end, queue },
  { "barrier", function() return saros.Barrier(6) end, barrier },
}

local function each(tasks, method)
  local results = {}
  for i, task in ipairs(tasks) do results[i] = task[method](task) end
  return results
end

local function all_done(tasks)
  for _, task in ipairs(tasks) do
    if not task:done() then return false end
  end
  return true
end

local function meet(loop, name, make, use, seed)
  trace("==", name, seed)
  local random = setmetatable({ number = seed }, Random)
  local crowd = setmetatable({ random = random, thing = make(), use = use, timers = 0 }, Crowd)
  local tasks = {}
  for number = 0, TASKS - 1 do tasks[number + 1] = loop:create_task(crowd.visit, crowd, number) end
  for _ = 1, 50 do
    if random:below(2) == 0 then
      local number = random:below(TASKS)
      trace("cancel", number, tasks[number + 1]:cancel())
    end
    turns(1)
  end
  while not all_done(tasks) do
    trace("cancel all", each(tasks, "cancel"))
    turns(8)
  end
  trace("done", each(tasks, "cancelled"))
end

local function main(loop)
  for _, crowd in ipairs(CROWDS) do
    for seed = 1, 4 do meet(loop, crowd[1], crowd[2], crowd[3], seed) end
  end
end

twin.run(main)
