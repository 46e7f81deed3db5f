--- What the methods of a scheduler are given, checked.
-- @module saros.scheduler_options
-- @local

local core = require "saros.core"
local check = require "saros.check"
local safe_text = require "saros.safe_text"

local ValueError = core.errors.ValueError

local scheduler_options = {}

local SCHEDULER = {
  history = "integer",
  jitter = "number",
  lease = "number",
  node = "string",
  shutdown_timeout = "number",
  store = "any",
  timezone = "string",
}

local JOB = {
  args = "table",
  coalesce = "string",
  grace = "number",
  jitter = "number",
  overlap = "string",
  recover = "any",
  replace = "boolean",
  retries = "integer",
  retry_delay = "number",
  retry_max_delay = "number",
  timeout = "number",
}

local CRON_JOB = {timezone = "string"}
for name, kind in pairs(JOB) do CRON_JOB[name] = kind end

local CHOICES = {
  coalesce = {"all", "latest"},
  overlap = {"allow", "queue", "replace", "skip"},
}

local DEFAULTS = {
  coalesce = "latest",
  overlap = "skip",
  retries = 0,
  retry_delay = 1,
  retry_max_delay = 60,
}

local function fail(message, ...)
  error(ValueError(message:format(...)))
end

local function check_choice(options, name)
  local value = options[name]
  for _, choice in ipairs(CHOICES[name]) do
    if value == choice then return end
  end
  fail("%s must be one of %s, got '%s'", name, table.concat(CHOICES[name], ", "), value)
end

local function check_positive(value, what)
  if value > 0 and value < math.huge then return value end
  fail("%s must be a positive number of seconds, got %s", what, value)
end

local function check_not_negative(value, what)
  if value >= 0 and value < math.huge then return value end
  fail("%s must be a number of seconds that is not negative, got %s", what, value)
end

--- The options of a scheduler.
-- @tparam ?table options
-- @treturn table with all defaults
-- @raise `bad argument`; `ValueError`
function scheduler_options.scheduler(options)
  options = check.options(options, SCHEDULER, 1, "Scheduler")
  local checked = {
    history = options.history,
    jitter = check_not_negative(options.jitter or 0, "jitter"),
    lease = check_positive(options.lease or 30, "lease"),
    node = options.node or "local",
    shutdown_timeout = options.shutdown_timeout or 10,
    store = options.store == nil and "memory" or options.store,
    timezone = options.timezone,
  }
  if checked.shutdown_timeout < 0 then
    fail("shutdown_timeout must not be negative, got %s", checked.shutdown_timeout)
  end
  if checked.history and checked.history < 0 then fail("history must not be negative, got %d", checked.history) end
  return checked
end

local function check_args(args)
  local n = args.n
  if n == nil or math.type(n) == "integer" and n >= 0 then return end
  fail("the n of args must be an integer that is not negative, got %s", safe_text(n))
end

-- How many times a run may be run again, nil for none.
local function count_recoveries(recover)
  if not recover then return nil end
  if recover == true then return math.huge end
  local count = math.type(recover) == "float" and math.tointeger(recover) or recover
  if math.type(count) == "integer" and count > 0 then return count end
  fail("recover must be true, false, or a positive number of times, got %s", safe_text(recover))
end

local function with_defaults(options, jitter)
  local all = setmetatable({jitter = jitter}, {__index = DEFAULTS})
  for name, value in pairs(options) do all[name] = value end
  return all
end

--- The options of a job.
-- @tparam ?table options
-- @tparam integer n which argument they are
-- @tparam string method of which method
-- @tparam number jitter where they have none
-- @treturn table with all defaults
-- @raise `bad argument`; `ValueError`
function scheduler_options.job(options, n, method, jitter)
  local known = method == "schedule_cron" and CRON_JOB or JOB
  options = with_defaults(check.options(options, known, n, method), jitter)
  check_choice(options, "coalesce")
  check_choice(options, "overlap")
  if options.args then check_args(options.args) end
  if options.timeout then check_positive(options.timeout, "timeout") end
  if options.grace then check_positive(options.grace, "grace") end
  check_not_negative(options.jitter, "jitter")
  check_not_negative(options.retry_delay, "retry_delay")
  check_not_negative(options.retry_max_delay, "retry_max_delay")
  options.recover = count_recoveries(options.recover)
  if options.retries < 0 then fail("retries must not be negative, got %d", options.retries) end
  return options
end

--- The time between two runs.
-- @tparam any value the argument
-- @tparam integer n which argument it is
-- @tparam string method of which method
-- @treturn number
-- @raise `bad argument`; `ValueError`
function scheduler_options.interval(value, n, method)
  return check_positive(check.number(value, n, method), "the interval")
end

--- The time until the first run.
-- @tparam any value the argument
-- @tparam integer n which argument it is
-- @tparam string method of which method
-- @treturn number
-- @raise `bad argument`; `ValueError`
function scheduler_options.delay(value, n, method)
  return check_not_negative(check.number(value, n, method), "the delay")
end

--- A point in time.
-- @tparam any value the argument
-- @tparam integer n which argument it is
-- @tparam string method of which method
-- @treturn number seconds since the epoch
-- @raise `bad argument`; `ValueError`
function scheduler_options.time(value, n, method)
  local time = check.number(value, n, method)
  if time > -math.huge and time < math.huge then return time end
  fail("the time must be a finite number of seconds since the epoch, got %s", time)
end

return scheduler_options
