--- What a service tells systemd, which the spec plays.
local managers = require "spec.support.managers"
local process = require "spec.support.process"
local saros = require "saros"
local scheduling = require "spec.support.scheduling"
local scripts = require "spec.support.scripts"
local services = require "spec.support.services"
local systemd = require "saros.systemd"
local testing = require "saros.testing"

-- A service with one job, told of a manager.
local function start(manager, variables, body)
  local service = services.prepare(body or [[scheduler:schedule_recurring("beat", note, 3600, {args = {"beat"}})]])
  service:launch_with(manager:environment(table.unpack(variables)), "--store", "memory")
  return service
end

-- A notifier whose environment is given.
local function notifier(variables)
  return systemd.new(saros.get_running_loop(), function(name) return variables[name] end)
end

describe("saros.systemd", function()
  it("is told when a service is ready, reloads and stops", function()
    for _, abstract in ipairs {false, true} do
      local manager <close> = managers.open(abstract)
      local service <close> = start(manager, {})
      assert.equal(("READY=1\nSTATUS=serving 1 job of %s"):format(service.file), manager:receive())
      local before = saros.monotonic() * 1e6
      service.process:signal("SIGHUP")
      local reloading = manager:receive()
      local micros = tonumber(reloading:match("^RELOADING=1\nMONOTONIC_USEC=(%d+)\nSTATUS=reloading$"))
      assert.is_true(micros >= before - 1 and micros <= saros.monotonic() * 1e6, reloading)
      assert.equal(("READY=1\nSTATUS=serving 1 job of %s"):format(service.file), manager:receive())
      service:write("error('boom')")
      service.process:signal("SIGHUP")
      assert.matches("^RELOADING=1\n", manager:receive())
      assert.equal(("READY=1\nSTATUS=the new version is refused, serving 1 job of %s"):format(service.file),
        manager:receive())
      assert.equal("exit 0", service:stop())
      assert.equal("STOPPING=1\nSTATUS=stopping", manager:receive())
      assert.is_nil(manager:receive(0))
    end
  end)

  it("is not told that a service is ready whose file is wrong", function()
    local manager <close> = managers.open()
    local service <close> = start(manager, {}, "error('boom')")
    assert.equal("exit 1", service.process:wait(services.LIMIT))
    assert.is_nil(manager:receive(0))
  end)

  it("is told that the loop turns, until something holds it", function()
    local manager <close> = managers.open()
    local service <close> = start(manager, {"WATCHDOG_USEC=200000"}, [[
      scheduler:schedule_once("hold", function()
        note("holds")
        while true do end
      end, 1)]])
    local _, before = manager:expect("READY=1")
    assert.is_true(before >= 1)
    for _ = 1, 4 do assert.equal("WATCHDOG=1", manager:receive()) end
    service:await_note("holds")
    while manager:receive(0) do end
    assert.is_nil(manager:receive(0.5))
  end)

  it("is told so at half the interval, by this process alone", testing.async(function()
    local manager <close> = managers.open()
    local function count(variables)
      variables.NOTIFY_SOCKET = manager.address
      local teller <close> = notifier(variables)
      teller:start_watchdog()
      saros.sleep(9.9)
      teller:close()
      saros.sleep(10)
      local found = 0
      while manager:receive(0) do found = found + 1 end
      return found
    end
    local own = ("%d"):format(require("saros.core").process_id())
    assert.equal(10, count {WATCHDOG_USEC = "2000000"})
    assert.equal(10, count {WATCHDOG_USEC = "2000000", WATCHDOG_PID = own})
    assert.equal(0, count {WATCHDOG_USEC = "2000000", WATCHDOG_PID = "1"})
    assert.equal(0, count {})
    for _, wrong in ipairs {"0", "-5", "soon", ""} do assert.equal(0, count {WATCHDOG_USEC = wrong}) end
  end))

  it("is told nothing where it is not there", testing.async(function()
    for _, variables in ipairs {{WATCHDOG_USEC = "1000"}, {NOTIFY_SOCKET = "", WATCHDOG_USEC = "1000"}} do
      local teller <close> = notifier(variables)
      teller:ready("x")
      teller:start_watchdog()
      saros.sleep(1)
      teller:stopping("x")
    end
  end))

  it("says once when it cannot be told", testing.async(function()
    local lines = scheduling.logged(function()
      local teller <close> = notifier {NOTIFY_SOCKET = "/nowhere/socket", WATCHDOG_USEC = "2000000"}
      teller:ready("x")
      teller:start_watchdog()
      saros.sleep(10)
    end)
    assert.equal(1, #lines)
    assert.matches("^warn: systemd cannot be told how the service does: .*/nowhere/socket", lines[1])
  end))

  -- It was given up: after a reload systemd took the service to be reloading for ever.
  it("is told later, when there is no descriptor left", function()
    local manager <close> = managers.open()
    local script <close> = scripts.write [[
      local teller <close> = require("saros.systemd").new(saros.get_event_loop())
      local files = {}
      local file = io.open("/dev/null")
      while file do
        files[#files + 1] = file
        file = io.open("/dev/null")
      end
      teller:ready("x")
      print(#files > 0)
      for _, other in ipairs(files) do other:close() end]]
    local outcome, output, errors = process.run(scripts.LIMIT, "env", "NOTIFY_SOCKET=" .. manager.address, "sh", "-c",
      [[ulimit -n 64; exec "${SAROS_LUA:-lua5.4}" scripts/saros "$0"]], script.path)
    assert.equal("", errors)
    assert.equal("exit 0", outcome)
    assert.equal("true\n", output)
    assert.equal("READY=1\nSTATUS=x", manager:receive(0))
  end)

  it("is told everything in order, when it does not keep up at first", testing.async(function()
    local manager <close> = managers.open()
    local teller <close> = notifier {NOTIFY_SOCKET = manager.address}
    local filled = 0
    while pcall(require("saros.core").notify, manager.address, "x") do filled = filled + 1 end
    teller:ready("a\nb")
    teller:stopping("c")
    saros.sleep(1)
    for _ = 1, filled do assert.equal("x", manager:receive(0)) end
    saros.sleep(1)
    assert.equal("READY=1\nSTATUS=a b", manager:receive(0))
    assert.equal("STOPPING=1\nSTATUS=c", manager:receive(0))
  end))
end)
