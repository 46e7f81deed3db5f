--- The service `saros scheduler FILE`: a scheduler, kept to a jobs file until a signal.
-- @module saros.scheduler_service
-- @local

local core = require "saros.core"
local control_server = require "saros.control_server"
local failure_text = require "saros.failure_text"
local logger = require "saros.logger"
local Reloader = require "saros.jobs_reloader"
local runner = require "saros.runner"
local Scheduler = require "saros.scheduler".Scheduler
local shutdown = require "saros.scheduler_shutdown"
local store_url = require "saros.store_url"
local systemd = require "saros.systemd"

local wake = core.wait_queue.wake
local RuntimeError = core.errors.RuntimeError

local OK, FAILED, INTERRUPTED = 0, 1, 130

-- How many seconds what was cancelled and has not ended by then may keep the process after the service.
local REST_TIME = 5

local scheduler_service = {}

-- Waits for the first load, or for the signal that makes it needless. Returns whether it was done.
local function load_first(reloader, scheduler)
  local loading = reloader:start(scheduler)
  loading:add_done_callback(function() wake(scheduler.changes, math.huge) end)
  shutdown.wait_until(scheduler, function() return loading:done() or scheduler.stopping end)
  if scheduler.stopping then return false end
  local problem = loading:await()
  if problem then error(RuntimeError(problem)) end
  return true
end

local function is_stopping(scheduler)
  return scheduler.stopping
end

local function tell_ready(settings, log, notifier, reloader)
  log:say("info", ("serving %s, store %s, node %s%s"):format(reloader:describe(), store_url.shown(settings.store),
    settings.node, settings.control and ", control socket " .. settings.control or ""), {
      event = "ready", file = settings.file, store = store_url.shown(settings.store), node = settings.node,
      control = settings.control,
    })
  notifier:ready("serving " .. reloader:describe())
end

local function tell_stopping(log, notifier, scheduler)
  local running, text = scheduler.running, "stopping"
  if running > 0 then text = ("%s, %d run%s in progress"):format(text, running, running == 1 and "" or "s") end
  log:say("info", text, {event = "stopping", running = running})
  notifier:stopping(text)
end

-- A file that is not there, or is no Lua, is not to leave a database beside it.
local function check_file(path)
  local chunk, message = loadfile(path)
  if not chunk then error(RuntimeError(message)) end
end

-- The loop waits for all tasks and threads, also for those that do not let themselves be cancelled.
local function end_process(log)
  log:say("error", "the process ends, though something that was cancelled has not ended")
  os.exit(OK)
end

-- What was made last is closed first: those who ask by the control socket see the end of the runs.
local function serve(settings, log)
  local loop = core.get_running_loop()
  local notifier <close> = systemd.new(loop)
  check_file(settings.file)
  local reloader <close> = Reloader.new(loop, settings.file, log, notifier)
  local control <close> = settings.control and control_server.listen(settings.control, log)
  local scheduler <close> = Scheduler {store = settings.store, node = settings.node, lease = settings.lease}
  local _ <close> = shutdown.watch_signals(scheduler)
  log:listen(scheduler)
  notifier:start_watchdog()
  if load_first(reloader, scheduler) then
    tell_ready(settings, log, notifier, reloader)
    if control then control:serve(scheduler) end
    shutdown.wait_until(scheduler, is_stopping)
  end
  tell_stopping(log, notifier, scheduler)
  reloader:stop()
  scheduler:close()
  log:say("info", "stopped", {event = "stopped"})
  loop:call_later(REST_TIME, end_process, log)
end

--- Serve until a signal.
-- @tparam table settings `file`, `store`, `node`, and, where they were given, `control` and `lease`
-- @tparam table log a `saros.service_log`
-- @treturn integer the exit status
-- @treturn ?string what went wrong
function scheduler_service.run(settings, log)
  -- What jobs print is to be in a file or in systemd's journal when they print it.
  io.stdout:setvbuf("line")
  logger.set_logger(log)
  local ok, failure = pcall(runner.run, serve, settings, log)
  logger.set_logger(nil)
  if ok then return OK end
  -- Ctrl-C before it has begun.
  if core.is_error(failure, core.errors.KeyboardInterrupt) then return INTERRUPTED end
  return FAILED, failure_text(failure)
end

return scheduler_service
