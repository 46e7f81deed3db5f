--- `saros scheduler FILE`, as its users see it.
local lfs = require "lfs"
local process = require "spec.support.process"
local scripts = require "spec.support.scripts"
local services = require "spec.support.services"

local launch = scripts.launch

local USAGE = "^saros scheduler: %s\nUsage: saros scheduler %%[%%-h%%] %%[%%-%%-store URL%%] "

-- Runs a jobs file that is to be refused; the line that says why, its place being FILE.
local function refusal(text, ...)
  local service <close> = services.prepare("")
  service:write_raw(text)
  local outcome, output, errors = launch("scheduler", service.file, "--store", "memory", ...)
  assert.equal("", output)
  assert.equal("exit 1", outcome)
  return (errors:gsub(service.file:gsub("%p", "%%%0"), "FILE"))
end

describe("saros scheduler", function()
  it("runs the jobs of a file until SIGTERM", function()
    local service <close> = services.start [[
      scheduler:schedule_recurring("beat", function(run) note("beat", run.name, run.node) end, 0.05)
      scheduler:schedule_once("once", note, 0, {args = {"once"}})
    ]]
    service:await_note("once")
    services.await(function() return #service:notes() >= 4 end)
    assert.equal("exit 0", service:stop())
    assert.equal("", service.process:output())
    local name = io.popen("uname -n"):read("l")
    local seen = {}
    for _, line in ipairs(service:notes()) do seen[line] = true end
    assert.is_true(seen["beat beat " .. name])
    local time = "%d+%-%d+%-%d+ %d+:%d+:%d+ "
    assert.matches("^" .. time .. "info  serving 2 jobs of [^\n]*/jobs.lua, store memory, node [^\n]+, "
      .. "control socket [^\n]*/control\n" .. time .. "info  stopping[^\n]*\n" .. time .. "info  stopped\n$",
      service:log())
  end)

  it("lets runs end at SIGINT, and cancels them at the second signal", function()
    local body = [[
      scheduler:schedule_once("long", function()
        note("begins")
        saros.sleep(%s)
        note("ends")
      end, 0)
    ]]
    local patient <close> = services.start(body:format("0.3"))
    patient:await_note("begins")
    patient.process:signal("SIGINT")
    assert.equal("exit 0", patient.process:wait(services.LIMIT))
    assert.same({"begins", "ends"}, patient:notes())
    assert.matches("info  stopping, 1 run in progress\n", patient:log())

    local hasty <close> = services.start(body:format("60"))
    hasty:await_note("begins")
    hasty.process:signal("SIGTERM")
    hasty:expect_log("stopping, 1 run in progress\n")
    hasty.process:signal("SIGTERM")
    assert.equal("exit 0", hasty.process:wait(5))
    assert.same({"begins"}, hasty:notes())
  end)

  it("shows what jobs print at once, though the output is no terminal", function()
    local service <close> = services.start [[scheduler:schedule_once("print", function() print("printed") end, 0)]]
    assert.equal("printed\n", service.process:expect("printed\n"))
    assert.equal("exit 0", service:stop())
  end)

  it("ends at SIGTERM while the file's function waits", function()
    local service <close> = services.start [[
      note("waits")
      saros.sleep(600)
    ]]
    service:await_note("waits")
    assert.equal("exit 0", service:stop())
    assert.is_nil(service:log():find("serving", 1, true))
  end)

  it("ends at a second SIGTERM, whatever does not let itself be cancelled", function()
    local stubborn = [[
      note("begins")
      while true do pcall(saros.sleep, 1) end]]
    for _, body in ipairs {stubborn, ([[scheduler:schedule_once("x", function() %s end, 0)]]):format(stubborn)} do
      local service <close> = services.start(body)
      service:await_note("begins")
      service.process:signal("SIGTERM")
      service:expect_log("info  stopping[^\n]*\n")
      service.process:signal("SIGTERM")
      assert.equal("exit 0", service.process:wait(services.LIMIT))
      service:expect_log("info  stopped\n[^\n]* error the process ends, though something that was cancelled has not "
        .. "ended\n$")
    end
  end)

  it("keeps states beside the file by default", function()
    local service <close> = services.prepare [[scheduler:schedule_once("once", note, 0, {args = {"ran"}})]]
    for _ = 1, 2 do
      service:launch()
      service:ready()
      services.await(function() return #service:notes() == 1 end)
      assert.equal("exit 0", service:stop())
      assert.matches("store sqlite:[^\n]*/jobs.db, ", service:log())
      service.process:close()
    end
    assert.truthy(lfs.attributes(service.folder .. "/jobs.db"))
    assert.equal(1, #service:notes())
  end)

  it("takes the node's name and the time of a lease", function()
    local service <close> = services.start(
      [[scheduler:schedule_once("once", function(run) note(run.node) end, 0)]], "--node", "tango", "--lease", "5")
    service:await_note("tango")
    assert.equal("exit 0", service:stop())
    assert.matches(", node tango,", service:log())
  end)

  it("shows no password of a store", function()
    local service <close> = services.prepare("")
    local outcome, _, errors = launch("scheduler", service.file, "--store", "postgresql://me:secret@127.0.0.1:1/x")
    assert.equal("exit 1", outcome)
    assert.is_nil(errors:find("secret", 1, true))
    assert.matches("^saros scheduler: the store [^\n]* cannot be opened: [^\n]*\n$", errors)
  end)

  it("says in one line what is wrong with the file", function()
    for text, message in pairs {
      ["return 1 +"] = "FILE:1: unexpected symbol near <eof>",
      ["local x = 1"] = "FILE returns no function that could be given the scheduler, but nothing",
      ["return 42"] = "FILE returns no function that could be given the scheduler, but a number",
      ["\nerror('boom')"] = "FILE:2: boom",
      ["return function() error('boom') end"] = "FILE:1: boom",
      ["return function()\nlocal x = nil + 1 end"] = "FILE:2: attempt to perform arithmetic on a nil value",
      ["return function() error({}) end"] = "FILE:1: table: 0x",
      ["return function(scheduler)\nscheduler:schedule_once('x', print, -1) end"] =
        "FILE:2: ValueError: the delay must be a number of seconds that is not negative, got -1",
      ["return function(scheduler)\nscheduler:schedule_once('x') end"] =
        "FILE:2: bad argument #2 to 'schedule_once' (function expected, got nil)",
      ["return function(s)\n\ns:schedule_cron('x', print, '0 0 30 2 *') end"] =
        "FILE:3: ValueError: the cron expression '0 0 30 2 *' never runs",
      ["return function(s) for _ = 1, 2 do s:schedule_once('x', print, 1) end end"] =
        "FILE:1: ValueError: there is a job 'x' already (replace = true takes its place)",
      ["return function(s) s:on('nothing', print) end"] = "FILE:1: ValueError: unknown event 'nothing'",
      ["return function(s) s:serve() end"] =
        "FILE:1: RuntimeError: serve() is the service's part: the function of a jobs file only schedules",
      ["return function(s) s:pause('x') end"] = "FILE:1: ValueError: there is no job 'x'",
      ["return function(s) s:schedule_once('x', print, 1)\ns:reschedule('x', {interval = -1}) end"] =
        "FILE:2: ValueError: the interval must be a positive number of seconds, got -1",
    } do
      local errors = refusal(text)
      assert.equal("saros scheduler: " .. message, errors:sub(1, #"saros scheduler: " + #message))
      assert.equal(1, select(2, errors:gsub("\n", "")), errors)
    end
  end)

  it("names a place once, though its path is so long that Lua shortens it", function()
    local service <close> = services.prepare("")
    local folder = service.folder .. "/" .. ("x"):rep(60)
    local file <close> = setmetatable({path = folder .. "/jobs.lua"}, {__close = function(self)
      os.remove(self.path)
      lfs.rmdir(folder)
    end})
    assert(lfs.mkdir(folder))
    for _, body in ipairs {"error('boom')", "return function(scheduler) scheduler:pause('x') end"} do
      local text <close> = assert(io.open(file.path, "w"))
      text:write(body)
      text:close()
      local outcome, _, errors = launch("scheduler", file.path, "--store", "memory")
      assert.equal("exit 1", outcome)
      assert.matches("^saros scheduler: %.%.%.x+/jobs.lua:1: %a[^/]+\n$", errors)
    end
  end)

  it("leaves nothing behind when the file is not there", function()
    local service <close> = services.prepare("")
    local path = service.folder .. "/nothing.lua"
    local outcome, _, errors = launch("scheduler", path)
    assert.equal("exit 1", outcome)
    assert.equal(("saros scheduler: cannot open %s: No such file or directory\n"):format(path), errors)
    assert.is_nil(lfs.attributes(service.folder .. "/nothing.db"))
  end)

  it("says which store it does not know, or cannot open", function()
    assert.matches("^saros scheduler: unknown store 'nowhere:x' %(known: [^\n]+%)\n$",
      refusal("return function() end", "--store", "nowhere:x"))
    assert.matches("^saros scheduler: the store 'sqlite:/nowhere/x.db' cannot be opened: [^\n]+\n$",
      refusal("return function() end", "--store", "sqlite:/nowhere/x.db"))
  end)

  it("says what is wrong with its arguments, and how they are", function()
    for message, arguments in pairs {
      ["missing argument 'file'"] = {},
      ["too many arguments"] = {"a.lua", "b.lua"},
      ["unknown option '--frequency'"] = {"a.lua", "--frequency", "5"},
      ["argument for option '--log' must be one of 'text', 'json'"] = {"a.lua", "--log", "xml"},
      ["'--lease' needs a number above 0, got '0'"] = {"a.lua", "--lease", "0"},
      ["'--lease' needs a number above 0, got 'long'"] = {"a.lua", "--lease", "long"},
      ["'--node' must not be empty"] = {"a.lua", "--node", ""},
      ["'--control' must not be empty"] = {"a.lua", "--control", ""},
    } do
      local outcome, output, errors = launch("scheduler", table.unpack(arguments))
      assert.equal("exit 2", outcome)
      assert.equal("", output)
      assert.matches(USAGE:format((message:gsub("%p", "%%%0"))), errors)
    end
  end)

  it("explains itself when asked, on its output", function()
    local outcome, output, errors = launch("scheduler", "--help")
    assert.equal("exit 0", outcome)
    assert.equal("", errors)
    assert.matches("^Usage: saros scheduler ", output)
    assert.matches("%-%-lease SECONDS", output)
    assert.matches("saros scheduler FILE %[%-%-store URL%]", (select(2, launch("--help"))))
  end)

  it("is a command, and a file of a command's name is one with its folder", function()
    local service <close> = services.prepare("")
    local outcome, _, errors = process.run(scripts.LIMIT, "sh", "-c", ([[
      lua=${SAROS_LUA:-lua5.4} saros=$PWD/scripts/saros
      cd '%s' && echo 'error("a file")' >status && "$lua" "$saros" scheduler ./status --store memory]])
      :format(service.folder))
    assert.equal("exit 1", outcome)
    assert.equal("saros scheduler: ./status:1: a file\n", errors)
  end)
end)
