--- `saros scheduler status` and its kin, as their users see them.
local cjson = require "cjson"
local process = require "spec.support.process"
local scripts = require "spec.support.scripts"
local services = require "spec.support.services"
local terminals = require "spec.support.terminal"

local launch = scripts.launch
local LUA = os.getenv("SAROS_LUA") or "lua5.4"

local JOBS = [[
  scheduler:schedule_recurring("beat", function() end, 3600)
  scheduler:schedule_once("fails", function() error("no answer", 0) end, 0)
  scheduler:schedule_cron("report", note, "0 9 * * *", {args = {"reported"}})
  scheduler:schedule_recurring("slow", function() saros.sleep(600) end, 3600)
]]

local function start()
  local service = services.start(JOBS):ready()
  services.await(function()
    local text = service:output_of("status")
    return text:find("\nbeat[^\n]* 1 [^\n]* waiting ") and text:find("\nfails[^\n]* finished ")
  end)
  return service
end

-- Runs a command that is to fail; its errors.
local function errors_of(service, status, ...)
  local outcome, output, errors = service:run(...)
  assert.equal("", output)
  assert.equal("exit " .. status, outcome)
  return errors
end

describe("saros scheduler status", function()
  local service
  lazy_setup(function() service = start() end)
  lazy_teardown(function() getmetatable(service).__close(service) end)

  it("shows the jobs as a table", function()
    local lines = {}
    for line in service:output_of("status"):gmatch("[^\n]+") do lines[#lines + 1] = line end
    assert.equal("NAME    NEXT RUN             LAST RUN             RUNS  FAILURES  STATE     LAST ERROR", lines[1])
    local time = "%d%d%d%d%-%d%d%-%d%d %d%d:%d%d:%d%d"
    assert.matches("^beat    " .. time .. "  " .. time .. "     1         0  waiting   %-$", lines[2])
    assert.matches("^fails   %-                    " .. time .. "     1         1  finished  no answer$", lines[3])
    assert.matches("^report  %d+%-%d%d%-%d%d 09:00:00  %-                       0         0  waiting   %-$",
      lines[4]:gsub(" %d%d:", " 09:", 1))
    assert.matches("^slow    " .. time .. "  " .. time .. "     1         0  running   %-$", lines[5])
    assert.equal(5, #lines)
  end)

  it("shows one job", function()
    local text = service:output_of("status", "report")
    assert.matches("^NAME [^\n]+\nreport [^\n]+\n$", text)
  end)

  it("prints JSON", function()
    local text = service:output_of("status", "--json")
    assert.equal(1, select(2, text:gsub("\n", "")))
    local result = cjson.decode(text)
    assert.equal("running", result.jobs.slow.state)
    assert.equal(1, result.jobs.fails.failures)
    assert.equal("no answer", result.jobs.fails.last_error)
  end)

  it("takes its options before the command, too", function()
    local outcome, output = launch("scheduler", "--control", service.control, "status", "beat")
    assert.equal("exit 0", outcome)
    assert.matches("\nbeat ", output)
  end)

  it("does not take a value of an option before it for the command", function()
    local outcome, _, errors = launch("scheduler", "--control", "run", "status", "beat")
    assert.equal("saros scheduler status: no service can be reached at run: there is no such socket\n", errors)
    assert.equal("exit 1", outcome)
  end)

  it("prints again and again until Ctrl-C", function()
    for _, extra in ipairs {false, "--json"} do
      local watching <close> = process.saros("scheduler", "status", "--watch", "--control", service.control,
        extra or nil)
      local output = watching:expect(extra and '^{.-}\n{.-}\n$' or "^NAME.-\n\nNAME.-\n\n$")
      assert.is_nil(output:find("\27", 1, true))
      watching:signal("SIGINT")
      assert.equal("exit 0", watching:wait(services.LIMIT))
      assert.equal("", watching:errors())
    end
  end)

  it("stops when nobody reads", function()
    local outcome, output, errors = process.run(scripts.LIMIT, "sh", "-c",
      ('"%s" scripts/saros scheduler status --watch --control "%s" | head -n 1'):format(LUA, service.control))
    assert.equal("exit 0", outcome)
    assert.matches("^NAME [^\n]+\n$", output)
    assert.equal("", errors)
  end)

  it("does not wait for ever for a service that hangs", function()
    -- Stopped, it listens still, and does not answer: the command can be interrupted.
    service.process:signal("SIGSTOP")
    local _ <close> = setmetatable({}, {__close = function() service.process:signal("SIGCONT") end})
    local asking <close> = process.saros("scheduler", "status", "--control", service.control)
    os.execute("sleep 0.3")
    asking:signal("SIGINT")
    assert.equal("exit 130", asking:wait(services.LIMIT))
    assert.equal("", asking:output())
  end)
end)

describe("saros scheduler history", function()
  local service
  lazy_setup(function() service = start() end)
  lazy_teardown(function() getmetatable(service).__close(service) end)

  it("shows the last runs of a job", function()
    service:output_of("run", "fails")
    services.await(function() return service:output_of("status", "fails"):find("2         2", 1, true) end)
    local time = "%d+%-%d%d%-%d%d %d%d:%d%d:%d%d"
    local row = time .. "  " .. time .. "    0%.%d%d%d         1  failed   [^\n]+  no answer\n"
    local head = "^DUE +STARTED +SECONDS  ATTEMPTS  OUTCOME  NODE +ERROR\n"
    assert.matches(head .. row .. row .. "$", service:output_of("history", "fails"))
    assert.matches(head .. row .. "$", service:output_of("history", "fails", "--count", "1"))
    assert.matches(head .. "$", service:output_of("history", "report"))
  end)

  it("prints JSON", function()
    assert.equal('{"runs":[]}\n', service:output_of("history", "report", "--json"))
    assert.equal("running", cjson.decode(service:output_of("history", "slow", "--json")).runs[1].outcome)
  end)
end)

describe("saros scheduler pause, resume, run and cancel", function()
  local service
  lazy_setup(function() service = start() end)
  lazy_teardown(function() getmetatable(service).__close(service) end)

  it("say what they have done", function()
    assert.equal("'report' is paused\n", service:output_of("pause", "report"))
    assert.equal("'report' was paused already\n", service:output_of("pause", "report"))
    assert.equal("'report' is started\n", service:output_of("run", "report"))
    service:await_note("reported")
    assert.equal("'report' is resumed\n", service:output_of("resume", "report"))
    assert.equal("'report' was not paused\n", service:output_of("resume", "report"))
    assert.equal('{"changed":true,"name":"report"}\n', service:output_of("cancel", "report", "--json"))
  end)

  it("fail where nothing was done that had to be", function()
    assert.equal("saros scheduler run: 'slow' is left out, because it is running\n",
      errors_of(service, 1, "run", "slow"))
    service:output_of("cancel", "beat")
    assert.equal("saros scheduler cancel: 'beat' is over already\n", errors_of(service, 1, "cancel", "beat"))
    local outcome, output = service:run("cancel", "beat", "--json")
    assert.equal("exit 1", outcome)
    assert.equal('{"changed":false,"name":"beat"}\n', output)
    assert.equal("saros scheduler pause: the job 'beat' is cancelled\n", errors_of(service, 1, "pause", "beat"))
  end)

  it("say that there is no such job", function()
    for _, command in ipairs {"pause", "resume", "run", "cancel", "history", "status"} do
      assert.equal(("saros scheduler %s: there is no job 'x'\n"):format(command), errors_of(service, 1, command, "x"))
    end
  end)

  it("say what is wrong with their arguments, and how they are", function()
    for _, command in ipairs {"pause", "resume", "run", "cancel", "history"} do
      local errors = errors_of(service, 2, command)
      local pattern = "^saros scheduler %s: missing argument 'name'\nUsage: saros scheduler %s "
      assert.matches(pattern:format(command, command), errors)
    end
    for message, words in pairs {
      ["too many arguments"] = {"status", "a", "b"},
      ["unknown option '--watch'"] = {"history", "a", "--watch"},
      ["'--count' needs a whole number from 1 on, got '0'"] = {"history", "a", "--count", "0"},
    } do
      local errors = errors_of(service, 2, table.unpack(words))
      assert.equal(("saros scheduler %s: %s\n"):format(words[1], message), errors:match("^[^\n]*\n"))
    end
    local outcome, _, errors = launch("scheduler", "status")
    assert.equal("exit 2", outcome)
    assert.matches("^saros scheduler status: missing option '%-%-control'\nUsage: ", errors)
  end)

  it("say that there is no service", function()
    local function failure(path)
      local outcome, output, errors = launch("scheduler", "status", "--control", path)
      assert.equal("exit 1", outcome)
      assert.equal("", output)
      return errors
    end
    local begin = "saros scheduler status: no service can be reached at %s: "
    assert.equal(begin:format("/nowhere/control") .. "there is no such socket\n", failure("/nowhere/control"))
    assert.equal(begin:format(service.file) .. "what is there was left by one that is gone, or is no socket\n",
      failure(service.file))
    local long = "/" .. ("x"):rep(200)
    assert.matches("name too long\n$", failure(long))
  end)

  it("say that the service gives no answer", function()
    local path = os.tmpname()
    os.remove(path)
    local code = ([[
      local server <close> = saros.start_unix_server(function(reader, writer)
        reader:read()
        writer:write(%q)
      end, %q)
      print("ready")
      io.stdout:flush()
      server:serve_forever()]])
    for _, answer in ipairs {"", "nonsense\n", "7\n", '{"ok":true}\n', '{"ok":true,"result":7}\n', '{"ok":false}\n'} do
      local server <close> = process.saros("-e", code:format(answer, path))
      server:expect("ready")
      local outcome, _, errors = launch("scheduler", "status", "--control", path)
      assert.equal("exit 1", outcome)
      assert.equal(("saros scheduler status: the service at %s gives no answer\n"):format(path), errors)
    end
    os.remove(path)
  end)
end)

describe("saros scheduler status --watch on a terminal", function()
  it("repaints the table, from the top, until Ctrl-C", function()
    local service <close> = start()
    local terminal <close> = terminals.saros({}, "scheduler", "status", "--watch", "--control", service.control)
    terminal:expect("\27%[2J")
    for _ = 1, 2 do terminal:expect("\27%[HNAME [^\n]*LAST ERROR\27%[K\n.-\27%[K\n\27%[J") end
    terminal:type("\3")
    assert.equal("exit 0", (terminal:wait()))
  end)
end)
