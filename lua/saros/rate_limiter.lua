--- Limiting how often something is done; asyncio has nothing like it.
--
--     local limiter = saros.RateLimiter(100, 60)         -- 100 requests a minute
--     for _, address in ipairs(addresses) do
--       limiter:acquire()
--       request(address)
--     end
-- @module saros.rate_limiter

local core = require "saros.core"
local check = require "saros.check"
local Class = require "saros.class"

local park, wake = core.wait_queue.park, core.wait_queue.wake
local errors = core.errors

--- A token bucket. It is full at first, `rate` tokens that may be taken in one burst, and
-- gains `rate` tokens in every `per` seconds, evenly. Who waits gets them in order of
-- arrival.
-- @type RateLimiter
local RateLimiter = Class.new("RateLimiter")

local function check_finite(value, n, what, least)
  value = check.number(value, n, "RateLimiter")
  if value >= least and value > 0 and value < math.huge then return value end
  local bound = least > 0 and "at least " .. least or "more than 0"
  error(errors.ValueError(("%s must be finite and %s, got %s"):format(what, bound, value)))
end

--- How many tokens come in a period, and fit into the bucket.
-- @attribute number RateLimiter.rate

--- The period in seconds.
-- @attribute number RateLimiter.per

--- Make a limiter.
-- @tparam number rate how many tokens in a period, at least 1
-- @tparam[opt=1] number per the period in seconds
-- @raise `bad argument`; `ValueError` for a rate below 1, a period that is not positive, and
-- for what is infinite or NaN
function RateLimiter:init(rate, per)
  self.rate = check_finite(rate, 1, "the rate", 1)
  self.per = per == nil and 1 or check_finite(per, 2, "the period", 0)
  -- The bucket was full at the time `since`; `taken` tokens were taken from then on. When
  -- a token is due follows from these two, so that no error adds up.
  self.taken = 0
  self.since = -math.huge
  self.queue = core.WaitQueue(self.__name)
  self.waiting = 0 -- how many are in the queue and were not woken
end

-- When the bucket has, or had, a token for the next one.
local function due(self)
  return self.since + (self.taken + 1 - self.rate) * self.per / self.rate
end

-- Take a token, if the clock says that there is one. What would be more than `most` tokens
-- is a full bucket.
local function take(self, now, most)
  local level = self.rate - self.taken + (now - self.since) * self.rate / self.per
  if level >= most then
    self.since, self.taken = now, 0
  elseif now < due(self) then
    return false
  end
  self.taken = self.taken + 1
  return true
end

-- Hand the tokens that are there to those who wait. Each is theirs from the moment at which
-- it was due, however late the loop comes to it; so the bucket is not full yet when it
-- holds a burst and the part of a token that has come since.
-- Returns whether nobody waits who could have had a token.
local function serve_waiting(self, now)
  local most = math.floor(self.rate) + 1
  while take(self, now, most) do
    if wake(self.queue) == 0 then
      self.taken = self.taken - 1
      return true
    end
    self.waiting = self.waiting - 1
  end
  return false
end

local function take_at_once(self, now)
  return serve_waiting(self, now) and take(self, now, self.rate)
end

-- One timer is for all who wait: it is set for the first of them.
local function set_timer(self, loop)
  if self.timer then return end
  self.timer = loop:call_at(due(self), function()
    self.timer = nil
    serve_waiting(self, loop:time())
    if self.waiting > 0 then set_timer(self, loop) end
  end)
end

-- A waiter gives up, woken or not.
local function leave(self, loop, woken)
  if woken then
    self.taken = self.taken - 1 -- its token is the next one's
    serve_waiting(self, loop:time())
  else
    self.waiting = self.waiting - 1
  end
  if self.timer and self.waiting == 0 then
    self.timer:cancel()
    self.timer = nil
  end
end

-- The running loop, by whose clock the bucket fills. A limiter on which nobody has waited
-- yet may go on on another loop: its clock says nothing about the time in between.
local function enter(self)
  local loop = core.need_loop()
  if self.loop and self.loop ~= loop then
    error(errors.RuntimeError("this RateLimiter is bound to a different event loop"))
  end
  if self.clock ~= loop then
    if self.clock then self.since = loop:time() end
    self.clock = loop
  end
  return loop
end

--- Take a token, waiting until there is one. It is never given early by `loop:time()`. A
-- task that is cancelled while it waits takes none.
-- @raise `CancelledError`; `RuntimeError` outside a loop, where a task cannot suspend, and
-- on another loop than that of the first wait
function RateLimiter:acquire()
  local loop = enter(self)
  if take_at_once(self, loop:time()) then return end
  self.loop = loop
  self.waiting = self.waiting + 1
  set_timer(self, loop)
  -- Where a task cannot suspend, this is where an error is raised instead of returned.
  local parked, ok, failure, woken = pcall(park, self.queue)
  if parked and ok then return end
  leave(self, loop, woken)
  error(parked and failure or ok, 0)
end

--- Take a token if there is one that nobody waits for.
-- @treturn boolean whether there was one
-- @raise `RuntimeError` outside a loop and on another loop than that of the first wait
function RateLimiter:try_acquire()
  return take_at_once(self, enter(self):time())
end

return {RateLimiter = RateLimiter}
