--- Waiting for some of several futures.
-- @module saros.wait

local core = require "saros.core"
local check = require "saros.check"
local futures = require "saros.futures"
local release = require "saros.waiter".release

local ValueError = core.errors.ValueError

local FIRST_COMPLETED, FIRST_EXCEPTION, ALL_COMPLETED =
  "FIRST_COMPLETED", "FIRST_EXCEPTION", "ALL_COMPLETED"

local MODES = {FIRST_COMPLETED = true, FIRST_EXCEPTION = true, ALL_COMPLETED = true}

local OPTIONS = {timeout = "number", return_when = "string"}

local wait = {
  --- For `wait`: until one is done.
  FIRST_COMPLETED = FIRST_COMPLETED,
  --- For `wait`: until one has failed, or all are done.
  FIRST_EXCEPTION = FIRST_EXCEPTION,
  --- For `wait`: until all are done.
  ALL_COMPLETED = ALL_COMPLETED,
}

local function is_enough(mode, left, future)
  if left <= 0 or mode == FIRST_COMPLETED then return true end
  if mode ~= FIRST_EXCEPTION or not core.has_failed(future) then return false end
  future:exception() -- counts as retrieved
  return true
end

-- Suspends until enough of the futures are done, or the time is over.
local function wait_until_enough(list, timeout, mode)
  local loop = core.need_loop()
  local waiter = loop:create_future()
  local timer = timeout and loop:call_later(timeout, release, waiter)
  local left = #list
  local function on_done(future)
    left = left - 1
    if not is_enough(mode, left, future) then return end
    if timer then timer:cancel() end
    release(waiter)
  end
  for _, future in ipairs(list) do future:add_done_callback(on_done) end
  local ok, failure = pcall(waiter.await, waiter)
  if timer then timer:cancel() end
  for _, future in ipairs(list) do future:remove_done_callback(on_done) end
  if not ok then error(failure, 0) end
end

--- Suspend until some of several futures are done. Neither a timeout nor a cancellation cancels
-- them. Mirrors `asyncio.wait`.
-- @tparam {Future,...} list futures or tasks, at least one
-- @tparam ?table options how long to wait
-- @tparam ?number options.timeout seconds, no limit by default, and no error when they are over
-- @tparam[opt="ALL_COMPLETED"] string options.return_when `saros.ALL_COMPLETED`,
-- `saros.FIRST_COMPLETED`, or `saros.FIRST_EXCEPTION`, when one has failed or all are done
-- @treturn {Future,...} those that are done, in the order of the list
-- @treturn {Future,...} the others
-- @raise `ValueError` for an empty list, an unknown option or an unknown `return_when`;
-- `bad argument`; `CancelledError`; `RuntimeError` outside a task
function wait.wait(list, options)
  options = check.options(options, OPTIONS, 2, "wait")
  list = futures.unique(list, "wait")
  if #list == 0 then error(ValueError("the list of futures is empty")) end
  local mode = options.return_when or ALL_COMPLETED
  if not MODES[mode] then
    local message = "invalid return_when '%s' (known: ALL_COMPLETED, FIRST_COMPLETED, FIRST_EXCEPTION)"
    error(ValueError(message:format(mode)))
  end
  wait_until_enough(list, options.timeout, mode)
  local done, pending = {}, {}
  for _, future in ipairs(list) do
    local part = future:done() and done or pending
    part[#part + 1] = future
  end
  return done, pending
end

return wait
