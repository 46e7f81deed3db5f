--- The control socket of a service, as its clients see it: requests and answers.
local cjson = require "cjson"
local control_server = require "saros.control_server"
local lfs = require "lfs"
local network = require "spec.support.network"
local process = require "spec.support.process"
local saros = require "saros"
local scripts = require "spec.support.scripts"
local service_log = require "saros.service_log"
local services = require "spec.support.services"
local streams = require "saros.streams"

local JOBS = [[
  scheduler:schedule_recurring("beat", function() end, 0.05)
  scheduler:schedule_once("fails", function() error("no \1\255answer", 0) end, 0)
  scheduler:schedule_cron("report", note, "0 9 * * *", {args = {"reported"}})
]]

-- Sends bytes and reads the answers until the service closes the connection, or for some time.
local function exchange(service, bytes, keep_open)
  return saros.run(function()
    return saros.wait_for(function()
      local reader, writer = saros.open_unix_connection(service.control, {limit = 1024 * 1024})
      local _ <close> = writer
      writer:write(bytes)
      if not keep_open then writer:write_eof() end
      return reader:read()
    end, services.LIMIT)
  end)
end

-- The answers to requests, each a table or a text.
local function ask(service, ...)
  local lines = {}
  for i, request in ipairs {...} do
    lines[i] = (type(request) == "string" and request or cjson.encode(request)) .. "\n"
  end
  local answers = {}
  for line in exchange(service, table.concat(lines)):gmatch("[^\n]+") do answers[#answers + 1] = cjson.decode(line) end
  assert.equal(#lines, #answers)
  return table.unpack(answers)
end

-- Why a request is refused.
local function refusal(service, request)
  local answer = ask(service, request)
  assert.is_false(answer.ok)
  return answer.error
end

-- ---- specs ----

describe("the control socket", function()
  local service

  lazy_setup(function() service = services.start(JOBS):ready() end)
  lazy_teardown(function() getmetatable(service).__close(service) end)

  it("is the user's alone", function()
    local permissions = lfs.attributes(service.control, "permissions")
    assert.equal("rw-------", permissions)
  end)

  it("tells how the jobs are", function()
    services.await(function() return ask(service, {command = "status"}).result.jobs.fails.failures == 1 end)
    local result = ask(service, {command = "status"}).result
    assert.is_true(math.abs(result.time - os.time()) < 60)
    assert.is_false(result.stopping)
    local beat, fails, report = result.jobs.beat, result.jobs.fails, result.jobs.report
    assert.equal(0.05, beat.interval)
    assert.is_true(beat.runs >= 1)
    assert.is_nil(beat.next_run)
    assert.is_true(math.abs(beat.next_run_at - result.time) < 60)
    assert.equal("finished", fails.state)
    assert.equal("no \1\u{FFFD}answer", fails.last_error)
    assert.equal("waiting", report.state)
    assert.equal("0 9 * * *", report.expression)
    assert.same({"report"}, (function(jobs)
      local names = {}
      for name in pairs(jobs) do names[#names + 1] = name end
      return names
    end)(ask(service, {command = "status", name = "report"}).result.jobs))
  end)

  it("tells of runs, an empty list if there are none", function()
    local runs = ask(service, {command = "history", name = "fails"}).result.runs
    assert.equal(1, #runs)
    assert.equal("failed", runs[1].outcome)
    services.await(function() return ask(service, {command = "status"}).result.jobs.beat.runs > 3 end)
    runs = ask(service, {command = "history", name = "beat", count = 2}).result.runs
    assert.equal(2, #runs)
    assert.is_true(runs[1].fire_time > runs[2].fire_time)
    assert.matches('"runs":%[%]', exchange(service, '{"command":"history","name":"report"}\n'))
  end)

  it("lets jobs be paused, resumed, run and cancelled", function()
    local _ <close> = setmetatable({}, {__close = function() service:reload() end})
    local function change(command) return ask(service, {command = command, name = "report"}).result.changed end
    local function state() return ask(service, {command = "status"}).result.jobs.report.state end
    assert.is_true(change("pause"))
    assert.is_false(change("pause"))
    assert.equal("paused", state())
    assert.is_true(change("run"))
    service:await_note("reported")
    assert.is_true(change("resume"))
    assert.is_false(change("resume"))
    assert.equal("waiting", state())
    assert.is_true(change("cancel"))
    assert.is_false(change("cancel"))
    assert.equal("cancelled", state())
    for _, past in ipairs {"paused", "resumed", "started", "cancelled"} do
      service:expect_log(("info  the job 'report' is %s by the control socket\n"):format(past))
    end
  end)

  it("answers several requests in order, and goes on after one that fails", function()
    local first, second, third = ask(service, {command = "status"}, "nonsense", {command = "history", name = "fails"})
    assert.is_true(first.ok)
    assert.is_false(second.ok)
    assert.is_true(third.ok)
  end)

  it("says what is wrong with a request", function()
    for request, message in pairs {
      ["nonsense"] = "the request is not JSON: Expected value but found invalid token at character 1",
      ["7"] = "a request is an object",
      ["null"] = "a request is an object",
      ["{}"] = "the field 'command' must be a string",
      ["[1]"] = "the field 'command' must be a string",
      ['{"command":"reboot"}'] =
        "unknown command 'reboot' (known: cancel, history, pause, resume, run, status)",
      ['{"command":"pause"}'] = "the command 'pause' needs a name",
      ['{"command":"pause","name":7}'] = "the field 'name' must be a string, not a number",
      ['{"command":"status","name":null}'] = "the field 'name' must be a string, not a userdata",
      ['{"command":"pause","name":"beat","force":true}'] = "unknown field 'force'",
      ['{"command":"pause","name":"x"}'] = "there is no job 'x'",
      ['{"command":"cancel","name":"x"}'] = "there is no job 'x'",
      ['{"command":"status","name":"x"}'] = "there is no job 'x'",
      ['{"command":"history","name":"x"}'] = "there is no job 'x'",
      ['{"command":"history","name":"beat","count":0}'] = "the count must be a whole number from 1 on",
      ['{"command":"history","name":"beat","count":1.5}'] = "the count must be a whole number from 1 on",
      ['{"command":"history","name":"beat","count":1e300}'] = "the count must be a whole number from 1 on",
    } do
      assert.equal(message, refusal(service, request))
    end
    assert.matches("^the request is not JSON: ", refusal(service, ""))
    assert.matches("^the request is not JSON: .*nested", refusal(service, ("["):rep(1000)))
  end)

  it("takes no more than 64 KiB", function()
    local answer = exchange(service, ("x"):rep(100 * 1024), true)
    assert.same({ok = false, error = "the request has more than 65536 bytes"}, cjson.decode(answer))
    assert.is_true(ask(service, {command = "status"}).ok)
  end)

  it("does not mind clients that hang, cut off or leave", function()
    saros.run(function()
      local hanging = {}
      for i = 1, 20 do
        local _, writer = saros.open_unix_connection(service.control)
        hanging[i] = writer
        writer:write('{"command":')
      end
      for i = 1, 20 do
        local _, writer = saros.open_unix_connection(service.control)
        writer:write(('{"command":"status"}\n'):rep(i))
        writer.transport:abort()
      end
      local reader, writer = saros.open_unix_connection(service.control)
      writer:write('{"command":"status"}\n')
      assert.matches('^{"ok":true', saros.wait_for(reader.readline, services.LIMIT, reader))
      writer:close()
      for _, other in ipairs(hanging) do other:close() end
    end)
    assert.equal("", exchange(service, '{"command":"status"}'))
    assert.is_true(ask(service, {command = "status"}).ok)
    assert.is_nil(service:log():find("Unhandled", 1, true), service:log())
  end)
end)

describe("saros.control_server", function()
  it("gives up on a client that sends half a request, or reads no answer", function()
    local before = control_server.time_limit
    control_server.time_limit = 0.3
    local _ <close> = setmetatable({}, {__close = function() control_server.time_limit = before end})
    local path = os.tmpname()
    os.remove(path)
    network.quietly(function()
      local scheduler <close> = saros.Scheduler()
      local control <close> = control_server.listen(path, service_log.new("text"))
      control:serve(scheduler)
      local half, writer = saros.open_unix_connection(path)
      writer:write("{")
      local _, greedy = saros.open_unix_connection(path)
      -- Many times what the system keeps for one who does not read.
      pcall(function()
        for _ = 1, 20000 do
          greedy:write('{"command":"status"}\n')
          greedy:drain()
        end
      end)
      assert.equal("", half:read())
      network.until_true(function() return control.server.open == 0 end)
      local reader, patient = saros.open_unix_connection(path)
      patient:write('{"command":"status"}\n')
      assert.matches('^{"ok":true', reader:readline())
      patient:close()
    end)
  end)
end)

-- Lets everybody who looks whether a service is there learn it a moment later.
local function slow_probes()
  local open = streams.open_unix_connection
  function streams.open_unix_connection(...)
    local results = table.pack(pcall(open, ...))
    saros.sleep(0.05)
    if not results[1] then error(results[2], 0) end
    return table.unpack(results, 2, results.n)
  end
  return setmetatable({}, {__close = function() streams.open_unix_connection = open end})
end

describe("saros.control_server.listen", function()
  -- Two services that found a socket's file left over removed it each, the second one the first one's.
  it("lets one of several listen that begin at the same time", function()
    local path = os.tmpname()
    network.quietly(function()
      os.remove(path)
      local dead = saros.start_unix_server(function() end, path)
      assert.is_true(os.rename(path, path .. ".left"))
      dead:close()
      assert.is_true(os.rename(path .. ".left", path))
      local _ <close> = slow_probes()
      local log, listening, reasons = service_log.new("text"), nil, {}
      local function listen()
        local ok, result = pcall(control_server.listen, path, log)
        if ok then listening = result else reasons[#reasons + 1] = result.message end
      end
      for _, task in ipairs {saros.create_task(listen), saros.create_task(listen)} do task:await() end
      local _ <close> = listening
      assert.equal(1, #reasons)
      assert.matches(": another service listens there$", reasons[1])
      assert.truthy(saros.open_unix_connection(path))
    end)
    assert.is_nil(lfs.attributes(path))
    assert.is_nil(lfs.attributes(path .. ".lock"))
  end)
end)

describe("the control socket's file", function()
  it("is removed at the end, though a client hangs", function()
    local service <close> = services.start(JOBS):ready()
    saros.run(function()
      local _, writer = saros.open_unix_connection(service.control)
      writer:write("{")
      assert.equal("exit 0", service:stop())
      writer:close()
    end)
    assert.is_nil(lfs.attributes(service.control))
  end)

  it("is there until the last run has ended", function()
    local service <close> = services.start [[
      scheduler:schedule_once("long", function()
        note("begins")
        saros.sleep(600)
      end, 0)]]
    service:await_note("begins")
    service.process:signal("SIGTERM")
    service:expect_log("stopping, 1 run in progress")
    local result = ask(service, {command = "status"}).result
    assert.is_true(result.stopping)
    assert.equal("running", result.jobs.long.state)
    assert.equal("the scheduler is stopped", refusal(service, {command = "run", name = "long"}))
    service.process:signal("SIGTERM")
    assert.equal("exit 0", service.process:wait(services.LIMIT))
    assert.is_nil(lfs.attributes(service.control))
  end)

  it("takes the place of one that a dead service has left", function()
    local service <close> = services.start(JOBS):ready()
    service.process:signal("SIGKILL")
    assert.equal("signal 9", service.process:wait(services.LIMIT))
    assert.equal("socket", lfs.attributes(service.control, "mode"))
    service.process:close()
    service:launch("--store", "memory", "--control", service.control)
    service:ready()
    assert.is_true(ask(service, {command = "status"}).ok)
    assert.equal("exit 0", service:stop())
  end)

  it("is refused while another service listens there, which goes on", function()
    local service <close> = services.start(JOBS):ready()
    local outcome, _, errors = scripts.launch("scheduler", service.file, "--store", "memory",
      "--control", service.control)
    assert.equal("exit 1", outcome)
    assert.equal(("saros scheduler: cannot listen at the control socket %s: another service listens there\n")
      :format(service.control), errors)
    assert.is_true(ask(service, {command = "status"}).ok)
    assert.equal("exit 0", service:stop())
  end)

  it("is refused where none can be", function()
    local service <close> = services.prepare(JOBS)
    for path, reason in pairs {
      [service.file] = "address already in use",
      [service.folder .. "/nowhere/control"] = "no such file or directory",
      ["/tmp/" .. ("x"):rep(200)] = "name too long",
    } do
      local outcome, _, errors = scripts.launch("scheduler", service.file, "--store", "memory", "--control", path)
      assert.equal("exit 1", outcome)
      local start = ("saros scheduler: cannot listen at the control socket %s: "):format(path)
      assert.equal(start, errors:sub(1, #start))
      assert.truthy(errors:find(reason, 1, true), errors)
    end
    assert.equal("file", lfs.attributes(service.file, "mode"))
  end)

  it("needs lua-cjson, and nothing else does", function()
    local service <close> = services.prepare [[scheduler:stop()]]
    local function run(...)
      local words = {}
      for i, word in ipairs {"scheduler", service.file, "--store", "memory", ...} do words[i] = ("%q"):format(word) end
      local code = ("package.preload.cjson = function() error('not here') end "
        .. "os.exit(require('saros.launcher').main {%s}, true)"):format(table.concat(words, ", "))
      return process.run(scripts.LIMIT, os.getenv("SAROS_LUA") or "lua5.4", "-e", code)
    end
    local outcome, _, errors = run("--control", service.control)
    assert.equal("exit 1", outcome)
    assert.equal("saros scheduler: this command needs the Lua module cjson, which is not installed (Debian and Ubuntu "
      .. "have it as lua-cjson, LuaRocks as lua-cjson)\n", errors)
    assert.equal("exit 0", (run()))
    assert.equal("exit 0", (run("--log", "json")))
  end)
end)
