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

  it("does not hold up the end when the file's function waits", function()
    local service <close> = services.start [[note("load")]]
    service:ready()
    service:write [[note("waits") saros.sleep(600)]]
    service.process:signal("SIGHUP")
    service:await_note("waits")
    assert.equal("exit 0", service:stop())
  end)
end)
