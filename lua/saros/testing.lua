--- Testing programs in no time: loops on a virtual clock, and specs as tasks.
--
--     local testing = saros.testing
--
--     it("gives up after an hour", testing.async(function()
--       assert.has_error(function() saros.wait_for(never, 3600) end)
--     end))
--
-- The clock of such a spec jumps to the next deadline whenever all tasks wait, so an
-- hour takes a millisecond; see `VirtualClockLoop`. asyncio has nothing like it.
-- @module saros.testing

local core = require "saros.core"
local check = require "saros.check"
local leftovers = require "saros.leftovers"
local places = require "saros.places"
local policy = require "saros.policy"
local runner = require "saros.runner"
local virtual_clock = require "saros.virtual_clock"

local errors = core.errors
local VirtualClockLoop = virtual_clock.VirtualClockLoop
local VirtualClockPolicy = virtual_clock.VirtualClockPolicy

local OPTIONS = {
  debug = "boolean",
  loop_factory = "callable",
  manual = "boolean",
  start = "any",
  timeout = "number",
}

-- Seconds of real time that a spec may take unless told otherwise.
local DEFAULT_TIMEOUT = 60

-- How many iterations what a spec has set going may take to come to its end.
local MAX_TURNS = 1000

--- What a spec of `async` raises when it leaves something behind.
-- @table LeftoverError
-- @tfield table leftovers lists of texts under `tasks` `timers` `transports` `servers`
-- `descriptors` `errors`
local LeftoverError = errors.Error:extend("LeftoverError")

-- ---- where a failure is ----

-- Raise an error as if from a line of the spec. Test frameworks take the place of an
-- error object from the stack that raises it, but that of the task is gone.
local function raise_at(place, line, failure)
  local code = ("\n"):rep(line - 1) .. "local failure = ... error(failure, 0)"
  local raise = place and load(code, place.source, "t", {error = error})
  if raise then raise(failure) end
  error(failure, 0)
end

-- The line of the spec in a traceback.
local function find_line(place, traceback)
  if not (place and traceback) then return nil end
  local from, to = traceback:find(place.short_src .. ":", 1, true)
  return from and math.tointeger(tonumber(traceback:match("^%d+", to + 1)))
end

-- ---- one spec ----

-- One call of a spec: its function and where that begins, its loop, the contexts that the
-- exception handler was called with, the traceback of its own error.
local Trial = {}
Trial.__index = Trial

local function make_loop(options)
  local make = options.loop_factory or VirtualClockLoop
  local loop = make {manual = options.manual, start = options.start}
  if not pcall(core.has_manual_clock, loop) then
    local message = "option 'loop_factory' of 'async' made %s instead of a VirtualClockLoop"
    error(errors.ValueError(message:format(check.type_name(loop))))
  end
  if options.debug ~= nil then loop:set_debug(options.debug) end
  return loop
end

-- Where a function of Lua begins; nil for other callables.
local function find_place(fn)
  local place = type(fn) == "function" and debug.getinfo(fn, "S")
  return place and place.what ~= "C" and place or nil
end

