--- One run of a script under the `saros` command.
--
-- A script's main chunk starts as plain Lua, so one that sets a policy or calls
-- `saros.run` behaves as under `lua`. The first time it needs a running loop instead
-- (it sleeps, awaits, creates a task), it becomes the main task of one, made by the
-- policy, and goes on. When it ends, what is still scheduled on the loop runs to
-- completion.
-- @module saros.script
-- @local

local core = require "saros.core"
local policy = require "saros.policy"
local shut_down = require("saros.runner").shut_down

local KeyboardInterrupt, RuntimeError = core.errors.KeyboardInterrupt, core.errors.RuntimeError

-- One run of a script. `loop` is its loop, once it has one; `interrupt` the error that stands for the
-- first Ctrl-C.
local Run = {}
Run.__index = Run

-- Makes the loop of a script that needs one. Callbacks that it scheduled before, on the current loop,
-- are to run as well: so that is the loop, if it is there.
function Run:new_loop()
  local current = policy.default_loop()
  local loop = current and not current:is_closed() and current or policy.new_event_loop()
  core.set_interrupt_handler(loop, function() self:on_interrupt() end)
  self.loop = loop
  return loop
end

-- The first SIGINT cancels the script, as in `saros.run`; once it has ended, what it left is next.
function Run:on_interrupt()
  self.interrupt = KeyboardInterrupt("interrupted")
  local script = core.script_task()
  if not (script and not script:done() and script:cancel()) then error(self.interrupt, 0) end
end

-- Runs the chunk until it ended and, if it needed a loop, nothing is left on that.
function Run:run_script(chunk, ...)
  local called, ok, err, traceback = pcall(core.run_script, function() return self:new_loop() end, chunk, ...)
  if not called then return false, ok end -- it yielded, and no loop was there
  local script = core.script_task()
  if ok and script and not script:done() then
    return false, RuntimeError("the loop was stopped before the script ended")
  end
  return ok, err, traceback
end

-- A script in callback style scheduled something and left the running to us. One that ran its loop
-- itself has ended it as it meant to.
function Run:run_callbacks()
  local loop = policy.default_loop()
  if not loop or loop:is_closed() then return true end
  self.loop = loop
  if loop:stats().iterations > 0 then return true end
  core.set_interrupt_handler(loop, function() self:on_interrupt() end)
  return pcall(loop.run, loop)
end

-- Ends what is left on the loop: its tasks are cancelled and may clean up, as in `saros.run`, unless
-- the user's patience is over. Returns whether that went well, or the error.
function Run:shut_down(err)
  local loop = self.loop
  if not loop or loop:is_closed() then return true end
  core.set_interrupt_handler(loop, nil)
  local ok, failure = true, nil
  if err == self.interrupt or not core.is_error(err, KeyboardInterrupt) then
    ok, failure = pcall(shut_down, loop)
  end
  local closed, close_failure = pcall(loop.close, loop)
  if ok and not closed then return false, close_failure end
  return ok, failure
end

local script = {}

--- Run a chunk, then what it left on its loop.
-- @tparam function chunk the script's main chunk
-- @param ... its arguments
-- @treturn boolean whether all went well
-- @return the error; a `KeyboardInterrupt` after Ctrl-C
-- @treturn ?string its traceback, if the error carries none
function script.run(chunk, ...)
  local self = setmetatable({}, Run)
  local ok, err, traceback = self:run_script(chunk, ...)
  if ok and not self.loop then ok, err = self:run_callbacks() end
  local ended, failure = self:shut_down(err)
  if ok and not ended then ok, err = false, failure end
  if not ok and self.interrupt and core.is_error(err, core.errors.CancelledError) then
    err = self.interrupt
  end
  return ok, err, traceback
end

return script
