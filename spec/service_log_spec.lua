--- What a service logs, for people and for machines.
local cjson = require "cjson"
local service_log = require "saros.service_log"
local services = require "spec.support.services"

-- The entries of a log for machines, all of whose lines are objects.
local function entries_of(service)
  local entries = {}
  for line in service:log():gmatch("([^\n]*)\n") do entries[#entries + 1] = cjson.decode(line) end
  return entries
end

-- Waits for an entry with these fields.
local function await_entry(service, fields)
  return services.await(function()
    for _, entry in ipairs(entries_of(service)) do
      local fits = true
      for name, value in pairs(fields) do fits = fits and entry[name] == value end
      if fits then return entry end
    end
  end, "entry " .. cjson.encode(fields))
end

-- What the function writes on standard error: a list for each call.
local function written(fn)
  local calls, before = {}, io.stderr
  local _ <close> = setmetatable({}, {__close = function() rawset(io, "stderr", before) end})
  rawset(io, "stderr", {write = function(_, ...) calls[#calls + 1] = {...} end})
  fn()
  return calls
end

describe("saros.service_log", function()
  -- Standard error has no buffer: each text is a system call, and lines of two services used to run together.
  it("writes a line in one piece", function()
    for format, line in pairs {
      text = " info  it works\n$",
      json = '^{"level":"info","message":"it works","time":".-"}\n$',
    } do
      local calls = written(function() service_log.new(format):say("info", "it works") end)
      assert.equal(1, #calls)
      assert.equal(1, #calls[1])
      assert.matches(line, calls[1][1])
    end
  end)
end)

describe("saros scheduler --log json", function()
  it("logs objects: that it is ready, reloads, refuses, stops", function()
    local service <close> = services.start([[scheduler:schedule_cron("report", note, "@daily")]], "--log", "json",
      "--node", "tango")
    local ready = await_entry(service, {event = "ready"})
    assert.matches("^%d%d%d%d%-%d%d%-%d%dT%d%d:%d%d:%d%d%.%d%d%dZ$", ready.time)
    assert.equal("info", ready.level)
    assert.equal("memory", ready.store)
    assert.equal("tango", ready.node)
    assert.equal(service.file, ready.file)
    assert.equal(service.control, ready.control)
    assert.matches("^serving 1 job of ", ready.message)
    service.process:signal("SIGHUP")
    assert.equal(1, await_entry(service, {event = "reloaded", level = "info"}).unchanged)
    service:write("error('boom')")
    service.process:signal("SIGHUP")
    assert.matches("jobs.lua:%d+: boom$", await_entry(service, {event = "refused", level = "error"}).error)
    service:output_of("pause", "report")
    await_entry(service, {event = "control", command = "pause", job = "report"})
    assert.equal("exit 0", service:stop())
    await_entry(service, {event = "stopping", running = 0})
    await_entry(service, {event = "stopped"})
  end)

  it("logs what happens to jobs, with their names and times", function()
    local service <close> = services.start([[
      scheduler:schedule_once("fails", function() error("no \255 answer") end, 0)
      scheduler:schedule_once("fails oddly", function() error({}) end, 0)
      scheduler:schedule_once("retries", function(run)
        if run.attempt == 1 then error("not yet", 0) end
      end, 0, {retries = 1, retry_delay = 0})
      scheduler:schedule_recurring("slow", function() saros.sleep(600) end, 0.05)
      scheduler:schedule_at("late", note, os.time() - 100, {grace = 5})
      scheduler:schedule_once("task", function() saros.create_task(error, "nobody awaits this") end, 0)
    ]], "--log", "json")
    local failed = await_entry(service, {event = "failed", job = "fails", level = "error"})
    assert.equal("the job 'fails' failed", failed.message)
    assert.matches("jobs.lua:%d+: no \u{FFFD} answer$", failed.error)
    assert.matches("^stack traceback:\n", failed.traceback)
    assert.equal(1, failed.attempt)
    assert.is_true(math.abs(failed.fire_time - os.time()) < 60)
    assert.matches("^table: ", await_entry(service, {job = "fails oddly"}).error)
    assert.equal(1, await_entry(service, {event = "missed", job = "late", level = "warn"}).count)
    local skipped = await_entry(service, {event = "skipped", job = "slow", level = "warn"})
    assert.matches("^the job 'slow' has skipped a run, due %d+%-%d+%-%d+ %d+:%d+:%d+, because of another one$",
      skipped.message)
    services.await(function() return service:log():find("nobody awaits this", 1, true) end)
    local retry = await_entry(service, {event = "retry", job = "retries", level = "warn", attempt = 1})
    assert.matches("^the job 'retries' failed at attempt 1 of 2", retry.message)
    assert.equal("not yet", retry.error)
    service:output_of("cancel", "slow")
    await_entry(service, {event = "cancelled", job = "slow"})
    assert.equal("exit 0", service:stop())
    entries_of(service)
  end)

  it("says in an object why it does not start", function()
    local service <close> = services.prepare("error('boom')")
    service:launch("--store", "memory", "--log", "json")
    assert.equal("exit 1", service.process:wait(services.LIMIT))
    local entries = entries_of(service)
    assert.equal(1, #entries)
    assert.equal("fatal", entries[1].level)
    assert.matches("jobs.lua:%d+: boom$", entries[1].message)
  end)
end)

describe("saros scheduler --log text", function()
  it("logs lines with time and level, an error with its traceback", function()
    local service <close> = services.start([[
      scheduler:schedule_once("fails", function() error("no answer") end, 0)
      scheduler:schedule_at("late", note, os.time() - 100, {grace = 5})
      scheduler:schedule_at("long ago", note, -1e300, {grace = 5})
    ]], "--log", "text")
    local time = "\n%d+%-%d+%-%d+ %d+:%d+:%d+ "
    service:expect_log(time .. "error the job 'fails' failed\n.-: no answer\nstack traceback:\n")
    service:expect_log(time .. "warn  the job 'late' has missed a run, due %d+%-%d+%-%d+ %d+:%d+:%d+\n")
    service:expect_log(time .. "warn  the job 'long ago' has missed a run, due %-1e%+300\n")
    assert.equal("exit 0", service:stop())
  end)
end)