local function start(fn, options)
  local self = setmetatable({
    fn = fn,
    place = find_place(fn),
    timeout = options.timeout or DEFAULT_TIMEOUT,
    contexts = {},
  }, Trial)
  self.loop = make_loop(options)
  self.outer_policy = policy.get_event_loop_policy()
  policy.set_event_loop_policy(VirtualClockPolicy {manual = options.manual, start = options.start})
  policy.set_event_loop(self.loop)
  self.loop:set_exception_handler(function(loop, context)
    -- A failed future that the collector is about to finalize is reported after the end.
    if self.over then return loop:default_exception_handler(context) end
    self.contexts[#self.contexts + 1] = context
  end)
  return self
end

-- Whatever happens: the next spec must not notice this one.
function Trial:__close()
  policy.set_event_loop_policy(self.outer_policy)
  self.loop:close()
  self.over = true
end

-- Call a function that runs the loop, for a limited real time. Returns what pcall does;
-- the error is a TimeoutError when the time was up.
function Trial:run_limited(what, fn, ...)
  local loop, late = self.loop, nil
  core.set_limit(loop, self.timeout, function()
    local lines = {("%s takes longer than %g seconds of real time"):format(what, self.timeout)}
    for _, task in ipairs(core.all_tasks(loop)) do lines[#lines + 1] = "  " .. places.describe(task) end
    late = errors.TimeoutError(table.concat(lines, "\n"))
    loop:stop()
  end)
  local results = table.pack(pcall(fn, ...))
  core.clear_limit(loop)
  if not results[1] and late then return false, late end
  return table.unpack(results, 1, results.n)
end

function Trial:run_body(...)
  local loop = self.loop
  local body = loop:create_task(self.fn, ...):set_name("spec")
  local results = table.pack(self:run_limited("the spec", loop.run_until_complete, loop, body))
  if not results[1] then self.traceback = body:done() and body:traceback() or nil end
  return results
end

-- Lets what can end without time passing do so: callbacks, tasks that are cancelled,
-- transports that are closing.
function Trial:settle()
  local loop, settled = self.loop, false
  core.end_advance(loop)
  core.begin_advance(loop, 0, function() settled = true end)
  for _ = 1, MAX_TURNS do
    loop:run_once()
    if settled then return end
  end
  core.end_advance(loop)
end

-- Cancels the tasks that are left. How long they take to clean up is not the spec's
-- concern, so time moves by itself.
function Trial:end_tasks()
  core.set_manual_clock(self.loop, false)
  local ok, failure = self:run_limited("cleaning up after the spec", runner.shut_down, self.loop)
  if not ok then self.contexts[#self.contexts + 1] = {message = "cannot end the tasks", exception = failure} end
end

-- Ends all that is left, and returns it in lists.
function Trial:clean_up()
  local loop = self.loop
  self:settle()
  local found = {tasks = leftovers.tasks(loop)}
  self:end_tasks()
  self:settle()
  -- What belonged to those tasks is gone; what is here belongs to nobody.
  for _, kind in ipairs {"timers", "transports", "servers", "descriptors"} do
    found[kind] = leftovers[kind](loop)
  end
  loop:close() -- reports errors that nobody retrieved
  found.errors = leftovers.errors(self.contexts)
  return found
end

function Trial:raise_body_failure(failure)
  -- It wins, but what it hides may be its cause.
  for _, context in ipairs(self.contexts) do self.loop:default_exception_handler(context) end
  local line = find_line(self.place, self.traceback)
  raise_at(self.place, line or self.place and self.place.linedefined or 0, failure)
end

function Trial:raise_leftovers(found)
  local text = leftovers.format(found)
  if not text then return end
  raise_at(self.place, self.place and self.place.linedefined or 0,
    LeftoverError {message = "the spec left something behind\n" .. text, leftovers = found})
end

local function run_trial(fn, options, ...)
  if core.running_loop_or_nil() then
    error(errors.RuntimeError("a spec of testing.async() cannot run inside a running event loop"))
  end
  local trial <close> = start(fn, options)
  local results = trial:run_body(...)
  local found = trial:clean_up()
  if not results[1] then trial:raise_body_failure(results[2]) end
  trial:raise_leftovers(found)
  return table.unpack(results, 2, results.n)
end

-- ---- the module ----

local testing = {
  VirtualClockLoop = VirtualClockLoop,
  VirtualClockPolicy = VirtualClockPolicy,
  LeftoverError = LeftoverError,
}

local function check_timeout(timeout)
  if timeout and timeout <= 0 then
    error(errors.ValueError("option 'timeout' of 'async' must be more than 0"))
  end
end

--- Make a spec of a function that is to run as a task. The result is a plain function
-- for busted's `it`, or any other framework: each call runs `fn` in a task on a fresh
-- loop with a virtual clock, which is the current loop, of a VirtualClockPolicy, until
-- the spec has ended.
--
-- It fails, with a `LeftoverError` that lists them, on what is left when `fn` has
-- returned and what that could end in no time has ended: tasks, timers, transports,
-- servers, watched descriptors; and on errors that nobody retrieved or that reached the
-- exception handler, unless `fn` has set one of its own. In debug mode it tells where
-- tasks were created. Whatever is left is ended: tasks are cancelled, the loop is closed.
-- @tparam function fn any callable
-- @tparam ?table options how to run it
-- @tparam[opt=false] boolean options.manual as of `VirtualClockLoop`
-- @tparam[opt=946684800] number options.start as of `VirtualClockLoop`
-- @tparam ?boolean options.debug the loop's debug mode
-- @tparam[opt=60] number options.timeout how many seconds of real time the spec may take,
-- whatever its clock says; code that never waits is not interrupted
-- @tparam ?function options.loop_factory what makes the loop, such as a subclass of
-- `VirtualClockLoop`; called with a table of `manual` and `start`
-- @treturn function its arguments are those of `fn`, and so are its results. It raises the
-- error of `fn`, the same value; else `LeftoverError`, `TimeoutError`, or `RuntimeError`
-- when the spec would wait for ever, or a loop is running
-- @raise `bad argument`; `ValueError` for an unknown option, and a timeout that is not
-- more than 0
function testing.async(fn, options)
  check.callable(fn, 1, "async")
  options = check.options(options, OPTIONS, 2, "async")
  check_timeout(options.timeout)
  return function(...)
    return run_trial(fn, options, ...)
  end
end

--- As `saros.run`, on a loop with a virtual clock.
-- @tparam function main any callable
-- @param ... its arguments
-- @treturn any ... all its results
-- @raise as `saros.run`; `RuntimeError` when the program would wait for ever
function testing.run(main, ...)
  check.callable(main, 1, "run")
  local scope <close> = runner.Runner {loop_factory = VirtualClockLoop}
  return scope:run(main, ...)
end

return testing
