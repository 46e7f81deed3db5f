--- A future on which one task waits for the first of several things to happen.
-- @module saros.waiter
-- @local

local waiter = {}

--- Let the waiting task go on, unless something else has done so already. The way to
-- pass a future to a timer or a done callback, neither of which can be taken back once
-- it is ready to run.
-- @tparam Future future what the task awaits
function waiter.release(future)
  if not future:done() then future:set_result() end
end

return waiter
