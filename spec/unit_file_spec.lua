--- docs/saros-scheduler.service, as systemd would use it.
local lfs = require "lfs"
local managers = require "spec.support.managers"
local process = require "spec.support.process"
local services = require "spec.support.services"

local PATH = "docs/saros-scheduler.service"

-- What a unit may have, of all that systemd knows.
local KNOWN = {
  Unit = {Description = true, After = true},
  Service = {
    Type = "notify", ExecStart = true, ExecReload = true, KillSignal = "SIGTERM", TimeoutStopSec = true,
    Restart = "on-failure", RestartSec = true, WatchdogSec = true, DynamicUser = "yes", StateDirectory = true,
    RuntimeDirectory = true,
  },
  Install = {WantedBy = true},
}

-- The settings by section; each is there once.
local function read_unit()
  local unit, section = {}, nil
  for line in io.lines(PATH) do
    local name, value = line:match("^(%w+)=(.+)$")
    if line:match("^%[") then
      section = {}
      unit[line:match("^%[(%w+)%]$")] = section
    elseif name then
      assert.is_nil(section[name], name)
      section[name] = value
    else
      assert.truthy(line == "" or line:sub(1, 1) == "#", line)
    end
  end
  return unit
end

-- What systemd makes of a command: its words, with the specifiers as they are in `values`.
local function expand(command, values)
  local words = {}
  for word in command:gmatch("%S+") do words[#words + 1] = word:gsub("%%(%a)", values) end
  return words
end

describe(PATH, function()
  it("has all of its settings, and none that is unknown", function()
    local unit = read_unit()
    for name, known in pairs(KNOWN) do
      for setting, expected in pairs(known) do
        assert.truthy(unit[name][setting], setting)
        if expected ~= true then assert.equal(expected, unit[name][setting]) end
      end
      for setting in pairs(unit[name]) do assert.truthy(known[setting], setting) end
    end
    for name in pairs(unit) do assert.truthy(KNOWN[name], name) end
  end)

  it("starts, reloads and stops the service", function()
    local settings = read_unit().Service
    local manager <close> = managers.open()
    local service <close> = services.prepare [[scheduler:schedule_once("once", note, 0, {args = {"ran"}})]]
    -- The folders that systemd makes.
    for _, kind in ipairs {"StateDirectory", "RuntimeDirectory"} do
      lfs.mkdir(("%s/%s"):format(service.folder, settings[kind]))
    end
    local words = expand(settings.ExecStart, {S = service.folder, t = service.folder})
    assert.equal("/usr/local/bin/saros", table.remove(words, 1))
    assert.equal("scheduler", table.remove(words, 1))
    assert.equal("/etc/saros/jobs.lua", table.remove(words, 1))
    service.control = words[#words]
    service:launch_with(manager:environment(("WATCHDOG_USEC=%d"):format(settings.WatchdogSec * 1000000)),
      table.unpack(words))
    manager:expect("READY=1")
    service:await_note("ran")
    assert.matches("\nonce ", service:output_of("status"))
    assert.truthy(lfs.attributes(service.folder .. "/saros-scheduler/jobs.db"))
    local outcome = process.run(services.LIMIT, "env", ("MAINPID=%d"):format(service.process:pid()), "sh", "-c",
      settings.ExecReload)
    assert.equal("exit 0", outcome)
    manager:expect("RELOADING=1")
    manager:expect("READY=1")
    service.process:signal(settings.KillSignal)
    manager:expect("STOPPING=1")
    assert.equal("exit 0", service.process:wait(tonumber(settings.TimeoutStopSec)))
    os.execute(("rm -r '%s/saros-scheduler'"):format(service.folder))
  end)

  it("is right in systemd's own eyes, where that is installed", function()
    if not os.execute("command -v systemd-analyze >/dev/null") then return end
    local copy = os.tmpname() .. ".service"
    local text = io.open(PATH):read("a"):gsub("/usr/local/bin/saros", "/bin/true")
    local file = assert(io.open(copy, "w"))
    file:write(text)
    file:close()
    local _, output, errors = process.run(services.LIMIT, "systemd-analyze", "verify", copy)
    os.remove(copy)
    assert.is_nil((output .. errors):find(copy, 1, true), errors)
  end)
end)
