--- SIGHUP to `saros scheduler FILE`.
local services = require "spec.support.services"

describe("SIGHUP to saros scheduler", function()
  it("lets the file be read again", function()
    local service <close> = services.start [[scheduler:schedule_recurring("old", note, 0.05, {args = {"old"}})]]
    service:await_note("old")
    assert.matches("info  reloaded 2 jobs of [^\n]*/jobs.lua: 2 added, 0 rescheduled, 0 unchanged, 1 cancelled\n$",
      service:reload [[
        scheduler:schedule_recurring("new", note, 0.05, {args = {"new"}})
        scheduler:schedule_cron("cron", note, "@daily")]])
    service:await_note("new", 3)
    local lines = service:notes()
    assert.equal("new", lines[#lines])
    assert.equal("exit 0", service:stop())
  end)

  it("refuses a file that is broken, and the old jobs go on", function()
    local service <close> = services.start [[scheduler:schedule_recurring("old", note, 0.05, {args = {"old"}})]]
    service:ready()
    for _, body in ipairs {"error('boom')", "x = = 1", "scheduler:schedule_once('x', note, -1)"} do
      assert.matches("error [^\n]*/jobs.lua is refused, and the jobs stay as they were: [^\n]*/jobs.lua:%d+: [^\n]+\n$",
        service:reload(body))
    end
    local count = #service:notes()
    service:await_note("old", count + 3)
    service:reload [[scheduler:schedule_once("new", note, 0, {args = {"new"}})]]
    service:await_note("new")
    assert.equal("exit 0", service:stop())
  end)

  it("refuses what the database cannot store, and the old jobs go on", function()
    local body = [[scheduler:schedule_recurring("old", note, 0.05, {args = {"old"}})]]
    local service <close> = services.prepare(body)
    service:launch("--store", "sqlite:" .. service.file .. ".db")
    service:await_note("old")
    local refused = "jobs.lua is refused, and the jobs stay as they were: [^\n]*/jobs.lua:%d+: ValueError: "
    assert.matches(refused .. "the name of a job must be UTF%-8 without zeros to be stored, got '\\xff'\n$",
      service:reload [[scheduler:schedule_once("\xff", note, 0)]])
    assert.matches(refused .. "the time 1e%+300 cannot be stored\n$",
      service:reload [[scheduler:schedule_at("far", note, 1e300)]])
    service:await_note("old", #service:notes() + 3)
    assert.equal("exit 0", service:stop())
  end)

  it("is answered one after the other", function()
    local service <close> = services.start [[note("load") saros.sleep(0.3) note("end")]]
    service:ready()
    for _ = 1, 3 do
      service.process:signal("SIGHUP")
      os.execute("sleep 0.05")
    end
    service:await_note("end", 3)
    assert.equal("exit 0", service:stop())
    local lines = service:notes()
    for i, line in ipairs(lines) do assert.equal(i % 2 == 1 and "load" or "end", line) end
  end)

  it("is answered later when it comes while the file is read for the first time", function()
    local service <close> = services.start [[note("load") saros.sleep(0.3)]]
    service:await_note("load")
    service.process:signal("SIGHUP")
    service:await_note("load", 2)
    assert.equal("exit 0", service:stop())
  end)

  it("ends neither the service nor its runs while it stops", function()
    local service <close> = services.start [[
      scheduler:schedule_once("long", function() note("begins") saros.sleep(0.5) note("ends") end, 0)]]
    service:await_note("begins")
    service.process:signal("SIGTERM")
    service:expect_log("stopping")
    service.process:signal("SIGHUP")
    assert.equal("exit 0", service.process:wait(services.LIMIT))
    assert.same({"begins", "ends"}, service:notes())
    assert.is_nil(service:log():find("reloaded", 1, true))
  end)

  it("works on states in a database, which outlive the service", function()
    local service <close> = services.prepare [[
      scheduler:schedule_recurring("same", note, 3600, {args = {"same"}})
      scheduler:schedule_recurring("paused", note, 3600, 3600)
      scheduler:schedule_once("changes", note, 0, {args = {"first"}})
      scheduler:schedule_recurring("goes", note, 3600, {args = {"goes"}})]]
    local changed = [[
      scheduler:schedule_recurring("same", note, 3600, {args = {"same"}})
      scheduler:schedule_recurring("paused", note, 3600, 3600)
      scheduler:schedule_once("changes", note, 0.1, {args = {"second"}})]]
    service:launch("--control", service.control)
    service:ready()
    for _, note in ipairs {"same", "first", "goes"} do service:await_note(note) end
    service:output_of("pause", "paused")
    assert.matches(": 0 added, 1 rescheduled, 2 unchanged, 1 cancelled\n$", service:reload(changed))
    service:await_note("second")
    assert.equal("exit 0", service:stop())
    service.process:close()
    service:launch("--control", service.control)
    service:ready()
    assert.matches(": 0 added, 0 rescheduled, 3 unchanged, 0 cancelled\n$", service:reload())
    local status = service:output_of("status")
    assert.matches("\npaused [^\n]* paused ", status)
    assert.matches("\nsame [^\n]*%d%d:%d%d:%d%d +1 +0  waiting ", status)
    assert.matches("\nchanges [^\n]* finished ", status)
    assert.is_nil(status:find("goes", 1, true))
    assert.equal("exit 0", service:stop())
    assert.equal(4, #service:notes())
  end)

  it("lets one of two nodes begin with what is new, and the other go on with that", function()
    local first <close> = services.prepare [[scheduler:schedule_once("x", note, 0, {args = {"old"}})]]
    local second <close> = setmetatable({folder = first.folder, file = first.file, control = first.control .. "2"}, {
      __index = getmetatable(first), __close = function(self) self.process:close() end,
    })
    for node, service in pairs {a = first, b = second} do
      service:launch("--node", node, "--lease", "0.6", "--control", service.control)
      service:ready()
    end
    first:await_note("old")
    assert.matches("1 rescheduled", first:reload [[scheduler:schedule_once("x", note, 0.1, {args = {"new"}})]])
    first:await_note("new")
    second:expect_log("another node has scheduled the job 'x' otherwise; this node does not run it")
    assert.matches("1 rescheduled", second:reload())
    services.await(function() return second:output_of("status"):find("\nx [^\n]* 1 +0  finished ") end)
    os.execute("sleep 1")
    assert.same({"old", "new"}, first:notes())
    assert.equal("exit 0", first:stop())
    assert.equal("exit 0", second:stop())
  end)

  it("is answered after a file whose function waited for what was cancelled", function()
    local service <close> = services.start [[scheduler:schedule_recurring("old", note, 3600)]]
    service:ready()
    -- It was taken for the end of the service, said nothing, and no SIGHUP was answered any more.
    assert.matches("jobs.lua is refused, [^\n]*/jobs.lua:%d+: CancelledError\n$", service:reload [[
      local task = saros.create_task(saros.sleep, 60)
      task:cancel()
      task:await()]])
    assert.matches("info  reloaded 1 job ", service:reload [[scheduler:schedule_recurring("new", note, 3600)]])
    assert.equal("exit 0", service:stop())
  end)

  it("changes nothing any more when the service stops before the file is read", function()
    local service <close> = services.start [[
      scheduler:schedule_once("long", function()
        note("begins")
        saros.sleep(0.5)
        note("ends")
      end, 0)]]
    service:ready()
    service:await_note("begins")
    service:write [[
      note("waits")
      pcall(saros.sleep, 600)
      scheduler:schedule_once("new", note, 0, {args = {"new"}})]]
    service.process:signal("SIGHUP")
    service:await_note("waits")
    assert.equal("exit 0", service:stop())
    assert.same({"begins", "waits", "ends"}, service:notes())
    for _, word in ipairs {"reloaded", "refused", "Unhandled", "never retrieved"} do
      assert.is_nil(service:log():find(word, 1, true))
    end
  end)

  it("does not hold up the end when the file's function waits", function()
    local service <close> = services.start [[note("load")]]
    service:ready()
    service:write [[note("waits") saros.sleep(600)]]
    service.process:signal("SIGHUP")
    service:await_note("waits")
    assert.equal("exit 0", service:stop())
  end)
end)
