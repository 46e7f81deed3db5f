--- Sparing a service that fails; asyncio has nothing like it.
--
--     local breaker = saros.CircuitBreaker {failures = 3, reset_after = 30}
--     local answer = breaker:call(ask, question)         -- CircuitOpenError while it is open
-- @module saros.circuit_breaker

local core = require "saros.core"
local check = require "saros.check"

local errors = core.errors

local OPTIONS = {failures = "integer", reset_after = "number", on_change = "callable"}

local DEFAULT_FAILURES = 5
local DEFAULT_RESET_AFTER = 60

-- What a breaker keeps: `stored`, the state when it last changed ("open" becomes
-- "half-open" by the clock alone); `failed`, failures in a row while closed; `retry_at` by
-- the time of `clock`, the loop on which it opened; `trial`, the attempt that is admitted
-- while half-open; `epoch`, how often the state has changed, as the outcome of a call that
-- began in another state tells nothing about this one.
local CircuitBreaker = {__name = "CircuitBreaker"}

local function remaining(self)
  return self.retry_at - self.clock:time()
end

function CircuitBreaker:__index(name)
  if name ~= "state" then return CircuitBreaker[name] end
  if self.stored == "open" and remaining(self) <= 0 then return "half-open" end
  return self.stored
end

-- Errors that say nothing about what was called, and that nobody but their addressee may
-- keep.
local function passes_through(failure)
  return core.is_error(failure, errors.CancelledError)
    or core.is_error(failure, errors.KeyboardInterrupt)
end

-- Tell the program of a change, which is complete by now.
local function announce(self, old, new)
  if not self.on_change then return end
  local ok, failure = pcall(self.on_change, old, new)
  if ok then return end
  if passes_through(failure) then error(failure, 0) end
  core.get_running_loop():call_exception_handler {
    message = "error in the on_change of a CircuitBreaker",
    exception = failure,
  }
end

local function change(self, new)
  local old = self.stored
  self.stored = new
  self.epoch = self.epoch + 1
  self.failed = 0
  if new == "open" then
    self.clock = core.need_loop()
    self.retry_at = self.clock:time() + self.reset_after
  end
  announce(self, old, new)
end

local function refuse(self)
  local left = self.stored == "open" and remaining(self) or nil
  local message = left and ("the circuit breaker is open for %.3g more seconds"):format(left)
    or "the circuit breaker is half-open, and its trial call has not ended"
  error(errors.CircuitOpenError {message = message, retry_after = left})
end

-- One call, held in a `<close>` variable, which sees the error without taking its
-- traceback from it.
local Attempt = {}

function Attempt:__close(failure)
  local breaker = self.breaker
  if breaker.trial == self then breaker.trial = nil end
  if self.epoch ~= breaker.epoch or passes_through(failure) then return end
  if self.succeeded then
    breaker.failed = 0
    if breaker.stored == "half-open" then change(breaker, "closed") end
    return
  end
  breaker.failed = breaker.failed + 1
  if breaker.stored == "half-open" or breaker.failed >= breaker.failures then
    change(breaker, "open")
  end
end

local function succeed(attempt, ...)
  attempt.succeeded = true
  return ...
end

--- What spares a service that fails, as `saros.CircuitBreaker` makes it.
-- @type CircuitBreaker

--- Whether calls are admitted: `"closed"`, all are; `"open"`, none; `"half-open"`, one at a
-- time. Right at any time, and to be read only.
-- @attribute string CircuitBreaker.state

--- Call a function in the calling task, unless the circuit is open. Cancellations count
-- neither as failures nor as successes; a trial call that is cancelled frees its place.
-- @tparam function fn any callable; it may suspend
-- @param ... its arguments
-- @return all its results
-- @raise its own error; `CircuitOpenError` at once while the circuit is open, its field
-- `retry_after` tells for how many seconds, and beside the trial call while it is
-- half-open; `RuntimeError` outside a loop; `bad argument`
function CircuitBreaker:call(fn, ...)
  check.callable(fn, 1, "call")
  core.need_loop()
  local state = self.state
  if state == "open" or self.trial then refuse(self) end
  local attempt <close> = setmetatable({breaker = self, epoch = self.epoch}, Attempt)
  if state == "half-open" then
    self.trial = attempt
    if self.stored == "open" then
      attempt.epoch = attempt.epoch + 1
      change(self, "half-open")
    end
  end
  return succeed(attempt, fn(...))
end

--- @section end

local circuit_breaker = {}

--- Make a breaker, which is closed.
--
-- After `failures` failed calls in a row it opens, and refuses all calls. After
-- `reset_after` seconds it is half-open, and admits one call at a time: a success closes
-- it, a failure opens it again.
-- @tparam ?table options `failures`: 1 or more, by default 5; `reset_after`: seconds by
-- the loop's time, 0 or more, by default 60; `on_change`: a callable that is called as
-- `on_change(old, new)` when the state has changed, where the change from `"open"` to
-- `"half-open"` is told by the first call after it. Its errors go to the loop's exception
-- handler
-- @treturn CircuitBreaker
-- @raise `bad argument`; `ValueError` for an unknown option or a value out of range
function circuit_breaker.CircuitBreaker(options)
  options = check.options(options, OPTIONS, 1, "CircuitBreaker")
  local failures = options.failures or DEFAULT_FAILURES
  local reset_after = options.reset_after or DEFAULT_RESET_AFTER
  if failures < 1 then
    error(errors.ValueError(("failures must be at least 1, got %d"):format(failures)))
  end
  if reset_after < 0 then
    error(errors.ValueError(("reset_after must not be negative, got %s"):format(reset_after)))
  end
  return setmetatable({
    failures = failures,
    reset_after = reset_after,
    on_change = options.on_change,
    stored = "closed",
    epoch = 0,
    failed = 0,
  }, CircuitBreaker)
end

return circuit_breaker
